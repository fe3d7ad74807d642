"""ヘルプ: the keys of the screen it was called from, then those of every screen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.visual import VisualType
from textual.widgets import Static

from haihai_tui import keys
from haihai_tui.errors import Text, text
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.widgets.cells import fitted
from haihai_tui.screens.widgets.words import Heading, Words, words
from haihai_tui.screens.widgets.wrapping import wrapped

_KEY_WIDTH = 12


class KeyList(Static):
    """Key, label and what it does, a line each."""

    def __init__(self, actions: Iterable[keys.Action]) -> None:
        super().__init__("", markup=False)
        self._actions = list(actions)

    def relabel(self) -> None:
        self.refresh(layout=True)

    def render(self) -> VisualType:
        return Content("\n").join(list(self._lines()))

    def _lines(self) -> Iterator[Content]:
        label_width = max(cell_len(words(self, one.label)) for one in self._actions) + 2
        room = self.size.width - _KEY_WIDTH - label_width
        # Keys in a row that do the same, like the digits of a menu, are one line.
        for told, same in groupby(self._actions, key=lambda one: one.tooltip):
            first, *others = same
            shown = first.keys_shown
            if others:
                shown = f"{first.key_shown}-{others[-1].key_shown}"
            broken = "\n" + " " * (_KEY_WIDTH + label_width)
            tooltip = broken.join(wrapped(words(self, told), room))
            yield Content.assemble(
                (fitted(shown, _KEY_WIDTH), "bold"),
                fitted(words(self, first.label), label_width),
                (tooltip, "$secondary"),
            )


class HelpScreen(ConsoleScreen):
    TITLE = text("ヘルプ")
    NAME = "help"
    PUBLIC = True

    def __init__(self, screen: str = "", title: Text | None = None) -> None:
        super().__init__()
        self._of = screen
        self._of_title = title or text("ヘルプ")

    def body(self) -> ComposeResult:
        own = list(keys.of_screen(self._of))
        with VerticalScroll(id="keys"):
            if own:
                yield Heading(
                    text("「{screen}」のキー", screen=self._of_title), classes="first"
                )
                yield KeyList(own)
            yield Heading(
                text("どの画面でも使えるキー"), classes="" if own else "first"
            )
            yield KeyList(keys.everywhere())
            yield Words(
                text(
                    "上下、PageUp、PageDown で動き、Esc で元の画面に戻ります。"
                    "文字だけのキーは、入力欄にいないときに使えます。"
                ),
                classes="quiet wide after",
            )

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#keys").focus()
