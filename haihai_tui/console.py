"""Starts the console: what must be settled before Textual is loaded, and after.

The terminal is looked at, the language and the first screen are chosen, and only
then the app is imported.  When the screen is gone, a run that is still under way is
waited for: leaving the console, or losing the terminal, does not end it.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from types import FrameType

from haihai_tui.arguments import Arguments
from haihai_tui.errors import ExitCode, SettingsError, text
from haihai_tui.headless.output import Output
from haihai_tui.locales import choose_language
from haihai_tui.services.console import ConsoleContext
from haihai_tui.services.home_check import close_folders
from haihai_tui.services.paths import Home, find_home
from haihai_tui.services.preferences import read_preferences


def run(arguments: Arguments, output: Output) -> ExitCode:
    """The console from the first frame to the last run; the process's exit code."""
    require_terminal(os.environ)
    _prepare(os.environ)
    with ExitStack() as stack:
        home, profile = find_home(os.environ), arguments.profile
        if arguments.demo:
            # Deferred: the sandboxes are the demo's alone.
            from haihai_tui.headless.demo import demo_home

            home, profile = stack.enter_context(demo_home(arguments, output))
        return _run(arguments, output, home, profile)


def require_terminal(environ: MutableMapping[str, str]) -> None:
    """SettingsError where no screen can be drawn, naming what works without one."""
    remedy = text("画面のないモードは haihai-tui --help で確認できます。")
    streams = {"stdin": sys.stdin, "stdout": sys.stdout, "stderr": sys.stderr}
    for name, stream in streams.items():
        if not stream.isatty():
            raise SettingsError(
                text("{stream} が端末ではないため、画面を開けません。", stream=name),
                remedy,
            )
    if environ.get("TERM", "dumb") in ("dumb", "unknown", ""):
        raise SettingsError(
            text(
                "この端末 (TERM={term}) では画面を開けません。",
                term=environ.get("TERM", ""),
            ),
            text(
                "TERM=xterm-256color などの端末から起動するか、画面のないモードを"
                "使ってください (haihai-tui --help)。"
            ),
        )


def _prepare(environ: MutableMapping[str, str]) -> None:
    """What Textual reads from the environment when it is imported."""
    # Every frame of an animation would go over the line.
    environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    environ.setdefault("TEXTUAL_FPS", "15" if "SSH_CONNECTION" in environ else "30")
    # Textual would trust these before the terminal, and never follow a resize.
    for name in ("COLUMNS", "LINES"):
        environ.pop(name, None)
    # What is loaded now stays: looking for garbage in it delays the first frame.
    gc.disable()


def _has_few_colours(environ: MutableMapping[str, str]) -> bool:
    """Whether the terminal promises no more than the classic sixteen."""
    if environ.get("COLORTERM", "") in ("truecolor", "24bit"):
        return False
    return not environ["TERM"].endswith(
        ("-256color", "-direct", "-truecolor", "-kitty")
    )


def _run(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    liked = read_preferences(home)
    context = ConsoleContext(
        home,
        os.environ,
        choose_language(arguments.lang, os.environ, liked.lang),
        profile,
        is_demo=arguments.demo,
    )
    try:
        close_folders(home)
        first = "login" if context.has_operators() else "first_run"
        # Deferred: headless must not load it, and a refusal must not wait for it.
        from haihai_tui.app import ConsoleApp
        from haihai_tui.screens.themes import SIXTEEN

        theme = liked.theme or (SIXTEEN if _has_few_colours(os.environ) else "")
        app = ConsoleApp(context, first=first, theme=theme)
        code = app.run(mouse=os.environ.get("HAIHAI_MOUSE", "1") != "0")
        if app.hung_up:
            _let_go_of_the_terminal()
        _finish_work(context, output)
        if isinstance(app.defect, Exception):
            raise app.defect
        return ExitCode(code or 0)
    finally:
        gc.enable()
        context.close()


def _finish_work(context: ConsoleContext, output: Output) -> None:
    """Wait for a run that is under way; Ctrl+C asks it to end after its batch."""
    if not context.work.is_active:
        return
    output.say(
        text(
            "実行中の連携が終わるまで待っています。"
            "Ctrl+C を押すと、処理中の一括分を終えて中断します。"
        )
    )
    with _stopping(context):
        while context.work.is_active:
            context.work.join(0.2)


@contextmanager
def _stopping(context: ConsoleContext) -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        context.work.stop(
            ExitCode.TERMINATED if number == signal.SIGTERM else ExitCode.INTERRUPTED
        )

    handlers = {
        number: signal.signal(number, stop)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    handlers[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _let_go_of_the_terminal() -> None:
    """It is gone: what is still said must not fail for that."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)
