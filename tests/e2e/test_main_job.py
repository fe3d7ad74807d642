"""The main job from the command that a user would type, against both services."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.e2e

FLOWS = ("customers", "suppressions", "page-views")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=400) as made:
        yield made


def test_three_runs_move_everything_then_nothing_then_just_what_changed(
    tmp_path: Path,
) -> None:
    with staged(tmp_path, customers=20_000) as stage:
        first = stage.run()
        assert first.code == 0, first.err
        assert first.numbers("customers", "read", "created", "written") == (
            20_000,
            20_000,
            20_000,
        )
        assert not stage.difference()
        # Two full files, since calls are counted; everything fits into them.
        assert stage.imports() == [(0, 10_000), (0, 10_000)]

        stage.forget_requests()
        second = stage.run()
        assert second.code == 0, second.err
        for flow in FLOWS:
            assert second.numbers(
                flow, "created", "updated", "excluded", "written"
            ) == (
                0,
                0,
                0,
                0,
            )
        assert not stage.imports()
        assert not stage.salesforce_writes()

        changed = _an_evening_passes(stage)
        stage.forget_requests()
        third = stage.run()
        assert third.code == 0, third.err
        keys = ("created", "updated", "excluded", "rejected")
        assert third.numbers("customers", *keys) == (30, 200, 50, 0)
        assert not stage.difference()
        assert stage.imports() == [(0, 230), (1, 50)]
        _check_written_back(stage, changed)


def _an_evening_passes(stage: Stage) -> dict[str, list[str]]:
    contacts = stage.query(
        "SELECT Id, Email FROM Contact WHERE HasOptedOutOfEmail = false "
        "AND Email != null ORDER BY Id LIMIT 800"
    )
    ids = [row["Id"] for row in contacts]
    for number, one in enumerate(ids[:200]):
        stage.update(one, LastName=f"変更{number}")
    for one in ids[200:250]:
        stage.delete(one)
    for number in range(30):
        stage.create("Contact", LastName=f"新規{number}", Email=f"n{number}@example.jp")
    emails = [row["Email"] for row in contacts]
    for address in emails[300:310]:
        stage.stop(address)
    for number in range(500):
        address = emails[320 + number % 100]
        at = f"2026-11-20T{number // 60:02d}:{number % 60:02d}:00Z"
        stage.view(address, f"https://example.com/p/{number}", at)
    return {"stopped": ids[300:310], "viewed": ids[320:420]}


def _check_written_back(stage: Stage, changed: dict[str, list[str]]) -> None:
    rows = stage.query(
        "SELECT Id, HaihaiState__c, HaihaiStateAt__c, HaihaiLastViewedUrl__c, "
        "HaihaiViewCount__c FROM Contact WHERE HaihaiState__c != null "
        "OR HaihaiViewCount__c != null"
    )
    stopped = [row["Id"] for row in rows if row["HaihaiState__c"] == "配信停止"]
    assert sorted(stopped) == sorted(changed["stopped"])
    assert all(row["HaihaiStateAt__c"] for row in rows if row["Id"] in stopped)
    viewed = {row["Id"]: row["HaihaiViewCount__c"] for row in rows}
    assert {one: viewed[one] for one in changed["viewed"]} == dict.fromkeys(
        changed["viewed"], 5
    )
    by_id = {row["Id"]: row for row in rows}
    last = by_id[changed["viewed"][99]]["HaihaiLastViewedUrl__c"]
    assert last == "https://example.com/p/499"


def test_a_quiet_run_costs_four_calls_to_salesforce_at_most(stage: Stage) -> None:
    assert stage.run("customers").code == 0
    stage.forget_requests()
    quiet = stage.run("customers")
    assert quiet.code == 0
    assert len(stage.salesforce_requests()) <= 4
    assert not stage.haihai_requests()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_anywhere_the_next_run_finishes(
    tmp_path: Path, number: signal.Signals
) -> None:
    with staged(tmp_path, customers=20_000) as stage:
        for pause in (0.9, 1.3, 1.7, 2.1):
            code = stage.interrupted(pause, number)
            assert code in (0, 130 if number == signal.SIGINT else 143)
        last = stage.run()
        assert last.code == 0, last.err
        assert not stage.difference()
        assert len(stage.customers()) == 20_000
        again = stage.run()
        assert again.numbers("customers", "written", "unchanged") == (0, 0)


def test_killed_anywhere_the_next_run_finishes(tmp_path: Path) -> None:
    with staged(tmp_path, customers=3_000) as stage:
        for pause in (0.5, 0.8, 1.0, 1.2, 1.5):
            assert stage.interrupted(pause, signal.SIGKILL) in (0, -signal.SIGKILL)
        last = stage.run()
        assert last.code == 0, last.err
        assert not stage.difference()
        assert len(stage.customers()) == 3_000


def test_a_plan_writes_nothing_and_the_run_does_just_that(stage: Stage) -> None:
    plan = stage.run("--plan")
    assert plan.code == 0, plan.err
    assert not stage.imports()
    assert not stage.salesforce_writes()
    changes = [event for event in plan.events if event["event"] == "change"]
    assert len(changes) == 400
    assert {change["action"] for change in changes} == {"create"}
    run = stage.run()
    assert run.numbers("customers", "created", "written") == (400, 400)
    planned = {change["address"] for change in changes}
    assert planned == set(stage.customers())


def test_a_second_runner_is_turned_away(stage: Stage) -> None:
    stage.haihai_control("switches", {"import_hold": True}, "PUT")
    first = stage.start("--run-sync", "--json")
    assert first.stdout is not None
    for line in first.stdout:
        if "import_accepted" in line:
            break
    second = stage.run()
    assert second.code == 5
    stage.haihai_control("switches", {"import_hold": False}, "PUT")
    first.communicate(timeout=60)
    assert first.returncode == 0
