"""Sorted tables of fixed-width records: found by key, patched by range copies.

A look-up reads forward: keys are asked for in ascending order.  Neighbouring
keys are answered from one block, distant ones by bisection, so a table of a
million records costs little whether a few keys are asked for or all of them.
"""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO

from haihai_tui.sync.tables.sorting import split_fixed

BLOCK_RECORDS = 1024


class TableDamaged(Exception):
    """A file is not what was written: torn, truncated or out of order."""


class FixedTable:
    """A sorted file of `width` byte records, keyed by their first `key` bytes."""

    def __init__(self, path: Path | None, width: int, key: int) -> None:
        self.width = width
        self.key = key
        self._file = path.open("rb", buffering=0) if path else None
        size = os.fstat(self._file.fileno()).st_size if self._file else 0
        if size % width:
            self.close()
            raise TableDamaged(f"{path}: {size} bytes are no multiple of {width}")
        self.count = size // width
        self._first = 0
        self._block: list[bytes] = []

    def __enter__(self) -> FixedTable:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._file:
            self._file.close()
            self._file = None

    def read(self, first: int, count: int) -> list[bytes]:
        """Records `first` … `first + count - 1`, fewer at the end."""
        if not self._file or first >= self.count:
            return []
        data = os.pread(self._file.fileno(), count * self.width, first * self.width)
        return split_fixed(data, self.width)

    def position(self, wanted: bytes, low: int = 0) -> int:
        """Index of the first record at or after `low` not below `wanted`."""
        high = self.count
        size = len(wanted)
        while low < high:
            middle = (low + high) // 2
            if self.read(middle, 1)[0][:size] < wanted:
                low = middle + 1
            else:
                high = middle
        return low

    def rewind(self) -> None:
        """Let keys be asked for from the lowest again."""
        self._first = 0
        self._block = []

    def find(self, wanted: bytes) -> list[bytes]:
        """All records under a key.  Keys must be asked for in ascending order."""
        if not self.count:
            return []
        if not self._block or self._block[-1][: self.key] < wanted:
            self._load(wanted)
        at = bisect_left(self._block, wanted)
        found: list[bytes] = []
        while True:
            while at < len(self._block):
                record = self._block[at]
                if record[: self.key] != wanted:
                    return found
                found.append(record)
                at += 1
            following = self.read(self._first + len(self._block), BLOCK_RECORDS)
            if not following:
                return found
            self._block += following

    def _load(self, wanted: bytes) -> None:
        following = self._first + len(self._block)
        self._first = following
        self._block = self.read(following, BLOCK_RECORDS)
        if self._block and self._block[-1][: self.key] < wanted:
            self._first = self.position(wanted, following + len(self._block))
            self._block = self.read(self._first, BLOCK_RECORDS)

    def __iter__(self) -> Iterator[bytes]:
        for block in self.blocks():
            yield from block

    def blocks(self) -> Iterator[list[bytes]]:
        """All records in order, some thousands at a time."""
        first = 0
        while block := self.read(first, 8192):
            yield block
            first += len(block)


REMOVED = b"-"
"""As the last byte of a delta record: the record of this prefix is taken out."""

SPARSE = 64
"""With fewer changes than one in this many records, ranges are copied whole."""


def patch_fixed(
    old: FixedTable, delta: Iterable[bytes], changes: int, target: Path
) -> None:
    """Write `old` with `delta` laid over it, in order, durably.

    Delta records are as wide as the table's and ascending; the table's key identifies
    a record, and `REMOVED` as its last byte takes it out.
    """
    sparse = changes * SPARSE < old.count
    with target.open("wb") as out:
        if sparse:
            _patch_sparse(old, delta, out)
        else:
            _patch_dense(old, delta, out)
        out.flush()
        os.fsync(out.fileno())


def _patch_sparse(old: FixedTable, delta: Iterable[bytes], out: IO[bytes]) -> None:
    at = 0
    width = old.key
    for change in delta:
        stop = old.position(change[:width], at)
        _copy(old, at, stop, out)
        found = old.read(stop, 1)
        replaced = bool(found) and found[0][:width] == change[:width]
        at = stop + 1 if replaced else stop
        if change[-1:] != REMOVED:
            out.write(change)
    _copy(old, at, old.count, out)


def _patch_dense(old: FixedTable, delta: Iterable[bytes], out: IO[bytes]) -> None:
    records = iter(old)
    record = next(records, None)
    width = old.key
    for change in delta:
        prefix = change[:width]
        while record is not None and record[:width] < prefix:
            out.write(record)
            record = next(records, None)
        if record is not None and record[:width] == prefix:
            record = next(records, None)
        if change[-1:] != REMOVED:
            out.write(change)
    if record is not None:
        out.write(record)
    out.writelines(records)


def _copy(old: FixedTable, first: int, stop: int, out: IO[bytes]) -> None:
    while first < stop:
        block = old.read(first, min(8192, stop - first))
        out.write(b"".join(block))
        first += len(block)
