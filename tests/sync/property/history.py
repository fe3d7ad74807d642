"""What can happen on both sides, as steps that hypothesis can draw and shrink.

A step is a word and three small numbers, so that whatever is drawn means something
and a shorter history is a simpler one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

from haihai_tui.sync.addresses import fold_address
from haihai_tui.sync.services import RECONCILED
from tests.sync.property.faults import KINDS, Disturbance
from tests.sync.property.salesforce import Record
from tests.sync.property.world import ALL_FLOWS, GROUP, Setting, World

ADDRESSES = (
    "a@example.com",
    "b@example.com",
    "c@example.com",
    "d@example.com",
    "B@Example.com",
    "",
    "not an address",
)
PEOPLE = 4
"""So many of the addresses above are different people's."""

NAMES = ("山田", "佐藤", 'O"Brien', "", "改\n行", "寿司🍣")
TITLES = ("", "部長", "課長")
URLS = ("https://example.com/1", "https://example.com/2", "https://example.com/long/3")
WAITS = (60, 20 * 60, 45 * 60, 16 * 86_400, 400 * 86_400)
LATE = 600
FLOW_CHOICES = (ALL_FLOWS, ALL_FLOWS, ("customers",), ("suppressions",))

HAPPENINGS = (
    "contact",
    "contact",
    "lead",
    "rename",
    "title",
    "readdress",
    "readdress",
    "swap",
    "merge",
    "opt",
    "opt",
    "delete",
    "undelete",
    "account",
    "join_account",
    "clear",
    "stop",
    "stop",
    "bar",
    "allow",
    "expel",
    "erase",
    "error",
    "view",
    "answer",
    "wait",
    "disorder",
)
TROUBLES = ("refuse_record", "refuse_address", "lock", "hold", "release", "fail_next")
RUNS = (
    "run",
    "run",
    "run",
    "disturbed",
    "disturbed",
    "disturbed",
    "meanwhile",
    "plan",
    "rest",
    "reconcile",
)


@dataclass(frozen=True, slots=True)
class Step:
    what: str
    a: int = 0
    b: int = 0
    c: int = 0

    def __repr__(self) -> str:
        return f"Step({self.what!r}, {self.a}, {self.b}, {self.c})"


def steps(*words: str) -> st.SearchStrategy[Step]:
    return st.builds(
        Step,
        st.sampled_from(words),
        st.integers(0, 6),
        st.integers(0, 6),
        st.integers(0, 140),
    )


def histories(*, longest: int = 24) -> st.SearchStrategy[list[Step]]:
    """Everything, with runs that are disturbed anywhere."""
    one = st.one_of(steps(*HAPPENINGS), steps(*HAPPENINGS, *TROUBLES), steps(*RUNS))
    return st.lists(one, min_size=3, max_size=longest)


def settings_of_a_profile(*, strict: bool = True) -> st.SearchStrategy[Setting]:
    return st.builds(
        Setting,
        on_delete=st.sampled_from(("exclude", "bar")),
        create=st.sampled_from((True, True, True, False)),
        rollup=st.sampled_from(("any", "any", "all", ("1",), ("2",))),
        status=st.booleans(),
        boolean_state=st.sampled_from((False, False, True)),
        results=st.sampled_from(("told", "told", "untold")),
        strict=st.just(True) | st.just(False) if strict else st.just(False),
        page_rows=st.sampled_from((1, 2, 3, 100)),
        file_rows=st.sampled_from((1, 2, 100)),
        packed=st.booleans(),
    )


class Player:
    """Lets a history happen to a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._accounts = [
            world.salesforce.create("Account", {"Name": f"会社{number}"})
            for number in (1, 2)
        ]

    def play(self, step: Step) -> None:
        self.world.clock.tick()
        act: Callable[[Step], None] = getattr(self, step.what)
        act(step)

    def begin(self) -> None:
        """Two contacts in step with the service, and a lead of the first's address."""
        for number in (0, 1):
            self.play(Step("contact", number, number))
        self.play(Step("lead", 0, 2))
        self.world.run()

    def end_of_troubles(self) -> None:
        """Nothing refuses any longer; what cannot be sent still cannot."""
        self.world.haihai.refusing.clear()
        self.world.salesforce.refusing.clear()
        self.world.salesforce.locked.clear()

    # ------------------------------------------------------------ Salesforce

    def _person(self, number: int, sobject: str = "") -> Record | None:
        found = [
            row.now
            for one, row in sorted(self.world.salesforce.rows.items())
            if row.now.sobject != "Account" and sobject in ("", row.now.sobject)
        ]
        return found[number % len(found)] if found else None

    def _alive(self, number: int, sobject: str = "") -> Record | None:
        found = self._person(number, sobject)
        return found if found is not None and not found.deleted else None

    def _change(self, number: int, values: dict[str, str], late: int = 0) -> None:
        found = self._alive(number)
        if found is not None:
            self.world.salesforce.change(found.record_id, values, late)

    def contact(self, step: Step) -> None:
        self._create("Contact", step)

    def lead(self, step: Step) -> None:
        self._create("Lead", step)

    def _create(self, sobject: str, step: Step) -> None:
        if self.world.salesforce.made > 8:
            return
        values = {
            "Email": ADDRESSES[step.a],
            "LastName": NAMES[step.b % len(NAMES)],
            "HasOptedOutOfEmail": "true" if step.c % 9 == 8 else "false",
        }
        self.world.salesforce.create(sobject, values, _lateness(step))

    def rename(self, step: Step) -> None:
        name = NAMES[step.b % len(NAMES)]
        self._change(step.a, {"LastName": name}, _lateness(step))

    def title(self, step: Step) -> None:
        self._change(step.a, {"Title": TITLES[step.b % len(TITLES)]})

    def readdress(self, step: Step) -> None:
        self._change(step.a, {"Email": ADDRESSES[step.b]}, _lateness(step))

    def swap(self, step: Step) -> None:
        one, other = self._alive(step.a), self._alive(step.b)
        if one is not None and other is not None:
            change = self.world.salesforce.change
            change(one.record_id, {"Email": other.get("Email")})
            change(other.record_id, {"Email": one.get("Email")})

    def merge(self, step: Step) -> None:
        """The winner of a merge, perhaps with the loser's address; that is gone."""
        winner, loser = self._alive(step.a), self._alive(step.b)
        if winner is None or loser is None or winner.sobject != loser.sobject:
            return
        if winner.record_id != loser.record_id:
            salesforce = self.world.salesforce
            salesforce.set_deleted(loser.record_id, True)
            address = (winner if step.c % 2 else loser).get("Email")
            salesforce.change(winner.record_id, {"Email": address})

    def opt(self, step: Step) -> None:
        out = "true" if step.b % 2 else "false"
        self._change(step.a, {"HasOptedOutOfEmail": out}, _lateness(step))

    def delete(self, step: Step) -> None:
        found = self._alive(step.a)
        if found is not None:
            self.world.salesforce.set_deleted(found.record_id, True)

    def undelete(self, step: Step) -> None:
        found = self._person(step.a)
        if found is not None and found.deleted:
            self.world.salesforce.set_deleted(found.record_id, False)

    def account(self, step: Step) -> None:
        one = self._accounts[step.a % 2]
        self.world.salesforce.change(one, {"Name": f"会社{step.b}"})

    def join_account(self, step: Step) -> None:
        found = self._alive(step.a, "Contact")
        if found is not None:
            one = ("", *self._accounts)[step.b % 3]
            self.world.salesforce.change(found.record_id, {"AccountId": one})

    def clear(self, step: Step) -> None:
        """Somebody empties the field that we write."""
        self._change(step.a, {self.world.setting.state_field: ""})

    # ----------------------------------------------------------- HaiHai Mail

    def _said(self, step: Step, state: str) -> tuple[str, str]:
        return ("1", "1", "2")[step.b % 3], ADDRESSES[step.a % PEOPLE]

    def stop(self, step: Step) -> None:
        """A reader's own form: only who can be mailed can stop."""
        group, address = self._said(step, "stopped")
        if self.world.haihai.state(group, address) == "allowed":
            self.world.haihai.set_state(group, address, "stopped")
            self.world.ledger.said(group, address, "stopped")

    def bar(self, step: Step) -> None:
        group, address = self._said(step, "barred")
        if self.world.haihai.state(group, address) != "barred":
            self.world.haihai.set_state(group, address, "barred")
            self.world.ledger.said(group, address, "barred")

    def allow(self, step: Step) -> None:
        """An admin allows mail; whoever was no member joins."""
        group, address = self._said(step, "allowed")
        if self.world.haihai.state(group, address) != "allowed":
            self.world.haihai.set_state(group, address, "allowed")
            self.world.ledger.said(group, address, "allowed")

    def expel(self, step: Step) -> None:
        """An admin takes a member out by hand."""
        group, address = self._said(step, "")
        if self.world.haihai.members_of[group].pop(address, None):
            self.world.ledger.forgotten(group, address)

    def erase(self, step: Step) -> None:
        """An admin deletes a customer from the database."""
        address = ADDRESSES[step.a % PEOPLE]
        if step.c % 2 and address in self.world.haihai.customers:
            self.world.haihai.erase(address)
            for group in self.world.haihai.members_of:
                self.world.ledger.forgotten(group, address)

    def error(self, step: Step) -> None:
        self.world.haihai.in_error ^= {ADDRESSES[step.a % PEOPLE]}

    def view(self, step: Step) -> None:
        moment = f"2026-11-01T00:{step.c % 60:02d}:00Z"
        event = (
            ADDRESSES[step.a % PEOPLE].upper() if step.c % 2 else ADDRESSES[step.a % 4],
            URLS[step.b % len(URLS)],
            moment,
            "visit" if step.c % 5 == 0 else "click",
            "",
        )
        self.world.haihai.events.append(event)

    def answer(self, step: Step) -> None:
        """A person says whose an address is, or that it is nobody's."""
        state = self.world.state
        asked = sorted(state.rows.reviews)
        if asked:
            key = asked[step.a % len(asked)]
            choices = ("-", *state.rows.reviews[key].candidates)
            state.answer(key, choices[step.b % len(choices)])

    # --------------------------------------------------------------- trouble

    def refuse_record(self, step: Step) -> None:
        found = self._alive(step.a)
        if found is not None:
            self.world.salesforce.refusing ^= {found.record_id}

    def refuse_address(self, step: Step) -> None:
        self.world.haihai.refusing ^= {ADDRESSES[step.a % PEOPLE]}

    def lock(self, step: Step) -> None:
        """The integration user loses, or gets back, the right to edit a field."""
        self.world.salesforce.locked ^= {self.world.setting.state_field}

    def hold(self, step: Step) -> None:
        self.world.haihai.held = True

    def release(self, step: Step) -> None:
        self.world.haihai.held = step.c % 3 == 2
        self.world.haihai.work_off(1 + step.c % 4 if step.c % 3 else 1_000)

    def fail_next(self, step: Step) -> None:
        """The next accepted file fails as a whole."""
        self.world.haihai.fail_next = 1

    def wait(self, step: Step) -> None:
        self.world.clock.tick(WAITS[step.a % len(WAITS)])

    def disorder(self, step: Step) -> None:
        self.world.salesforce.disorder = step.b

    # ------------------------------------------------------------------ runs

    def run(self, step: Step) -> None:
        flows, full = _flows(step), step.c % 5 == 4
        if step.c % 2:
            self.world.run_confirmed(flows, full=full)
        else:
            self.world.run(flows, full=full)

    def disturbed(self, step: Step) -> None:
        kind = KINDS[step.a % len(KINDS)]
        disturbance = Disturbance(kind, step.c + 1)
        self.world.run(_flows(step), full=step.b == 6, disturbance=disturbance)

    def plan(self, step: Step) -> None:
        """A plan is made and looked at; the world stays as it is."""
        before = copy.deepcopy(self.world.state.rows), self.world.written()
        self.world.run(_flows(step), full=step.c % 5 == 4, plan=True)
        if before != (self.world.state.rows, self.world.written()):
            self.world.ledger.broken.append("a plan wrote something")

    def reconcile(self, step: Step) -> None:
        """Both sides are compared in full, and what differs is mended."""
        self.world.run_confirmed(RECONCILED, reconcile=True)

    def rest(self, step: Step) -> None:
        """Time enough passes for late changes to be seen, and for a whole run."""
        self.world.haihai.held = False
        self.world.haihai.work_off()
        self.world.clock.tick(45 * 60)
        self.world.run_confirmed()

    def meanwhile(self, step: Step) -> None:
        """Somebody works in Salesforce while a run reads it."""
        words = ("rename", "readdress", "opt", "delete", "undelete", "contact", "swap")
        act = Step(words[step.a], step.b, step.b + step.c % 3, 0)
        act = Step(act.what, act.a, act.b % len(ADDRESSES), act.c)
        self.world.run(
            meanwhile=lambda: self.play(act), meanwhile_at=1 + step.c * 2 // 3
        )


def _flows(step: Step) -> tuple[str, ...]:
    return FLOW_CHOICES[step.b % len(FLOW_CHOICES)]


def _lateness(step: Step) -> int:
    return LATE if step.c % 11 == 10 else 0


def folded(record: Record) -> str | None:
    return fold_address(record.get("Email"))


__all__ = ["GROUP", "Player", "Step", "folded", "histories", "settings_of_a_profile"]
