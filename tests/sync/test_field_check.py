"""Which mapped fields are sent, and why the others are set aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from haihai_tui.sync.config import CustomersConfig, FieldMapping
from haihai_tui.sync.field_check import (
    CheckedFields,
    check_fields,
    parent_objects,
    remembered,
)
from haihai_tui.sync.ports import Field, SObject


def described(**types: str) -> SObject:
    fields = {name.lower(): Field(name, kind) for name, kind in types.items()}
    return SObject("Contact", "取引先責任者", "003", fields)


def check(
    row: FieldMapping,
    here: SObject,
    known: Mapping[str, str] | None = None,
    *,
    clear: bool = True,
) -> CheckedFields:
    config = CustomersConfig("Contact", "", "Email", (row,), "1")
    account = SObject("Account", "取引先", "001", {"name": Field("Name", "string")})
    parents = {"account": [account], "owner": [described(Name="string"), account]}
    return check_fields(config, here, parents, known or {}, lambda: clear)


ROW = FieldMapping("X__c", "項目")


@pytest.mark.parametrize(
    "kind", ["address", "location", "base64", "anyType", "complexvalue"]
)
def test_what_no_flat_table_can_hold_is_set_aside(kind: str) -> None:
    (broken,) = check(ROW, described(X__c=kind)).broken
    assert broken.cause == "field_type_mismatch"
    assert kind in str(broken.why)


def test_a_change_of_type_is_noticed_and_remembered() -> None:
    first = check(ROW, described(X__c="string"))
    assert [field.type for field in first.usable] == ["string"]
    changed = check(ROW, described(X__c="boolean"), first.kinds)
    assert [field.cause for field in changed.broken] == ["field_type_mismatch"]
    assert changed.kinds == first.kinds
    gone = check(ROW, described(), changed.kinds)
    assert gone.kinds == first.kinds
    again = check(ROW, described(X__c="string"), gone.kinds)
    assert not again.broken


@pytest.mark.parametrize("kind", ["textarea", "picklist", "email", "url"])
def test_a_change_that_sends_the_same_values_does_no_harm(kind: str) -> None:
    first = check(ROW, described(X__c="string"))
    assert not check(ROW, described(X__c=kind), first.kinds).broken


def test_the_new_type_can_be_taken_as_meant() -> None:
    first = check(ROW, described(X__c="string"))
    meant = check(replace(ROW, type="boolean"), described(X__c="boolean"), first.kinds)
    assert not meant.broken
    assert check(replace(ROW, type="boolean"), described(X__c="date")).broken


def test_another_field_for_the_item_is_no_change_of_type() -> None:
    first = check(ROW, described(X__c="string"))
    other = FieldMapping("Y__c", "項目")
    assert not check(other, described(Y__c="boolean"), first.kinds).broken


def test_masked_values_are_not_sent() -> None:
    here = described(X__c="encryptedstring")
    assert not check(ROW, here).broken
    (broken,) = check(ROW, here, clear=False).broken
    assert broken.cause == "no_encrypted_data_permission"
    assert not check(ROW, described(X__c="string"), clear=False).broken


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("Account.Name", True),
        ("account.name", True),
        ("Account.Gone__c", False),
        ("Owner.Name", True),
        ("Nobody.Name", False),
    ],
)
def test_a_parents_field_is_looked_up_in_the_parent(name: str, seen: bool) -> None:
    found = check(FieldMapping(name, "項目"), described(X__c="string"))
    assert bool(found.usable) is seen
    assert [field.cause for field in found.broken] == (
        [] if seen else ["missing_field"]
    )


def test_the_objects_behind_the_relationships() -> None:
    link = Field("OwnerId", "reference", relationship="Owner")
    link = replace(link, reference_to=("Group", "User"))
    here = SObject("Contact", "", "003", {"ownerid": link})
    assert parent_objects(["Owner.Name", "Email"], here) == {"owner": ["Group", "User"]}
    assert parent_objects(["Account.Name"], here) == {}


@pytest.mark.parametrize("memory", [None, "", "no json", "{}"])
def test_no_memory_is_none(memory: str | None) -> None:
    assert remembered(memory) == {}


def test_memory_is_read_as_it_was_written() -> None:
    first = check(ROW, described(X__c="datetime"))
    assert remembered(first.memory) == first.kinds == {"X__c → 項目": "datetime"}
