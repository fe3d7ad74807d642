"""A list that ticks itself off, and below it what stands behind the chosen row.

The state of a row is a word of fixed width in front of it, so that it is read down
the margin and needs no colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.visual import VisualType
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from haihai_tui.errors import Text
from haihai_tui.screens.widgets.words import words
from haihai_tui.screens.widgets.wrapping import wrapped


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of what stands behind a row: its name, and its lines."""

    label: Text
    lines: tuple[Text | str, ...]
    is_heading: bool = False


@dataclass(frozen=True, slots=True)
class TickRow:
    """`level` is info, ok, warning or error; `group` begins a new heading."""

    id: str
    label: Text
    state: Text
    level: str = "info"
    group: Text | None = None
    parts: tuple[Part, ...] = field(default=())


class Detail(VerticalScroll, can_focus=True):
    """What stands behind a row, to be scrolled."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._paper = _Paper()

    def compose(self) -> ComposeResult:
        yield self._paper

    def show(self, title: Text | str, parts: Sequence[Part]) -> None:
        self._paper.show(title, parts)
        self.scroll_home(animate=False)

    @property
    def plain(self) -> str:
        """What is shown, as text."""
        return "\n".join(line.plain for line in self._paper.lines(0))


class _Paper(Static):
    """A title and parts, worded at the full width."""

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._title: Text | str = ""
        self._parts: Sequence[Part] = ()

    def show(self, title: Text | str, parts: Sequence[Part]) -> None:
        self._title, self._parts = title, parts
        self.refresh(layout=True)

    def relabel(self) -> None:
        self.refresh(layout=True)

    def lines(self, width: int) -> list[Content]:
        """What is shown, broken at `width` cells (0: not at all)."""
        lines = []
        if title := words(self, self._title):
            lines += [Content.styled(one, "bold") for one in _broken(title, width)]
        for part in self._parts:
            label = words(self, part.label)
            lines += [
                Content.styled(one, "$secondary") for one in _broken(label, width)
            ]
            for line in part.lines:
                shown = f"  {words(self, line)}"
                hanging = "    " if shown.startswith("  > ") else "  "
                lines += map(Content, _broken(shown, width, hanging))
        return lines

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self.lines(width)))

    def render(self) -> VisualType:
        return Content("\n").join(self.lines(self.size.width))


def _broken(line: str, width: int, indent: str = "") -> list[str]:
    return wrapped(line, width, indent) if width else [line]


class TickList(Vertical):
    """Rows and the chosen one's details."""

    def __init__(self, states: Iterable[Text], *, id: str | None = None) -> None:
        """`states` are all words that a row's state can be: they set the margin."""
        super().__init__(id=id, classes="ticklist")
        self._states = tuple(states)
        self._rows: dict[str, TickRow] = {}
        self._marked = ""
        self._options = OptionList(classes="rows")
        self._detail = Detail()

    def compose(self) -> ComposeResult:
        yield self._options
        yield self._detail

    @property
    def rows(self) -> tuple[TickRow, ...]:
        return tuple(self._rows.values())

    @property
    def options(self) -> OptionList:
        return self._options

    @property
    def detail(self) -> Detail:
        return self._detail

    @property
    def chosen(self) -> TickRow | None:
        at = self._options.highlighted
        if at is None:
            return None
        return self._rows.get(self._options.get_option_at_index(at).id or "")

    def show(self, rows: Iterable[TickRow]) -> None:
        """Replace all rows; the chosen one stays chosen where it still exists."""
        before = self.chosen
        self._rows = {row.id: row for row in rows}
        self._fill()
        if before is not None and before.id in self._rows:
            self.choose(before.id)
        elif self._rows:
            self.choose(next(iter(self._rows)))
        self._show_detail()

    def change(self, row: TickRow) -> None:
        """Replace one row by its id."""
        self._rows[row.id] = row
        self._options.replace_option_prompt(row.id, self._prompt(row))
        if self.chosen is row:
            self._show_detail()

    def choose(self, identifier: str) -> None:
        self._options.highlighted = self._options.get_option_index(identifier)

    def choose_next(self, levels: Sequence[str]) -> bool:
        """The next row of one of these levels after the chosen one, in a circle."""
        rows = list(self._rows.values())
        chosen = self.chosen
        at = rows.index(chosen) if chosen in rows else -1
        for row in (*rows[at + 1 :], *rows[: at + 1]):
            if row.level in levels:
                self.choose(row.id)
                return True
        return False

    def relabel(self) -> None:
        chosen = self.chosen
        self._fill()
        if chosen is not None:
            self.choose(chosen.id)
        self._show_detail()

    def on_option_list_option_highlighted(
        self, event: OptionList.OptionHighlighted
    ) -> None:
        event.stop()
        self._show_detail()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self._detail.focus()

    def _fill(self) -> None:
        options = []
        for row in self._rows.values():
            if row.group is not None:
                heading = Content.styled(words(self, row.group), "bold $primary")
                options.append(Option(heading, disabled=True))
            options.append(Option(self._prompt(row), id=row.id))
        self._options.clear_options()
        self._options.add_options(options)

    def _prompt(self, row: TickRow) -> Content:
        """The chosen row has a mark and no colours: the cursor's own must do."""
        is_chosen = row.id == self._marked
        state = words(self, row.state)
        gap = " " * max(1, self._margin() - cell_len(state))
        return Content.assemble(
            "> " if is_chosen else "  ",
            (state, "bold" if is_chosen else _COLOURS[row.level]),
            gap,
            words(self, row.label),
        )

    def _mark(self) -> None:
        """Move the mark to the chosen row."""
        before, chosen = self._rows.get(self._marked), self.chosen
        self._marked = chosen.id if chosen else ""
        for row in (before, chosen):
            if row is not None:
                self._options.replace_option_prompt(row.id, self._prompt(row))

    def _margin(self) -> int:
        longest = max(cell_len(words(self, state)) for state in self._states)
        return longest + 2

    def _show_detail(self) -> None:
        self._mark()
        row = self.chosen
        if row is None:
            self._detail.show("", ())
        else:
            self._detail.show(row.label, row.parts)


_COLOURS = {
    "info": "$secondary",
    "ok": "$success",
    "warning": "$warning",
    "error": "bold $error",
}
