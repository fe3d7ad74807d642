"""What is kept of the past, so that a home does not grow for years.

Called at the end of every run, under its lock.  Each call does a bounded amount of
work, so that a limit that was lowered costs the next run little; the audit log and
open rejects are never touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from haihai_tui.services.store.budgets import Budgets
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.events import KEPT_PER_RUN, trim_events
from haihai_tui.services.store.rejects import Rejects
from haihai_tui.services.store.runs import Runs
from haihai_tui.services.store.times import Clock, stamp, utc_now


@dataclass(frozen=True, slots=True)
class Retention:
    """Runs and their events by number, what is closed by age in days."""

    runs: int = 400
    events: int = KEPT_PER_RUN
    closed_days: int = 400


def tidy(
    database: Database,
    profile: str,
    run_id: str,
    keep: Retention,
    clock: Clock = utc_now,
) -> Mapping[str, Any]:
    """Drop what is older than `keep` allows; returns the counts of what went."""
    oldest = clock() - timedelta(days=keep.closed_days)
    gone = {
        "events": trim_events(database, run_id, keep=keep.events),
        "runs": Runs(database, profile, clock).trim(keep.runs),
        "rejects": Rejects(database, profile, clock).forget_resolved(stamp(oldest)),
        "budgets": Budgets(database, profile).forget(f"{oldest:%Y-%m-%d}"),
    }
    return gone | {"bytes": database.reclaim()}
