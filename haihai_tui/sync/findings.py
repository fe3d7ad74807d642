"""What comparing the audience with the group's members found, record by record.

Found by address and kept by Id, so that it can be read beside the plan's changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from haihai_tui.sync.tables.csvlines import split_line
from haihai_tui.sync.tables.records import ID_WIDTH

MISSING = b"m"
DIFFERENT = b"d"
UNLINKED = b"n"
SUPERFLUOUS = b"s"
"""Kinds: no member has the record's address; the member's values differ; a member has
the address of a record that is not linked to it; a member that left the audience."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`told` holds the member's values of the told items; empty where none."""

    record_id: bytes
    kind: bytes
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Findings:
    """`path`: lines of Id, kind and values, ascending by Id.  `told`: the items whose
    values the service tells.  `relinked`: Ids whose entry in the address index did
    not agree with the snapshot, ascending; None where all did."""

    path: Path
    told: tuple[str, ...]
    relinked: Path | None = None

    def __iter__(self) -> Iterator[Finding]:
        with self.path.open("rb", buffering=1 << 18) as lines:
            for line in lines:
                values = line[ID_WIDTH + 1 : -1].decode()
                told = tuple(split_line(values)) if values else ()
                yield Finding(line[:ID_WIDTH], line[ID_WIDTH : ID_WIDTH + 1], told)

    def ids(self, *kinds: bytes) -> Iterator[bytes]:
        for finding in self:
            if finding.kind in kinds:
                yield finding.record_id


class FindingReader:
    """Finds findings by Id; Ids must be asked for in ascending order."""

    def __init__(self, findings: Findings) -> None:
        self._all = iter(findings)
        self._next = next(self._all, None)

    def at(self, record_id: bytes) -> Finding | None:
        while self._next is not None and self._next.record_id < record_id:
            self._next = next(self._all, None)
        found = self._next
        return found if found is not None and found.record_id == record_id else None


def finding_line(finding: Finding, values: str) -> bytes:
    return finding.record_id + finding.kind + values.encode("utf-8", "replace")


def differing(
    ours: Sequence[str], theirs: Sequence[str], keeps_blank: Sequence[bool]
) -> list[int]:
    """Places at which the service holds something else than it should.

    White space at the ends is no difference: the service may take it off.  A blank of
    ours is none where the rule is that blanks keep what the service holds.
    """
    return [
        at
        for at, (our, their, keeps) in enumerate(
            zip(ours, theirs, keeps_blank, strict=True)
        )
        if our != their
        and our.strip() != their.strip()
        and not (keeps and not our.strip())
    ]
