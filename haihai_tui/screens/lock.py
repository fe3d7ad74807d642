"""画面のロック: after idle time nothing is shown until the password is given again.

What was open stays open below, and a run goes on.  Ctrl+L leaves it to somebody
else: it closes everything and shows the login form.
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from haihai_tui.errors import Text, text
from haihai_tui.messages import SignedIn
from haihai_tui.screens.signing import SigningScreen, WaitLine
from haihai_tui.screens.widgets.forms import Deed, Deeds, Entry, Field
from haihai_tui.screens.widgets.words import Heading, Words


class LockScreen(SigningScreen):
    TITLE = text("ロック中")
    NAME = "lock"

    def body(self) -> ComposeResult:
        with Vertical(classes="form"):
            yield Heading(text("画面をロックしました"), classes="first")
            yield Words(
                text(
                    "「{name}」のパスワードで元の画面に戻ります。"
                    "実行中の連携は続いています。",
                    name=self.ctx.actor,
                ),
                classes="wide quiet before",
            )
            yield Field(
                text("パスワード"), Entry(id="password", password=True, max_length=256)
            )
            yield WaitLine()
            yield Deeds([Deed(text("ロックを解除"), id="submit")])

    def why_not(self, action: str) -> Text | None:
        if action == "back":
            return text("先にロックを解除してください。")
        return super().why_not(action)

    def offers(self, action: str) -> bool:
        return action in ("logout", "language", "theme", "quit")

    def action_submit(self) -> None:
        password = self.query_one("#password", Entry).value
        if password:
            self.sign_in(self.ctx.actor, password)
        else:
            self.say(text("パスワードを入力してください。"), "warning")

    async def on_input_submitted(self, event: Entry.Submitted) -> None:
        event.stop()
        await self.action_perform("lock.submit")

    async def on_button_pressed(self, event: Deed.Pressed) -> None:
        event.stop()
        await self.action_perform("lock.submit")

    def on_signed_in(self, message: SignedIn) -> None:
        self.console.unlocked(message.operator)
