"""Mapping, write-back targets and conditions judged without a service."""

from __future__ import annotations

import pytest

from haihai_tui.services.audience import campaign_condition, condition_of
from haihai_tui.services.checks.targets import STATE_WORDS
from haihai_tui.services.mapping_check import (
    check_address_field,
    check_row,
    find_field,
    parents_of,
)
from haihai_tui.services.settings_schema import (
    FieldMapping,
    PageViewSettings,
    SuppressionSettings,
)
from haihai_tui.services.target_check import (
    CHANGED_AT,
    STATE,
    VIEW_COUNT,
    VIEWED_URL,
    Purpose,
    Target,
    check_target,
    page_view_targets,
    suppression_targets,
)
from haihai_tui.services.tunnel import callback_port, ssh_line
from haihai_tui.sync.ports import Field, SObject


def sobject(*fields: Field, name: str = "Contact") -> SObject:
    return SObject(name, name, "003", {field.name.lower(): field for field in fields})


ACCOUNT = sobject(Field("Name", "string", "取引先名", 255), name="Account")
CONTACT = sobject(
    Field("LastName", "string", "姓", 80),
    Field("Email", "email", "メール", 80),
    Field("Notes__c", "textarea", "メモ", 32_768),
    Field("Rank__c", "picklist", "ランク", 255, picklist=("上", "𠮷")),
    Field("Plan__c", "picklist", "プラン", 255, picklist=("A", "B")),
    Field("MailingAddress", "address", "住所"),
    Field("Secret__c", "encryptedstring", "暗号", 50),
    Field("Birth__c", "datetime", "日時"),
    Field(
        "AccountId",
        "reference",
        "取引先",
        18,
        reference_to=("Account",),
        relationship="Account",
    ),
)
PARENTS = {"account": ACCOUNT}


@pytest.mark.parametrize(
    ("name", "status", "code"),
    [
        ("LastName", "ok", ""),
        ("lastname", "ok", ""),
        ("Account.Name", "ok", ""),
        ("Plan__c", "ok", ""),
        ("Birth__c", "ok", ""),
        ("Notes__c", "warn", "field_too_short"),
        ("Rank__c", "warn", "field_type_mismatch"),
        ("MailingAddress", "fail", "field_type_mismatch"),
        ("Nobody__c", "fail", "missing_field"),
        ("Account.Nobody__c", "fail", "missing_field"),
        ("Owner.Name", "fail", "missing_field"),
    ],
)
def test_type_length_and_picklist_of_a_mapped_field(
    name: str, status: str, code: str
) -> None:
    found = check_row(FieldMapping(name, "項目"), CONTACT, PARENTS)
    assert (found.status, found.code) == (status, code)


def test_a_picklist_that_utf8_can_carry_is_fine_in_utf8() -> None:
    row = FieldMapping("Rank__c", "ランク")
    assert check_row(row, CONTACT, PARENTS, encoding="utf-8").status == "ok"


@pytest.mark.parametrize(("sees", "status"), [(True, "ok"), (False, "fail")])
def test_an_encrypted_field_needs_the_right_to_see_it(sees: bool, status: str) -> None:
    row = FieldMapping("Secret__c", "暗号")
    assert check_row(row, CONTACT, PARENTS, sees_encrypted=sees).status == status


def test_parents_are_named_by_relationship() -> None:
    assert parents_of(["Account.Name", "Email"], CONTACT) == {"account": "Account"}
    assert find_field("Account.Name", CONTACT, PARENTS) is not None


@pytest.mark.parametrize(
    ("name", "status"),
    [("Email", "ok"), ("LastName", "warn"), ("Birth__c", "fail"), ("X", "fail")],
)
def test_the_address_field_must_hold_addresses(name: str, status: str) -> None:
    assert check_address_field(name, CONTACT, PARENTS)[0] == status


def _field(kind: str, **facts: object) -> Field:
    values: dict[str, object] = {"updateable": True, "length": 255, **facts}
    return Field("X__c", kind, **values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("purpose", "field", "status", "code"),
    [
        (STATE, _field("picklist", picklist=STATE_WORDS, restricted=True), "ok", ""),
        (
            STATE,
            _field("picklist", picklist=STATE_WORDS[:2], restricted=True),
            "fail",
            "field_type_mismatch",
        ),
        (STATE, _field("picklist", picklist=("x",)), "ok", ""),
        (STATE, _field("string"), "ok", ""),
        (STATE, _field("boolean", length=0), "ok", ""),
        (STATE, _field("string", length=3), "fail", "field_too_short"),
        (STATE, _field("date"), "fail", "field_type_mismatch"),
        (STATE, _field("string", updateable=False), "fail", "no_edit_permission"),
        (CHANGED_AT, _field("datetime", length=0), "ok", ""),
        (CHANGED_AT, _field("date", length=0), "warn", ""),
        (CHANGED_AT, _field("double"), "fail", "field_type_mismatch"),
        (VIEWED_URL, _field("url"), "ok", ""),
        (VIEWED_URL, _field("string", length=80), "warn", "field_too_short"),
        (VIEW_COUNT, _field("double", length=0), "ok", ""),
        (VIEW_COUNT, _field("boolean"), "fail", "field_type_mismatch"),
    ],
)
def test_a_target_must_take_what_is_written(
    purpose: Purpose, field: Field, status: str, code: str
) -> None:
    found = check_target(Target("Contact", "X__c", purpose), sobject(field))
    assert (found.status, found.code) == (status, code)


def test_a_missing_custom_field_can_be_created_and_a_standard_one_cannot() -> None:
    custom = check_target(Target("Contact", "New__c", STATE), CONTACT)
    standard = check_target(Target("Contact", "New", STATE), CONTACT)
    assert (custom.code, custom.creatable) == ("missing_field", True)
    assert (standard.code, standard.creatable) == ("missing_field", False)
    nowhere = check_target(Target("Gone__c", "New__c", STATE), None)
    assert (nowhere.code, nowhere.creatable) == ("missing_object", False)


def test_only_named_fields_are_targets() -> None:
    suppressions = SuppressionSettings(objects=("Contact",), changed_at_field="")
    assert [one.field for one in suppression_targets(suppressions)] == [
        "HaihaiState__c"
    ]
    views = [one.field for one in page_view_targets(PageViewSettings())]
    assert len(views) == 6


@pytest.mark.parametrize(
    ("soql", "condition"),
    [
        ("SELECT Id FROM Contact", ""),
        ("SELECT Id FROM Contact WHERE A = 1 ORDER BY Name", "A = 1"),
        (
            "SELECT toLabel(A) FROM Contact WHERE (A = 'order by' OR B = 1) LIMIT 5",
            "(A = 'order by' OR B = 1)",
        ),
        (
            "SELECT Id, (SELECT Id FROM Cases WHERE X = 1) FROM Contact WHERE A IN "
            "(SELECT B FROM C WHERE D = 1 LIMIT 3) ORDER BY Id",
            "A IN (SELECT B FROM C WHERE D = 1 LIMIT 3)",
        ),
        ("SELECT Id FROM Contact USING SCOPE everything", ""),
        ("SELECT Id FROM Contact WHERE A = 'it\\'s' limit 1", "A = 'it\\'s'"),
    ],
)
def test_the_condition_of_a_query_is_cut_out(soql: str, condition: str) -> None:
    assert condition_of(soql) == condition


def test_a_campaign_is_followed_by_a_semi_join() -> None:
    assert campaign_condition("Lead", "701000000000001AAA") == (
        "Id IN (SELECT LeadId FROM CampaignMember "
        "WHERE CampaignId = '701000000000001AAA')"
    )


@pytest.mark.parametrize(
    ("environ", "end"),
    [
        ({"SSH_CONNECTION": "192.0.2.7 50000 192.0.2.9 22"}, "@192.0.2.9"),
        ({"SSH_CONNECTION": "192.0.2.7 50000 192.0.2.9 2222"}, "@192.0.2.9"),
        ({"SSH_CONNECTION": "x $(y) z 22"}, None),
        ({}, None),
    ],
)
def test_the_tunnel_leads_to_this_host_and_port(
    environ: dict[str, str], end: str | None
) -> None:
    line = ssh_line(8711, environ)
    assert line.startswith("ssh -N -L 8711:localhost:8711 ")
    assert ("-p 2222" in line) == ("2222" in str(environ))
    assert "$" not in line
    if end:
        assert line.endswith(end)


def test_only_loopback_callbacks_have_a_port() -> None:
    assert callback_port("http://localhost:8711/sflogged") == 8711
    assert callback_port("https://example.com/sflogged") is None
    assert callback_port("nonsense") is None
