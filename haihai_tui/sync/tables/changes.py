"""The spool of a plan: one line a change, in Salesforce Id order, on disk.

The same file is planned, shown, executed and turned into the next snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path
from typing import IO, NamedTuple

from haihai_tui.sync.tables.records import ID_WIDTH
from haihai_tui.sync.tables.snapshot import VALUES_AT

CREATE = b"C"
RETURN = b"R"
UPDATE = b"U"
ADDRESS = b"A"
TOUCH = b"T"
LEAVE = b"X"
DELETE = b"D"
"""Kinds: new link; back in the audience; values; other address; record moved but
nothing to send; left the audience; deleted."""

ARRIVING = frozenset((CREATE, RETURN, ADDRESS))
DEPARTING = frozenset((ADDRESS, LEAVE, DELETE))
SENDING = frozenset((CREATE, RETURN, UPDATE, ADDRESS))

_SEPARATOR = b"\x1f"


class Change(NamedTuple):
    """One record's change; `old` and `new` are snapshot lines.

    `send` holds the values to upload where they differ from those to remember.
    """

    kind: bytes
    record_id: bytes
    old: bytes | None
    new: bytes | None
    send: bytes = b""

    @property
    def row(self) -> bytes:
        """The CSV values to upload."""
        return self.send or (self.new or b"")[VALUES_AT:]


class ChangeWriter:
    """Appends changes; Ids must ascend."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._out: IO[bytes] = path.open("wb")

    def write(self, change: Change) -> None:
        self.count += 1
        self._out.write(
            _SEPARATOR.join(
                (
                    change.kind + change.record_id,
                    change.old or b"",
                    change.new or b"",
                    change.send,
                )
            )
            + b"\n"
        )

    def write_new(self, record_id: bytes, line: bytes) -> None:
        """A CREATE with this snapshot line."""
        self.count += 1
        self._out.write(b"C%b\x1f\x1f%b\x1f\n" % (record_id, line))

    def close(self) -> None:
        self._out.close()


def read_new(path: Path, left_out: Set[bytes]) -> Iterator[list[tuple[bytes, bytes]]]:
    """Blocks of Id and snapshot line of a spool that `write_new` alone has filled,
    without the Ids of `left_out`."""
    with path.open("rb", buffering=1 << 18) as stream:
        while lines := stream.readlines(1 << 18):
            # Kind, Id and two separators before the line; a separator and LF behind.
            found = [
                (line[1 : 1 + ID_WIDTH], line[3 + ID_WIDTH : -2]) for line in lines
            ]
            if left_out:
                found = [pair for pair in found if pair[0] not in left_out]
            yield found


def read_changes(path: Path) -> Iterator[Change]:
    with path.open("rb", buffering=1 << 18) as stream:
        for line in stream:
            head, old, new, send = line[:-1].split(_SEPARATOR)
            yield Change(
                head[:1], head[1 : 1 + ID_WIDTH], old or None, new or None, send
            )
