"""The snapshot: what HaiHai Mail was last known to hold, in Salesforce Id order.

One line a linked record: Id, hash of the record's raw bytes, flag, and the values
last sent.  Written whole, then named current in the transaction that moves the
cursor; a night with few changes costs little more than a copy of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from haihai_tui.sync.tables.csvlines import csv_line, split_line
from haihai_tui.sync.tables.lines import (
    LineChange,
    LineTable,
    write_lines,
    write_new_lines,
)
from haihai_tui.sync.tables.records import HASH_WIDTH, ID_WIDTH

ACTIVE = b"A"
LEFT = b"X"
KEPT = b"K"
BARRED = b"B"
MERGED = b"M"
"""Flags of a line: in the group; taken out by us; out of the audience but left in
the group because the person had stopped; barred by us; merged into another record,
which has inherited what this one's address was told."""

FLAG_AT = ID_WIDTH + HASH_WIDTH
VALUES_AT = FLAG_AT + 2
_WHAT = "haihai-snapshot"


@dataclass(frozen=True, slots=True)
class SnapshotHead:
    """What the lines mean: item names in order, and what they were read with."""

    columns: tuple[str, ...]
    mapping: str
    audience: str


def snapshot_line(record_id: bytes, digest: bytes, flag: bytes, values: bytes) -> bytes:
    return b"%b%b%b\t%b" % (record_id, digest, flag, values)


def line_address(line: bytes) -> str:
    """The registered address: the first value of a line."""
    start = VALUES_AT + 1
    return line[start : line.index(b'"', start)].decode()


def line_flag(line: bytes) -> bytes:
    return line[FLAG_AT : FLAG_AT + 1]


class Snapshot(LineTable):
    """An open snapshot; `active` counts the lines of people in the group."""

    what = _WHAT

    def __init__(self, path: Path) -> None:
        super().__init__(path, ID_WIDTH)
        self.meaning = _head_of(self.head)
        self._wanted: tuple[str, ...] | None = None

    @property
    def active(self) -> int:
        return self.weight

    def project(self, columns: tuple[str, ...]) -> None:
        """From now on hand out whole lines with these items; missing ones blank."""
        if columns != self.meaning.columns:
            self._wanted = columns

    @property
    def must_be_rewritten(self) -> bool:
        return self._wanted is not None

    def lines(self) -> Iterator[bytes]:
        if self._wanted is None:
            yield from super().lines()
            return
        for line in super().lines():
            values = split_line(line[VALUES_AT:].decode())
            known = dict(zip(self.meaning.columns, values, strict=True))
            wanted = csv_line([known.get(name, "") for name in self._wanted])
            yield line[:VALUES_AT] + wanted.encode()


def _head_of(head: object) -> SnapshotHead:
    assert isinstance(head, dict)
    return SnapshotHead(tuple(head["columns"]), head["mapping"], head["audience"])


def write_snapshot(
    target: Path,
    head: SnapshotHead,
    old: Snapshot | None,
    changes: Iterable[LineChange],
    expected: int,
) -> None:
    """`write_lines` for a snapshot."""
    write_lines(target, _parts(head), old, changes, expected, _is_active)


def write_first_snapshot(
    target: Path, head: SnapshotHead, blocks: Iterable[list[bytes]]
) -> None:
    """A snapshot that had no forerunner; all its lines are of people in the group."""
    write_new_lines(target, _parts(head), blocks)


def _parts(head: SnapshotHead) -> dict[str, object]:
    return {
        "what": _WHAT,
        "columns": head.columns,
        "mapping": head.mapping,
        "audience": head.audience,
    }


def _is_active(line: bytes) -> int:
    return line[FLAG_AT : FLAG_AT + 1] == ACTIVE
