"""Every mode that has no screen.

One module a concern; this one picks it and turns whatever goes wrong into a
message with its remedy and an exit code, never a traceback on an operator's
terminal.  `output` is the only writer of the two streams.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import FrameType

from haihai_tui.arguments import Arguments
from haihai_tui.errors import ConnectorError, ExitCode, exit_code_for
from haihai_tui.headless.output import Output
from haihai_tui.locales import Catalogue, choose_language

_MODULES = {
    "run_sync": "sync",
    "retry": "sync",
    "reconcile": "reconcile",
    "authorize": "authorize",
    "check": "check",
    "support_bundle": "check",
    "diagnose": "diagnose",
    "status": "status",
    "add_operator": "operators",
    "import_settings": "settings",
    "export_settings": "settings",
    "export_setup": "setup",
    "set": "settings",
    "replace_key": "keys",
    "sandbox": "sandbox",
}


FrontEnd = Callable[[Arguments, Output], ExitCode]


class _Terminated(BaseException):
    """SIGTERM: what is open is closed on the way out, like after Ctrl-C."""


def run(arguments: Arguments) -> int:
    """Run one mode; the process's exit code."""
    return guarded(arguments, _run)


def guarded(arguments: Arguments, front_end: FrontEnd) -> int:
    """Run a front end; what goes wrong becomes a message and an exit code."""
    # Everything made here belongs to its user alone.
    os.umask(0o077)
    language = choose_language(arguments.lang, os.environ)
    output = Output(Catalogue(language), as_json=arguments.json)
    code = _outcome(arguments, output, front_end)
    if code is ExitCode.OK and output.undelivered:
        return int(ExitCode.USAGE)
    return int(code)


def _outcome(arguments: Arguments, output: Output, front_end: FrontEnd) -> ExitCode:
    try:
        with _termination():
            return front_end(arguments, output)
    except ConnectorError as error:
        output.error(error)
        return exit_code_for(error)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except _Terminated:
        return ExitCode.TERMINATED
    except Exception as error:
        output.defect(error)
        return ExitCode.DEFECT


@contextmanager
def _termination() -> Iterator[None]:
    """SIGTERM ends a mode tidily; a mode that knows better takes it over."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, frame: FrameType | None) -> None:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run(arguments: Arguments, output: Output) -> ExitCode:
    # Deferred: a mode loads just what it needs (`--status` no HTTP client).
    module = import_module(f"haihai_tui.headless.{_MODULES[arguments.mode]}")
    if arguments.demo and arguments.mode != "sandbox":
        demo = import_module("haihai_tui.headless.demo")
        with demo.demo_home(arguments, output) as (home, profile):
            return ExitCode(module.run(arguments, output, home, profile))
    # Deferred: `--diagnose` needs no home.
    from haihai_tui.services.home_check import close_folders
    from haihai_tui.services.paths import find_home

    home = find_home(os.environ)
    for mended in close_folders(home):
        output.say(mended, "warning")
    if arguments.all_profiles:
        # Deferred: few command lines ask for it.
        from haihai_tui.headless.all_profiles import run_all

        return run_all(module.run, arguments, output, home)
    return ExitCode(module.run(arguments, output, home, arguments.profile))
