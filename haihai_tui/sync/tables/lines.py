"""Sorted tables of text lines: found by key, patched by range copies.

A line starts with a key of fixed width; lines ascend by it.  The first line of the
file says what the table is, the last one how long it must be, so that a torn file
is never taken for a whole one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, NamedTuple

from haihai_tui.sync.tables.fixed import SPARSE, TableDamaged

_VERSION = 1
_PROBE = 4096


class LineTable:
    """An open table, read forward: iterated whole, or asked for single keys."""

    what = "haihai-lines"

    def __init__(self, path: Path, key: int) -> None:
        self.key = key
        self._file: IO[bytes] = path.open("rb")
        try:
            self.head = self._read_head()
            self._read_end(path.stat().st_size)
        except (ValueError, KeyError, TypeError) as error:
            self.close()
            raise TableDamaged(f"{path}: {error}") from error
        self._offset = self._start
        self._line: bytes | None = None

    def _read_head(self) -> Mapping[str, object]:
        head = json.loads(self._file.readline())
        if head["what"] != self.what or head["version"] != _VERSION:
            raise ValueError("not a table of this kind and version")
        self._start = self._file.tell()
        return dict(head)

    def _read_end(self, size: int) -> None:
        self._file.seek(max(self._start, size - 200))
        tail = self._file.read().rstrip(b"\n")
        last = tail[tail.rfind(b"\n") + 1 :]
        end = json.loads(last)
        self.count, self.weight = int(end["count"]), int(end["weight"])
        self._end = size - len(last) - 1
        if int(end["bytes"]) != self._end:
            raise ValueError("its length is not what was written")

    def close(self) -> None:
        self._file.close()

    @property
    def span(self) -> tuple[int, int]:
        """Offsets of the first line and behind the last."""
        return self._start, self._end

    @property
    def must_be_rewritten(self) -> bool:
        """Whether lines are handed out otherwise than they stand in the file."""
        return False

    def lines(self) -> Iterator[bytes]:
        """Every line, in key order, without its line end."""
        self._file.seek(self._start)
        left = self._end - self._start
        carry = b""
        while left > 0:
            block = self._file.read(min(1 << 18, left))
            if not block:
                raise TableDamaged("the table ends early")
            left -= len(block)
            lines = (carry + block).split(b"\n")
            carry = lines.pop()
            yield from lines

    def rewind(self) -> None:
        """Let keys be asked for from the lowest again."""
        self._offset = self._start
        self._line = None

    def find(self, key: bytes) -> bytes | None:
        """The line of a key.  Keys must be asked for in ascending order."""
        for _ in range(64):
            line = self._peek()
            if line is None or line[: self.key] > key:
                return None
            if line[: self.key] == key:
                return line
            self._offset += len(line) + 1
            self._line = None
        self._offset = self.offset_of(key, self._offset)
        self._line = None
        line = self._peek()
        return line if line is not None and line[: self.key] == key else None

    def _peek(self) -> bytes | None:
        if self._line is None and self._offset < self._end:
            self._line = self.line_at(self._offset)
        return self._line

    def line_at(self, offset: int) -> bytes:
        self._file.seek(offset)
        return self._file.readline()[:-1]

    def offset_of(self, key: bytes, low: int) -> int:
        """Offset of the first line at or after `low` whose key is not below."""
        high = self._end
        while high - low > _PROBE:
            middle = (low + high) // 2
            self._file.seek(middle)
            self._file.readline()
            start = self._file.tell()
            if start >= high:
                high = middle
            elif self._file.readline()[: self.key] < key:
                low = start
            else:
                high = middle
        self._file.seek(low)
        at = low
        while at < self._end:
            line = self._file.readline()
            if line[: self.key] >= key:
                return at
            at += len(line)
        return at

    def copy_range(self, first: int, stop: int, out: IO[bytes]) -> None:
        self._file.seek(first)
        left = stop - first
        while left > 0:
            block = self._file.read(min(1 << 20, left))
            if not block:
                raise TableDamaged("the table ends early")
            out.write(block)
            left -= len(block)


class LineChange(NamedTuple):
    """A line to put in place (or, None, to take out); `old` is what stood there."""

    key: bytes
    old: bytes | None
    new: bytes | None


def write_lines(
    target: Path,
    head: Mapping[str, object],
    old: LineTable | None,
    changes: Iterable[LineChange],
    expected: int,
    weigh: Callable[[bytes], int] = lambda line: 0,
) -> None:
    """Write `old` with `changes` (ascending by key) laid over it, durably.

    `expected` is about how many changes come; it only chooses the way.  The sum of
    `weigh` over all lines is kept in the file.
    """
    count = old.count if old else 0
    weight = old.weight if old else 0
    with target.open("wb") as out:
        out.write(json.dumps(dict(head) | {"version": _VERSION}).encode() + b"\n")
        copy = _copier(old, out, expected)
        for change in changes:
            copy(change.key)
            if change.new is not None:
                out.write(change.new + b"\n")
                weight += weigh(change.new)
                count += 1
            if change.old is not None:
                weight -= weigh(change.old)
                count -= 1
        copy(None)
        _end(out, count, weight)


def write_new_lines(
    target: Path, head: Mapping[str, object], blocks: Iterable[list[bytes]]
) -> None:
    """Write a table that had no forerunner, durably; each line weighs 1."""
    count = 0
    with target.open("wb") as out:
        out.write(json.dumps(dict(head) | {"version": _VERSION}).encode() + b"\n")
        for lines in filter(None, blocks):
            out.write(b"\n".join(lines) + b"\n")
            count += len(lines)
        _end(out, count, count)


def _end(out: IO[bytes], count: int, weight: int) -> None:
    end = {"count": count, "weight": weight, "bytes": out.tell()}
    out.write(json.dumps(end).encode() + b"\n")
    out.flush()
    os.fsync(out.fileno())


def _copier(
    old: LineTable | None, out: IO[bytes], expected: int
) -> Callable[[bytes | None], None]:
    few = old is not None and expected * SPARSE < old.count
    if old is not None and few and not old.must_be_rewritten:
        return _SparseCopy(old, out)
    return _DenseCopy(old, out)


class _SparseCopy:
    """Copies the old lines below each changed key as one range."""

    def __init__(self, old: LineTable, out: IO[bytes]) -> None:
        self._old, self._out = old, out
        self._at = old.span[0]

    def __call__(self, key: bytes | None) -> None:
        end = self._old.span[1]
        if key is None:
            self._old.copy_range(self._at, end, self._out)
            return
        stop = self._old.offset_of(key, self._at)
        self._old.copy_range(self._at, stop, self._out)
        self._at = stop
        if stop < end:
            line = self._old.line_at(stop)
            if line[: self._old.key] == key:
                self._at += len(line) + 1


class _DenseCopy:
    """Copies the old lines below each changed key one by one."""

    def __init__(self, old: LineTable | None, out: IO[bytes]) -> None:
        self._lines = old.lines() if old else iter(())
        self._key = old.key if old else 0
        self._write = out.write
        self._line = next(self._lines, None)

    def __call__(self, key: bytes | None) -> None:
        line, width = self._line, self._key
        while line is not None and (key is None or line[:width] < key):
            self._write(line + b"\n")
            line = next(self._lines, None)
        if line is not None and line[:width] == key:
            line = next(self._lines, None)
        self._line = line
