"""What is kept of the past, and that a home stops growing."""

from __future__ import annotations

from datetime import timedelta

from haihai_tui.errors import text
from haihai_tui.services.retention import Retention, tidy
from haihai_tui.services.store import audit
from haihai_tui.services.store.budgets import Budgets
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.events import NewEvent, append_events, events_after
from haihai_tui.services.store.rejects import Rejects
from haihai_tui.services.store.runs import Runs
from haihai_tui.services.store.state import ProfileState
from haihai_tui.sync.ports import Reject
from tests.services.conftest import MovedClock

KEEP = Retention(runs=5, events=3, closed_days=30)
LINE = NewEvent("2026-02-16T01:02:03Z", "x", "customers", text("a"))


def ran(
    database: Database, clock: MovedClock, status: str, flow: str = "customers"
) -> str:
    clock.advance(60)
    runs = Runs(database, "default", clock)
    run_id = runs.start("sync", [flow], actor="cron")
    append_events(database, run_id, [LINE] * 10)
    numbers = {"done": status in ("ok", "partial"), "rejected": status == "partial"}
    runs.finish(run_id, status, 0, {"flows": {flow: numbers}})
    tidy(database, "default", run_id, KEEP, clock)
    return run_id


def test_old_runs_go_but_never_the_last_success(
    database: Database, clock: MovedClock
) -> None:
    success = ran(database, clock, "ok")
    completed = ran(database, clock, "partial")
    nightly = ran(database, clock, "ok", "page-views")
    newest = [ran(database, clock, "failed") for _ in range(20)][-5:]
    runs = Runs(database, "default", clock)
    left = {run.run_id for run in runs.recent()}
    assert left == {success, completed, nightly, *newest}
    assert set(runs.last_success()) == {"customers", "page-views"}
    assert len(events_after(database, newest[-1])) == KEEP.events


def test_a_limit_that_was_lowered_costs_no_run_much(
    database: Database, clock: MovedClock
) -> None:
    runs = Runs(database, "default", clock)
    for _ in range(30):
        clock.advance(1)
        runs.start("sync", ["customers"], actor="cron")
    assert runs.trim(10, at_most=15) == 15
    assert runs.trim(10, at_most=15) == 5
    assert runs.trim(10, at_most=15) == 0


def test_resolved_rejects_and_past_counts_go_by_age_open_ones_stay(
    database: Database, clock: MovedClock
) -> None:
    state = ProfileState(database, "default", clock)
    rejects = [
        Reject("customers", record, "Email", "x", text("a"), text("b"))
        for record in ("003A", "003B")
    ]
    with state.transaction() as transaction:
        transaction.put_rejects("run", rejects)
    with state.transaction() as transaction:
        transaction.resolve_rejects("customers", ["003A"])
    budgets = Budgets(database, "default")
    budgets.add("haihai", "import", f"{clock():%Y-%m-%d}")
    for days, left in ((29, 2), (3, 1)):
        clock.now += timedelta(days=days)
        tidy(database, "default", "run", KEEP, clock)
        assert len(Rejects(database, "default").listed(status=None)) == left
    assert Rejects(database, "default").counts() == {"customers": 1}
    assert budgets.recent() == []


def size(database: Database) -> int:
    """In pages."""
    with database.read() as connection:
        return int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())


def test_freed_space_is_given_back(database: Database) -> None:
    append_events(database, "old", [LINE] * 20_000)
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    before = size(database)
    assert database.reclaim() == 0
    assert database.reclaim(at_least=100_000) > 100_000
    assert size(database) < before / 2
    database.check()


def test_the_audit_log_stays_whole(database: Database, clock: MovedClock) -> None:
    with database.write() as connection:
        audit.append(
            connection, actor="hanako", action="confirm", subject="1", clock=clock
        )
    clock.now += timedelta(days=4000)
    tidy(database, "default", "run", KEEP, clock)
    assert len(audit.entries(database)) == 1
    assert audit.first_broken(database) is None
