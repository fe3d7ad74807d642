"""What must hold when a world has come to rest, whatever had happened to it.

Each check says in words what is wrong; an empty list is a world in order.  They know
the two services and the promises, and nothing of how the sync works, save its
snapshot, which tells whose address is whose.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from haihai_tui.sync.addresses import address_key
from haihai_tui.sync.customers import SNAPSHOT
from haihai_tui.sync.services import RECONCILED
from haihai_tui.sync.tables.csvlines import split_line
from haihai_tui.sync.tables.snapshot import (
    ACTIVE,
    VALUES_AT,
    Snapshot,
    line_address,
    line_flag,
)
from tests.sync.property.history import folded
from tests.sync.property.salesforce import Record
from tests.sync.property.witness import RECORD_ITEM, SILENT
from tests.sync.property.world import GROUP, World

RANK = {"allowed": 0, "stopped": 1, "barred": 2}
WORDS = {"allowed": "配信可能", "stopped": "配信停止", "barred": "配信禁止"}
OVERLAP_PASSED = timedelta(minutes=45)
ROUNDS = 6

Standing = tuple[str, str, bool]
"""State, its time, and whether the address is in error."""


@dataclass(frozen=True, slots=True)
class Link:
    """A line of the snapshot."""

    address: str
    active: bool
    values: tuple[str, ...]


def links(world: World) -> dict[str, Link]:
    name = world.state.rows.snapshots.get(SNAPSHOT)
    if not name:
        return {}
    snapshot = Snapshot(world.tables / name)
    found = {
        line[:18].decode(): Link(
            line_address(line),
            line_flag(line) == ACTIVE,
            tuple(split_line(line[VALUES_AT:].decode())),
        )
        for line in snapshot.lines()
    }
    snapshot.close()
    return found


# ------------------------------------------------------------------ coming to rest


def come_to_rest(world: World, *, until_quiet: bool) -> list[str]:
    """Run undisturbed until nothing is written any more; what went wrong."""
    world.haihai.held = False
    world.haihai.fail_next = 0
    world.haihai.work_off()
    world.clock.tick(OVERLAP_PASSED.total_seconds())
    if until_quiet and world.setting.results == "untold":
        # Nobody tells of a registration that failed: comparing both sides finds it.
        world.run_confirmed()
        world.run_confirmed(RECONCILED, reconcile=True)
    for _ in range(ROUNDS):
        before = world.written()
        ran = world.run_confirmed()
        if not ran.went_well:
            error = ran.outcome.error if ran.outcome else None
            return [f"an undisturbed run ended with {error!r}"]
        if world.written() == before and until_quiet:
            return _stays_quiet(world)
    return ["the runs never came to an end of writing"] if until_quiet else []


def compare_and_rest(world: World) -> list[str]:
    """Both sides compared and mended, then at rest again: nothing is left to find."""
    world.run_confirmed(RECONCILED, reconcile=True)
    wrong = come_to_rest(world, until_quiet=True)
    before = world.written()
    world.run_confirmed(RECONCILED, reconcile=True)
    if world.written() != before:
        wrong.append("comparing both sides found something once more")
    return wrong + what_is_wrong(world, compared=True)


def _stays_quiet(world: World) -> list[str]:
    for full, pause in ((False, 0.0), (True, 0.0), (False, 3600.0)):
        world.clock.tick(pause)
        before = world.written()
        world.run_confirmed(full=full)
        if world.written() != before:
            return [f"a quiet world was written to: {before} -> {world.written()}"]
    return []


# ------------------------------------------------------------------- at rest


def what_is_wrong(world: World, *, compared: bool) -> list[str]:
    """`compared`: both sides were compared in full; before, a record that never had
    another link may hold on to a stop that came with an address it shared."""
    found = list(world.ledger.broken)
    found += _Customers(world).wrong()
    found += _write_back(world, compared=compared)
    found += _views(world)
    return found


def open_rejects(world: World, flow: str) -> set[str]:
    return {key[1] for key in world.state.rows.rejects if key[0] == flow}


class _Customers:
    """Group, audience and snapshot against each other."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.audience = [
            record
            for record in world.salesforce.records("Contact")
            if world.in_audience(record)
        ]
        self.links = links(world)
        self.claims: dict[str, list[Record]] = defaultdict(list)
        for record in self.audience:
            address = folded(record)
            if address is not None:
                self.claims[address].append(record)
        self.stuck = self._stuck()

    def _stuck(self) -> set[str]:
        """Records that wait for a person or for a better value, and whoever wants
        an address that such a record still holds."""
        stuck = {one.record_id for one in self.audience if not self.world.sendable(one)}
        for claimants in self.claims.values():
            if len(claimants) > 1:
                stuck |= {one.record_id for one in claimants}
        answered = self.world.state.rows.answers.values()
        stuck |= {one for answer in answered for one in answer.candidates}
        while True:
            held = {
                link.address
                for one, link in self.links.items()
                if one in stuck and link.active
            }
            more = {
                one.record_id
                for address in held & self.claims.keys()
                for one in self.claims[address]
            }
            if more <= stuck:
                return stuck
            stuck |= more

    def wrong(self) -> Iterator[str]:
        yield from self._rejects()
        yield from self._one_address_two_people()
        yield from self._reviews()
        for record in self.audience:
            if record.record_id not in self.stuck:
                yield from self._record(record)
        yield from self._members()

    def _rejects(self) -> Iterator[str]:
        wanted = {
            one.record_id for one in self.audience if not self.world.sendable(one)
        }
        found = open_rejects(self.world, "customers")
        if wanted != found:
            yield f"rejects: missing {wanted - found}, too many {found - wanted}"

    def _one_address_two_people(self) -> Iterator[str]:
        owners: dict[str, list[str]] = defaultdict(list)
        for one, link in self.links.items():
            if link.active:
                owners[link.address].append(one)
        for address, people in owners.items():
            if len(people) > 1:
                yield f"{address} is registered for {people}"

    def _reviews(self) -> Iterator[str]:
        asked = {
            key[1] for key in self.world.state.rows.reviews if key[0] == "customers"
        }
        answered = {key[1] for key in self.world.state.rows.answers}
        for address, claimants in self.claims.items():
            able = [one for one in claimants if self.world.sendable(one)]
            waiting = [
                one.record_id for one in able if not self._is_linked(one, address)
            ]
            key = address_key(address).hex()
            if len(able) > 1 and waiting and key not in asked | answered:
                yield f"{waiting} wait for {address}, and nobody is asked"
        for review in self.world.state.rows.reviews.values():
            if not self.stuck.intersection(review.candidates):
                yield f"a question about {review.candidates} is open without need"

    def _is_linked(self, record: Record, address: str) -> bool:
        link = self.links.get(record.record_id)
        return link is not None and link.active and link.address == address

    def _record(self, record: Record) -> Iterator[str]:
        """One who can be registered, is; with the values that Salesforce has."""
        world, address = self.world, folded(record)
        assert address is not None
        if not self._is_linked(record, address):
            if world.setting.create:
                yield f"{record.record_id} is not linked to {address}"
            return
        if (GROUP, address) not in world.ledger.touched:
            return
        if world.haihai.state(GROUP, address) is None:
            yield f"{record.record_id} is missing in the group as {address}"
        customer = world.haihai.customers.get(address, {})
        for mapping in world.config.customers.fields:
            value = world.mapped(record)[mapping.haihai].replace("\n", "\r\n")
            if not value and mapping.blank == "keep":
                continue
            if customer.get(mapping.haihai, "") != value:
                yield f"{address}: {mapping.haihai} is {customer!r}, not {value!r}"

    def _members(self) -> Iterator[str]:
        """Nobody outside the audience is mailed, unless an admin wanted it so."""
        kept = {
            link.address
            for one, link in self.links.items()
            if one in self.stuck and link.active
        }
        people: dict[str, list[str]] = defaultdict(list)
        for key, member in self.world.haihai.members_of[GROUP].items():
            if member.state in SILENT or (GROUP, key) not in self.world.ledger.touched:
                continue
            if key not in self.claims and key not in kept:
                yield f"{key} is mailed outside the audience"
            people[self.world.haihai.customers[key].get(RECORD_ITEM, "")].append(key)
        for one, keys in people.items():
            if len(keys) > 1:
                yield f"{one} is mailed as {keys}"


# ----------------------------------------------------------------- the write-back


def _groups(world: World) -> tuple[str, ...]:
    rollup = world.setting.rollup
    return tuple(world.haihai.members_of) if isinstance(rollup, str) else rollup


def _rolled_up(world: World, key: str) -> tuple[str, str] | None:
    """State and time by the declared rule; None for who is in no group."""
    found = [
        world.haihai.members_of[group][key]
        for group in _groups(world)
        if key in world.haihai.members_of[group]
    ]
    if not found:
        return None
    choose = min if world.setting.rollup == "all" else max
    state = choose((member.state for member in found), key=RANK.__getitem__)
    times = [member.at for member in found if member.state == state]
    return state, max(times) if state in SILENT else ""


def _people(world: World) -> Iterator[tuple[Record, str]]:
    for sobject in ("Contact", "Lead"):
        for record in world.salesforce.records(sobject):
            key = folded(record)
            if key is not None and not record.deleted:
                yield record, key


def _standings(
    world: World, record: Record, linked: str
) -> list[tuple[str, str, bool]]:
    """Of the addresses behind a record: its own one and the one that it is linked to.
    Empty where the service knows neither, or has forgotten."""
    keys = {key for key in (folded(record), linked) if key}
    found = []
    for key in keys:
        rolled = _rolled_up(world, key)
        if rolled is None and key == linked:
            # No member any more: what was last seen stays remembered.
            return []
        if rolled is not None:
            found.append((*rolled, key in world.haihai.in_error))
    return found


def _write_back(world: World, *, compared: bool) -> Iterator[str]:
    linked = links(world)
    for sobject in ("Contact", "Lead"):
        for record in world.salesforce.records(sobject):
            link = linked.get(record.record_id)
            standings = _standings(world, record, link.address if link else "")
            if not compared and _may_hold_on(world, record):
                continue
            if standings and not record.deleted:
                yield from _written(world, record, standings)
    for flow in ("suppressions", "page-views"):
        if found := open_rejects(world, flow):
            yield f"rejects of {flow} are open: {found}"


def _may_hold_on(world: World, record: Record) -> bool:
    if record.record_id in world.ledger.moved:
        return False
    shown = record.get(world.setting.state_field)
    return shown in ("配信停止", "配信禁止", "true") or bool(record.get("StateAt__c"))


def _written(world: World, record: Record, standings: list[Standing]) -> Iterator[str]:
    one = f"{record.record_id} ({record.get('Email')})"
    state, at, _ = max(standings, key=lambda told: (RANK[told[0]], told[1]))
    value = record.get(world.setting.state_field)
    shown = {WORDS[state]} if state in SILENT else {"", WORDS["allowed"]}
    if world.setting.boolean_state:
        shown = {"true"} if state in SILENT else {"", "false"}
    if value not in shown:
        yield f"{one} shows {value!r} and is {state}"
    if record.get("StateAt__c") != at.replace("Z", ".000Z"):
        yield f"{one}: time {record.get('StateAt__c')!r}, not {at!r}"
    if world.setting.status:
        wanted = {"エラー"} if any(told[2] for told in standings) else {"", "OK"}
        if record.get("Status__c") not in wanted:
            yield f"{one}: status {record.get('Status__c')!r}"


def _views(world: World) -> Iterator[str]:
    for record, key in _people(world):
        seen = {
            (url, at, kind)
            for address, url, at, kind, _ in world.haihai.events
            if address.lower() == key
        }
        if not seen:
            continue
        last = max(at for _, at, _ in seen)
        urls = {url[:30] for url, at, _ in seen if at == last}
        if record.get("Count__c") != str(len(seen)):
            yield f"{record.record_id}: {record.get('Count__c')!r} of {len(seen)} views"
        if record.get("ViewedAt__c") != last.replace("Z", ".000Z"):
            yield f"{record.record_id}: last view at {record.get('ViewedAt__c')!r}"
        if record.get("Url__c") not in urls:
            yield f"{record.record_id}: last URL {record.get('Url__c')!r}"
