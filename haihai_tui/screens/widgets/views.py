"""The line that tells which views a screen has, by which key, and which is shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content
from textual.style import Style
from textual.visual import VisualType
from textual.widgets import Static

from haihai_tui.errors import Text
from haihai_tui.screens.widgets.words import words


@dataclass(frozen=True, slots=True)
class View:
    """`id` names the view and its widget; `key` as people write it; `action` is the
    id in the key table, for the mouse."""

    id: str
    key: str
    label: Text
    action: str


class ViewLine(Static):
    """`F3 診断  [F4 確認]  F6 準備`: brackets mark the one that is shown."""

    def __init__(self, views: Sequence[View], shown: str) -> None:
        super().__init__("", markup=False, classes="views")
        self._views = views
        self._shown = shown

    def choose(self, identifier: str) -> None:
        self._shown = identifier
        self.refresh()

    def relabel(self) -> None:
        self.refresh()

    def render(self) -> VisualType:
        parts = []
        for view in self._views:
            label = f"{view.key} {words(self, view.label)}"
            click = Style.from_meta({"@click": f"screen.perform('{view.action}')"})
            if view.id == self._shown:
                part = Content.styled(f"[{label}]", "bold $primary")
            else:
                part = Content(f" {label} ")
            parts.append(part.stylize(click))
        return Content(" ").join(parts)
