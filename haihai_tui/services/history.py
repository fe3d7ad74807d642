"""Past runs as numbers: what the history shows, each figure from stored runs alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from haihai_tui.errors import Text, text
from haihai_tui.services.store.runs import RunRow
from haihai_tui.services.store.times import moment_of

MEASURES: dict[str, Text] = {
    "duration": text("所要時間 (秒)"),
    "read": text("読み取った件数"),
    "written": text("書き込んだ件数"),
    "rejected": text("エラーの件数"),
    "salesforce": text("Salesforce API の呼び出し回数"),
    "haihai": text("配配メール API の呼び出し回数"),
}


@dataclass(frozen=True, slots=True)
class RunNumbers:
    """One run summed over its flows; `duration_s` None while it goes on."""

    run: RunRow
    duration_s: float | None
    read: int
    written: int
    rejected: int
    salesforce: int
    haihai: int

    def value(self, measure: str) -> float:
        """The figure of one of `MEASURES`."""
        if measure == "duration":
            return self.duration_s or 0.0
        return float(getattr(self, measure))


def numbers_of(run: RunRow) -> RunNumbers:
    """Worked out from the run's own summary."""
    flows: Mapping[str, Mapping[str, Any]] = run.summary.get("flows", {})
    duration = None
    if run.finished_at:
        passed = moment_of(run.finished_at) - moment_of(run.started_at)
        duration = passed.total_seconds()
    return RunNumbers(
        run,
        duration,
        *(_sum(flows.values(), name) for name in ("read", "written", "rejected")),
        *(_calls(flows.values(), service) for service in ("salesforce", "haihai")),
    )


def _sum(flows: Iterable[Mapping[str, Any]], name: str) -> int:
    return sum(int(flow.get(name) or 0) for flow in flows)


def _calls(flows: Iterable[Mapping[str, Any]], service: str) -> int:
    return sum(int((flow.get("api_calls") or {}).get(service) or 0) for flow in flows)
