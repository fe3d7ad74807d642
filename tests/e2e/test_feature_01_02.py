"""Features 1 and 2: a stop is never undone, and its write-back follows the person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.scenes import contact, field, state_kinds
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


def test_feature_01_a_stop_survives_every_kind_of_run(synced: Stage) -> None:
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


def test_feature_01_who_left_and_comes_back_is_still_stopped(synced: Stage) -> None:
    one, address = contact(synced)
    synced.stop(address)
    synced.update(one, HasOptedOutOfEmail=True)
    assert synced.run().code == 0
    synced.update(one, HasOptedOutOfEmail=False)
    assert synced.run().code == 0
    assert synced.members()[address] == "配信停止"


def test_feature_01_a_stop_is_remembered_when_the_membership_was_lost(
    synced: Stage,
) -> None:
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


def test_feature_02_a_stop_reaches_every_record_of_the_address(synced: Stage) -> None:
    one, address = contact(synced)
    lead = synced.create("Lead", LastName="見込", Company="例", Email=address)
    synced.update(one, HasOptedOutOfEmail=True)
    assert synced.run().code == 0
    synced.stop(address)
    assert synced.run().code == 0
    for record in (one, lead):
        assert field(synced, record, "HaihaiState__c") == "配信停止"
        assert field(synced, record, "HaihaiStateAt__c")


def test_feature_02_a_record_made_later_learns_of_the_stop(synced: Stage) -> None:
    _, address = contact(synced)
    synced.stop(address)
    assert synced.run().code == 0
    lead = synced.create("Lead", LastName="見込", Company="例", Email=address.upper())
    assert synced.run().code == 0
    assert field(synced, lead, "HaihaiState__c") == "配信停止"


def test_feature_02_barred_and_allowed_again_are_told_apart(synced: Stage) -> None:
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
def test_feature_02_several_groups_roll_up_by_the_declared_rule(
    synced: Stage, rollup: str, expected: str | None
) -> None:
    one, address = contact(synced)
    synced.stop(address, "2")
    synced.set(f"suppressions.rollup={rollup}")
    assert synced.run().code == 0
    assert field(synced, one, "HaihaiState__c") == expected


def test_feature_01_who_comes_back_with_another_address_brings_the_stop_along(
    synced: Stage,
) -> None:
    one, address = contact(synced)
    synced.stop(address)
    synced.update(one, HasOptedOutOfEmail=True)
    assert synced.run().code == 0
    synced.update(one, HasOptedOutOfEmail=False, Email="back@example.com")
    assert synced.run().code == 0
    assert synced.members()["back@example.com"] == "配信停止"


def test_feature_02_delivery_errors_are_no_stop(synced: Stage) -> None:
    for sobject in ("Contact", "Lead"):
        name = f"{sobject}.HaihaiStatus__c"
        made = {"name": name, "type": "Text", "length": 20, "label": "ステータス"}
        synced.salesforce_control("fields", made)
    synced.set('suppressions.status_field="HaihaiStatus__c"')
    (one, address), (other, second) = contact(synced), contact(synced, 1)
    synced.haihai_control("status", {"address": address, "status": "エラー"})
    synced.stop(second)
    assert synced.run("suppressions").code == 0
    assert field(synced, one, "HaihaiStatus__c") == "エラー"
    assert field(synced, one, "HaihaiState__c") != "配信停止"
    assert field(synced, one, "HaihaiStateAt__c") is None
    assert field(synced, other, "HaihaiStatus__c") == "OK"
    assert field(synced, other, "HaihaiState__c") == "配信停止"


def test_feature_02_no_two_groups_of_which_one_stopped_are_all(synced: Stage) -> None:
    one, address = contact(synced)
    synced.haihai_control("groups/2/allow", {"address": address})
    synced.set('suppressions.rollup="all"')
    assert synced.run("suppressions").code == 0
    synced.forget_requests()
    synced.stop(address)
    assert synced.run("suppressions").code == 0
    assert field(synced, one, "HaihaiState__c") != "配信停止"
    assert not synced.salesforce_writes()
    synced.stop(address, "2")
    assert synced.run("suppressions").code == 0
    assert field(synced, one, "HaihaiState__c") == "配信停止"
