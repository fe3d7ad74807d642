"""The promises to users, each shown from the command against both services.

The number in a name is the feature's rank by the harm that it avoids.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.scenes import contact, field
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.e2e


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=100) as made:
        yield made


@pytest.fixture
def synced(stage: Stage) -> Stage:
    first = stage.run()
    assert first.code == 0, first.err
    stage.forget_requests()
    return stage


def test_feature_07_a_filter_typo_halts_and_a_confirmation_goes_on_once(
    synced: Stage,
) -> None:
    ids = [contact(synced, at)[0] for at in range(60)]
    for one in ids:
        synced.update(one, HasOptedOutOfEmail=True)
    synced.forget_requests()
    halted = synced.run()
    assert halted.code == 7
    assert halted.summary["status"] == "halted"
    assert not synced.imports()
    assert not synced.salesforce_writes()
    run_id = halted.summary["run_id"]
    assert synced.run().code == 7
    confirmed = synced.run("--confirm", run_id)
    assert confirmed.code == 0, confirmed.err
    assert confirmed.numbers("customers", "excluded") == (60,)
    assert not synced.difference()
    again = synced.run("--confirm", run_id)
    assert again.code == 2


def test_feature_07_a_source_that_reads_nothing_halts(synced: Stage) -> None:
    synced.set("customers.audience=\"LastName = 'nobody'\"")
    assert synced.run().code == 7
    assert not synced.imports()


def test_feature_15_what_stands_on_both_sides_is_linked(stage: Stage) -> None:
    for at in range(20):
        stage.haihai_control("groups/1/allow", {"address": contact(stage, at)[1]})
    run = stage.run()
    assert run.numbers("customers", "linked", "created") == (20, 80)
    assert not stage.difference()


def test_feature_19_an_event_counts_once(synced: Stage) -> None:
    one, address = contact(synced)
    for _ in range(2):
        synced.view(address, "https://example.com/a", "2026-11-20T01:00:00Z")
    assert synced.run().code == 0
    assert field(synced, one, "HaihaiViewCount__c") == 1
    synced.view(address, "https://example.com/b", "2026-11-21T01:00:00Z", "visit")
    assert synced.run().code == 0
    assert field(synced, one, "HaihaiViewCount__c") == 2
    assert field(synced, one, "HaihaiLastViewedUrl__c") == "https://example.com/b"
    assert str(field(synced, one, "HaihaiLastViewedAt__c")).startswith("2026-11-21T01")


def test_feature_21_three_runs_after_a_change_on_both_sides_write_nothing(
    synced: Stage,
) -> None:
    one, address = contact(synced)
    synced.update(one, LastName="変更")
    synced.stop(contact(synced, 1)[1])
    synced.view(address, "https://example.com/a", "2026-11-20T01:00:00Z")
    assert synced.run().code == 0
    synced.forget_requests()
    for _ in range(3):
        assert synced.run().code == 0
    assert not synced.imports()
    assert not synced.salesforce_writes()


def test_stops_and_views_come_from_exported_files_too(
    synced: Stage, tmp_path: Path
) -> None:
    one, address = contact(synced)
    members = tmp_path / "members.csv"
    members.write_bytes(
        "メールアドレス,配信状態,配信停止日時,配信停止方法,ステータス\r\n"
        f"{address},配信停止,2026/11/20 10:00:00,フォーム,OK\r\n".encode("cp932")
    )
    run = synced.run("suppressions", "--from-file", str(members))
    assert run.code == 0, run.err
    assert field(synced, one, "HaihaiState__c") == "配信停止"
    assert str(field(synced, one, "HaihaiStateAt__c")).startswith("2026-11-20T01:00")


def test_a_used_up_budget_pauses_and_the_next_day_goes_on(stage: Stage) -> None:
    stage.haihai_control("switches", {"daily_calls": 1}, "PUT")
    paused = stage.run()
    assert paused.code == 6
    assert paused.summary["status"] == "paused"
    stage.haihai_control("switches", {"daily_calls": 240}, "PUT")
    assert stage.run().code == 0
    assert not stage.difference()


def test_a_service_that_is_away_ends_with_3_and_a_revoked_token_with_4(
    synced: Stage,
) -> None:
    synced.salesforce_control("revoke", {})
    revoked = synced.run("customers")
    assert revoked.code == 4
    synced.world.stop()
    assert synced.run("customers").code in (3, 4)


def test_a_result_that_the_service_does_not_tell_is_called_unconfirmed(
    stage: Stage,
) -> None:
    stage.haihai_control("switches", {"result_api": False}, "PUT")
    run = stage.run("customers")
    assert run.code == 0, run.err
    assert run.numbers("customers", "written", "unconfirmed") == (100, 100)
    assert any(event["event"] == "not_confirmed" for event in run.events)


def test_a_result_that_comes_late_is_asked_for_by_the_next_run(stage: Stage) -> None:
    stage.set("haihai.result_wait_s=0.5")
    stage.haihai_control("switches", {"import_hold": True, "import_fail": 1}, "PUT")
    first = stage.run("customers")
    assert first.code == 0, first.err
    assert first.numbers("customers", "unconfirmed") == (100,)
    stage.set("haihai.result_wait_s=20")
    stage.haihai_control("switches", {"import_hold": False}, "PUT")
    stage.world.haihai.queue.drain(10)
    assert stage.run("customers").code == 0
    assert not stage.difference()


def test_views_from_an_exported_file_count_once(synced: Stage, tmp_path: Path) -> None:
    one, address = contact(synced)
    views = tmp_path / "views.csv"
    rows = [
        f"{address},https://example.com/{page},2026/11/20 10:0{page}:00"
        for page in range(3)
    ]
    header = "メールアドレス,URL,日時"
    views.write_text("\r\n".join([header, *rows]) + "\r\n", "utf-8")
    for _ in range(2):
        run = synced.run("page-views", "--from-file", str(views))
        assert run.code == 0, run.err
    assert field(synced, one, "HaihaiViewCount__c") == 3


@pytest.mark.parametrize(
    "fault",
    [
        {"match": "GET /services/data/.*/query", "do": "status:503"},
        {"match": "GET /services/data/.*/query", "do": "reset"},
        {"match": "GET /services/data/.*/query", "do": "truncate:100"},
        {"match": "GET /services/data/.*/query", "do": "error:INVALID_SESSION_ID"},
        {"match": "PATCH /services/data/.*/composite", "do": "lose_reply"},
    ],
    ids=lambda fault: str(fault["do"]),
)
def test_a_passing_fault_of_salesforce_changes_nothing(
    synced: Stage, fault: dict[str, str]
) -> None:
    one, _ = contact(synced)
    synced.update(one, LastName="変更")
    other, address = contact(synced, 1)
    synced.stop(address)
    synced.salesforce_control("faults", [{**fault, "times": 1}])
    assert synced.run().code == 0
    assert not synced.difference()
    assert field(synced, other, "HaihaiState__c") == "配信停止"


@pytest.mark.parametrize("do", ["status:503", "reset", "lose_reply", "truncate:3"])
def test_a_passing_fault_of_haihai_mail_changes_nothing(stage: Stage, do: str) -> None:
    fault = {"match": "POST .*ScheduleCsvImport", "times": 1, "do": do}
    stage.haihai_control("faults", [fault])
    run = stage.run()
    assert run.code == 0, run.err
    assert not stage.difference()
    assert len(stage.customers()) == 100


def test_a_lasting_fault_ends_with_3_and_keeps_the_cursor(synced: Stage) -> None:
    one, _ = contact(synced)
    synced.update(one, LastName="変更")
    fault = {"match": "POST .*ScheduleCsvImport", "times": None, "do": "reset"}
    synced.haihai_control("faults", [fault])
    assert synced.run("customers").code == 3
    synced.haihai_control("faults", [])
    assert synced.run("customers").code == 0
    assert not synced.difference()


def test_feature_13_a_stop_is_written_once_the_field_can_be_edited_again(
    synced: Stage,
) -> None:
    one, address = contact(synced)
    names = ["Contact.HaihaiState__c", "Contact.HaihaiStateAt__c"]
    synced.salesforce_control("switches", {"readonly_fields": names}, "PUT")
    synced.stop(address)
    broken = synced.run("suppressions")
    assert broken.code == 1
    synced.salesforce_control("switches", {"readonly_fields": []}, "PUT")
    assert synced.run("suppressions").code == 0
    assert field(synced, one, "HaihaiState__c") == "配信停止"


def test_feature_13_an_object_that_is_added_later_gets_the_earlier_stops(
    synced: Stage,
) -> None:
    _, address = contact(synced)
    lead = synced.create("Lead", LastName="見込", Company="例", Email=address)
    synced.set('suppressions.objects=["Contact"]')
    synced.stop(address)
    assert synced.run("suppressions").code == 0
    synced.set('suppressions.objects=["Contact", "Lead"]')
    assert synced.run("suppressions").code == 0
    assert field(synced, lead, "HaihaiState__c") == "配信停止"


def test_feature_13_a_field_of_the_wrong_type_is_set_aside(synced: Stage) -> None:
    one, address = contact(synced)
    synced.set('suppressions.changed_at_field="HaihaiViewCount__c"')
    synced.stop(address)
    run = synced.run("suppressions")
    assert run.code == 1
    assert field(synced, one, "HaihaiState__c") == "配信停止"
    (told,) = {
        event["data"]["cause"]
        for event in run.events
        if event["event"] == "field_set_aside"
    }
    assert told == "field_type_mismatch"
