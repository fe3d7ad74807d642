"""Feature 13: a mapped field that broke is set aside with its cause, the others go
on, and it comes back by itself; what is sent follows the written conversions."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stage import Finished, Stage, staged

pytestmark = pytest.mark.e2e


@pytest.fixture
def synced(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=20) as stage:
        first = stage.run("customers")
        assert first.code == 0, first.err
        yield stage


def contact(stage: Stage) -> tuple[str, str]:
    row = stage.query(
        "SELECT Id, Email FROM Contact WHERE HasOptedOutOfEmail = false "
        "AND Email != null AND Account.Name != null ORDER BY Id LIMIT 1"
    )[0]
    return row["Id"], row["Email"]


def switch(stage: Stage, **values: Any) -> None:
    stage.salesforce_control("switches", values, "PUT")


def set_aside(run: Finished) -> dict[str, str]:
    return {
        event["data"]["field"]: event["data"]["cause"]
        for event in run.events
        if event["event"] == "field_set_aside"
    }


BREAKS: dict[str, tuple[dict[str, Any], str, str]] = {
    "hidden": ({"hidden_fields": ["Contact.Phone"]}, "Phone", "missing_field"),
    "parent hidden": (
        {"hidden_fields": ["Account.Name"]},
        "Account.Name",
        "missing_field",
    ),
    "checkbox": (
        {"field_types": {"Contact.Phone": "boolean"}},
        "Phone",
        "field_type_mismatch",
    ),
    "address": (
        {"field_types": {"Contact.Phone": "address"}},
        "Phone",
        "field_type_mismatch",
    ),
    "masked": (
        {
            "shield_flag": "on",
            "user_permissions": {"PermissionsViewEncryptedData": False},
        },
        "Phone",
        "no_encrypted_data_permission",
    ),
}
WHOLE: dict[str, Any] = {
    "hidden_fields": [],
    "field_types": {},
    "shield_flag": "off",
    "user_permissions": {},
}


@pytest.mark.parametrize("broken", list(BREAKS))
def test_feature_13_a_broken_field_is_set_aside_and_comes_back(
    synced: Stage, broken: str
) -> None:
    switches, name, cause = BREAKS[broken]
    one, address = contact(synced)
    before = synced.customers()[address]["items"]
    switch(synced, **switches)
    synced.update(one, LastName="新姓")
    for _ in range(2):
        run = synced.run("customers")
        assert run.code == 1
        assert run.summary["status"] == "partial"
        assert set_aside(run) == {name: cause}
    items = synced.customers()[address]["items"]
    assert items == {**before, "姓": "新姓"}
    switch(synced, **WHOLE)
    back = synced.run("customers")
    assert back.code == 0, back.err
    assert not set_aside(back)
    assert not synced.difference()


def test_feature_13_a_field_that_goes_away_within_a_run_is_set_aside(
    synced: Stage,
) -> None:
    one, address = contact(synced)
    synced.update(one, LastName="新姓")
    synced.forget_requests()
    slow = {"match": "GET /services/data/.*/query", "do": "delay:3", "times": 1}
    synced.salesforce_control("faults", [slow])
    process = synced.start("--run-sync", "customers", "--json")
    deadline = time.monotonic() + 60
    while not any(
        "/Account/describe" in row["path"] for row in synced.salesforce_requests()
    ):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    switch(synced, hidden_fields=["Contact.Phone"])
    out, err = process.communicate(timeout=120)
    run = Finished(process.returncode, out, err)
    assert run.code == 1, run.err
    assert set_aside(run) == {"Phone": "missing_field"}
    assert synced.customers()[address]["items"]["姓"] == "新姓"


def test_feature_13_a_change_of_type_can_be_taken_as_meant(synced: Stage) -> None:
    _, address = contact(synced)
    switch(synced, field_types={"Contact.Phone": "boolean"})
    assert synced.run("customers").code == 1
    (checked,) = (
        row
        for row in synced.command("--check", "--json").events
        if row["check"] == "types.customers"
    )
    assert (checked["status"], checked["code"]) == ("fail", "field_type_mismatch")
    synced.set(
        'customers.fields=[{salesforce="LastName", haihai="姓"},'
        '{salesforce="Phone", haihai="電話番号", type="boolean"}]'
    )
    run = synced.run("customers")
    assert run.code == 0, run.err
    assert synced.customers()[address]["items"]["電話番号"] in ("0", "1")


def test_feature_13_without_its_address_field_nobody_is_touched(synced: Stage) -> None:
    synced.set('customers.address_field="Gone__c"', 'customers.audience=""')
    synced.forget_requests()
    run = synced.run("customers")
    assert run.code == 2
    assert "Gone__c" in run.out
    assert not synced.imports()


TYPES = {
    "Day__c": ("Date", "2026-02-16", "2026-02-16"),
    "Moment__c": ("DateTime", "2026-02-16T15:30:00.000+0000", "2026-02-17 00:30:00"),
    "Yes__c": ("Checkbox", True, "1"),
    "Rate__c": ("Percent", 60, "60"),
    "Price__c": ("Currency", 1200, "1200"),
    "Size__c": ("Number", 12345678901, "12345678901"),
    "Places__c": ("MultiselectPicklist", "東京;大阪", "東京,大阪"),
}


def test_feature_13_values_follow_the_written_conversions(synced: Stage) -> None:
    rows = ['{salesforce="LastName", haihai="姓"}']
    items = ("名", "会社名", "電話番号", "SalesforceID")
    one, address = contact(synced)
    names = list(TYPES)
    for at in range(0, len(names), len(items)):
        part = dict(zip(items, names[at : at + len(items)], strict=False))
        for name in part.values():
            field = {"name": f"Contact.{name}", "type": TYPES[name][0], "label": name}
            more = {"values": ["東京", "大阪"]} if name == "Places__c" else {}
            synced.salesforce_control("fields", {**field, **more})
            synced.update(one, **{name: TYPES[name][1]})
        mapped = [
            f'{{salesforce="{name}", haihai="{item}"}}' for item, name in part.items()
        ]
        synced.set(f"customers.fields=[{','.join([*rows, *mapped])}]")
        run = synced.run("customers")
        assert run.code == 0, run.err
        told = synced.customers()[address]["items"]
        assert {name: told[item] for item, name in part.items()} == {
            name: TYPES[name][2] for name in part.values()
        }


def test_feature_13_the_parents_value_and_id_are_sent(synced: Stage) -> None:
    one, address = contact(synced)
    synced.set(
        'customers.fields=[{salesforce="AccountId", haihai="会社名"},'
        '{salesforce="Account.CreatedDate", haihai="名"}]'
    )
    assert synced.run("customers").code == 0
    row = synced.query(
        f"SELECT AccountId, Account.CreatedDate FROM Contact WHERE Id = '{one}'"
    )[0]
    items = synced.customers()[address]["items"]
    assert items["会社名"] == row["AccountId"]
    assert len(items["名"]) == len("2026-02-16 00:30:00")
    assert "T" not in items["名"]


def test_feature_13_nine_hundred_characters_and_not_one_more(synced: Stage) -> None:
    one, address = contact(synced)
    synced.set(
        'customers.fields=[{salesforce="LastName", haihai="姓"},'
        '{salesforce="Description", haihai="会社名"}]'
    )
    synced.update(one, Description="長" * 900)
    assert synced.run("customers").code == 0
    assert synced.customers()[address]["items"]["会社名"] == "長" * 900
    synced.update(one, Description="長" * 901, LastName="新姓")
    run = synced.run("customers")
    assert run.code == 1
    assert run.numbers("customers", "rejected") == (1,)
    assert synced.customers()[address]["items"]["会社名"] == "長" * 900
    synced.update(one, Description="短")
    assert synced.run("customers").code == 0
    assert synced.customers()[address]["items"]["会社名"] == "短"


def test_feature_13_more_items_than_the_service_sells_are_told(synced: Stage) -> None:
    def mapped(count: int) -> str:
        rows = [f'{{salesforce="LastName", haihai="項目{at}"}}' for at in range(count)]
        return f"customers.fields=[{','.join(rows)}]"

    synced.set(mapped(31))
    (checked,) = (
        row
        for row in synced.command("--check", "--json").events
        if row["check"] == "types.customers"
    )
    assert (checked["status"], checked["code"]) == ("warn", "haihai_item_unknown")
    refused = synced.command("--set", mapped(101))
    assert refused.code == 2
    assert "100" in refused.err
