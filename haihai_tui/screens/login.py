"""ログイン: who is at the keyboard.

Whether the name or the password was wrong is not told, and the time that a wrong
one costs is counted down where the form stands.  The first frame is drawn before
the database is opened; that happens while the operator types.
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from haihai_tui.errors import Text, text
from haihai_tui.messages import SignedIn, WorkFailed
from haihai_tui.screens.signing import SigningScreen, WaitLine
from haihai_tui.screens.widgets.forms import Deed, Deeds, Entry, Field
from haihai_tui.screens.widgets.words import Heading, Words


class WarmedUp(Message):
    """The database is open and signing in will be quick."""


class LoginScreen(SigningScreen):
    TITLE = text("ログイン")
    NAME = "login"

    def __init__(self, notice: Text | None = None) -> None:
        super().__init__()
        self._notice = notice

    def body(self) -> ComposeResult:
        with Vertical(classes="form"):
            yield Heading(text("ログイン"), classes="first")
            yield Field(text("利用者名"), Entry(id="name", max_length=64))
            yield Field(
                text("パスワード"), Entry(id="password", password=True, max_length=256)
            )
            yield WaitLine()
            yield Deeds([Deed(text("ログイン"), id="submit")])
            yield Words(
                text(
                    "初めての方は、管理者から受け取った初期パスワードで"
                    "ログインしてください。"
                ),
                classes="quiet wide after",
            )

    def on_mount(self) -> None:
        super().on_mount()
        if self._notice is not None:
            self.say(self._notice)
        self.call_after_refresh(self.background, self._warm_up, "warm-up")

    def _warm_up(self) -> Message:
        self.ctx.operators().warm_up()
        return WarmedUp()

    def action_submit(self) -> None:
        name = self.query_one("#name", Entry)
        password = self.query_one("#password", Entry)
        if not name.value.strip():
            name.focus()
            self.say(text("利用者名を入力してください。"), "warning")
        elif not password.value:
            password.focus()
            self.say(text("パスワードを入力してください。"), "warning")
        else:
            self.sign_in(name.value.strip(), password.value)

    async def on_input_submitted(self, event: Entry.Submitted) -> None:
        """Enter goes on to the password, and from there signs in."""
        event.stop()
        if event.input.id == "name":
            self.query_one("#password", Entry).focus()
        else:
            await self.action_perform("login.submit")

    async def on_button_pressed(self, event: Deed.Pressed) -> None:
        event.stop()
        await self.action_perform("login.submit")

    def on_signed_in(self, message: SignedIn) -> None:
        name, password = (
            self.query_one(field, Entry).value for field in ("#name", "#password")
        )
        self.console.signed_in(message.operator, password, name.strip())

    def on_work_failed(self, message: WorkFailed) -> None:
        if message.group == "warm-up":
            self.say_error(message.error)
        else:
            super().on_work_failed(message)
