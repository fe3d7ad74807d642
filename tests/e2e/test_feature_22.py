"""Both sides compared: what was broken by hand is found, mended, and found no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stage import Finished, Stage, staged

pytestmark = pytest.mark.e2e


@pytest.fixture
def synced(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=100) as stage:
        first = stage.run()
        assert first.code == 0, first.err
        stage.forget_requests()
        yield stage


def contacts(stage: Stage, many: int) -> list[tuple[str, str]]:
    """Id and address of contacts of the audience."""
    rows = stage.query(
        "SELECT Id, Email FROM Contact WHERE HasOptedOutOfEmail = false "
        f"AND Email != null ORDER BY Id LIMIT {many}"
    )
    return [(row["Id"], row["Email"]) for row in rows]


def reconcile(stage: Stage, *arguments: str) -> Finished:
    return stage.command("--reconcile", *arguments, "--json")


def differences(finished: Finished) -> list[dict[str, Any]]:
    return [event for event in finished.events if event["event"] == "difference"]


def found(finished: Finished) -> set[tuple[str, str]]:
    return {(event["kind"], event["record"]) for event in differences(finished)}


def silently(stage: Stage, record: str, **values: Any) -> None:
    """Change a contact without a stamp that an incremental run would notice."""
    old = stage.query(f"SELECT SystemModstamp FROM Contact WHERE Id = '{record}'")
    stamp = {"SystemModstamp": "2020-01-01T00:00:00.000+0000"}
    assert old
    stage.salesforce_control(
        "records",
        {
            "object": "Contact",
            "operation": "update",
            "id": record,
            "values": {**values, **stamp},
        },
    )


def broken_by_hand(stage: Stage) -> set[tuple[str, str]]:
    """Five rows, on both sides; what has to be found."""
    people = contacts(stage, 6)
    (gone, gone_address), (edited, edited_address) = people[0], people[1]
    (left, left_address), (renamed, _), (told, told_address) = people[2:5]
    stage.stop(told_address)
    stage.update(left, HasOptedOutOfEmail=True)
    assert stage.run().code == 0
    stage.import_by_hand(1, "メールアドレス", gone_address)
    stage.import_by_hand(0, "メールアドレス,会社名", f"{edited_address},手入力")
    stage.import_by_hand(0, "メールアドレス", left_address)
    silently(stage, renamed, LastName="改姓")
    silently(stage, told, HaihaiState__c="配信可能")
    return {
        ("missing", gone),
        ("different", edited),
        ("superfluous", left),
        ("different", renamed),
        ("stop_mismatch", told),
    }


def test_feature_22_just_the_broken_rows_are_found_and_none_after_the_fix(
    synced: Stage,
) -> None:
    broken = broken_by_hand(synced)
    quiet = synced.run()
    assert quiet.code == 0
    synced.forget_requests()

    compared = reconcile(synced)
    assert compared.code == 1, compared.err
    assert found(compared) == broken
    assert compared.summary["flows"]["customers"]["differences"] == 4
    assert compared.summary["flows"]["suppressions"]["differences"] == 1
    assert not synced.imports()
    assert not synced.salesforce_writes()

    mended = reconcile(synced, "--fix")
    assert mended.code == 0, mended.err
    assert found(mended) == broken
    assert not synced.difference()
    members = synced.members()
    told = next(record for kind, record in broken if kind == "stop_mismatch")
    row = synced.query(f"SELECT Email, HaihaiState__c FROM Contact WHERE Id = '{told}'")
    assert row[0]["HaihaiState__c"] == "配信停止"
    assert members[row[0]["Email"]] == "配信停止"

    synced.forget_requests()
    for arguments in ((), ("--fix",)):
        again = reconcile(synced, *arguments)
        assert again.code == 0, again.err
        assert not differences(again)
    assert not synced.imports()
    assert not synced.salesforce_writes()


def test_feature_22_a_difference_names_what_both_sides_hold(synced: Stage) -> None:
    (_, address), *_ = contacts(synced, 1)
    synced.import_by_hand(0, "メールアドレス,会社名", f"{address},手入力")
    wanted = synced.audience()[address]["会社名"]
    (difference,) = differences(reconcile(synced))
    assert difference["address"] == address
    assert difference["fields"] == [{"field": "会社名", "old": "手入力", "new": wanted}]
    shown = synced.command("--reconcile", "--lang", "ja")
    assert shown.code == 1
    assert "値の不一致" in shown.out
    assert "会社名: 「手入力」" in shown.out


def test_feature_22_a_fix_never_undoes_a_stop(synced: Stage) -> None:
    (one, address), (other, other_address) = contacts(synced, 2)
    synced.stop(address)
    synced.stop(other_address)
    assert synced.run().code == 0
    # Out of the group by hand: the service forgets the stop with the membership.
    synced.import_by_hand(1, "メールアドレス", address)
    synced.import_by_hand(0, "メールアドレス,姓", f"{other_address},手入力")
    assert found(reconcile(synced, "--fix")) == {
        ("missing", one),
        ("different", other),
    }
    assert synced.members()[address] == "配信停止"
    assert synced.members()[other_address] == "配信停止"
    # The service gives the restored stop a time of its own, which a run writes back.
    assert synced.run().code == 0
    assert not differences(reconcile(synced))


def test_feature_22_who_stopped_and_left_stays_where_nothing_is_mailed(
    synced: Stage,
) -> None:
    ((one, address),) = contacts(synced, 1)
    synced.stop(address)
    synced.update(one, HasOptedOutOfEmail=True)
    assert synced.run().code == 0
    assert not differences(reconcile(synced))
    # Allowed again, the person would be mailed although nobody asks for it.
    synced.haihai_control("groups/1/allow", {"address": address})
    assert synced.run().code == 0
    assert found(reconcile(synced)) == {("superfluous", one)}
    assert reconcile(synced, "--fix").code == 0
    assert address not in synced.members()


def test_feature_22_a_stop_that_only_salesforce_tells_of_is_found(
    synced: Stage,
) -> None:
    ((one, address),) = contacts(synced, 1)
    synced.update(one, HaihaiState__c="配信停止")
    lead = synced.create(
        "Lead", LastName="見込", Company="例", Email=address, HaihaiState__c="配信禁止"
    )
    unknown = synced.create(
        "Lead",
        LastName="他人",
        Company="例",
        Email="nobody@example.com",
        HaihaiState__c="配信停止",
    )
    assert synced.run().code == 0
    assert found(reconcile(synced, "--fix")) == {
        ("stop_mismatch", one),
        ("stop_mismatch", lead),
    }
    rows = synced.query(f"SELECT HaihaiState__c FROM Lead WHERE Id = '{unknown}'")
    assert rows[0]["HaihaiState__c"] == "配信停止"
    assert not differences(reconcile(synced))


def test_feature_22_the_safety_stop_holds_for_a_fix(synced: Stage) -> None:
    people = contacts(synced, 40)
    for one, _ in people:
        synced.update(one, HasOptedOutOfEmail=True)
    synced.forget_requests()
    halted = reconcile(synced, "--fix")
    assert halted.code == 7
    assert not synced.imports()
    run_id = halted.summary["run_id"]
    confirmed = reconcile(synced, "--fix", "--confirm", run_id)
    assert confirmed.code == 0, confirmed.err
    assert not synced.difference()


def test_feature_22_without_the_values_the_last_ones_sent_are_compared(
    synced: Stage,
) -> None:
    synced.haihai_control("switches", {"members_tell_items": False}, "PUT")
    ((one, address), (other, _)) = contacts(synced, 2)
    synced.import_by_hand(1, "メールアドレス", address)
    silently(synced, other, LastName="改姓")
    compared = reconcile(synced)
    assert found(compared) == {("missing", one), ("different", other)}
    assert "values_unknown" in {event["event"] for event in compared.events}


def test_feature_22_an_exported_list_will_do(synced: Stage, tmp_path: Path) -> None:
    people = synced.customers()
    (one, address), *_ = contacts(synced, 1)
    exported = tmp_path / "members.csv"
    rows = [
        f"{row['address']},配信可能,{row['items']['姓']}"
        for row in people.values()
        if row["address"] != address
    ]
    content = "\r\n".join(["メールアドレス,配信状態,姓", *rows, ""])
    exported.write_text(content, encoding="cp932")
    synced.haihai_control("switches", {"members_api": False}, "PUT")
    assert reconcile(synced).code == 2
    compared = reconcile(synced, "--from-file", str(exported))
    assert compared.code == 1, compared.err
    assert found(compared) == {("missing", one)}


def test_feature_22_a_link_that_the_index_lost_is_found_and_mended(
    synced: Stage,
) -> None:
    (index,) = (synced.folder / "state" / "default").glob("customers.addresses.*")
    content = index.read_bytes()
    width = 12 + 18 + 1
    index.write_bytes(content[: 3 * width] + content[4 * width :])
    lost = content[3 * width + 12 : 4 * width - 1].decode()
    compared = reconcile(synced)
    assert compared.code == 1
    assert found(compared) == {("broken_link", lost)}
    assert reconcile(synced, "--fix").code == 0
    assert not differences(reconcile(synced))
    assert not synced.imports()


def test_feature_22_who_is_missing_on_both_sides_is_a_broken_link(
    synced: Stage,
) -> None:
    ((one, address),) = contacts(synced, 1)
    synced.salesforce_control(
        "records", {"object": "Contact", "operation": "purge", "id": one}
    )
    synced.import_by_hand(1, "メールアドレス", address)
    synced.forget_requests()
    assert found(reconcile(synced, "--fix")) == {("broken_link", one)}
    assert not synced.imports()
    assert not differences(reconcile(synced))


def test_feature_22_options_belong_to_their_modes(synced: Stage) -> None:
    for arguments in (("--fix",), ("--run-sync", "--fix"), ("--reconcile", "--full")):
        assert synced.command(*arguments).code == 2
    assert synced.command("--reconcile", "--confirm", "x").code == 2
