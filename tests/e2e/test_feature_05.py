"""Feature 5: a record that is refused is a reject with cause and remedy, wherever the
refusal is told; it is tried again by itself, and the list empties after the fix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from haihai_tui.services.paths import home_at
from haihai_tui.services.store.database import open_database
from haihai_tui.services.store.rejects import RejectRow, Rejects
from tests.e2e.stage import AUDIENCE, Finished, Stage, staged

pytestmark = pytest.mark.e2e


@pytest.fixture
def synced(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=100) as stage:
        first = stage.run()
        assert first.code == 0, first.err
        yield stage


def contacts(stage: Stage, count: int) -> list[tuple[str, str]]:
    rows = stage.query(
        f"SELECT Id, Email FROM Contact WHERE {AUDIENCE} ORDER BY Id LIMIT {count}"
    )
    return [(row["Id"], row["Email"]) for row in rows]


def listed(stage: Stage, flow: str) -> list[RejectRow]:
    database = open_database(home_at(stage.folder))
    try:
        return Rejects(database, "default").listed(flow=flow)
    finally:
        database.close()


def refused(stage: Stage, run: Finished, flow: str, *records: str) -> list[RejectRow]:
    """The run was no success, and these records are on the list with their remedy."""
    assert run.code == 1, run.err
    assert run.summary["status"] == "partial"
    assert run.numbers(flow, "rejected") == (len(records),)
    rows = listed(stage, flow)
    assert {row.record for row in rows} == set(records)
    assert all(row.cause and row.remedy for row in rows)
    return rows


def fixed(stage: Stage, flow: str) -> None:
    run = stage.run(flow)
    assert run.code == 0, run.err
    assert not listed(stage, flow)


def test_feature_05_three_of_a_hundred_are_listed_retried_and_cleared(
    synced: Stage,
) -> None:
    ids = [one for one, _ in contacts(synced, 3)]
    for one in ids:
        synced.update(one, LastName="寿司🍣")
    refused(synced, synced.run("customers"), "customers", *ids)
    again = refused(synced, synced.run("customers"), "customers", *ids)
    assert all(row.tries == 2 for row in again)
    for one in ids:
        synced.update(one, LastName="寿司")
    fixed(synced, "customers")
    assert not synced.difference()


def test_feature_05_told_by_the_result_of_an_import(synced: Stage) -> None:
    synced.set('haihai.wire={encoding="utf-8"}')
    (one, address), (other, second) = contacts(synced, 2)
    synced.update(one, LastName="\ufffd")
    synced.update(other, LastName="新姓")
    (row,) = refused(synced, synced.run("customers"), "customers", one)
    assert row.address == address
    assert synced.customers()[second]["items"]["姓"] == "新姓"
    synced.update(one, LastName="直した")
    fixed(synced, "customers")
    assert synced.customers()[address]["items"]["姓"] == "直した"


def test_feature_05_told_by_a_result_that_comes_after_the_run(synced: Stage) -> None:
    synced.set('haihai.wire={encoding="utf-8"}', "haihai.result_wait_s=0.2")
    ((one, address),) = contacts(synced, 1)
    synced.update(one, LastName="\ufffd")
    synced.haihai_control("switches", {"import_hold": True}, "PUT")
    first = synced.run("customers")
    assert (first.code, first.numbers("customers", "unconfirmed")) == (0, (1,))
    synced.haihai_control("switches", {"import_hold": False}, "PUT")
    synced.world.haihai.queue.drain(10)
    synced.set("haihai.result_wait_s=20")
    refused(synced, synced.run("customers"), "customers", one)
    synced.update(one, LastName="直した")
    fixed(synced, "customers")
    assert synced.customers()[address]["items"]["姓"] == "直した"


def test_feature_05_told_by_the_answer_to_an_import(synced: Stage) -> None:
    """An answer refuses a whole file: nothing of it is taken for done."""
    ((one, address),) = contacts(synced, 1)
    synced.update(one, LastName="新姓")
    synced.set(
        'customers.fields=[{salesforce="LastName", haihai="姓"},'
        '{salesforce="Phone", haihai="存在しない項目"}]'
    )
    run = synced.run("customers")
    assert run.code == 2
    assert "存在しない項目" in run.out
    (cause,) = {
        event["data"]["cause"]
        for event in run.events
        if event["event"] == "flow_failed"
    }
    assert cause == "haihai_item_unknown"
    synced.set('customers.fields=[{salesforce="LastName", haihai="姓"}]')
    fixed(synced, "customers")
    assert synced.customers()[address]["items"]["姓"] == "新姓"


def test_feature_05_told_by_collections(synced: Stage) -> None:
    (one, address), (_, second) = contacts(synced, 2)
    fault = {"code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "record": one, "times": 99}
    synced.salesforce_control("row_faults", [{**fault, "message": "承認中です"}])
    synced.stop(address)
    synced.stop(second)
    (row,) = refused(synced, synced.run("suppressions"), "suppressions", one)
    assert "承認中です" in str(row.cause)
    refused(synced, synced.run("suppressions"), "suppressions", one)
    synced.salesforce_control("row_faults", [])
    fixed(synced, "suppressions")


def test_feature_05_told_by_the_failed_rows_of_a_bulk_job(tmp_path: Path) -> None:
    with staged(tmp_path, customers=2_100) as stage:
        people = contacts(stage, 2_050)
        exported = tmp_path / "members.csv"
        rows = [f"{address},配信停止,2026/11/20 10:00:00" for _, address in people]
        header = "メールアドレス,配信状態,配信停止日時"
        exported.write_text("\r\n".join([header, *rows]) + "\r\n", "utf-8")
        stage.set('suppressions.objects=["Contact"]', "guard.max_stopped_share=1.0")
        one = people[1_000][0]
        fault: dict[str, Any] = {"code": "FIELD_CUSTOM_VALIDATION_EXCEPTION"}
        fault |= {"record": one, "times": 99, "message": "承認中です"}
        stage.salesforce_control("row_faults", [fault])
        arguments = ("suppressions", "--from-file", str(exported))
        run = stage.run(*arguments)
        assert any("/jobs/ingest" in line for line in stage.salesforce_writes())
        (row,) = refused(stage, run, "suppressions", one)
        assert "承認中です" in str(row.cause)
        assert run.numbers("suppressions", "written") == (2_049,)
        stage.salesforce_control("row_faults", [])
        again = stage.run(*arguments)
        assert again.code == 0, again.err
        assert not listed(stage, "suppressions")
