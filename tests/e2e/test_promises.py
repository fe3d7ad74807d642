"""The promises to users, each shown from the command against both services.

The number in a name is the feature's rank by the harm that it avoids.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from haihai_tui.services.paths import home_at
from haihai_tui.services.store.database import open_database
from haihai_tui.services.store.reviews import Reviews
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.e2e

STATE_WRITES = {2, 3, 5}


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


def contact(stage: Stage, at: int = 0) -> tuple[str, str]:
    """Id and address of one contact of the audience."""
    row = stage.query(
        "SELECT Id, Email FROM Contact WHERE HasOptedOutOfEmail = false "
        f"AND Email != null ORDER BY Id LIMIT 1 OFFSET {at}"
    )[0]
    return row["Id"], row["Email"]


def field(stage: Stage, record: str, name: str) -> object:
    sobject = "Lead" if record.startswith("00Q") else "Contact"
    rows = stage.query(f"SELECT {name} FROM {sobject} WHERE Id = '{record}'")
    return rows[0][name]


def state_kinds(stage: Stage) -> set[int]:
    return {kind for kind, _ in stage.imports()} & STATE_WRITES


# ----------------------------------------------------------------- 1, sticky stop


def test_01_a_stop_survives_every_kind_of_run(synced: Stage) -> None:
    one, address = contact(synced)
    synced.stop(address)
    synced.update(one, LastName="新姓")
    for arguments in ((), ("--full",)):
        assert synced.run(*arguments).code == 0
    synced.set('customers.fields=[{salesforce="LastName", haihai="姓"}]')
    assert synced.run().code == 0
    synced.set(
        'customers.fields=[{salesforce="LastName", haihai="姓"},'
        '{salesforce="Title", haihai="会社名"}]'
    )
    assert synced.run().code == 0
    assert synced.members()[address] == "配信停止"
    assert synced.customers()[address]["items"]["姓"] == "新姓"
    assert not state_kinds(synced)
    for row in synced.haihai_requests():
        if "kind" in row:
            assert row["kind"] != 1
            assert not row.get("presence")


def test_01_who_left_and_comes_back_is_still_stopped(synced: Stage) -> None:
    one, address = contact(synced)
    synced.stop(address)
    synced.update(one, HasOptedOutOfEmail=True)
    assert synced.run().code == 0
    synced.update(one, HasOptedOutOfEmail=False)
    assert synced.run().code == 0
    assert synced.members()[address] == "配信停止"


def test_01_a_stop_is_remembered_when_the_membership_was_lost(synced: Stage) -> None:
    one, address = contact(synced)
    synced.stop(address)
    assert synced.run().code == 0
    synced.delete(one)
    assert synced.run().code == 0
    # Somebody empties the group by hand; the service forgets the stop with it.
    _leave(synced, address)
    assert address not in synced.members()
    synced.create("Contact", LastName="山田", Email=address)
    assert synced.run().code == 0
    assert synced.members()[address] == "配信停止"
    kinds = [kind for kind, _ in synced.imports()]
    assert kinds.index(2) < len(kinds) - 1 - kinds[::-1].index(0)


def _leave(stage: Stage, address: str) -> None:
    haihai = stage.world.ready["haihai"]
    body = {
        "aid": haihai["contract_id"].partition("-")[2],
        "loginid": haihai["login_id"],
        "import_type": "1",
        "is_overwrite": "0",
        "gid": "1",
        "spid": "",
        "report_option": "0",
    }
    answer = stage.http.post(
        f"{haihai['base_url']}/?ac=ScheduleCsvImport",
        data=body,
        files={
            "csvfile": ("x.csv", f"メールアドレス\r\n{address}\r\n".encode("cp932"))
        },
        headers={"X-HM-apitoken": haihai["api_token"]},
    )
    assert "10200" in answer.text, answer.text
    stage.world.haihai.queue.drain(10)


# ------------------------------------------------- 2, write-back follows the person


def test_02_a_stop_reaches_every_record_of_the_address(synced: Stage) -> None:
    one, address = contact(synced)
    lead = synced.create("Lead", LastName="見込", Company="例", Email=address)
    synced.update(one, HasOptedOutOfEmail=True)
    assert synced.run().code == 0
    synced.stop(address)
    assert synced.run().code == 0
    for record in (one, lead):
        assert field(synced, record, "HaihaiState__c") == "配信停止"
        assert field(synced, record, "HaihaiStateAt__c")


def test_02_a_record_made_later_learns_of_the_stop(synced: Stage) -> None:
    _, address = contact(synced)
    synced.stop(address)
    assert synced.run().code == 0
    lead = synced.create("Lead", LastName="見込", Company="例", Email=address.upper())
    assert synced.run().code == 0
    assert field(synced, lead, "HaihaiState__c") == "配信停止"


def test_02_barred_and_allowed_again_are_told_apart(synced: Stage) -> None:
    one, address = contact(synced)
    synced.haihai_control("groups/1/bar", {"address": address})
    assert synced.run().code == 0
    assert field(synced, one, "HaihaiState__c") == "配信禁止"
    synced.haihai_control("groups/1/allow", {"address": address})
    assert synced.run().code == 0
    assert field(synced, one, "HaihaiState__c") == "配信可能"
    assert field(synced, one, "HaihaiStateAt__c") is None


@pytest.mark.parametrize(
    ("rollup", "expected"),
    [('"any"', "配信停止"), ('"all"', None), ('["2"]', "配信停止"), ('["1"]', None)],
)
def test_02_several_groups_roll_up_by_the_declared_rule(
    synced: Stage, rollup: str, expected: str | None
) -> None:
    one, address = contact(synced)
    synced.stop(address, "2")
    synced.set(f"suppressions.rollup={rollup}")
    assert synced.run().code == 0
    assert field(synced, one, "HaihaiState__c") == expected


# ------------------------------------------------------------ 3, gap-free reading


def test_03_many_rows_of_one_moment_and_a_late_one_all_arrive(stage: Stage) -> None:
    stage.salesforce_control("switches", {"query_page_rows": 200}, "PUT")
    assert stage.run("customers").code == 0
    for number in range(450):
        stage.salesforce_control(
            "records",
            {
                "object": "Contact",
                "operation": "insert",
                "values": {
                    "LastName": f"同時{number}",
                    "Email": f"same{number}@example.com",
                },
            },
        )
    assert stage.run("customers").numbers("customers", "created") == (450,)
    now = stage.query("SELECT SystemModstamp FROM Contact ORDER BY SystemModstamp DESC")
    stage.salesforce_control("clock", {"advance_s": 600})
    stage.salesforce_control(
        "records",
        {
            "object": "Contact",
            "operation": "insert",
            "values": {"LastName": "遅刻", "Email": "late@example.com"},
            "SystemModstamp": now[0]["SystemModstamp"],
        },
    )
    assert stage.run("customers").numbers("customers", "created") == (1,)
    assert not stage.difference()


# ---------------------------------------------------------------------- 5, rejects


def test_05_rejects_are_listed_tried_again_and_cleared(synced: Stage) -> None:
    ids = [contact(synced, at)[0] for at in range(3)]
    for one in ids:
        synced.update(one, LastName="寿司🍣")
    second = synced.run()
    assert second.code == 1
    assert second.summary["status"] == "partial"
    assert second.numbers("customers", "rejected", "written") == (3, 0)
    third = synced.run()
    assert third.code == 1
    assert third.numbers("customers", "rejected") == (3,)
    for one in ids:
        synced.update(one, LastName="寿司")
    fixed = synced.run()
    assert fixed.code == 0, fixed.err
    assert fixed.numbers("customers", "rejected", "updated") == (0, 3)
    assert not synced.difference()


def test_05_a_row_that_the_import_refuses_is_a_reject(synced: Stage) -> None:
    synced.set(
        'customers.fields=[{salesforce="LastName", haihai="姓"},'
        '{salesforce="Phone", haihai="存在しない項目"}]'
    )
    one, _ = contact(synced)
    synced.update(one, LastName="新姓")
    refused = synced.run()
    assert refused.code in (1, 2)
    assert "存在しない項目" in refused.out + refused.err


def test_05_a_row_that_salesforce_refuses_is_a_reject(synced: Stage) -> None:
    one, address = contact(synced)
    other, other_address = contact(synced, 1)
    fault = {"code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "record": one, "times": 99}
    synced.salesforce_control("row_faults", [{**fault, "message": "承認中です"}])
    synced.stop(address)
    synced.stop(other_address)
    refused = synced.run()
    assert refused.code == 1
    assert refused.numbers("suppressions", "rejected", "written") == (1, 1)
    assert field(synced, other, "HaihaiState__c") == "配信停止"
    synced.salesforce_control("row_faults", [])
    assert synced.run().code == 0
    assert field(synced, one, "HaihaiState__c") == "配信停止"


# ------------------------------------------------------------------ 7, safety stop


def test_07_a_filter_typo_halts_and_a_confirmation_goes_on_once(synced: Stage) -> None:
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


def test_07_a_source_that_reads_nothing_halts(synced: Stage) -> None:
    synced.set("customers.audience=\"LastName = 'nobody'\"")
    assert synced.run().code == 7
    assert not synced.imports()


# ----------------------------------------------------- 10, 11, matching and identity


def test_10_two_contacts_with_one_address_wait_for_a_person(synced: Stage) -> None:
    for name in ("山田", "佐藤"):
        synced.create("Contact", LastName=name, Email="both@example.com")
    run = synced.run()
    assert run.code == 1
    assert run.numbers("customers", "held", "written") == (2, 0)
    assert not synced.imports()
    status = synced.command("--status", "--json").events[0]
    assert sum(status["reviews"].values()) == 1


def test_10_update_only_registers_nobody_new(stage: Stage) -> None:
    _, address = contact(stage)
    stage.haihai_control("groups/1/allow", {"address": address})
    stage.set("customers.create=false")
    run = stage.run()
    assert run.code == 0, run.err
    assert run.numbers("customers", "created", "linked", "skipped") == (0, 1, 99)
    assert set(stage.members()) == {address}


def test_11_a_new_address_has_the_old_ones_stop_before_it_is_registered(
    synced: Stage,
) -> None:
    one, address = contact(synced)
    synced.stop(address)
    synced.update(one, Email="moved@example.com")
    run = synced.run()
    assert run.code == 0, run.err
    assert [kind for kind, _ in synced.imports()] == [2, 0, 1]
    members = synced.members()
    assert members["moved@example.com"] == "配信停止"
    assert address not in members
    assert address in synced.customers()


def test_11_two_people_swap_their_addresses(synced: Stage) -> None:
    (one, first), (other, second) = contact(synced), contact(synced, 1)
    synced.update(one, Email="between@example.com")
    synced.update(other, Email=first)
    synced.update(one, Email=second)
    assert synced.run().code == 0
    assert not synced.difference()
    assert "between@example.com" not in synced.customers()


# ------------------------------------------------------------------- 12, deletes


@pytest.mark.parametrize("on_delete", ["exclude", "bar"])
def test_12_delete_and_undelete_leave_no_trace(synced: Stage, on_delete: str) -> None:
    synced.set(f'customers.on_delete="{on_delete}"')
    one, address = contact(synced)
    synced.delete(one)
    assert synced.run().code == 0
    expected = None if on_delete == "exclude" else "配信禁止"
    assert synced.members().get(address) == expected
    assert address in synced.customers()
    synced.salesforce_control(
        "records", {"object": "Contact", "operation": "undelete", "id": one}
    )
    assert synced.run().code == 0
    assert synced.members()[address] == "配信可能"


@pytest.mark.parametrize("on_delete", ["exclude", "bar"])
def test_12_undelete_does_not_undo_a_stop(synced: Stage, on_delete: str) -> None:
    synced.set(f'customers.on_delete="{on_delete}"')
    one, address = contact(synced)
    synced.delete(one)
    assert synced.run().code == 0
    synced.stop(address)
    synced.salesforce_control(
        "records", {"object": "Contact", "operation": "undelete", "id": one}
    )
    assert synced.run().code == 0
    assert synced.members()[address] == "配信停止"


def test_12_a_gap_beyond_the_recycle_bin_reads_everything(synced: Stage) -> None:
    synced.salesforce_control("clock", {"advance_s": 16 * 86_400})
    run = synced.run("customers")
    assert run.code == 0
    assert run.numbers("customers", "read", "unchanged") == (100, 100)


# ------------------------------------------------------------ 13, 15, mapping, links


def test_13_a_field_that_broke_is_set_aside_and_comes_back(synced: Stage) -> None:
    one, address = contact(synced)
    synced.salesforce_control("switches", {"hidden_fields": ["Contact.Phone"]}, "PUT")
    synced.update(one, LastName="新姓")
    broken = synced.run("customers")
    assert broken.code == 1
    assert synced.customers()[address]["items"]["姓"] == "新姓"
    assert synced.customers()[address]["items"]["電話番号"]
    synced.salesforce_control("switches", {"hidden_fields": []}, "PUT")
    assert synced.run("customers").code == 0
    assert not synced.difference()


def test_15_what_stands_on_both_sides_is_linked(stage: Stage) -> None:
    for at in range(20):
        stage.haihai_control("groups/1/allow", {"address": contact(stage, at)[1]})
    run = stage.run()
    assert run.numbers("customers", "linked", "created") == (20, 80)
    assert not stage.difference()


# --------------------------------------------------------------- 19, 21, views, echo


def test_19_an_event_counts_once(synced: Stage) -> None:
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


def test_19_a_long_url_follows_the_rule(synced: Stage) -> None:
    one, address = contact(synced)
    url = "https://example.com/" + "x" * 300
    synced.set('page_views.too_long="skip"')
    synced.view(address, url, "2026-11-20T01:00:00Z")
    assert synced.run().code == 0
    assert field(synced, one, "HaihaiLastViewedUrl__c") is None
    assert field(synced, one, "HaihaiViewCount__c") == 1
    synced.set('page_views.too_long="truncate"')
    synced.update(one, LastName="変更")
    assert synced.run().code == 0
    assert field(synced, one, "HaihaiLastViewedUrl__c") == url[:255]


def test_21_three_runs_after_a_change_on_both_sides_write_nothing(
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


# ------------------------------------------------------------------- files, limits


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


# --------------------------------------------------- 10, the answers of a person


def answer(stage: Stage, chosen: str) -> None:
    """What the console does when a person answers the one open question."""
    home = home_at(stage.folder)
    database = open_database(home)
    reviews = Reviews(database, "default")
    (question,) = reviews.open("customers")
    reviews.decide(question.id, chosen, "tester")
    database.close()


def both(stage: Stage) -> list[str]:
    return [
        stage.create("Contact", LastName=name, Email="both@example.com")
        for name in ("山田", "佐藤")
    ]


def test_10_the_chosen_one_gets_the_address_and_nobody_is_asked_again(
    synced: Stage,
) -> None:
    _, chosen = both(synced)
    assert synced.run().code == 1
    answer(synced, chosen)
    run = synced.run()
    assert run.code == 0, run.err
    assert synced.customers()["both@example.com"]["items"]["姓"] == "佐藤"
    synced.forget_requests()
    for arguments in ((), ("--full",)):
        assert synced.run(*arguments).code == 0
    assert not synced.imports()


def test_10_nobody_may_be_the_answer(synced: Stage) -> None:
    both(synced)
    assert synced.run().code == 1
    answer(synced, "-")
    assert synced.run().code == 0
    assert "both@example.com" not in synced.customers()


def test_10_a_newcomer_can_take_over_a_linked_address(synced: Stage) -> None:
    one, address = contact(synced)
    other = synced.create("Contact", LastName="後任", Email=address)
    assert synced.run().code == 1
    synced.forget_requests()
    assert synced.run().code == 1
    assert not synced.imports()
    answer(synced, other)
    assert synced.run().code == 0
    assert synced.customers()[address]["items"]["SalesforceID"] == other
    assert synced.members()[address] == "配信可能"
    synced.update(one, LastName="前任者")
    synced.forget_requests()
    assert synced.run().code == 0
    assert not synced.imports()


def test_10_a_third_claimant_is_a_new_question(synced: Stage) -> None:
    _, chosen = both(synced)
    synced.run()
    answer(synced, chosen)
    assert synced.run().code == 0
    synced.create("Contact", LastName="鈴木", Email="both@example.com")
    assert synced.run().code == 1


def test_10_a_question_closes_itself_when_only_one_is_left(synced: Stage) -> None:
    first, _ = both(synced)
    assert synced.run().code == 1
    synced.update(first, Email="other@example.com")
    assert synced.run().code == 0
    assert not synced.difference()


# ------------------------------------------------------ results of imports, faults


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


# --------------------------------------------- 13, write-back fields that come and go


def test_13_a_stop_is_written_once_the_field_can_be_edited_again(
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


def test_13_an_object_that_is_added_later_gets_the_earlier_stops(
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


def test_13_a_field_of_the_wrong_type_is_set_aside(synced: Stage) -> None:
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


def test_01_who_comes_back_with_another_address_brings_the_stop_along(
    synced: Stage,
) -> None:
    one, address = contact(synced)
    synced.stop(address)
    synced.update(one, HasOptedOutOfEmail=True)
    assert synced.run().code == 0
    synced.update(one, HasOptedOutOfEmail=False, Email="back@example.com")
    assert synced.run().code == 0
    assert synced.members()["back@example.com"] == "配信停止"
