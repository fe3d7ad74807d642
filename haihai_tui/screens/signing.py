"""What signing in and unlocking share: the check, and the time a failure costs."""

from __future__ import annotations

import time
from functools import partial
from typing import ClassVar

from textual.message import Message
from textual.timer import Timer

from haihai_tui.errors import Text, text
from haihai_tui.messages import SignedIn, WorkFailed
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.widgets.forms import Deed, Entry
from haihai_tui.screens.widgets.words import Words
from haihai_tui.services.wording import span


class WaitLine(Words):
    """How long nothing is accepted; there only while that is so."""

    def __init__(self) -> None:
        super().__init__("", id="wait", classes="wide")
        self.display = False


class SigningScreen(ConsoleScreen):
    """Has `#password`, `#submit` and `#wait` in its body; derived ones get SignedIn."""

    TITLE: ClassVar[Text] = text("")
    PUBLIC = True
    _open_at = 0.0
    _ticker: Timer | None = None
    _checking = False

    def sign_in(self, name: str, password: str) -> None:
        """Check name and password on a thread; SignedIn or WorkFailed follows."""
        self._checking = True
        self.say(text("確認しています。"))
        self.background(partial(self._checked, name, password), "sign-in")

    def _checked(self, name: str, password: str) -> Message:
        return SignedIn(self.ctx.operators().authenticate(name, password))

    @property
    def waiting(self) -> Text | None:
        """How long nothing is accepted still; None where it is."""
        left = self._open_at - time.monotonic()
        if left <= 0:
            return None
        return text("あと {time}は受け付けません。", time=span(max(1, left)))

    def why_not(self, action: str) -> Text | None:
        if action.endswith(".submit"):
            if self._checking:
                return text("確認しています。")
            if waiting := self.waiting:
                return waiting
        return super().why_not(action)

    def on_work_failed(self, message: WorkFailed) -> None:
        self._checking = False
        self.say_error(message.error)
        password = self.query_one("#password", Entry)
        password.value = ""
        password.focus()
        # Deferred: signing in has loaded it by now, and the first frame needs it not.
        from haihai_tui.services.operators import SignInRefused

        if isinstance(message.error, SignInRefused) and message.error.wait_s > 0:
            self._open_at = time.monotonic() + message.error.wait_s
            self._tick()

    def _tick(self) -> None:
        """Count down, once a second, and stop when the time is over."""
        waiting = self.waiting
        self.query_one("#submit", Deed).disabled = waiting is not None
        told = self.query_one("#wait", Words)
        told.show(waiting or "", "warning")
        told.display = waiting is not None
        self.refresh_keys()
        if waiting is not None:
            self._ticker = self._ticker or self.set_interval(1.0, self._tick)
        elif self._ticker is not None:
            self._ticker.stop()
            self._ticker = None
            self.say(text("もう一度入力できます。"))
