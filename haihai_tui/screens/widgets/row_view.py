"""A list of any length, one line each, drawn from a source that is asked for rows.

Only the rows in sight are asked for, so a million of them cost what twenty cost.
The row at the cursor is told by reversed colours, marked rows by `*`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

_STEP = 16

Piece = tuple[str, int, str]
"""Text, width in cells (0: what is left), tone ("", quiet, ok, warning, error)."""


class RowView(ScrollView, can_focus=True):
    """`draw(row, width)` gives the pieces of a row; `count` rows there are."""

    DEFAULT_CSS = """
    RowView { overflow-y: scroll; overflow-x: hidden; background: $background;
      height: 1fr; }
    RowView > .row--quiet { color: $secondary; }
    RowView > .row--ok { color: $success; }
    RowView > .row--warning { color: $warning; }
    RowView > .row--error { color: $error; }
    RowView > .row--cursor { background: $panel; }
    RowView:focus > .row--cursor { background: $primary; color: $background; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "row--quiet",
        "row--ok",
        "row--warning",
        "row--error",
        "row--cursor",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("pageup", "move_page(-1)", show=False),
        Binding("pagedown", "move_page(1)", show=False),
        Binding("home", "first", show=False),
        Binding("end", "last", show=False),
        Binding("left", f"shift({-_STEP})", show=False),
        Binding("right", f"shift({_STEP})", show=False),
    ]

    class Moved(Message):
        """The cursor is on another row, or the rows are others."""

        def __init__(self, view: RowView, row: int) -> None:
            super().__init__()
            self.view = view
            self.row = row

        @property
        def control(self) -> RowView:
            return self.view

    def __init__(
        self,
        draw: Callable[[int, int], Sequence[Piece]],
        *,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self._draw_row = draw
        self.count = 0
        self.cursor = 0
        self._shifted = 0

    def show(self, count: int, cursor: int = 0) -> None:
        """There are other rows now; the cursor goes to one of them."""
        self.count = count
        self._resize_content()
        self.cursor = -1
        self._go(cursor)
        self.refresh()

    def relabel(self) -> None:
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        self._resize_content()
        self._bring_into_sight()

    def _resize_content(self) -> None:
        self.virtual_size = Size(self.size.width, self.count)

    # ---------------------------------------------------------------- moving

    def _go(self, row: int) -> None:
        before = self.cursor
        self.cursor = min(max(row, 0), max(self.count - 1, 0))
        self._bring_into_sight()
        self.refresh_line(before)
        self.refresh_line(self.cursor)
        if self.cursor != before:
            self.post_message(self.Moved(self, self.cursor))

    def _bring_into_sight(self) -> None:
        top, height = self.scroll_offset.y, max(self.size.height, 1)
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False, force=True)
        elif self.cursor >= top + height:
            self.scroll_to(y=self.cursor - height + 1, animate=False, force=True)

    def action_move(self, by: int) -> None:
        self._go(self.cursor + by)

    def action_move_page(self, by: int) -> None:
        self._go(self.cursor + by * max(self.size.height - 1, 1))

    def action_first(self) -> None:
        self._go(0)

    def action_last(self) -> None:
        self._go(self.count - 1)

    def action_shift(self, by: int) -> None:
        self._shifted = max(self._shifted + by, 0)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        self._go(self.scroll_offset.y + event.y)

    # --------------------------------------------------------------- drawing

    def render_line(self, y: int) -> Strip:
        row, width = self.scroll_offset.y + y, self.size.width
        if row >= self.count:
            return Strip.blank(width, self.rich_style)
        segments = [
            Segment(shown, self._tone(tone))
            for shown, tone in self._fitted(self._draw_row(row, width), width)
        ]
        if row == self.cursor:
            style = self.get_component_rich_style("row--cursor")
            segments = [Segment(one.text, style) for one in segments]
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _fitted(self, pieces: Sequence[Piece], width: int) -> list[tuple[str, str]]:
        fixed = sum(size for _, size, _ in pieces)
        left = max(width - fixed, 0)
        return [
            (set_cell_size(shown, size - 1) + " ", tone)
            if size
            else (_from(shown, self._shifted, left), tone)
            for shown, size, tone in pieces
        ]

    def _tone(self, tone: str) -> Style:
        if not tone:
            return self.rich_style
        return self.get_component_rich_style(f"row--{tone}")


def _from(shown: str, first: int, width: int) -> str:
    """`width` cells of the text, beginning at cell `first`."""
    strip = Strip([Segment(shown)]).crop(first, first + width)
    return set_cell_size(strip.text, width)
