"""Feature 7: a plan that takes away too much halts before any write, in both
directions, and goes on only after a confirmation."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stage import AUDIENCE, Stage, staged

pytestmark = pytest.mark.e2e

BLANKING = (
    'customers.fields=[{salesforce="LastName", haihai="姓"},'
    '{salesforce="Phone", haihai="電話番号", blank="overwrite"}]'
)


@pytest.fixture
def synced(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=50) as stage:
        stage.set(BLANKING)
        first = stage.run()
        assert first.code == 0, first.err
        stage.forget_requests()
        yield stage


def contacts(stage: Stage, count: int) -> list[dict[str, Any]]:
    return stage.query(
        "SELECT Id, Email FROM Contact WHERE Phone != null AND "
        f"{AUDIENCE} ORDER BY Id LIMIT {count}"
    )


def leave(stage: Stage, people: list[dict[str, Any]]) -> None:
    for row in people:
        stage.update(row["Id"], HasOptedOutOfEmail=True)


def stop(stage: Stage, people: list[dict[str, Any]]) -> None:
    for row in people:
        stage.stop(row["Email"])


def blank(stage: Stage, people: list[dict[str, Any]]) -> None:
    for row in people:
        stage.update(row["Id"], Phone=None)


@pytest.mark.parametrize(
    ("act", "flow"),
    [(leave, "customers"), (blank, "customers"), (stop, "suppressions")],
    ids=["excluded", "blanked", "stopped"],
)
def test_feature_07_too_much_halts_before_any_write_and_goes_on_when_confirmed(
    synced: Stage, act: Any, flow: str
) -> None:
    act(synced, contacts(synced, 30))
    synced.forget_requests()
    halted = synced.run()
    assert (halted.code, halted.summary["status"]) == (7, "halted")
    (failed,) = (event for event in halted.events if event["event"] == "flow_failed")
    assert failed["flow"] == flow
    assert not synced.imports()
    assert not synced.salesforce_writes()
    confirmed = synced.run("--confirm", halted.summary["run_id"])
    assert confirmed.code == 0, confirmed.err
    assert confirmed.numbers(flow, "written")[0] >= 30
    assert synced.run().code == 0


@pytest.mark.parametrize("act", [leave, blank, stop], ids=["leave", "blank", "stop"])
def test_feature_07_a_few_pass(synced: Stage, act: Any) -> None:
    act(synced, contacts(synced, 2))
    assert synced.run().code == 0


def test_feature_07_a_confirmation_covers_no_more_than_was_shown(synced: Stage) -> None:
    people = contacts(synced, 31)
    stop(synced, people[:30])
    halted = synced.run()
    assert halted.code == 7
    stop(synced, people[30:])
    synced.forget_requests()
    again = synced.run("--confirm", halted.summary["run_id"])
    assert again.code == 7
    assert not synced.salesforce_writes()


def test_feature_07_half_the_source_gone_halts(synced: Stage) -> None:
    middle = contacts(synced, 25)[-1]["Id"]
    synced.set(f"customers.audience=\"{AUDIENCE} AND Id > '{middle}'\"")
    assert synced.run().code == 7
    assert not synced.imports()
