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
from haihai_tui.sync.cut_off import NOBODY
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

LEFT_OVER = b"?"
"""Flag of an event: a run that was cut off may have put the address into the group for
this record; nobody may be behind it any more."""

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
    `unowned`: keys of addresses to take out of the group, since nobody owns them.
    `left_behind`: was perhaps sent, by a run that was cut off, to an address that is
    stopped or barred (the code).
    `settled` is `Tables.settled`; `given_up` holds those whose bar, once ours, may be
    another's by now.
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
    unowned: set[bytes] = field(default_factory=set)
    left_behind: dict[bytes, bytes] = field(default_factory=dict)
    settled: bool = True
    given_up: frozenset[bytes] = frozenset()

    @property
    def sets_states(self) -> bool:
        """Whether an address may have to be stopped or barred before it is sent."""
        return bool(self.restore or self.silent or self.left_behind)


@dataclass(frozen=True, slots=True)
class Tables:
    """What decisions are read from; each may be missing.

    `index`: address → linked Ids.  `members`: address → state in the group, fresh.
    `ledger`: address → the last stop or bar that we saw, kept for good.
    `settled` is false while imports of ours may still be waiting at the service: the
    members are then not yet what they will be, and nothing is taken for granted that
    one of these imports could change.
    """

    index: Path | None
    members: Path | None
    ledger: Path | None
    settled: bool = True


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
    decisions = Decisions(held=dict(held), settled=tables.settled)
    is_certain = tables.settled and tables.members is not None
    with (
        FixedTable(events, EVENT_WIDTH, KEY_BYTES) as asked,
        FixedTable(tables.index, EVENT_WIDTH, KEY_BYTES) as index,
        FixedTable(tables.members, STATE_WIDTH, KEY_BYTES) as members,
        FixedTable(tables.ledger, LEDGER_WIDTH, KEY_BYTES) as ledger,
    ):
        # Where nobody is known anywhere, only claims to the same address can clash.
        known = index.count or members.count or ledger.count or not tables.settled
        records = asked if known or not create else _repeated(asked)
        for key, group in groupby(records, key=_key):
            sides = _sides(group, held)
            owners = _owners(index.find(key), sides.departures)
            arriving = {one: kind for one, kind in sides.arrivals if one not in held}
            claimants = owners.union(arriving)
            if arriving and len(claimants) > 1:
                asking = (one for one, _ in sides.arrivals)
                everyone = tuple(sorted(owners.union(asking)))
                for one, kind in arriving.items():
                    decisions.held[one] = Held(key, kind, everyone)
                arriving, claimants = {}, owners
            state = _state(members.find(key))
            seen = _Seen(state, None, is_certain)
            if state is None or not is_certain:
                seen = _Seen(state, _remembered(ledger.find(key)), is_certain)
            for one in sides.departures:
                _judge_departure(decisions, one, claimants, seen.strongest)
                if state in SILENT and state is not None:
                    decisions.forgotten[one] = key, state
                if seen.is_absent:
                    decisions.absent.add(one)
            if seen.lost is not None:
                # Taken out by hand: sending would let them join again as 配信可能.
                decisions.restore |= dict.fromkeys(sides.updated, seen.lost)
            for one, kind in arriving.items():
                _judge_arrival(decisions, one, seen)
                if state is None and not create and kind != ADDRESS:
                    decisions.unknown[one] = kind
            for one in inherited.keys() & {*sides.updated, *arriving}:
                told = state if is_certain else None
                _judge_inheritance(decisions, one, told, inherited[one])
            if sides.left_over and not claimants and not sides.departures:
                _judge_unowned(decisions, key, sides.left_over, seen)
            for one in sides.left_over:
                if seen.strongest in SILENT and seen.strongest is not None:
                    decisions.left_behind[one] = seen.strongest
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


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known of an address in the group: its state by the list of members and
    the one last remembered, which is only asked for where the list may not tell.
    `is_certain`: there is a list, and no import of ours will change what it says."""

    state: bytes | None
    remembered: bytes | None
    is_certain: bool

    @property
    def strongest(self) -> bytes | None:
        if self.state in SILENT and self.remembered in SILENT:
            return max(self.state or b"", self.remembered or b"", key=b"sb".find)
        return self.remembered if self.remembered in SILENT else self.state

    @property
    def is_absent(self) -> bool:
        return self.state is None and self.is_certain

    @property
    def lost(self) -> bytes | None:
        """The stop or bar that may be missing when somebody is sent there."""
        if self.state in SILENT or self.remembered not in SILENT:
            return None
        return self.remembered

    @property
    def may_be_lost(self) -> bytes | None:
        """The same for somebody who arrives: an import that takes the address out
        may come before theirs."""
        known = self.lost if self.is_certain else self.strongest
        return known if known in SILENT else None


def _key(record: bytes) -> bytes:
    return record[:KEY_BYTES]


@dataclass(slots=True)
class _Sides:
    """The events of one address."""

    arrivals: list[tuple[bytes, bytes]] = field(default_factory=list)
    departures: set[bytes] = field(default_factory=set)
    updated: list[bytes] = field(default_factory=list)
    left_over: list[bytes] = field(default_factory=list)


def _sides(group: Iterator[bytes], held: dict[bytes, Held]) -> _Sides:
    sides = _Sides()
    for record in group:
        record_id = record[KEY_BYTES:-1]
        match record[-1:]:
            case b"U":
                sides.updated.append(record_id)
            case b"-":
                if record_id not in held:
                    sides.departures.add(record_id)
            case b"?":
                sides.left_over.append(record_id)
            case kind:
                sides.arrivals.append((record_id, kind))
    return sides


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


def _judge_arrival(decisions: Decisions, one: bytes, seen: _Seen) -> None:
    if seen.state is not None:
        decisions.linked += 1
    lost = seen.may_be_lost
    if lost is not None:
        decisions.restore[one] = lost
    elif seen.state in SILENT and seen.state is not None:
        decisions.states[one] = seen.state


def _judge_unowned(
    decisions: Decisions, key: bytes, sent_for: list[bytes], seen: _Seen
) -> None:
    """A stopped person stays where they are; who is no member cannot leave.  Of whom
    only the taking out is in doubt, the list tells enough."""
    only_left = all(one == NOBODY for one in sent_for)
    is_gone = seen.state is None and (seen.is_certain or only_left)
    if seen.strongest not in SILENT and not is_gone:
        decisions.unowned.add(key)


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
