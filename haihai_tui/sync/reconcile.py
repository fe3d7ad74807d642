"""突き合わせ: the audience and the group's members, compared address by address.

Both are read whole, put in the order of their address keys on disk and merged, so
that memory does not grow with the customers.  What is found goes the way of every
other change: through the plan of `customers`, its guard and its imports.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import IO

from haihai_tui.errors import text
from haihai_tui.sync.address_index import rebuild_index
from haihai_tui.sync.addresses import KEY_BYTES, address_key, fold_address
from haihai_tui.sync.customers import (
    INDEX,
    SNAPSHOT,
    CustomersPlan,
    CustomersPlanner,
    ids_of,
)
from haihai_tui.sync.draft import FLOW
from haihai_tui.sync.events import Event
from haihai_tui.sync.findings import (
    DIFFERENT,
    MISSING,
    SUPERFLUOUS,
    UNLINKED,
    Finding,
    Findings,
    differing,
    finding_line,
)
from haihai_tui.sync.mapping import Mapper, Problem, one_line
from haihai_tui.sync.matching import EVENT_WIDTH, STATE_CODES, STATE_WIDTH
from haihai_tui.sync.ports import MemberRow, PageFile
from haihai_tui.sync.reading import records_of
from haihai_tui.sync.services import Services
from haihai_tui.sync.tables.csvlines import csv_line, split_line
from haihai_tui.sync.tables.fixed import FixedTable
from haihai_tui.sync.tables.records import ID_WIDTH, record_id
from haihai_tui.sync.tables.snapshot import ACTIVE, Snapshot
from haihai_tui.sync.tables.sorting import sort_fixed, sort_records

_KEY_HEX = 2 * KEY_BYTES
_ID_END = _KEY_HEX + ID_WIDTH

MemberRows = tuple[tuple[str, ...], Iterator[MemberRow]]
MemberReader = Callable[[Sequence[str]], MemberRows]
"""From the items that are wanted to those that are told and the members' rows."""


class ReconcilePlanner(CustomersPlanner):
    """Plans like a full run that asks the other side for everything too."""

    def __init__(self, services: Services, from_file: MemberReader | None) -> None:
        super().__init__(services)
        self._from_file = from_file
        self._members = self._folder / "members.compared"
        self._unsorted = self._folder / "members.unsorted"
        self._theirs: Iterator[bytes] = iter(())
        self._told: tuple[str, ...] = ()
        self._relinked: Path | None = None
        self._findings: Findings | None = None

    def plan(self) -> CustomersPlan:
        plan = super().plan()
        plan.findings = self._findings
        return plan

    def _must_read_all(self, old: Snapshot | None, forced: Path) -> bool:
        return True

    def _needs_members(self, events: Path, ledger: Path | None, *, first: bool) -> bool:
        return True

    def _read_members(self) -> Path | None:
        """The states by address; the values are put in order beside."""
        self._told, rows = self._member_rows()
        self._theirs = sort_records(self._lines(rows), _whole, self._folder, "theirs")
        sort_fixed(self._unsorted, STATE_WIDTH, self._members)
        return self._members

    def _other_side(
        self, pages: Iterable[PageFile], old: Snapshot | None, forced: Path
    ) -> tuple[Path, Path | None]:
        self._index = None if old is None else self._checked_index()
        self._known_members()
        ours = sort_records(
            _ours(self.mapper, records_of(pages)), _whole, self._folder, "ours"
        )
        found = self._folder / "findings"
        with (
            FixedTable(self._index, EVENT_WIDTH, KEY_BYTES) as index,
            found.open("wb") as out,
        ):
            join = _Join(self.mapper, self._told, index)
            lines = join.of(self._checked(ours), self._theirs)
            for line in sort_records(lines, _record_of, self._folder, "found"):
                out.write(line + b"\n")
        self._findings = findings = Findings(found, self._told, self._relinked)
        again = findings.ids(MISSING, DIFFERENT)
        sent = heapq.merge(ids_of(forced), again)
        expelled = self._write_ids("expelled", findings.ids(SUPERFLUOUS))
        return self._write_ids("sent_again", sent), expelled

    def _usable_index(self) -> Path:
        assert self._index is not None
        return self._index

    def _checked_index(self) -> Path:
        """The index as it follows from the snapshot; what disagreed is noted."""
        snapshot = self._services.table(SNAPSHOT)
        assert snapshot is not None
        rebuilt = self._folder / "index.rebuilt"
        rebuild_index(snapshot, rebuilt)
        known = self._services.table(INDEX, EVENT_WIDTH)
        if known is None:
            return rebuilt
        unsorted, relinked = self._folder / "disagree", self._folder / "relinked"
        with (
            FixedTable(known, EVENT_WIDTH, KEY_BYTES) as one,
            FixedTable(rebuilt, EVENT_WIDTH, KEY_BYTES) as other,
            unsorted.open("wb") as out,
        ):
            out.writelines(_disagreeing(iter(one), iter(other)))
        if unsorted.stat().st_size:
            sort_fixed(unsorted, ID_WIDTH, relinked)
            self._relinked = relinked
        return rebuilt

    def _member_rows(self) -> MemberRows:
        items = self.mapper.columns[1:]
        if self._from_file is not None:
            told, rows = self._from_file(items)
        else:
            group, haihai = self._config.group, self._services.haihai
            told, rows = haihai.member_rows(group, items, self._folder)
        if len(told) < len(items):
            self._tell_untold([item for item in items if item not in told])
        return told, rows

    def _tell_untold(self, items: list[str]) -> None:
        wording = text(
            "配配メールの一覧に項目「{items}」がないため、その値は前回送った値と比べ"
            "ます。",
            items="、".join(items),
        )
        self._services.listener(
            Event("values_unknown", FLOW, wording, "warning", {"items": items})
        )

    def _lines(self, rows: Iterator[MemberRow]) -> Iterator[bytes]:
        """Key (hex), state and values of each member; notes the states beside."""
        with self._unsorted.open("wb", buffering=1 << 18) as states:
            for count, row in enumerate(rows, start=1):
                yield _their_line(row, states)
                if count % 20_000 == 0:
                    self._services.pacer.check()
                    self._tell_read(count)

    def _tell_read(self, done: int) -> None:
        wording = text("配配メールから読み取り中: {done} 件", done=done)
        data = {"stage": "read", "done": done, "total": None}
        self._services.listener(Event("progress", FLOW, wording, "debug", data))

    def _checked(self, lines: Iterator[bytes]) -> Iterator[bytes]:
        for count, line in enumerate(lines):
            if count % 20_000 == 0:
                self._services.pacer.check()
            yield line


class _Join:
    """Merges both sides, sorted by address key, into findings."""

    def __init__(
        self, mapper: Mapper, told: tuple[str, ...], index: FixedTable
    ) -> None:
        self._at = [mapper.columns.index(item) for item in told]
        keeps = mapper.keeps_blank
        self._keeps = [keeps[at - 1] for at in self._at]
        self._index = index

    def of(self, ours: Iterator[bytes], theirs: Iterator[bytes]) -> Iterator[bytes]:
        members = _unique(theirs)
        member = next(members, None)
        for key, group in groupby(ours, key=_key_of):
            while member is not None and _key_of(member) < key:
                yield from self._not_in_audience(member)
                member = next(members, None)
            if member is not None and _key_of(member) == key:
                yield from self._against(group, member)
                member = next(members, None)
            else:
                for line in group:
                    yield finding_line(Finding(_id_of(line), MISSING), "")
        while member is not None:
            yield from self._not_in_audience(member)
            member = next(members, None)

    def _against(self, group: Iterator[bytes], member: bytes) -> Iterator[bytes]:
        theirs = member[_KEY_HEX + 1 :].decode()
        linked = {
            record[KEY_BYTES:-1]
            for record in self._linked(member)
            if record[-1:] == ACTIVE
        }
        for line in group:
            if _id_of(line) not in linked:
                yield finding_line(Finding(_id_of(line), UNLINKED), theirs)
            elif theirs and self._differs(line[_ID_END:].decode(), theirs):
                yield finding_line(Finding(_id_of(line), DIFFERENT), theirs)

    def _differs(self, ours: str, theirs: str) -> bool:
        values = split_line(ours)
        wanted = [values[at] for at in self._at]
        return bool(differing(wanted, split_line(theirs), self._keeps))

    def _not_in_audience(self, member: bytes) -> Iterator[bytes]:
        """A member without a record; ours to take out where we registered it, and
        left alone where nothing is mailed to it anyway."""
        if member[_KEY_HEX : _KEY_HEX + 1] != STATE_CODES["allowed"]:
            return
        linked = self._linked(member)
        if linked and all(record[-1:] != ACTIVE for record in linked):
            yield finding_line(Finding(linked[0][KEY_BYTES:-1], SUPERFLUOUS), "")

    def _linked(self, member: bytes) -> list[bytes]:
        return self._index.find(bytes.fromhex(_key_of(member).decode()))


def _their_line(row: MemberRow, states: IO[bytes]) -> bytes:
    (address, state, *_), values = row
    key = address_key(fold_address(address) or address.strip().lower())
    code = STATE_CODES[state]
    states.write(key + code)
    told = csv_line([one_line(value) for value in values]) if values else ""
    return key.hex().encode() + code + told.encode("utf-8", "replace")


def _ours(mapper: Mapper, records: Iterable[bytes]) -> Iterator[bytes]:
    """Key (hex), Id and values of each record; one that cannot be sent is left out,
    since the plan rejects it."""
    for record in records:
        row = mapper.map(record)
        if not isinstance(row, Problem):
            key = address_key(row.address).hex().encode()
            yield key + record_id(record) + row.values.encode()


def _unique(lines: Iterator[bytes]) -> Iterator[bytes]:
    last = b""
    for line in lines:
        if _key_of(line) != last:
            yield line
        last = _key_of(line)


def _disagreeing(one: Iterator[bytes], other: Iterator[bytes]) -> Iterator[bytes]:
    """Ids of the records that only one of two sorted tables has."""
    left, right = next(one, None), next(other, None)
    while left is not None or right is not None:
        if left == right:
            left, right = next(one, None), next(other, None)
        elif right is None or (left is not None and left < right):
            assert left is not None
            yield left[KEY_BYTES:-1]
            left = next(one, None)
        else:
            yield right[KEY_BYTES:-1]
            right = next(other, None)


def _whole(line: bytes) -> bytes:
    return line


def _key_of(line: bytes) -> bytes:
    return line[:_KEY_HEX]


def _id_of(line: bytes) -> bytes:
    return line[_KEY_HEX:_ID_END]


def _record_of(line: bytes) -> bytes:
    return line[:ID_WIDTH]
