"""最初の管理者: shown while nobody could sign in."""

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
from haihai_tui.services.actor import system_actor


class FirstRunScreen(ChoosingScreen):
    TITLE = text("最初の管理者")
    NAME = "first_run"

    @property
    def account(self) -> str:
        return self.query_one("#name", Entry).value.strip()

    def body(self) -> ComposeResult:
        with Vertical(classes="form"):
            yield Heading(text("最初の管理者を登録します"), classes="first")
            yield Words(self._welcome(), classes="wide quiet before")
            yield Field(text("利用者名"), Entry(id="name", max_length=64))
            yield from self.choosing()
            yield Deeds([Deed(text("登録してはじめる"), id="submit")])

    def _welcome(self) -> Text:
        if self.ctx.is_demo:
            return text(
                "模擬環境です。登録した内容は終了すると消え、外部には接続しません。"
            )
        return text("利用者がまだいません。管理者は設定と、ほかの利用者を管理します。")

    def why_not(self, action: str) -> Text | None:
        if action == "first_run.submit":
            if not self.account:
                return text("利用者名を入力してください。")
            if missing := self.missing():
                return missing
        return super().why_not(action)

    def action_submit(self) -> None:
        self._saving = True
        self.say(text("登録しています。"))
        self.background(partial(self._added, self.account, self.new), "add")

    def _added(self, name: str, password: str) -> Message:
        operators = self.ctx.operators()
        operators.add_first(name, password, system_actor())
        return SignedIn(operators.authenticate(name, password))

    def on_signed_in(self, message: SignedIn) -> None:
        self.console.signed_in(message.operator, self.new, self.account)

    def on_work_failed(self, message: WorkFailed) -> None:
        self._saving = False
        super().on_work_failed(message)

    async def on_input_submitted(self, event: Entry.Submitted) -> None:
        """Enter goes to the next field, and from the last one registers."""
        event.stop()
        if event.input.id == "repeat":
            await self.action_perform("first_run.submit")
        else:
            self.focus_next()

    async def on_button_pressed(self, event: Deed.Pressed) -> None:
        event.stop()
        await self.action_perform("first_run.submit")
