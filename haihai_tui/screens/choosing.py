"""Choosing a password: typed twice, judged while it is typed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

from textual.message import Message
from textual.timer import Timer
from textual.widget import Widget

from haihai_tui.errors import Text, text
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.widgets.forms import Entry, Field
from haihai_tui.screens.widgets.requirements import Requirements
from haihai_tui.services.passwords import MAXIMUM_LENGTH, Judgement, judge

_PAUSE_S = 0.12
_NOTHING = Judgement("", False, False, 0)


class Judged(Message):
    """The judgement of what was typed."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__()
        self.judgement = judgement


class ChoosingScreen(ConsoleScreen):
    """Has `#new` and `#repeat`; derived ones say for whom."""

    TITLE: ClassVar[Text] = text("")
    PUBLIC = True
    _judgement = _NOTHING
    _pause: Timer | None = None
    _saving = False

    @property
    def account(self) -> str:
        """The operator's name, which the password must not rest on."""
        return ""

    def choosing(self) -> Iterator[Widget]:
        """The two fields and the requirements."""
        for label, identifier in (
            (text("新しいパスワード"), "new"),
            (text("新しいパスワード (確認)"), "repeat"),
        ):
            entry = Entry(id=identifier, password=True, max_length=MAXIMUM_LENGTH)
            yield Field(label, entry)
        yield Requirements()

    @property
    def new(self) -> str:
        return self.query_one("#new", Entry).value

    @property
    def same(self) -> bool:
        return self.new == self.query_one("#repeat", Entry).value

    def fill(self) -> None:
        self.query_one(Requirements).show(self._judgement, self.same)

    def missing(self) -> Text | None:
        """What is still wrong with the form, as far as can be told here."""
        if self._saving:
            return text("保存しています。")
        if not self.new:
            return text("新しいパスワードを入力してください。")
        if not self.same:
            return text("2 回の入力が異なります。")
        if self._judgement.password == self.new and not self._judgement.acceptable:
            return text("新しいパスワードが条件を満たしていません。")
        return None

    def on_input_changed(self, event: Entry.Changed) -> None:
        """Judge a moment after the last key: it takes some milliseconds."""
        event.stop()
        if self._pause is not None:
            self._pause.stop()
        self._pause = self.set_timer(_PAUSE_S, self._judge)

    def _judge(self) -> None:
        self.background(partial(_judged, self.new, self.account), "judge")

    def on_judged(self, message: Judged) -> None:
        self._judgement = message.judgement
        self.fill()
        self.refresh_keys()

    def action_reveal(self) -> None:
        """Show what was typed, or hide it again."""
        for entry in self.query(Entry):
            if entry.has_class("secret") or entry.id in ("new", "repeat"):
                entry.password = not entry.password


def _judged(password: str, name: str) -> Message:
    return Judged(judge(password, name))
