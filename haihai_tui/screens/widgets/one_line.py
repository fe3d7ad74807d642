"""A message on one line that changes often: redrawn only when it reads differently.

`Words` lays the screen out anew with every message, which repaints scroll bars too;
over SSH that would be most of what a live run sends.
"""

from __future__ import annotations

from textual.content import Content
from textual.visual import VisualType
from textual.widgets import Static

from haihai_tui.errors import Text
from haihai_tui.screens.widgets.words import words


class OneLine(Static):
    """Exactly one line high and as wide as there is room; the rest is cut."""

    DEFAULT_CSS = """
    OneLine { height: 1; width: 1fr; text-wrap: nowrap; text-overflow: clip; }
    OneLine.quiet { color: $secondary; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__("", id=id, classes=classes, markup=False)
        self._message: Text | str = ""
        self._level = ""
        self._read = ""

    @property
    def message(self) -> Text | str:
        return self._message

    def show(self, message: Text | str, level: str = "") -> None:
        """Replace the message; `level` (info, ok, warning, error) sets its colour."""
        self._message = message
        reads = words(self, message)
        if (reads, level) == (self._read, self._level):
            return
        if level != self._level:
            self.remove_class(f"-level-{self._level}")
            self.add_class(f"-level-{level}")
        self._read, self._level = reads, level
        self.refresh()

    def relabel(self) -> None:
        self._read = ""
        self.refresh()

    def render(self) -> VisualType:
        return Content(words(self, self._message))
