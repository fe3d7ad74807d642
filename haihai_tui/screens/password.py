"""パスワード変更: of one's own accord, or forced before anything else.

Forced, it comes straight after signing in and is handed the password that was just
typed, so that a one-time password is not asked for twice.
"""

from __future__ import annotations

from functools import partial

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from haihai_tui.errors import Text, text
from haihai_tui.messages import SignedIn, WorkFailed
from haihai_tui.screens.choosing import ChoosingScreen
from haihai_tui.screens.widgets.forms import Deed, Deeds, Entry, Field
from haihai_tui.screens.widgets.words import Heading, Words


class PasswordScreen(ChoosingScreen):
    TITLE = text("パスワード変更")
    NAME = "password"
    PUBLIC = False

    def __init__(self, current: str = "") -> None:
        super().__init__()
        self._current = current

    @property
    def account(self) -> str:
        return self.ctx.actor

    @property
    def is_forced(self) -> bool:
        operator = self.ctx.operator
        return operator is not None and operator.must_change

    def body(self) -> ComposeResult:
        with Vertical(classes="form"):
            yield Heading(text("パスワード変更"), classes="first")
            if self.is_forced:
                yield Words(
                    text(
                        "最初のログインか、初期パスワードの再発行の後です。"
                        "ほかの操作の前に、自分のパスワードに変えてください。"
                    ),
                    classes="wide quiet before",
                )
            if not self._current:
                yield Field(
                    text("現在のパスワード"),
                    Entry(
                        id="current", classes="secret", password=True, max_length=256
                    ),
                )
            yield from self.choosing()
            yield Deeds([Deed(text("変更する"), id="submit")])

    def why_not(self, action: str) -> Text | None:
        if action == "password.submit" and (missing := self.missing()):
            return missing
        return super().why_not(action)

    def action_submit(self) -> None:
        current = self._current or self.query_one("#current", Entry).value
        if not current:
            self.query_one("#current", Entry).focus()
            self.say(text("現在のパスワードを入力してください。"), "warning")
            return
        self._saving = True
        self.say(text("変更しています。"))
        change = partial(self._changed, self.ctx.actor, current, self.new)
        self.background(change, "change")

    def _changed(self, name: str, current: str, new: str) -> Message:
        return SignedIn(self.ctx.operators().change_password(name, current, new))

    def on_signed_in(self, message: SignedIn) -> None:
        self.ctx.operator = message.operator
        self.console.go("home", notice=text("パスワードを変更しました。"))

    def on_work_failed(self, message: WorkFailed) -> None:
        self._saving = False
        super().on_work_failed(message)
        self.query_one("#new", Entry).focus()

    async def on_input_submitted(self, event: Entry.Submitted) -> None:
        """Enter goes to the next field, and from the last one changes."""
        event.stop()
        if event.input.id == "repeat":
            await self.action_perform("password.submit")
        else:
            self.focus_next()

    async def on_button_pressed(self, event: Deed.Pressed) -> None:
        event.stop()
        await self.action_perform("password.submit")
