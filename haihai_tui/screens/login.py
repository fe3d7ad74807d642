"""ログイン: who is at the keyboard.

Whether the name or the password was wrong is not told, and the time that a wrong
one costs is counted down where the form stands.
"""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from haihai_tui.errors import text
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.widgets.forms import Deed, Deeds, Entry, Field
from haihai_tui.screens.widgets.words import Heading


class LoginScreen(ConsoleScreen):
    TITLE = text("ログイン")
    NAME = "login"
    PUBLIC = True

    def body(self) -> ComposeResult:
        with Vertical(classes="form"):
            yield Heading(text("ログイン"), classes="first")
            yield Field(text("利用者名"), Entry(id="name"))
            yield Field(text("パスワード"), Entry(id="password", password=True))
            yield Deeds([Deed(text("ログイン"), id="submit")])

    def action_submit(self) -> None: ...
