"""The Textual app: screens by name, language, theme, keys, signals.

It owns no behaviour of the product.  Whatever a screen does goes through the
services that headless uses, over the one `ConsoleContext`.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Sequence
from typing import Any, ClassVar

from textual import events
from textual.app import App
from textual.binding import BindingType
from textual.filter import LineFilter, Monochrome, NoColor
from textual.message import Message
from textual.screen import Screen
from textual.scrollbar import ScrollBar, ScrollBarRender

from haihai_tui import keys, screens
from haihai_tui.errors import ExitCode, Text, text
from haihai_tui.locales import LANGUAGES, Catalogue, Language
from haihai_tui.screens import themes
from haihai_tui.screens.background import Background
from haihai_tui.screens.base import ConsoleScreen, binding_of
from haihai_tui.screens.harmless import Harmless
from haihai_tui.screens.idle import IdleTime
from haihai_tui.screens.styles import shared_sheets, tokens
from haihai_tui.screens.terminal import TerminalDriver
from haihai_tui.screens.typeahead import TypeAhead
from haihai_tui.services.console import ConsoleContext
from haihai_tui.services.paths import Home
from haihai_tui.services.preferences import Preferences, keep_preferences
from haihai_tui.services.roles import Operator

_RESIZE_S = 0.15
_IDLE_LOOK_S = 1.0
_BEFORE_THE_CHANGE = ("password", "help", "lock", "login")
# What a Japanese terminal draws two cells wide and Textual counts as one.
_NARROW = str.maketrans(
    {"…": "...", "→": "->", "←": "<-", "■": "#", "●": "*", "×": "x", "—": "-", "–": "-"}
)


class _PlainScrollBar(ScrollBarRender):
    """Scroll bars of blanks: block elements are of ambiguous width."""

    VERTICAL_BARS: ClassVar[list[str]] = [" "] * 8
    HORIZONTAL_BARS: ClassVar[list[str]] = [" "] * 8


class ConsoleApp(App[int]):
    """The console over one context; `run()` returns the process's exit code."""

    ENABLE_COMMAND_PALETTE = False
    ESCAPE_TO_MINIMIZE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        binding_of(action) for action in keys.everywhere() if action.id not in keys.OWN
    ]
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 - Textual declares it so
        (0, "-narrow"),
        (80, "-normal"),
        (110, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 - as above
        (0, "-short"),
        (22, "-tall"),
    ]

    def __init__(
        self, ctx: ConsoleContext, *, first: str = "login", theme: str = ""
    ) -> None:
        ScrollBar.renderer = _PlainScrollBar
        super().__init__(driver_class=TerminalDriver, css_path=shared_sheets())
        self.ctx = ctx
        self.background = Background(self)
        self.idle = IdleTime()
        self.hung_up = False
        self._typed_ahead = TypeAhead(self, super().on_event)
        self._first = first
        self._harmless = Harmless()
        self._catalogue = Catalogue(ctx.lang)
        for one in themes.THEMES:
            self.register_theme(one)
        self._wear(theme if theme in themes.NAMES else themes.DARK)

    def _wear(self, theme: str) -> None:
        """The first theme, before anything is drawn in another one."""
        if self.no_color:
            # Textual would still send shades of grey; the sheets use other means.
            self.theme = themes.SIXTEEN
            self._filters = [
                NoColor() if isinstance(one, Monochrome) else one
                for one in self._filters
            ]
        elif theme == themes.SIXTEEN:
            self.theme = theme
        else:
            # Assigned plainly, everything would be styled once more for the change.
            self.set_reactive(App.theme, theme)
            self.stylesheet.set_variables(self.get_css_variables())

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [self._harmless, *super().get_line_filters()]

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return tokens()

    # ------------------------------------------------------------- wording

    def t(self, message: Text | str) -> str:
        """`message` in the current language, in characters of certain width."""
        if isinstance(message, Text):
            message = self._catalogue.render(message)
        return message.translate(_NARROW)

    def use_language(self, language: Language) -> None:
        """Word every open screen anew, at once."""
        self.ctx.lang = language
        self._catalogue = Catalogue(language)
        for screen in self.screen_stack:
            if isinstance(screen, ConsoleScreen):
                screen.relabel()

    # ------------------------------------------------------------- screens

    def get_default_screen(self) -> Screen[Any]:
        screen = screens.load(self._first)()
        # Textual does neither for the first screen: without the sheet it looks
        # wrong, without the callback it cannot be switched away from.
        self._load_screen_css(screen)
        screen._push_result_callback(screen, None)
        return screen

    def go(self, name: str, **kwargs: Any) -> None:
        """Show a registered screen alone: whatever was open is closed."""
        if not self._admits(name) or (self.is_locked and name != "login"):
            return
        screen = screens.load(name)(**kwargs)
        while len(self.screen_stack) > 1:
            self.pop_screen()
        self.switch_screen(screen)

    def open(self, name: str, **kwargs: Any) -> None:
        """Put a registered screen on top; Esc goes back."""
        if not self._admits(name) or (self.is_locked and name != "help"):
            return
        self.push_screen(screens.load(name)(**kwargs))

    def _admits(self, name: str) -> bool:
        """Whether the screen may be shown to whoever is there: work that ends after
        a logout must not open one."""
        operator = self.ctx.operator
        if operator is None:
            return screens.load(name).PUBLIC
        return not operator.must_change or name in _BEFORE_THE_CHANGE

    @property
    def is_locked(self) -> bool:
        """Whether the lock is up: whatever ends meanwhile must not uncover a screen."""
        return any(
            isinstance(screen, ConsoleScreen) and screen.NAME == "lock"
            for screen in self.screen_stack
        )

    @property
    def front(self) -> ConsoleScreen | None:
        """The screen in front, where it is one of ours."""
        return self.screen if isinstance(self.screen, ConsoleScreen) else None

    def why_not(self, action: str) -> Text | None:
        """Why an action of the key table is not possible now, as far as every
        screen is concerned."""
        operator = self.ctx.operator
        if action in ("home", "palette", "logout", "lock") and operator is None:
            return text("先にログインしてください。")
        if action in ("home", "palette") and operator and operator.must_change:
            return text("最初にパスワードを変更する必要があります。")
        if action in ("home", "palette", "lock") and self.is_locked:
            return text("先にロックを解除してください。")
        if action == "back" and len(self.screen_stack) < 2:
            return text("戻る画面はありません。")
        return None

    def signed_in(self, operator: Operator, password: str, typed: str = "") -> None:
        """Somebody signed in; a password that must be changed comes first.

        `typed` is the name as it was typed, which may have been in full width.
        """
        self.ctx.operator = operator
        self.idle.begin(self.ctx.lock_after_s())
        if operator.must_change:
            self.go("password", current=password)
        elif typed and typed != operator.name:
            self.go("home", notice=_folded(operator.name))
        else:
            self.go("home")

    # ------------------------------------------------------------- actions

    def action_help(self) -> None:
        front = self.front
        if front is not None and front.NAME != "help":
            self.open("help", screen=front.NAME, title=front.TITLE)

    def action_command_palette(self) -> None:
        # Deferred: a list that the first frame does without.
        from haihai_tui.screens.palette import PaletteScreen

        if self.front is not None:
            self.push_screen(PaletteScreen(self.front), self._command_chosen)

    async def _command_chosen(self, command: str | None) -> None:
        kind, _, name = (command or "").partition(":")
        if kind == "action" and self.front is not None:
            await self.front.action_perform(name)
        elif name == "home":
            await self.run_action("home")
        elif kind == "screen" and (self.front is None or name != self.front.NAME):
            self.open(name)

    def action_home(self) -> None:
        if self.front is None or self.front.NAME != "home":
            self.go("home")

    async def action_back(self) -> None:
        if len(self.screen_stack) > 1:
            self.pop_screen()

    def action_logout(self) -> None:
        """Back to the login form; a run that is under way goes on."""
        self.ctx.operator = None
        self.go("login")

    def action_lock(self) -> None:
        """Hide everything until the password is given again."""
        if self.why_not("lock") is None:
            self.open("lock")

    def unlocked(self, operator: Operator) -> None:
        """The password was given; rights may have changed meanwhile."""
        self.ctx.operator = operator
        self.pop_screen()

    def action_language(self) -> None:
        at = LANGUAGES.index(self.ctx.lang)
        self.use_language(LANGUAGES[(at + 1) % len(LANGUAGES)])
        self._keep_preferences()

    def action_theme(self) -> None:
        if self.no_color and self.front is not None:
            self.front.say(text("NO_COLOR が設定されているため、色を使いません。"))
            return
        self.theme = themes.following(self.theme)
        if self.front is not None:
            self.front.say(themes.NAMES[self.theme])
        self._keep_preferences()

    def _keep_preferences(self) -> None:
        """For next time; where the disk refuses, the front screen tells so."""
        liked = Preferences(self.ctx.lang, self.theme)
        if self.front is not None:
            self.front.background(lambda: _kept(self.ctx.home, liked), "preferences")

    async def action_quit(self) -> None:
        self.exit(int(ExitCode.OK))

    def action_suspend_process(self) -> None:
        """To the shell and back; where no shell could bring us back, say so."""
        if os.getpgrp() == os.getsid(0):
            if self.front is not None:
                self.front.say(text("シェルから起動していないため、中断できません。"))
            return
        super().action_suspend_process()

    def _draw_again(self, _app: App[Any]) -> None:
        """The shell has written over everything meanwhile."""
        self.refresh(layout=True)

    def action_help_quit(self) -> None:
        """Ctrl+C out of habit: say how to leave."""
        if self.front is not None:
            self.front.say(text("終了するには Ctrl+Q を押してください。"))

    # ------------------------------------------------- signals and defects

    async def on_event(self, event: events.Event) -> None:
        if isinstance(event, (events.Key, events.Paste, events.MouseDown)):
            self.idle.touch()
        if isinstance(event, events.Key) and not event.is_forwarded:
            await self._typed_ahead.take(event)
        else:
            await super().on_event(event)

    def _lock_when_idle(self) -> None:
        if self.idle.is_over and self.ctx.operator is not None:
            self.action_lock()

    def on_mount(self) -> None:
        self.call_after_refresh(_collect_garbage_again)
        self.set_interval(_IDLE_LOOK_S, self._lock_when_idle)
        self.app_resume_signal.subscribe(self, self._draw_again)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGHUP, signal.SIGTERM):
            loop.add_signal_handler(number, self._leave, number)

    def _leave(self, number: signal.Signals) -> None:
        """The terminal is gone, or somebody ends us: the screen leaves in order."""
        code = ExitCode.OK
        self.hung_up = number == signal.SIGHUP
        if number == signal.SIGTERM:
            code = ExitCode.TERMINATED
            self.ctx.work.stop(code)
        self.exit(int(code))

    def terminal_lost(self) -> None:
        """Nothing can be read from the terminal any more: as after SIGHUP."""
        if not self._exit:
            self._leave(signal.SIGHUP)

    def tell_defect(self, error: Exception) -> None:
        """A defect on another thread ends the console like one on this."""
        self.call_from_thread(self._handle_exception, error)

    def _handle_exception(self, error: Exception) -> None:
        # Textual would print the local variables, and there are passwords in them.
        self._return_code = int(ExitCode.DEFECT)
        if self._exception is None:
            self._exception = error
            self._exception_event.set()
        self.exit(int(ExitCode.DEFECT))

    @property
    def defect(self) -> BaseException | None:
        """What ended the console, where it was a defect."""
        return self._exception

    # ------------------------------------------------------------- resizes

    async def _on_resize(self, event: events.Resize) -> None:
        """Collapse a storm: the first at once, then the newest every 150 ms."""
        event.stop()
        self._resize_event = event
        if self._size is None:
            self._size = event.size
            self._check_resize()
            return
        if self._size == event.size:
            return
        self._size = event.size
        if self._resize_timer is None:
            self._resize_timer = self.set_timer(_RESIZE_S, self._check_resize)


def _folded(name: str) -> Text:
    return text("利用者名を半角にして「{name}」でログインしました。", name=name)


class _PreferencesKept(Message):
    """Language and colours are kept for next time."""


def _kept(home: Home, liked: Preferences) -> Message:
    keep_preferences(home, liked)
    return _PreferencesKept()


def _collect_garbage_again() -> None:
    """The first frame is out; what was loaded for it is not looked at again."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
