"""The lines behind a log pane: kept up to a bound, filtered, searched.

No widget: plain lists, so that taking in a line costs next to nothing and all work
is put off until a line is looked at.  A line's number counts from the first line
ever taken in, so that dropping the oldest moves nobody's place.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from haihai_tui.services.store.events import StoredEvent

LIMIT = 200_000
_SLACK = 20_000
LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True, slots=True)
class LineFilter:
    """Lines of at least this level, of this flow ("" for all)."""

    level: str = "info"
    flow: str = ""

    @property
    def everything(self) -> bool:
        return self.level == "debug" and not self.flow

    def passes(self, line: StoredEvent) -> bool:
        return self._rank(line.level) >= self._rank(self.level) and (
            not self.flow or line.flow == self.flow
        )

    @staticmethod
    def _rank(level: str) -> int:
        return LEVELS.index(level) if level in LEVELS else 1


class LogStore:
    """The last `limit` lines, and which of them pass the filter.

    Rows are places among the lines that pass, numbers are for ever.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._lines: list[StoredEvent] = []
        self._first = 0
        self._shown: list[int] | None = []
        self.filter = LineFilter()

    def __len__(self) -> int:
        """Rows that pass the filter."""
        return len(self._lines) if self._shown is None else len(self._shown)

    @property
    def kept(self) -> int:
        return len(self._lines)

    @property
    def dropped(self) -> int:
        """Lines that went because there were more than the limit."""
        return self._first

    def clear(self) -> None:
        self._lines = []
        self._first = 0
        self._shown = None if self.filter.everything else []

    def extend(self, lines: Sequence[StoredEvent]) -> tuple[int, int]:
        """Take in new lines; returns how many rows came, and how many went at the
        top."""
        before = len(self)
        number = self._first + len(self._lines)
        self._lines += lines
        if self._shown is not None:
            passes = self.filter.passes
            self._shown += [at for at, line in enumerate(lines, number) if passes(line)]
        came = len(self) - before
        return came, self._trim()

    def _trim(self) -> int:
        """Drop the oldest, many at a time: each drop moves the whole list."""
        if len(self._lines) <= self._limit + _SLACK:
            return 0
        excess = len(self._lines) - self._limit
        del self._lines[:excess]
        self._first += excess
        if self._shown is None:
            return excess
        gone = bisect_left(self._shown, self._first)
        del self._shown[:gone]
        return gone

    def use(self, wanted: LineFilter) -> None:
        """Show the lines that pass `wanted`."""
        self.filter = wanted
        if wanted.everything:
            self._shown = None
            return
        passes = wanted.passes
        self._shown = [
            at for at, line in enumerate(self._lines, self._first) if passes(line)
        ]

    def at(self, row: int) -> StoredEvent:
        """IndexError outside of the rows."""
        if self._shown is None:
            return self._lines[row]
        return self._lines[self._shown[row] - self._first]

    def number(self, row: int) -> int:
        return self._first + row if self._shown is None else self._shown[row]

    def row(self, number: int) -> int:
        """The row of a line, or of the first one after it that is shown."""
        if self._shown is None:
            return max(number - self._first, 0)
        return bisect_left(self._shown, number)
