"""Every figure shown is explained by stored runs, and nothing else is shown."""

from __future__ import annotations

import json
import random
import re
import sqlite3
import stat
from collections.abc import Mapping
from contextlib import closing
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from haihai_tui.errors import SettingsError
from haihai_tui.services.history import numbers_of
from haihai_tui.services.metrics import figures, rendered, write_metrics
from haihai_tui.services.paths import Home
from haihai_tui.services.settings import parse_profile
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.status import status
from haihai_tui.services.store.budgets import Budgets
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.facts import Facts
from haihai_tui.services.store.runs import Runs
from haihai_tui.services.store.state import ProfileState
from tests.services.conftest import MovedClock

FLOWS = ("customers", "suppressions", "page-views")
STATUSES = (("ok", 0), ("partial", 1), ("failed", 3), ("paused", 6), ("halted", 7))
COUNTS = ("read", "unchanged", "created", "updated", "excluded", "rejected", "written")


def settings(**tables: Any) -> Settings:
    return parse_profile("default", tables, "default.toml")


def a_year_of_runs(database: Database, clock: MovedClock, seed: int) -> None:
    """Runs of every outcome, with numbers that fit it."""
    chance, runs = random.Random(seed), Runs(database, "default", clock)
    for _ in range(120):
        flows = [one for one in FLOWS if chance.random() < 0.7] or ["customers"]
        mode = chance.choice(("sync", "sync", "full", "plan", "retry"))
        run_id = runs.start(mode, flows, actor="cron")
        clock.advance(chance.randint(1, 4000))
        status, code = chance.choice(STATUSES)
        numbers = {flow: _numbers(chance, status) for flow in flows}
        runs.finish(run_id, status, code, {"flows": numbers})
    runs.start("sync", ["customers"], actor="cron")


def _numbers(chance: random.Random, status: str) -> dict[str, Any]:
    done = status in ("ok", "partial") or chance.random() < 0.3
    return {
        **{name: chance.randint(0, 99) for name in COUNTS},
        "rejected": chance.choice((0, 3)) if status == "partial" else 0,
        "held": chance.choice((0, 1)) if status == "partial" else 0,
        "done": done,
        "api_calls": {"salesforce": chance.randint(0, 9), "haihai": 2},
    }


def stored(home: Home) -> list[dict[str, Any]]:
    """The runs as they lie in the database, the oldest first, read by hand."""
    with closing(sqlite3.connect(home.database)) as connection:
        connection.row_factory = sqlite3.Row
        rows = connection.execute("SELECT * FROM runs ORDER BY run_id").fetchall()
    return [{**row, "summary": json.loads(row["summary"])} for row in rows]


def last(rows: list[dict[str, Any]], *, clean: bool) -> dict[str, str]:
    found = {}
    for row in rows:
        if row["mode"] == "plan" or row["finished_at"] is None:
            continue
        for flow, numbers in row["summary"]["flows"].items():
            left = numbers["rejected"] or numbers["held"]
            through = numbers["done"] or row["status"] in ("ok", "partial")
            if through and not (clean and left):
                found[flow] = row["finished_at"]
    return found


@pytest.mark.parametrize("seed", range(5))
def test_every_number_is_recomputed_from_the_stored_runs(
    home: Home, database: Database, clock: MovedClock, seed: int
) -> None:
    a_year_of_runs(database, clock, seed)
    rows = stored(home)
    found = status(home, "default", last_runs=1000)
    assert found["last_success"] == last(rows, clean=True)
    assert found["last_completed"] == last(rows, clean=False)
    assert found["last_success"] == Runs(database, "default").last_success()
    assert found["last_completed"] == Runs(database, "default").last_completed()
    told = {run["run_id"]: run for run in found["last_runs"]}
    shown = {run.run_id: numbers_of(run) for run in Runs(database, "default").recent()}
    assert set(told) == {row["run_id"] for row in rows}
    for row in rows:
        _compare(row, told[row["run_id"]])
        if row["run_id"] in shown:
            summed = _summed(row["summary"].get("flows", {}))
            numbers = shown[row["run_id"]]
            assert {name: getattr(numbers, name) for name in summed} == summed
            assert numbers.duration_s == told[row["run_id"]]["duration_s"]
    newest = [row for row in rows if row["mode"] != "plan" and row["finished_at"]][-1]
    assert found["last_run"]["run_id"] == newest["run_id"]


def _compare(row: Mapping[str, Any], told: Mapping[str, Any]) -> None:
    assert (told["status"], told["exit_code"]) == (row["status"], row["exit_code"])
    if row["finished_at"] is None:
        assert told["duration_s"] is None
        return
    begun, ended = (
        datetime.fromisoformat(row[name]) for name in ("started_at", "finished_at")
    )
    assert told["duration_s"] == (ended - begun).total_seconds()
    for flow, numbers in row["summary"]["flows"].items():
        for name in COUNTS:
            assert told["flows"][flow][name] == numbers[name]
        assert told["flows"][flow]["api_calls"] == numbers["api_calls"]


def _summed(flows: Mapping[str, Any]) -> dict[str, int]:
    return {
        name: sum(one[name] for one in flows.values())
        for name in ("read", "written", "rejected")
    }


SAMPLE = re.compile(r'haihai_(\w+)\{((?:\w+="(?:[^"\\]|\\.)*",?)+)\} (\S+)')


def parsed(content: str) -> dict[tuple[str, ...], float]:
    """The samples of the text format, by name and label values after the profile."""
    found = {}
    for line in content.splitlines():
        if line.startswith("#"):
            continue
        whole = SAMPLE.fullmatch(line)
        assert whole, line
        labels = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', whole[2])
        assert labels[0][0] == "profile"
        key = (whole[1], *(value for _, value in labels[1:]))
        assert key not in found, "a sample twice"
        found[key] = float(whole[3])
    return found


def test_the_file_holds_what_the_status_tells(
    home: Home, database: Database, clock: MovedClock, tmp_path: Path
) -> None:
    a_year_of_runs(database, clock, 1)
    with ProfileState(database, "default").transaction() as transaction:
        transaction.set_cursor("customers", "2026-02-16T01:00:00Z")
        transaction.set_cursor("suppressions.Lead", "2026-02-16T01:30:00Z")
        transaction.set_cursor("suppressions.Contact", "2026-02-16T01:10:00Z")
        transaction.set_cursor("suppressions.Contact.fields", "A__c,B__c")
    Budgets(database, "default").add("haihai", "import", "2026-02-20", 9)
    today = f"{clock().astimezone(timezone(timedelta(hours=9))):%Y-%m-%d}"
    Budgets(database, "default").add("haihai", "retrieval", today, 9)
    Facts(database, "default").set(
        {"salesforce.api_used": "400", "salesforce.api_max": "15000"}
    )
    profile = settings(metrics={"file": str(tmp_path / "{profile}.prom")})
    found = status(home, "default")
    path = write_metrics(profile, found, clock())
    assert path == tmp_path / "default.prom"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.glob("*.prom*")) + list(tmp_path.glob(".*prom*")) == [path]
    samples = parsed(path.read_text("utf-8"))
    run = found["last_run"]
    assert samples["last_run_exit_code",] == run["exit_code"]
    assert samples["last_run_duration_seconds",] == run["duration_s"]
    assert samples["last_run_status", run["status"]] == 1
    assert samples["salesforce_api_requests_left",] == 14_600
    assert samples["haihai_api_calls_left", "retrieval"] == 191
    assert samples["haihai_api_calls_left", "import"] == (
        191 if today == "2026-02-20" else 200
    )
    for flow, at in found["last_success"].items():
        told = samples["last_success_timestamp_seconds", flow]
        assert told == datetime.fromisoformat(at).timestamp()
    cursor = datetime.fromisoformat("2026-02-16T01:10:00Z").timestamp()
    lag = samples["lag_seconds", "suppressions"]
    assert lag == pytest.approx(clock().timestamp() - cursor)
    for flow, numbers in run["flows"].items():
        for name in COUNTS:
            assert samples["last_run_records", flow, name] == numbers[name]


def test_an_empty_profile_has_figures_too(home: Home, clock: MovedClock) -> None:
    samples = parsed(rendered(settings(), status(home, "default"), clock()))
    assert samples["rejects", "customers"] == 0
    assert ("last_run_exit_code",) not in samples


def test_each_figure_is_named_once_and_described(
    home: Home, database: Database, clock: MovedClock
) -> None:
    a_year_of_runs(database, clock, 2)
    found = list(figures(settings(), status(home, "default"), clock()))
    names = [one.name for one in found]
    assert len(names) == len(set(names))
    documented = (Path(__file__).parents[2] / "docs/monitoring.md").read_text("utf-8")
    for one in found:
        assert re.fullmatch(r"[a-z_]+", one.name)
        assert f"`haihai_{one.name}`" in documented, one.name


def test_every_key_of_the_status_is_documented(
    home: Home, database: Database, clock: MovedClock
) -> None:
    a_year_of_runs(database, clock, 3)
    documented = (Path(__file__).parents[2] / "docs/monitoring.md").read_text("utf-8")
    found = status(home, "default")
    run = found["last_run"]
    flow = next(iter(run["flows"].values()))
    for key in (*found, *run, *flow, *found["connection"]["salesforce"]):
        assert f"`{key}`" in documented, key


def test_a_folder_that_is_missing_is_named(
    home: Home, clock: MovedClock, tmp_path: Path
) -> None:
    profile = settings(metrics={"file": str(tmp_path / "no" / "x.prom")})
    with pytest.raises(SettingsError, match=r"x\.prom"):
        write_metrics(profile, status(home, "default"), clock())


@pytest.mark.parametrize("name", ["x.prom", "/var/lib/x.txt"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(SettingsError):
        settings(metrics={"file": name})
