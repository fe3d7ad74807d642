"""Who owns an address, in every constellation of one run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from haihai_tui.sync.addresses import address_key
from haihai_tui.sync.matching import (
    DEPARTS,
    Decisions,
    EventWriter,
    Tables,
    decide,
    touches_a_stop,
    write_members,
)
from haihai_tui.sync.ports import DeliveryState
from haihai_tui.sync.suppression_ledger import Standing
from haihai_tui.sync.tables.changes import ADDRESS, CREATE


def an_id(name: str) -> bytes:
    return name.encode().rjust(18, b"0")


@dataclass
class Case:
    """One run's constellation, by names and addresses."""

    folder: Path
    owners: dict[str, str] = field(default_factory=dict)
    members: dict[str, DeliveryState] | None = None
    remembered: dict[str, bytes] = field(default_factory=dict)
    events: list[tuple[str, str, bytes]] = field(default_factory=list)

    def arrives(self, name: str, address: str, kind: bytes = CREATE) -> None:
        self.events.append((address, name, kind))

    def departs(self, name: str, address: str) -> None:
        self.events.append((address, name, DEPARTS))

    def moves(self, name: str, old: str, new: str) -> None:
        self.departs(name, old)
        self.arrives(name, new, ADDRESS)

    def decide(self, *, create: bool = True) -> Decisions:
        writer = EventWriter(self.folder / "events")
        for address, name, kind in self.events:
            writer.write(address_key(address), an_id(name), kind)
        writer.close()
        tables = Tables(self._index(), self._members(), self._ledger())
        return decide(writer.sorted(), tables, create=create)

    def _index(self) -> Path:
        path = self.folder / "index"
        rows = sorted(
            address_key(address) + an_id(name) + b"A"
            for name, address in self.owners.items()
        )
        path.write_bytes(b"".join(rows))
        return path

    def _members(self) -> Path | None:
        if self.members is None:
            return None
        path = self.folder / "members"
        rows = ((one, state, "", "", False) for one, state in self.members.items())
        write_members(rows, path)
        return path

    def _ledger(self) -> Path:
        path = self.folder / "ledger"
        rows = sorted(
            Standing(state, False, "", state).record(address_key(address))
            for address, state in self.remembered.items()
        )
        path.write_bytes(b"".join(rows))
        return path


@pytest.fixture
def case(tmp_path: Path) -> Case:
    return Case(tmp_path)


def test_two_newcomers_with_one_address_both_wait(case: Case) -> None:
    case.arrives("1", "a@example.com")
    case.arrives("2", "a@example.com")
    case.arrives("3", "b@example.com")
    held = case.decide().held
    assert set(held) == {an_id("1"), an_id("2")}
    assert held[an_id("1")].candidates == (an_id("1"), an_id("2"))


def test_a_newcomer_waits_and_the_linked_owner_is_left_alone(case: Case) -> None:
    case.owners = {"1": "a@example.com"}
    case.arrives("2", "a@example.com")
    held = case.decide().held
    assert set(held) == {an_id("2")}
    assert held[an_id("2")].candidates == (an_id("1"), an_id("2"))


def test_two_people_may_swap_their_addresses_in_one_run(case: Case) -> None:
    case.owners = {"1": "a@example.com", "2": "b@example.com"}
    case.members = {"a@example.com": "allowed", "b@example.com": "stopped"}
    case.moves("1", "a@example.com", "b@example.com")
    case.moves("2", "b@example.com", "a@example.com")
    decisions = case.decide()
    assert not decisions.held
    # Neither address may leave the group, and the stop goes along with its person.
    assert decisions.shared == {an_id("1"), an_id("2")}
    assert decisions.silent == {an_id("2"): b"s"}
    assert decisions.states == {an_id("1"): b"s"}


def test_a_held_move_keeps_its_old_address_and_holds_back_who_wants_it(
    case: Case,
) -> None:
    case.owners = {"1": "a@example.com", "2": "b@example.com"}
    case.moves("1", "a@example.com", "c@example.com")
    case.arrives("3", "c@example.com")
    case.moves("2", "b@example.com", "a@example.com")
    decisions = case.decide()
    assert set(decisions.held) == {an_id("1"), an_id("2"), an_id("3")}


def test_an_address_that_passes_to_another_record_stays_in_the_group(
    case: Case,
) -> None:
    case.owners = {"1": "a@example.com"}
    case.members = {"a@example.com": "allowed"}
    case.departs("1", "a@example.com")
    case.arrives("2", "a@example.com")
    decisions = case.decide()
    assert not decisions.held
    assert decisions.shared == {an_id("1")}


def test_a_stop_seen_once_comes_back_with_its_address(case: Case) -> None:
    case.members = {}
    case.remembered = {"a@example.com": b"s", "b@example.com": b"a"}
    case.arrives("1", "a@example.com")
    case.arrives("2", "b@example.com")
    assert case.decide().restore == {an_id("1"): b"s"}


def test_what_the_service_says_now_outweighs_what_was_seen_once(case: Case) -> None:
    case.members = {"a@example.com": "allowed"}
    case.remembered = {"a@example.com": b"s"}
    case.arrives("1", "a@example.com")
    decisions = case.decide()
    assert not decisions.restore
    assert decisions.linked == 1


def test_update_only_passes_over_whoever_is_no_member(case: Case) -> None:
    case.members = {"a@example.com": "allowed"}
    case.arrives("1", "a@example.com")
    case.arrives("2", "b@example.com")
    assert set(case.decide(create=False).unknown) == {an_id("2")}


def test_whether_an_event_touches_a_table(case: Case) -> None:
    case.remembered = {"a@example.com": b"s"}
    ledger = case._ledger()
    writer = EventWriter(case.folder / "events")
    writer.write(address_key("b@example.com"), an_id("1"), CREATE)
    writer.close()
    events = writer.sorted()
    assert not touches_a_stop(events, ledger)
    assert not touches_a_stop(events, None)
