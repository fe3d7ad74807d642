"""Runs, events, budgets, facts and the audit chain."""

from __future__ import annotations

import subprocess
import sys

import pytest
import sqlalchemy as sa

from haihai_tui.errors import SettingsError, Text, text
from haihai_tui.services.paths import Home
from haihai_tui.services.store import audit
from haihai_tui.services.store.budgets import BudgetRow, Budgets
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.events import (
    NewEvent,
    append_events,
    events_after,
    last_events,
    trim_events,
)
from haihai_tui.services.store.facts import Facts
from haihai_tui.services.store.runs import Runs, new_run_id
from tests.services.conftest import MovedClock

NUMBERS = {
    "read": 10,
    "unchanged": 1,
    "created": 2,
    "updated": 3,
    "excluded": 1,
    "rejected": 3,
    "written": 6,
    "api_calls": {"salesforce": 4, "haihai": 5},
    "cursor": "2026-02-16T01:02:03Z",
}


@pytest.fixture
def runs(database: Database, clock: MovedClock) -> Runs:
    return Runs(database, "default", clock)


def event(number: int) -> NewEvent:
    return NewEvent(
        at="2026-02-16T01:02:03.000000Z",
        kind="progress",
        flow="customers",
        text=text("{n} 件", n=number),
        data={"n": number, "nested": text("中")},
    )


def test_run_ids_sort_by_time_and_do_not_repeat(clock: MovedClock) -> None:
    first = [new_run_id(clock()) for _ in range(50)]
    clock.advance(1)
    assert len(set(first)) == 50
    assert max(first) < new_run_id(clock())


def test_a_run_is_on_record_from_its_beginning(runs: Runs, clock: MovedClock) -> None:
    run_id = runs.start("sync", ["customers"], actor="someone")
    running = runs.running()
    assert running is not None
    assert (running.run_id, running.status) == (run_id, "running")
    clock.advance(5)
    runs.finish(run_id, "partial", 1, {"flows": {"customers": NUMBERS}})
    row = runs.get(run_id)
    assert row is not None
    assert (row.status, row.exit_code, row.actor) == ("partial", 1, "someone")
    assert row.started_at == "2026-02-16T01:02:03.000000Z"
    assert row.finished_at == "2026-02-16T01:02:08.000000Z"
    assert row.summary["flows"]["customers"]["cursor"] == NUMBERS["cursor"]
    assert runs.running() is None
    (flow,) = runs.flow_history("customers")
    assert (flow.read, flow.written, flow.rejected) == (10, 6, 3)
    assert (flow.salesforce_calls, flow.haihai_calls) == (4, 5)


def test_a_killed_run_is_closed_by_the_next(runs: Runs, clock: MovedClock) -> None:
    killed = runs.start("sync", ["customers"], actor="someone")
    clock.advance(60)
    runs.start("sync", ["customers"], actor="someone")
    row = runs.get(killed)
    assert row is not None
    assert (row.status, row.exit_code) == ("stopped", None)


def test_the_last_success_is_per_flow(runs: Runs, clock: MovedClock) -> None:
    for status in ("ok", "failed"):
        run_id = runs.start("sync", ["customers"], actor="x")
        clock.advance(10)
        runs.finish(run_id, status, 0, {"flows": {"customers": NUMBERS}})
    assert runs.last_success() == {"customers": "2026-02-16T01:02:13.000000Z"}


def test_history_is_paged_and_bounded(
    runs: Runs, database: Database, clock: MovedClock
) -> None:
    ids = []
    for _ in range(5):
        ids.append(runs.start("sync", [], actor="x"))
        append_events(database, ids[-1], [event(1)])
        runs.finish(ids[-1], "ok", 0, {"flows": {"customers": NUMBERS}})
        clock.advance(1)
    assert [row.run_id for row in runs.recent(limit=2)] == ids[:2:-1]
    older = runs.recent(before=ids[3], limit=2)
    assert [row.run_id for row in older] == [ids[2], ids[1]]
    other = Runs(database, "other", clock)
    kept = other.start("sync", [], actor="x")
    assert runs.trim(2) == 3
    assert [row.run_id for row in runs.recent()] == [ids[4], ids[3]]
    assert events_after(database, ids[0]) == []
    assert len(runs.flow_history("customers")) == 2
    assert other.get(kept) is not None
    assert runs.trim(2) == 0


def test_a_confirmation_counts_once_and_is_logged(
    runs: Runs, database: Database
) -> None:
    run_id = runs.start("sync", ["customers"], actor="cron")
    with pytest.raises(SettingsError):
        runs.confirm(run_id, "someone")
    runs.finish(run_id, "halted", 7, {"flows": {}})
    assert runs.confirm(run_id, "someone").status == "halted"
    with pytest.raises(SettingsError, match="someone"):
        runs.confirm(run_id, "another")
    with pytest.raises(SettingsError):
        runs.confirm("no-such-run", "someone")
    entry, begun = audit.entries(database)
    assert (begun.action, begun.subject) == ("run_started", run_id)
    assert (entry.actor, entry.action, entry.subject) == ("someone", "confirm", run_id)


# ------------------------------------------------------------------- events


def test_a_follower_misses_nothing_and_sees_nothing_twice(database: Database) -> None:
    append_events(database, "run1", [event(n) for n in range(3)])
    append_events(database, "run2", [event(99)])
    first = events_after(database, "run1")
    append_events(database, "run1", [event(n) for n in range(3, 6)])
    rest = events_after(database, "run1", first[-1].seq)
    assert [found.data["n"] for found in (*first, *rest)] == [0, 1, 2, 3, 4, 5]
    numbers = [found.seq for found in (*first, *rest)]
    assert numbers == sorted(set(numbers))
    assert rest[0].text == text("{n} 件", n=3)
    assert rest[0].data["nested"] == Text("中")
    assert events_after(database, "run1", rest[-1].seq) == []


def test_a_run_keeps_its_newest_events(database: Database) -> None:
    append_events(database, "run1", [event(n) for n in range(10)])
    assert trim_events(database, "run1", keep=4) == 6
    assert [found.data["n"] for found in events_after(database, "run1")] == [6, 7, 8, 9]
    assert [found.data["n"] for found in last_events(database, "run1", limit=2)] == [
        8,
        9,
    ]
    assert trim_events(database, "run1", keep=4) == 0


def test_numbers_are_never_used_again(database: Database) -> None:
    append_events(database, "run1", [event(1)])
    (first,) = events_after(database, "run1")
    with database.write() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    append_events(database, "run1", [event(2)])
    (second,) = events_after(database, "run1")
    assert second.seq > first.seq


def test_events_inside_a_transaction_do_not_wait_for_it(database: Database) -> None:
    with database.write():
        append_events(database, "run1", [event(1)])
    assert len(events_after(database, "run1")) == 1


def test_events_of_another_process_are_seen(home: Home, database: Database) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from haihai_tui.errors import text\n"
        "from haihai_tui.services.paths import home_at\n"
        "from haihai_tui.services.store.database import open_database\n"
        "from haihai_tui.services.store.events import NewEvent, append_events\n"
        "append_events(open_database(home_at(Path(sys.argv[1]))), 'run1',\n"
        "    [NewEvent('t', 'progress', 'customers', text('済'))])\n"
    )
    assert events_after(database, "run1") == []
    subprocess.run([sys.executable, "-c", script, str(home.config)], check=True)
    assert [found.text for found in events_after(database, "run1")] == [text("済")]


# ------------------------------------------------------ budgets, facts, audit


def test_calls_add_up_by_service_api_and_day(database: Database) -> None:
    budgets = Budgets(database, "default")
    assert budgets.add("haihai", "import", "2026-02-16", 3) == 3
    assert budgets.add("haihai", "import", "2026-02-16") == 4
    budgets.add("haihai", "members", "2026-02-16")
    budgets.add("haihai", "import", "2026-02-17")
    Budgets(database, "other").add("haihai", "import", "2026-02-16", 100)
    assert budgets.used("haihai", "2026-02-16") == 5
    assert budgets.used("haihai", "2026-02-16", "import") == 4
    assert budgets.used("salesforce", "2026-02-16") == 0
    assert budgets.recent(1) == [BudgetRow("haihai", "import", "2026-02-17", 1)]


def test_facts_are_replaced(database: Database) -> None:
    facts = Facts(database, "default")
    facts.set({"salesforce.org_id": "00D1", "salesforce.username": "u@example.com"})
    facts.set({"salesforce.org_id": "00D2"})
    assert facts.get("salesforce.org_id") == "00D2"
    assert facts.get("nothing") is None
    assert len(facts.all()) == 2


def test_the_audit_chain_shows_tampering(database: Database) -> None:
    for number in range(5):
        with database.write() as connection:
            audit.append(
                connection, actor="a", action="settings", subject="k", after=number
            )
    assert audit.first_broken(database) is None
    newest = audit.entries(database, limit=2)
    assert [entry.after for entry in newest] == [4, 3]
    with pytest.raises(sa.exc.DatabaseError), database.write() as connection:
        connection.exec_driver_sql("UPDATE audit SET actor = 'b'")
    with pytest.raises(sa.exc.DatabaseError), database.write() as connection:
        connection.exec_driver_sql("DELETE FROM audit WHERE seq = 3")
    with database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_is_append_only_UPDATE")
        connection.exec_driver_sql("UPDATE audit SET actor = 'b' WHERE seq = 3")
    assert audit.first_broken(database) == 3


def test_an_undone_deed_leaves_no_line(database: Database) -> None:
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        audit.append(connection, actor="a", action="x", subject="k")
        raise ZeroDivisionError
    assert audit.entries(database) == []
