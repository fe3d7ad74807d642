"""Who must not be mailed: what every state write is judged by.

Kept apart from the service, which forgets a stop with the membership.  A stop or bar
counts from the moment when our program could know of it: one that fell between the
last look and our own import is beyond anybody's means.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from haihai_tui.sync.mapping import ADDRESS_ITEM
from haihai_tui.sync.ports import Batch, DeliveryState, ImportKind
from tests.sync.property.clock import Clock
from tests.sync.property.haihai import Job

RECORD_ITEM = "SalesforceID"
SILENT = ("stopped", "barred")
Place = tuple[str, str]
"""Group and folded address."""


@dataclass(frozen=True, slots=True)
class Word:
    """The last that a person or an admin said about an address, and when."""

    state: DeliveryState
    seq: int


@dataclass
class Ledger:
    """Implements `haihai.Witness`; `broken` fills with what must never happen."""

    clock: Clock
    may_register: Callable[[str, str], bool]
    is_claimed: Callable[[str], bool]
    words: dict[Place, Word] = field(default_factory=dict)
    our_bars: set[Place] = field(default_factory=set)
    let_go: set[Place] = field(default_factory=set)
    known: set[Place] = field(default_factory=set)
    touched: set[Place] = field(default_factory=set)
    home: dict[str, str] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)
    _told: dict[Place, DeliveryState] = field(default_factory=dict)

    # ----------------------------------------------------------- people's words

    def said(self, group: str, key: str, state: DeliveryState) -> None:
        """A person or an admin sets a state in the service itself."""
        place = group, key
        if state == "barred" and place in self.let_go:
            # Allowed and barred again with no look between: nobody can tell it
            # from the bar that we set.
            self.let_go.discard(place)
            self.our_bars.add(place)
            return
        if state == "allowed" and place in self.our_bars:
            self.let_go.add(place)
        else:
            self.let_go.discard(place)
        self.our_bars.discard(place)
        self.touched.discard(place)
        self.words[place] = Word(state, self.clock.tick())
        if state == "allowed":
            self.known.discard(place)

    def forgotten(self, group: str, key: str) -> None:
        """An admin takes the member out: a stop that we saw has to be kept."""
        place = group, key
        self.our_bars.discard(place)
        self.let_go.discard(place)
        self.touched.discard(place)
        if place not in self.known:
            self.words.pop(place, None)

    def silent(self, group: str, key: str, until: int) -> bool:
        """Whether this address was silenced by `until`."""
        word = self.words.get((group, key))
        return word is not None and word.state in SILENT and word.seq <= until

    # --------------------------------------------------------------- our looks

    def new_run(self) -> None:
        self._told = {}

    def told(self, group: str, key: str, state: DeliveryState) -> None:
        self._told[group, key] = state

    def run_ended_well(self, *, stops_kept: bool) -> None:
        self.let_go -= {one for one, state in self._told.items() if state == "allowed"}
        if not stops_kept:
            return
        for place, state in self._told.items():
            if state in SILENT and place in self.words:
                self.known.add(place)

    # ---------------------------------------------------------------- our rows

    def submitted(self, batch: Batch, row: dict[str, str]) -> bool:
        """Whether a state is carried to somebody's address, rather than our own."""
        one, address = row.get(RECORD_ITEM), row[ADDRESS_ITEM]
        if batch.kind is ImportKind.REGISTER and one:
            self.touched.add((batch.group, address))
            if not self.may_register(one, address):
                self.broken.append(f"{one} registered as {address}: not the audience's")
        return self.is_claimed(address)

    def worked_off(
        self,
        job: Job,
        number: int,
        before: DeliveryState | None,
        after: DeliveryState | None,
    ) -> None:
        row = job.rows[number]
        place = job.batch.group, row[ADDRESS_ITEM].lower()
        match job.batch.kind:
            case ImportKind.REGISTER:
                self._registered(job, row, place, after)
            case ImportKind.ALLOW:
                self._allowed(job, place)
            case ImportKind.STOP:
                self._silenced(place, "stopped")
            case ImportKind.BAR if job.carried[number]:
                self._silenced(place, "barred")
            case ImportKind.BAR:
                self._barred(place, before)
            case ImportKind.LEAVE:
                self._left(job, place)

    def _registered(
        self,
        job: Job,
        row: dict[str, str],
        place: Place,
        after: DeliveryState | None,
    ) -> None:
        one = row.get(RECORD_ITEM)
        if after == "allowed" and self.silent(*place, job.known_until):
            self.broken.append(f"{place} was silenced and is 可能 through us")
        if not one:
            return
        group, key = place
        old = self.home.get(one, key)
        if old != key and after == "allowed" and self._follows(group, old, key, job):
            self.broken.append(f"{one} was silenced at {old} and is 可能 at {key}")
        self.home[one] = key
        if old != key:
            self.moved.add(one)

    def _follows(self, group: str, old: str, new: str, job: Job) -> bool:
        """Whether the old address's word outweighs what was said of the new one."""
        if not self.silent(group, old, job.known_until):
            return False
        word = self.words.get((group, new))
        return word is None or word.seq < self.words[group, old].seq

    def _allowed(self, job: Job, place: Place) -> None:
        if place not in self.our_bars:
            self.broken.append(f"{place} allowed, but the bar is not ours")
        if self.silent(*place, job.known_until):
            self.broken.append(f"{place} was silenced and allowed by us")
        self.our_bars.discard(place)

    def _silenced(self, place: Place, state: DeliveryState) -> None:
        self.words[place] = Word(state, self.clock.tick())

    def _barred(self, place: Place, before: DeliveryState | None) -> None:
        if before in SILENT and place not in self.our_bars:
            return
        self.our_bars.add(place)

    def _left(self, job: Job, place: Place) -> None:
        word = self.words.get(place)
        if word is not None and word.seq > job.known_until and place not in self.known:
            # Said after our last look; the service forgot it with the membership.
            del self.words[place]
        self.our_bars.discard(place)
