"""How far a run has come, worked out from its events and from nothing else.

The same events give the same picture, whether they are seen as they happen or read
from the database an hour later.  A time left is told only where a total is known.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from haihai_tui.errors import ExitCode, Text, text
from haihai_tui.services.store.events import StoredEvent
from haihai_tui.services.store.times import moment_of
from haihai_tui.services.usage import Usage

WINDOW_S = 20.0
"""The rate is that of the last seconds, so that a slow start does not blur it."""

Phase = Literal["waiting", "planning", "planned", "writing", "done", "failed"]

PHASES: dict[Phase, Text] = {
    "waiting": text("待機"),
    "planning": text("計画中"),
    "planned": text("計画済み"),
    "writing": text("書き込み中"),
    "done": text("完了"),
    "failed": text("失敗"),
}
STAGES: dict[str, Text] = {
    "read": text("読み取り"),
    "compare": text("照合"),
    "match": text("照合"),
    "write": text("書き込み"),
}
_OUTCOMES = {
    int(ExitCode.PAUSED): "paused",
    int(ExitCode.HALTED): "halted",
    int(ExitCode.INTERRUPTED): "stopped",
    int(ExitCode.TERMINATED): "stopped",
}
_WRITES = ("register", "leave", "bar")
"""The imports that count towards the planned changes; others only prepare them."""


@dataclass(slots=True)
class FlowProgress:
    """One flow: `done` of `total` (None: not known) records of the stage at hand.

    `outcome` of a flow that did not come to its end is a run's status: `failed`,
    `stopped`, `paused` or `halted`.
    """

    flow: str
    phase: Phase = "waiting"
    stage: str = ""
    done: int = 0
    total: int | None = None
    planned: Mapping[str, Any] = field(default_factory=dict)
    failure: Text | None = None
    outcome: str = "failed"
    _seen: deque[tuple[float, int]] = field(default_factory=deque)

    @property
    def changes(self) -> int:
        """Records that the plan changes."""
        keys = ("created", "linked", "updated", "excluded")
        return sum(int(self.planned.get(key) or 0) for key in keys)

    @property
    def rate(self) -> float | None:
        """Records a second, None before there are two figures to compare."""
        if len(self._seen) < 2:
            return None
        (at, done), (last_at, last_done) = self._seen[0], self._seen[-1]
        if last_at <= at or last_done <= done:
            return None
        return (last_done - done) / (last_at - at)

    @property
    def left_s(self) -> float | None:
        """Seconds until the stage ends at this rate."""
        if self.total is None or self.rate is None:
            return None
        return max(self.total - self.done, 0) / self.rate

    @property
    def share(self) -> float | None:
        """0 to 1; None where the total is not known."""
        if self.phase == "done":
            return 1.0
        if not self.total:
            return None
        return min(self.done / self.total, 1.0)

    def begin(self, phase: Phase, stage: str, total: int | None = None) -> None:
        if (phase, stage) != (self.phase, self.stage):
            self.done = 0
            self._seen.clear()
        self.phase, self.stage, self.total = phase, stage, total

    def reach(self, done: int, at: str) -> None:
        self.done = done
        now = moment_of(at).timestamp()
        self._seen.append((now, done))
        while now - self._seen[0][0] > WINDOW_S and len(self._seen) > 2:
            self._seen.popleft()


class RunProgress:
    """The picture of one run; `flows` in the order in which they are carried out."""

    def __init__(self, flows: Iterable[str] = ()) -> None:
        self.flows = {flow: FlowProgress(flow) for flow in flows}
        self.budgets: dict[tuple[str, str], Usage] = {}
        self.summary: Mapping[str, Any] | None = None
        self.failure: Text | None = None
        self.remedy: Text | None = None

    def take(self, event: StoredEvent) -> None:
        handler = getattr(self, f"_on_{event.kind}", None)
        if handler is not None:
            handler(event)

    def _flow(self, event: StoredEvent) -> FlowProgress:
        return self.flows.setdefault(event.flow, FlowProgress(event.flow))

    def _on_flow_started(self, event: StoredEvent) -> None:
        self._flow(event).begin("planning", "")

    def _on_progress(self, event: StoredEvent) -> None:
        flow = self._flow(event)
        total = event.data.get("total")
        phase: Phase = "writing" if flow.phase == "writing" else "planning"
        flow.begin(phase, str(event.data.get("stage", "")), total)
        flow.reach(int(event.data.get("done", 0)), event.at)

    def _on_flow_planned(self, event: StoredEvent) -> None:
        flow = self._flow(event)
        flow.planned = event.data
        flow.begin("planned", "", flow.changes)

    def _on_import_accepted(self, event: StoredEvent) -> None:
        if event.data.get("stage") in _WRITES:
            self._wrote(event)

    def _on_records_updated(self, event: StoredEvent) -> None:
        self._wrote(event)

    def _wrote(self, event: StoredEvent) -> None:
        flow = self._flow(event)
        flow.begin("writing", "write", flow.changes)
        flow.reach(flow.done + int(event.data.get("rows", 0)), event.at)

    def _on_flow_done(self, event: StoredEvent) -> None:
        flow = self._flow(event)
        flow.phase = "done"

    def _on_flow_failed(self, event: StoredEvent) -> None:
        flow = self._flow(event)
        flow.phase, flow.failure = "failed", event.text
        flow.outcome = _OUTCOMES.get(int(event.data.get("exit_code", 0)), "failed")
        self.failure = self.failure or event.text

    def _on_run_failed(self, event: StoredEvent) -> None:
        self.failure = self.failure or event.text

    def _on_remedy(self, event: StoredEvent) -> None:
        self.remedy = self.remedy or event.text

    def _on_api_usage(self, event: StoredEvent) -> None:
        use = Usage(**{name: event.data[name] for name in Usage.__slots__})
        self.budgets[use.service, use.api] = use

    def _on_run_done(self, event: StoredEvent) -> None:
        self.summary = event.data
