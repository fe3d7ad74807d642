"""The log itself: only the lines in sight are ever worded and drawn.

It follows the end until somebody scrolls up, and then keeps their place.  New lines
are drawn at most as often as the line to the terminal can bear.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer

from haihai_tui.errors import Text, text
from haihai_tui.screens.widgets.log_store import LineFilter, LogStore
from haihai_tui.screens.widgets.words import words
from haihai_tui.services.store.events import StoredEvent
from haihai_tui.services.store.times import moment_of

LEVEL_WORDS: dict[str, Text] = {
    "debug": text("詳細"),
    "info": text("情報"),
    "warning": text("警告"),
    "error": text("エラー"),
}
FLOW_WORDS: dict[str, Text] = {
    "": text("全体"),
    "customers": text("顧客"),
    "suppressions": text("停止"),
    "page-views": text("閲覧"),
}
_STEP = 16
_SEARCH_CHUNK = 2_000
_BYTES_A_CELL = 1.6
_BUDGET = 32 * 1024


def flush_interval(environ: Mapping[str, str], size: Size) -> float:
    """Seconds between two drawings: 10 Hz here, 4 Hz over SSH, slower where the
    pane is so large that it would not fit into the budget of bytes a second."""
    least = 0.25 if "SSH_CONNECTION" in environ else 0.1
    return max(least, size.width * size.height * _BYTES_A_CELL / _BUDGET)


class LogView(ScrollView, can_focus=True):
    """Lines of a `LogStore`, one row each."""

    DEFAULT_CSS = """
    LogView { overflow-y: scroll; overflow-x: hidden; background: $background;
      height: 1fr; }
    LogView > .log--quiet { color: $secondary; }
    LogView > .log--warning { color: $warning; }
    LogView > .log--error { color: $error; text-style: bold; }
    LogView > .log--found { text-style: reverse; }
    LogView > .log--cursor { background: $panel; }
    LogView:focus > .log--cursor { background: $primary; color: $background; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "log--quiet",
        "log--warning",
        "log--error",
        "log--found",
        "log--cursor",
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

    class Changed(Message):
        """Something that the pane's head tells has changed."""

    class Opened(Message):
        """A line is to be shown with all it holds."""

        def __init__(self, line: StoredEvent) -> None:
            super().__init__()
            self.line = line

    def __init__(
        self, environ: Mapping[str, str] = os.environ, *, id: str | None = None
    ) -> None:
        super().__init__(id=id)
        self.store = LogStore()
        self.following = True
        self.unseen = 0
        self.search = ""
        self._environ = environ
        self._waiting: list[StoredEvent] = []
        self._timer: Timer | None = None
        self._cursor = 0
        self._shifted = 0
        self._strips: LRUCache[tuple[int, int, int, str], Strip] = LRUCache(512)

    # ------------------------------------------------------------ what comes in

    def feed(self, lines: Sequence[StoredEvent]) -> None:
        """Take new lines; they are shown with the next drawing."""
        self._waiting += lines
        if self._timer is None and lines and self.is_mounted:
            pause = flush_interval(self._environ, self.size)
            self._timer = self.set_timer(pause, self.flush)

    def on_mount(self) -> None:
        if self._waiting:
            self.flush()

    def flush(self) -> None:
        """Show what waits, now."""
        self._timer = None
        waiting, self._waiting = self._waiting, []
        came, went = self.store.extend(waiting)
        if not came and not went:
            if waiting:
                self.post_message(self.Changed())
            return
        self._resize_content()
        if self.following:
            self._cursor = len(self.store) - 1
            self._to_end()
        else:
            self.unseen += came
            self._cursor = max(self._cursor - went, 0)
            self._place(self.scroll_offset.y - went)
        self.post_message(self.Changed())

    def clear(self) -> None:
        """Forget all lines: another run is shown."""
        self._waiting = []
        self.store.clear()
        self._anew()

    def use_filter(self, wanted: LineFilter) -> None:
        """Show other lines, with the cursor's line still at the cursor."""
        number = self._number()
        self.store.use(wanted)
        self._anew(self.store.row(number) if number is not None else None)

    def relabel(self) -> None:
        self._strips.clear()
        self.refresh()

    def _number(self) -> int | None:
        if self.following or not len(self.store):
            return None
        return self.store.number(min(self._cursor, len(self.store) - 1))

    def _anew(self, row: int | None = None) -> None:
        self._strips.clear()
        self.unseen = 0
        self._resize_content()
        if row is None:
            self.action_last()
        else:
            self._go(row)
        self.refresh()
        self.post_message(self.Changed())

    # ---------------------------------------------------------------- scrolling

    def on_resize(self, event: events.Resize) -> None:
        self._resize_content()
        if self.following:
            self._to_end()

    def _resize_content(self) -> None:
        self.virtual_size = Size(self.size.width, len(self.store))

    def _to_end(self) -> None:
        self._place(len(self.store) - self.size.height)

    def _place(self, top: int) -> None:
        before = self.scroll_offset.y
        self.scroll_to(y=max(top, 0), animate=False, force=True)
        if self.scroll_offset.y == before:
            # Fewer lines than rows, or the oldest are gone: no scrolling, new text.
            self.refresh()

    @property
    def at_end(self) -> bool:
        return self._cursor >= len(self.store) - 1

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        # The mouse wheel and the bar move the lines and not the cursor.
        bottom = len(self.store) - self.size.height
        if round(new_value) < min(round(old_value), bottom):
            self._follow(False)
        elif round(new_value) >= bottom and not self.following and self.at_end:
            self._follow(True)

    def _follow(self, following: bool) -> None:
        if following == self.following:
            return
        self.following = following
        if following:
            self.unseen = 0
        self.post_message(self.Changed())

    def _go(self, row: int) -> None:
        """Put the cursor on a row and bring it into sight."""
        before, last = self._cursor, len(self.store) - 1
        self._cursor = min(max(row, 0), max(last, 0))
        self._follow(self._cursor >= last)
        top, height = self.scroll_offset.y, max(self.size.height, 1)
        if self._cursor < top:
            self._place(self._cursor)
        elif self._cursor >= top + height:
            self._place(self._cursor - height + 1)
        self.refresh_line(before)
        self.refresh_line(self._cursor)

    def action_move(self, by: int) -> None:
        self._go(self._cursor + by)

    def action_move_page(self, by: int) -> None:
        self._go(self._cursor + by * max(self.size.height - 1, 1))

    def action_first(self) -> None:
        self._go(0)

    def action_last(self) -> None:
        self._cursor = max(len(self.store) - 1, 0)
        self._follow(True)
        self._to_end()
        self.refresh()

    def action_shift(self, by: int) -> None:
        self._shifted = max(self._shifted + by, 0)
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        self._go(self.scroll_offset.y + event.y)

    # ------------------------------------------------------- the line at hand

    @property
    def line(self) -> StoredEvent | None:
        """The line under the cursor."""
        rows = len(self.store)
        return self.store.at(min(self._cursor, rows - 1)) if rows else None

    def action_open(self) -> None:
        if self.line is not None:
            self.post_message(self.Opened(self.line))

    def worded(self, line: StoredEvent) -> str:
        """The whole line as it is read, without columns."""
        level, flow = self._level(line), self._flow(line)
        return f"{_clock(line.at)} {level} {flow} {words(self, line.text)}"

    # ------------------------------------------------------------------ search

    async def seek(self, forward: bool = True, *, here: bool = False) -> bool:
        """Go to the next line with the searched words; False where there is none.

        `here`: the line under the cursor counts.  It goes round the end once, and
        lets the console breathe on the way.
        """
        rows = len(self.store)
        if not rows or not self.search:
            return False
        way = 1 if forward else -1
        start = self._cursor if here else self._cursor + way
        for done in range(0, rows, _SEARCH_CHUNK):
            steps = range(done, min(done + _SEARCH_CHUNK, rows))
            numbers = ((start + way * step) % rows for step in steps)
            if (found := self._first_match(numbers)) is not None:
                self._go(found)
                self.refresh()
                return True
            await asyncio.sleep(0)
        return False

    def _first_match(self, rows: Iterable[int]) -> int | None:
        wanted = self.search.lower()
        for row in rows:
            if row < len(self.store) and wanted in self._searched(row):
                return row
        return None

    def _searched(self, row: int) -> str:
        return words(self, self.store.at(row).text).lower()

    # ----------------------------------------------------------------- drawing

    def render_line(self, y: int) -> Strip:
        row = self.scroll_offset.y + y
        width = self.size.width
        if row >= len(self.store):
            return Strip.blank(width, self.rich_style)
        key = (self.store.number(row), width, self._shifted, self.search)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._strip(self.store.at(row), width)
            self._strips[key] = strip
        if row == self._cursor:
            style = self.get_component_rich_style("log--cursor")
            return Strip([Segment(part.text, style) for part in strip], width)
        return strip

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def _strip(self, line: StoredEvent, width: int) -> Strip:
        quiet = self.get_component_rich_style("log--quiet")
        plain = self.rich_style
        tone = plain
        if line.level in ("warning", "error"):
            tone = self.get_component_rich_style(f"log--{line.level}")
        head = [
            Segment(f"{_clock(line.at)} ", quiet),
            Segment(_fit(self._level(line), self._width_of(LEVEL_WORDS)), tone),
            Segment(_fit(self._flow(line), self._width_of(FLOW_WORDS)), quiet),
        ]
        body = self._marked(words(self, line.text), tone)
        lead = Strip(head)
        rest = Strip(body)
        room = max(width - lead.cell_length, 0)
        cut = rest.crop(self._shifted, self._shifted + room)
        return Strip([*lead, *cut]).adjust_cell_length(width, plain).simplify()

    def _marked(self, shown: str, style: Style) -> list[Segment]:
        """The message, with what is searched for in reverse."""
        if not self.search:
            return [Segment(shown, style)]
        found = self.get_component_rich_style("log--found")
        lower, wanted = shown.lower(), self.search.lower()
        parts, at = [], 0
        # Lower case of a few letters is longer; then nothing is marked.
        while len(lower) == len(shown) and (hit := lower.find(wanted, at)) >= 0:
            end = hit + len(wanted)
            parts += [Segment(shown[at:hit], style), Segment(shown[hit:end], found)]
            at = end
        return [part for part in (*parts, Segment(shown[at:], style)) if part.text]

    def _width_of(self, column: Mapping[str, Text]) -> int:
        return max(cell_len(words(self, word)) for word in column.values()) + 1

    def _level(self, line: StoredEvent) -> str:
        return words(self, LEVEL_WORDS.get(line.level, line.level))

    def _flow(self, line: StoredEvent) -> str:
        return words(self, FLOW_WORDS.get(line.flow, line.flow))


def _fit(shown: str, width: int) -> str:
    """Exactly `width` cells, the last of them blank."""
    return set_cell_size(shown, width - 1) + " "


def _clock(stamped: str) -> str:
    """`10:02:03` in the machine's time zone."""
    return moment_of(stamped).astimezone().strftime("%H:%M:%S")
