"""Feature 6: the plan tells old and new of every field in both directions and writes
nothing; the run after it does just that, or says what moved meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stage import AUDIENCE, Finished, Stage, staged

pytestmark = pytest.mark.e2e


@pytest.fixture
def synced(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=40) as stage:
        first = stage.run()
        assert first.code == 0, first.err
        stage.forget_requests()
        yield stage


def contacts(stage: Stage, count: int) -> list[dict[str, Any]]:
    return stage.query(
        f"SELECT Id, Email, LastName FROM Contact WHERE {AUDIENCE} "
        f"ORDER BY Id LIMIT {count}"
    )


def changes(run: Finished) -> dict[tuple[str, str], dict[str, Any]]:
    """By flow and record."""
    return {
        (event["flow"], event["record"]): {
            "action": event["action"],
            **{one["field"]: (one["old"], one["new"]) for one in event["fields"]},
        }
        for event in run.events
        if event["event"] == "change"
    }


def told(run: Finished, kind: str) -> list[dict[str, Any]]:
    return [event["data"] for event in run.events if event["event"] == kind]


def work_on_both_sides(stage: Stage) -> list[dict[str, Any]]:
    """A name is changed, somebody leaves, one stops, one clicks, one is new."""
    people = contacts(stage, 4)
    stage.update(people[0]["Id"], LastName="新姓")
    stage.update(people[1]["Id"], HasOptedOutOfEmail=True)
    stage.stop(people[2]["Email"])
    stage.view(people[3]["Email"], "https://example.com/a", "2026-11-20T01:00:10Z")
    stage.create("Contact", LastName="新規", Email="new@example.com")
    stage.forget_requests()
    return people


def test_feature_06_the_plan_tells_every_old_and_new_and_writes_nothing(
    synced: Stage,
) -> None:
    people = work_on_both_sides(synced)
    plan = synced.run("--plan")
    assert plan.code == 0, plan.err
    assert not synced.imports()
    assert not synced.salesforce_writes()
    found = changes(plan)
    changed, left, stopped, viewed = (row["Id"] for row in people)
    assert found["customers", changed] == {
        "action": "update",
        "姓": (people[0]["LastName"], "新姓"),
    }
    assert found["customers", left] == {"action": "exclude"}
    (new,) = (entry for entry in found.values() if entry["action"] == "create")
    assert new["姓"] == (None, "新規")
    assert found["suppressions", stopped]["HaihaiState__c"] == ("", "配信停止")
    assert found["page-views", viewed]["HaihaiViewCount__c"] == ("", "1")
    assert found["page-views", viewed]["HaihaiLastViewedUrl__c"] == (
        "",
        "https://example.com/a",
    )
    assert len(found) == 5


def test_feature_06_the_run_after_it_does_just_that(synced: Stage) -> None:
    people = work_on_both_sides(synced)
    plan = synced.run("--plan")
    run = synced.run()
    assert run.code == 0, run.err
    assert told(run, "as_planned") == [{"plan": plan.summary["run_id"]}]
    assert not told(run, "moved_since_plan")
    written = sum(flow["written"] for flow in run.summary["flows"].values())
    assert written == len(changes(plan))
    assert not synced.difference()
    assert synced.customers()[people[0]["Email"]]["items"]["姓"] == "新姓"
    # A plan is followed once.
    later = synced.run()
    assert not told(later, "as_planned")
    assert not told(later, "moved_since_plan")


def test_feature_06_what_moved_meanwhile_is_said(synced: Stage) -> None:
    people = work_on_both_sides(synced)
    fifth = contacts(synced, 5)[4]
    plan = synced.run("--plan")
    synced.update(people[0]["Id"], LastName="また変更")
    synced.update(people[1]["Id"], HasOptedOutOfEmail=False)
    synced.update(fifth["Id"], LastName="あとから")
    run = synced.run()
    assert run.code == 0, run.err
    (moved,) = told(run, "moved_since_plan")
    assert moved["plan"] == plan.summary["run_id"]
    assert moved["counts"] == {"added": 1, "changed": 1, "dropped": 1}
    for what, row, action in (
        ("added", fifth, "update"),
        ("changed", people[0], "update"),
        ("dropped", people[1], "exclude"),
    ):
        assert moved[what] == [
            {"flow": "customers", "record": row["Id"], "action": action}
        ]
    assert not synced.difference()


def test_feature_06_a_plan_of_nothing_is_a_plan_too(synced: Stage) -> None:
    assert not changes(synced.run("--plan"))
    synced.update(contacts(synced, 1)[0]["Id"], LastName="あとから")
    (moved,) = told(synced.run(), "moved_since_plan")
    assert moved["counts"] == {"added": 1, "dropped": 0}
