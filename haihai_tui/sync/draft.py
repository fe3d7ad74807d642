"""The draft of a `customers` plan: each record judged against the snapshot.

A record's raw bytes are compared by hash first; only what moved is parsed and
mapped.  Everything found goes to spool files; only counters stay in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Set
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

from haihai_tui.errors import Text
from haihai_tui.sync.addresses import KEY_BYTES, address_key
from haihai_tui.sync.mapping import Mapper, Problem
from haihai_tui.sync.matching import DEPARTS, EventWriter
from haihai_tui.sync.ports import Reject
from haihai_tui.sync.tables.changes import (
    ADDRESS,
    CREATE,
    DELETE,
    LEAVE,
    RETURN,
    TOUCH,
    UPDATE,
    Change,
    ChangeWriter,
)
from haihai_tui.sync.tables.csvlines import split_line
from haihai_tui.sync.tables.records import ID_WIDTH, record_hash
from haihai_tui.sync.tables.records import record_id as record_id_of
from haihai_tui.sync.tables.snapshot import (
    ACTIVE,
    FLAG_AT,
    LEFT,
    MERGED,
    VALUES_AT,
    line_address,
    snapshot_line,
)

FLOW = "customers"

_FEW = 32


@dataclass(slots=True)
class Counts:
    read: int = 0
    unchanged: int = 0
    created: int = 0
    returned: int = 0
    updated: int = 0
    moved: int = 0
    touched: int = 0
    left: int = 0
    deleted: int = 0
    blanked: int = 0
    problems: int = 0
    passed_over: int = 0

    @property
    def writing(self) -> int:
        """Changes that send something."""
        sending = self.created + self.returned + self.updated + self.moved
        return sending + self.left + self.deleted


_COUNTER_BY_KIND = {
    CREATE: "created",
    RETURN: "returned",
    UPDATE: "updated",
    ADDRESS: "moved",
    TOUCH: "touched",
    LEAVE: "left",
    DELETE: "deleted",
}


class Draft:
    """Collects the changes of one run.  Ids must come in ascending order."""

    def __init__(
        self,
        mapper: Mapper,
        folder: Path,
        passed_over: Set[tuple[bytes, bytes]] = frozenset(),
        merged: Set[bytes] = frozenset(),
    ) -> None:
        """`passed_over` holds (address key, Id) of those whom a person has decided
        against: they do not get that address.  `merged` are the Ids of records that
        were merged into others."""
        self.mapper = mapper
        self.counts = Counts()
        self._passed_over = passed_over
        self.merged = merged
        self.changes = ChangeWriter(folder / "changes")
        self.events = EventWriter(folder / "events")
        self.rejects = RejectSpool(folder / "rejects")
        self.concerned = folder / "concerned"
        self._concern = self.concerned.open("wb")

    def close(self) -> None:
        self.events.close()
        self.changes.close()
        self.rejects.close()
        self._concern.close()

    def record(
        self, record_id: bytes, record: bytes, line: bytes | None, *, forced: bool
    ) -> None:
        """A record of the audience; `line` is what the snapshot has for it."""
        digest = record_hash(record)
        row = self.mapper.map(record)
        if isinstance(row, Problem):
            self.counts.problems += 1
            self.rejects.write(record_id, row)
            return
        if self._passed_over and self._is_passed_over(row.address, record_id):
            self.counts.passed_over += 1
            if line is not None:
                self.departed(line, deleted=False)
            return
        values = row.values.encode()
        if line is None:
            new = snapshot_line(record_id, digest, ACTIVE, values)
            self.events.write(address_key(row.address), record_id, CREATE)
            self._write(Change(CREATE, record_id, None, new))
            return
        self._against(line, record_id, digest, row.address, row.values, forced)

    def newcomers(self, records: list[bytes]) -> None:
        """Records of the audience that the snapshot does not have, many at once."""
        found = None if self._passed_over else self.mapper.map_ordinary(records)
        if found is None:
            self._one_by_one(records)
            return
        event, change = self.events.write, self.changes.write_new
        for record, (one, address, values) in zip(records, found, strict=True):
            event(blake2b(address, digest_size=KEY_BYTES).digest(), one, CREATE)
            change(one, snapshot_line(one, record_hash(record), ACTIVE, values))
        self.counts.created += len(records)

    def _one_by_one(self, records: list[bytes]) -> None:
        """In small blocks, so that one odd record does not slow down all."""
        if len(records) > _FEW and not self._passed_over:
            for at in range(0, len(records), _FEW):
                self.newcomers(records[at : at + _FEW])
            return
        for record in records:
            self.record(record_id_of(record), record, None, forced=False)

    def decided_against(self, line: bytes | None) -> bool:
        """Whether a linked record's own address was given to another one."""
        if line is None or not self._passed_over:
            return False
        return self._is_passed_over(line_address(line), line[:ID_WIDTH])

    def _is_passed_over(self, address: str, record_id: bytes) -> bool:
        return (address_key(address), record_id) in self._passed_over

    def _against(
        self,
        line: bytes,
        record_id: bytes,
        digest: bytes,
        address: str,
        values: str,
        forced: bool,
    ) -> None:
        old_values = line[VALUES_AT:].decode()
        old_address = line_address(line)
        remembered, send = self.mapper.settle(values, old_values)
        if old_address != address:
            remembered, send = values, values
        new = snapshot_line(record_id, digest, ACTIVE, remembered.encode())
        kind = self._kind(line, old_address, address, remembered, old_values, forced)
        if kind != TOUCH:
            self.events.write(address_key(address), record_id, kind)
        if old_address != address:
            # Also of one who comes back: the old address's state goes along.
            self.events.write(address_key(old_address), record_id, DEPARTS)
        if kind != TOUCH and self._blanks(values, old_values):
            self.counts.blanked += 1
            self._concern.write(record_id + b"b")
        sent = send.encode() if send != remembered else b""
        self._write(Change(kind, record_id, line, new, sent))

    def _kind(
        self,
        line: bytes,
        old_address: str,
        address: str,
        remembered: str,
        old_values: str,
        forced: bool,
    ) -> bytes:
        if line[FLAG_AT : FLAG_AT + 1] != ACTIVE:
            return RETURN
        if old_address != address:
            return ADDRESS
        if remembered != old_values or forced:
            return UPDATE
        return TOUCH

    def _blanks(self, values: str, old_values: str) -> bool:
        """Whether an `overwrite` field loses its value."""
        if '""' not in values or all(self.mapper.keeps_blank):
            return False
        new, old = split_line(values)[1:], split_line(old_values)[1:]
        return any(
            before and not after and not keeps
            for keeps, after, before in zip(
                self.mapper.keeps_blank, new, old, strict=True
            )
        )

    def moved_record(
        self, record_id: bytes, record: bytes, line: bytes | None, *, forced: bool
    ) -> None:
        """As `record`, but one whose bytes are what they were counts as unchanged."""
        same = line is not None and (
            line[ID_WIDTH:FLAG_AT] == record_hash(record)
            and line[FLAG_AT : FLAG_AT + 1] == ACTIVE
        )
        if same and not forced and not self.decided_against(line):
            self.counts.unchanged += 1
            return
        self.record(record_id, record, line, forced=forced)

    def departed(self, line: bytes, *, deleted: bool, expelled: bool = False) -> None:
        """A linked record that is no longer in the audience; `expelled` one that left
        before and whose address is a member of the group all the same."""
        record_id = line[:ID_WIDTH]
        if line[FLAG_AT : FLAG_AT + 1] != ACTIVE and not expelled:
            if record_id in self.merged:
                new = line[:FLAG_AT] + MERGED + line[FLAG_AT + 1 :]
                self._write(Change(TOUCH, record_id, line, new))
            return
        kind = DELETE if deleted else LEAVE
        self.events.write(address_key(line_address(line)), record_id, DEPARTS)
        self._concern.write(record_id + b"x")
        new = line[:FLAG_AT] + LEFT + line[FLAG_AT + 1 :]
        self._write(Change(kind, record_id, line, new))

    def _write(self, change: Change) -> None:
        self.changes.write(change)
        counter = _COUNTER_BY_KIND[change.kind]
        setattr(self.counts, counter, getattr(self.counts, counter) + 1)


class RejectSpool:
    """Rejects on disk, in the order in which they were found."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._out = path.open("w", encoding="utf-8", errors="backslashreplace")

    def write(self, record_id: bytes, problem: Problem) -> None:
        self.count += 1
        row = asdict(problem) | {"record": record_id.decode(errors="replace")}
        self._out.write(json.dumps(row, ensure_ascii=True) + "\n")

    def close(self) -> None:
        self._out.close()

    def append(self, record_id: bytes, problem: Problem) -> None:
        """Add a refusal that came after the draft was closed."""
        self._out = self.path.open("a", encoding="utf-8")
        self.write(record_id, problem)
        self.close()

    def read(self, flow: str = FLOW) -> Iterator[Reject]:
        with self.path.open(encoding="utf-8") as stream:
            for line in stream:
                row = json.loads(line)
                yield Reject(
                    flow=flow,
                    record=row["record"],
                    field=row["field"],
                    value=row["value"],
                    cause=Text(**row["cause"]),
                    remedy=Text(**row["remedy"]),
                    address=row["address"],
                )

    def records(self) -> Iterator[str]:
        with self.path.open(encoding="utf-8") as stream:
            for line in stream:
                yield str(json.loads(line)["record"])


def compare_all(
    batches: Iterable[list[bytes]],
    lines: Iterator[bytes],
    forced: Iterator[bytes],
    deleted: Iterator[bytes],
    expelled: Iterator[bytes],
    draft: Draft,
    *,
    read_anew: bool,
) -> None:
    """Merge a complete read of the audience with the whole snapshot.

    All five streams ascend by Id.  `read_anew` distrusts the hashes, because the
    records were read with other columns than before.
    """
    line = next(lines, None)
    force = next(forced, None)
    gone, out = _Membership(deleted), _Membership(expelled)

    def depart(left: bytes) -> None:
        one = left[:ID_WIDTH]
        draft.departed(left, deleted=gone.has(one), expelled=out.has(one))

    counts = draft.counts
    flag = slice(FLAG_AT, FLAG_AT + 1)
    digest_of = slice(ID_WIDTH, FLAG_AT)
    width = slice(1, 1 + ID_WIDTH)
    for batch in batches:
        counts.read += len(batch)
        if line is None and force is None:
            # Behind the snapshot's end, as on a first run, everybody is new.
            draft.newcomers(batch)
            continue
        for record in batch:
            record_id = record[width]
            while line is not None and line[:ID_WIDTH] < record_id:
                depart(line)
                line = next(lines, None)
            while force is not None and force < record_id:
                force = next(forced, None)
            known = None
            if line is not None and line[:ID_WIDTH] == record_id:
                known = line
                line = next(lines, None)
                if (
                    known[digest_of] == record_hash(record)
                    and known[flag] == ACTIVE
                    and force != record_id
                    and not read_anew
                    and not draft.decided_against(known)
                ):
                    counts.unchanged += 1
                    continue
            draft.record(record_id, record, known, forced=force == record_id)
    while line is not None:
        depart(line)
        line = next(lines, None)


class _Membership:
    """Whether an Id is in an ascending stream; asked for in ascending order."""

    def __init__(self, ids: Iterator[bytes]) -> None:
        self._ids = ids
        self._next = next(ids, None)

    def has(self, record_id: bytes) -> bool:
        while self._next is not None and self._next < record_id:
            self._next = next(self._ids, None)
        return self._next == record_id
