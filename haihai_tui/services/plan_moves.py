"""A plan that was looked at, and the run after it: the same, or what moved meanwhile.

Between the two, people go on working on both sides.  The run does what is right now;
it says where that is not what was shown.  A run tells only the beginning of a long
plan, so of a longer one that much is compared.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from hashlib import blake2b

from haihai_tui.errors import Text, text
from haihai_tui.services.paths import Home
from haihai_tui.services.plans import SAMPLE, open_plan
from haihai_tui.services.store.facts import Facts
from haihai_tui.sync.events import Event
from haihai_tui.sync.services import PlanEntry

LAST = "plan.last"
"""Fact: the run id of the plan that no run has followed yet; "" where there is none."""

_NAMED = 20
_Key = tuple[str, str]
"""Flow and record."""


class PlanMoves:
    """Compares a run's entries with those of the plan before it."""

    def __init__(
        self, run_id: str, shown: Iterator[PlanEntry], flows: Sequence[str]
    ) -> None:
        self.run_id = run_id
        self._shown: dict[_Key, tuple[str, bytes]] = {}
        self._told: Counter[str] = Counter()
        self._added: list[PlanEntry] = []
        self._changed: list[PlanEntry] = []
        self._counts: Counter[str] = Counter()
        for entry in shown:
            if entry.flow in flows:
                key = (entry.flow, entry.record)
                self._shown[key] = (entry.action, _digest(entry))

    def put(self, entry: PlanEntry) -> None:
        """Take one entry of the run."""
        self._told[entry.flow] += 1
        if self._told[entry.flow] > SAMPLE:
            return
        known = self._shown.pop((entry.flow, entry.record), None)
        if known is None:
            self._note("added", self._added, entry)
        elif known != (entry.action, _digest(entry)):
            self._note("changed", self._changed, entry)

    def _note(self, what: str, kept: list[PlanEntry], entry: PlanEntry) -> None:
        self._counts[what] += 1
        if len(kept) < _NAMED:
            kept.append(entry)

    def event(self) -> Event:
        """What is to be told once all entries were taken."""
        dropped = [
            (key, action)
            for key, (action, _) in self._shown.items()
            if self._told[key[0]] < SAMPLE
        ]
        self._counts["dropped"] = len(dropped)
        if not any(self._counts.values()):
            wording = text("計画 {plan} のとおりです。", plan=self.run_id)
            return Event("as_planned", "", wording, data={"plan": self.run_id})
        data = {
            "plan": self.run_id,
            "counts": dict(self._counts),
            "added": [_named(entry) for entry in self._added],
            "changed": [_named(entry) for entry in self._changed],
            "dropped": [
                {"flow": flow, "record": record, "action": action}
                for (flow, record), action in dropped[:_NAMED]
            ],
        }
        return Event("moved_since_plan", "", self._wording(), "warning", data)

    def _wording(self) -> Text:
        return text(
            "計画 {plan} の後に変わった点があります: 追加 {added} 件、取りやめ "
            "{dropped} 件、内容の変更 {changed} 件",
            plan=self.run_id,
            added=self._counts["added"],
            dropped=self._counts["dropped"],
            changed=self._counts["changed"],
        )


def moves_since(
    home: Home, profile: str, facts: Facts, flows: Sequence[str]
) -> PlanMoves | None:
    """A comparison with the plan that no run has followed yet; None: there is none."""
    run_id = facts.get(LAST)
    if not run_id:
        return None
    return PlanMoves(run_id, _entries(home, profile, run_id), flows)


def _entries(home: Home, profile: str, run_id: str) -> Iterator[PlanEntry]:
    """The plan's entries, of each flow as many as a run tells."""
    plan = open_plan(home, profile, run_id)
    if plan is None:
        # A plan that changed nothing keeps no file.
        return
    told: Counter[str] = Counter()
    try:
        for start in range(0, len(plan), SAMPLE):
            for entry in plan.page(start, SAMPLE):
                told[entry.flow] += 1
                if told[entry.flow] <= SAMPLE:
                    yield entry
    finally:
        plan.close()


def _named(entry: PlanEntry) -> dict[str, str]:
    return {"flow": entry.flow, "record": entry.record, "action": entry.action}


def _digest(entry: PlanEntry) -> bytes:
    fields = [entry.address, *([one.field, one.old, one.new] for one in entry.fields)]
    return blake2b(json.dumps(fields).encode(), digest_size=12).digest()
