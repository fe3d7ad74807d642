"""Choose one from a list, which shrinks while something is typed.

Used for groups, objects, fields, list views and campaigns alike: everything that a
service can list does not have to be remembered.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from haihai_tui.errors import Text, text
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.widgets.cells import fitted
from haihai_tui.screens.widgets.forms import Entry, Field
from haihai_tui.screens.widgets.words import Heading, Words

MOST = 300
"""Rows shown at once; typing narrows the rest down."""

_VALUE_WIDTH = 32


@dataclass(frozen=True, slots=True)
class Choice:
    """`value` is what is taken; `label` and `note` tell what it is."""

    value: str
    label: Text | str
    note: Text | str = ""
    shown: str | None = None


class PickScreen(ConsoleScreen):
    """`then` is called with the chosen value; Esc leaves everything as it is."""

    TITLE: ClassVar[Text] = text("一覧から選ぶ")
    NAME: ClassVar[str] = "settings_pick"

    def __init__(
        self, title: Text, choices: Sequence[Choice], then: Callable[[str], None]
    ) -> None:
        super().__init__()
        self._heading = title
        self._choices = choices
        self._then = then

    def body(self) -> ComposeResult:
        yield Heading(self._heading, classes="first")
        hint = text("文字を入力すると絞り込み、上下で選んで Enter")
        yield Field(text("絞り込み"), Entry(id="filter", hint=hint))
        yield OptionList(id="choices")
        yield Words("", id="count", classes="wide quiet")

    def fill(self) -> None:
        self._show(self.query_one("#filter", Entry).value)

    def _show(self, typed: str) -> None:
        wanted = _folded(typed).split()
        found = [
            (number, one)
            for number, one in enumerate(self._choices)
            if self._fits(one, wanted)
        ]
        options = self.query_one("#choices", OptionList)
        options.clear_options()
        options.add_options(
            Option(self._row(one), id=str(number)) for number, one in found[:MOST]
        )
        options.highlighted = 0 if found else None
        count = text("{n} 件", n=len(found))
        if len(found) > MOST:
            count = text("{n} 件のうち {shown} 件", n=len(found), shown=MOST)
        self.query_one("#count", Words).show(count)

    def _fits(self, one: Choice, wanted: Sequence[str]) -> bool:
        shown = _folded(f"{one.value} {self.t(one.label)} {self.t(one.note)}")
        return all(word in shown for word in wanted)

    def _row(self, one: Choice) -> Content:
        value = one.value if one.shown is None else one.shown
        width = min(_VALUE_WIDTH, max(12, self.size.width // 3))
        parts: list[str | tuple[str, str]] = []
        if value:
            parts += [(fitted(value, width), "bold"), " "]
        label, note = self.t(one.label), self.t(one.note)
        if note:
            parts += [fitted(label, width - 2), " ", (note, "dim")]
        else:
            parts.append(label)
        return Content.assemble(*parts)

    def on_input_changed(self, event: Input.Changed) -> None:
        event.stop()
        self._show(event.value)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        options = self.query_one("#choices", OptionList)
        if options.highlighted is not None:
            options.action_select()

    def on_key(self, event: events.Key) -> None:
        """Up and down move in the list while the filter has the focus."""
        key = event.key
        options = self.query_one("#choices", OptionList)
        if self.focused is options:
            return
        if key == "down":
            options.action_cursor_down()
        elif key == "up":
            options.action_cursor_up()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        chosen = self._choices[int(event.option.id or "0")]
        self.app.pop_screen()
        self._then(chosen.value)


def _folded(shown: str) -> str:
    return unicodedata.normalize("NFKC", shown).lower()
