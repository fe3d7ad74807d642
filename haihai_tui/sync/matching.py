"""Who owns an address: decided for all addresses that a run touches, at once.

The stored link comes first, then the folded address.  An address that more than
one person would own is written for none of those who ask for it anew; it waits
in the review queue.  Everything is read in key order from sorted tables, so two
million addresses need no more memory than two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import IO

from haihai_tui.sync.addresses import KEY_BYTES, address_key, fold_address
from haihai_tui.sync.ports import DeliveryState, Member
from haihai_tui.sync.suppression_ledger import LEDGER_WIDTH, remembered_state
from haihai_tui.sync.tables.changes import ADDRESS
from haihai_tui.sync.tables.fixed import FixedTable
from haihai_tui.sync.tables.records import ID_WIDTH
from haihai_tui.sync.tables.snapshot import ACTIVE
from haihai_tui.sync.tables.sorting import sort_fixed

DEPARTS = b"-"
"""Flag of an event: the record gives the address up.  A claim is flagged with the
kind of its change; UPDATE claims nothing, its address is sent to all the same."""

EVENT_WIDTH = KEY_BYTES + ID_WIDTH + 1
"""A record of the address index or of the events: key, Id, flag."""

STATE_WIDTH = KEY_BYTES + 1
STATE_CODES: dict[DeliveryState, bytes] = {
    "allowed": b"a",
    "stopped": b"s",
    "barred": b"b",
}
SILENT = frozenset((b"s", b"b"))


def stronger(one: bytes | None, other: bytes | None) -> bytes:
    """The state of the two that says no more clearly; nothing where both allow."""
    return max(one or b"", other or b"", key=rank)


def rank(state: bytes) -> int:
    """禁止 over 停止 over all else."""
    return {b"s": 1, b"b": 2}.get(state, 0)


class EventWriter:
    """Notes which record claims which address and which gives one up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._out: IO[bytes] = path.open("wb")

    def write(self, key: bytes, record_id: bytes, kind: bytes) -> None:
        self.count += 1
        self._out.write(key + record_id + kind)

    def close(self) -> None:
        self._out.close()

    def sorted(self) -> Path:
        """Sort what was written; the path of the sorted events."""
        target = self.path.with_suffix(".sorted")
        sort_fixed(self.path, EVENT_WIDTH, target)
        self.path.unlink()
        return target


@dataclass(slots=True)
class Held:
    """An address that several records claim; `candidates` are all of them.

    `kind` is the kind of the change that waits.
    """

    key: bytes
    kind: bytes
    candidates: tuple[bytes, ...]


@dataclass(slots=True)
class Decisions:
    """The exceptions from the rule that every change goes through, by Id.

    `held`: waits for a person.  `shared`: departs from an address that another
    record keeps, so the address must stay in the group.  `silent`: departs from
    an address that was last seen stopped or barred (the code).  `absent`: departs
    from an address that is no member.  `restore`: is sent to an address that is no
    member now but was last seen stopped or barred; the state comes first.
    `states`: arrives at a member that is stopped or barred.  `unknown`: arrives at
    an address that is no member while creating is switched off (the change's kind).
    `forgotten`: departs from a member who is stopped or barred now (key and code);
    with the membership the service would forget it.
    `linked` counts arrivals at addresses that were members already.
    """

    held: dict[bytes, Held] = field(default_factory=dict)
    shared: set[bytes] = field(default_factory=set)
    silent: dict[bytes, bytes] = field(default_factory=dict)
    absent: set[bytes] = field(default_factory=set)
    restore: dict[bytes, bytes] = field(default_factory=dict)
    states: dict[bytes, bytes] = field(default_factory=dict)
    unknown: dict[bytes, bytes] = field(default_factory=dict)
    forgotten: dict[bytes, tuple[bytes, bytes]] = field(default_factory=dict)
    linked: int = 0


@dataclass(frozen=True, slots=True)
class Tables:
    """What decisions are read from; each may be missing.

    `index`: address → linked Ids.  `members`: address → state in the group, fresh.
    `ledger`: address → the last stop or bar that we saw, kept for good.
    """

    index: Path | None
    members: Path | None
    ledger: Path | None


def decide(
    events: Path,
    tables: Tables,
    *,
    create: bool,
    inherited: Mapping[bytes, bytes] = MappingProxyType({}),
) -> Decisions:
    """Judge all events; `inherited` are the states (by Id) of records that were merged
    into these.

    A record that is held back keeps its old address, which may hold others back
    in turn: judged anew until nothing moves.
    """
    held: dict[bytes, Held] = {}
    while True:
        decisions = _judge(events, tables, held, inherited, create=create)
        if decisions.held.keys() == held.keys():
            return decisions
        held = decisions.held


def _judge(
    events: Path,
    tables: Tables,
    held: dict[bytes, Held],
    inherited: Mapping[bytes, bytes],
    *,
    create: bool,
) -> Decisions:
    decisions = Decisions(held=dict(held))
    with (
        FixedTable(events, EVENT_WIDTH, KEY_BYTES) as asked,
        FixedTable(tables.index, EVENT_WIDTH, KEY_BYTES) as index,
        FixedTable(tables.members, STATE_WIDTH, KEY_BYTES) as members,
        FixedTable(tables.ledger, LEDGER_WIDTH, KEY_BYTES) as ledger,
    ):
        # Where nobody is known anywhere, only claims to the same address can clash.
        known = index.count or members.count or ledger.count
        records = asked if known or not create else _repeated(asked)
        for key, group in groupby(records, key=_key):
            arrivals, departures, updated = _sides(group, held)
            owners = _owners(index.find(key), departures)
            arriving = {one: kind for one, kind in arrivals if one not in held}
            claimants = owners.union(arriving)
            if arriving and len(claimants) > 1:
                everyone = tuple(sorted(owners.union(one for one, _ in arrivals)))
                for one, kind in arriving.items():
                    decisions.held[one] = Held(key, kind, everyone)
                arriving, claimants = {}, owners
            state = _state(members.find(key))
            remembered = _remembered(ledger.find(key)) if state is None else None
            for one in departures:
                _judge_departure(decisions, one, claimants, state or remembered)
                if state in SILENT and state is not None:
                    decisions.forgotten[one] = key, state
                if state is None and tables.members is not None:
                    decisions.absent.add(one)
            if remembered in SILENT and remembered is not None:
                # Taken out by hand: sending would let them join again as 配信可能.
                decisions.restore |= dict.fromkeys(updated, remembered)
            for one, kind in arriving.items():
                _judge_arrival(decisions, one, state, remembered)
                if state is None and not create and kind != ADDRESS:
                    decisions.unknown[one] = kind
            for one in inherited.keys() & {*updated, *arriving}:
                _judge_inheritance(decisions, one, state, inherited[one])
    return decisions


def _judge_inheritance(
    decisions: Decisions, one: bytes, state: bytes | None, inherited: bytes
) -> None:
    if state in SILENT and state is not None:
        decisions.states[one] = state
    decisions.restore[one] = stronger(decisions.restore.get(one), inherited)


def _repeated(asked: FixedTable) -> Iterator[bytes]:
    """The records whose key is not theirs alone."""
    carry: list[bytes] = []
    for block in asked.blocks():
        records = carry + block
        last = records[-1][:KEY_BYTES]
        end = len(records) - 1
        while end and records[end - 1][:KEY_BYTES] == last:
            end -= 1
        yield from _repeated_in(records[:end])
        carry = records[end:]
    yield from _repeated_in(carry)


def _repeated_in(records: list[bytes]) -> Iterator[bytes]:
    if len({record[:KEY_BYTES] for record in records}) == len(records):
        return
    for _, group in groupby(records, key=_key):
        same = list(group)
        if len(same) > 1:
            yield from same


def _key(record: bytes) -> bytes:
    return record[:KEY_BYTES]


def _sides(
    group: Iterator[bytes], held: dict[bytes, Held]
) -> tuple[list[tuple[bytes, bytes]], set[bytes], list[bytes]]:
    arrivals: list[tuple[bytes, bytes]] = []
    departures: set[bytes] = set()
    updated: list[bytes] = []
    for record in group:
        record_id = record[KEY_BYTES:-1]
        match record[-1:]:
            case b"U":
                updated.append(record_id)
            case b"-":
                if record_id not in held:
                    departures.add(record_id)
            case kind:
                arrivals.append((record_id, kind))
    return arrivals, departures, updated


def _owners(records: list[bytes], departures: set[bytes]) -> set[bytes]:
    return {
        record[KEY_BYTES:-1]
        for record in records
        if record[-1:] == ACTIVE and record[KEY_BYTES:-1] not in departures
    }


def _state(records: list[bytes]) -> bytes | None:
    return records[0][KEY_BYTES : KEY_BYTES + 1] if records else None


def _remembered(records: list[bytes]) -> bytes | None:
    return remembered_state(records[0]) if records else None


def _judge_departure(
    decisions: Decisions, one: bytes, owners_after: set[bytes], state: bytes | None
) -> None:
    if owners_after:
        decisions.shared.add(one)
    if state in SILENT and state is not None:
        decisions.silent[one] = state


def _judge_arrival(
    decisions: Decisions, one: bytes, state: bytes | None, remembered: bytes | None
) -> None:
    if state is not None:
        decisions.linked += 1
        if state in SILENT:
            decisions.states[one] = state
    elif remembered in SILENT and remembered is not None:
        decisions.restore[one] = remembered


def touches_a_stop(events: Path, ledger: Path | None) -> bool:
    """Whether any address of the events was last seen stopped or barred."""
    if ledger is None:
        return False
    with (
        FixedTable(events, EVENT_WIDTH, KEY_BYTES) as asked,
        FixedTable(ledger, LEDGER_WIDTH, KEY_BYTES) as known,
    ):
        return any(
            _remembered(known.find(key)) in SILENT
            for key, _ in groupby(asked, key=_key)
        )


def write_members(members: Iterable[Member], target: Path) -> int:
    """The members of a group as a sorted table of key and state; their number."""
    unsorted = target.with_suffix(".unsorted")
    count = 0
    with unsorted.open("wb", buffering=1 << 18) as out:
        for address, state, _, _, _ in members:
            folded = fold_address(address) or address.strip().lower()
            out.write(address_key(folded) + STATE_CODES[state])
            count += 1
    sort_fixed(unsorted, STATE_WIDTH, target)
    unsorted.unlink()
    return count
