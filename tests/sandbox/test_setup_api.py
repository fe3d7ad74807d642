"""Fields made by API, who may see them, list views and reports, the whole schema."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import httpx
import pytest

from haihai_tui.sandbox.control import Clock, Switches
from haihai_tui.sandbox.salesforce import ids, seed
from haihai_tui.sandbox.salesforce.org import Org
from haihai_tui.sandbox.salesforce.switches import DEFAULTS
from tests.sandbox.salesforce_org import API, Sandbox, running

AUDIENCE = "HasOptedOutOfEmail = false AND Email != null"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(customers=60) as started:
        yield started


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with sandbox.api() as client:
        yield client


def ask(http: httpx.Client, soql: str) -> Any:
    return http.get(f"{API}/query", params={"q": soql}).json()


def make_field(http: httpx.Client, name: str, **metadata: Any) -> httpx.Response:
    body = {"FullName": name, "Metadata": {"label": name, **metadata}}
    return http.post(f"{API}/tooling/sobjects/CustomField", json=body)


def test_a_new_field_is_seen_by_nobody_until_granted(http: httpx.Client) -> None:
    made = make_field(http, "Contact.Ext_Id__c", type="Text", length=255,
                      externalId=True, unique=True)  # fmt: skip
    assert made.status_code == 201
    assert list(made.json()) == ["id", "success", "errors", "warnings", "infos"]
    assert made.json()["id"].startswith("00N")
    unseen = ask(http, "SELECT Ext_Id__c FROM Contact LIMIT 1")
    assert unseen[0]["errorCode"] == "INVALID_FIELD"

    user = "SELECT Id FROM User WHERE Username = 'haihai.renkei@example.com'"
    user_id = ask(http, user)["records"][0]["Id"]
    ours = http.post(
        f"{API}/sobjects/PermissionSet", json={"Name": "Haihai", "Label": "配配"}
    ).json()["id"]
    grant = {
        "ParentId": ours,
        "SobjectType": "Contact",
        "Field": "Contact.Ext_Id__c",
        "PermissionsRead": True,
        "PermissionsEdit": False,
    }
    granted = http.post(f"{API}/sobjects/FieldPermissions", json=grant)
    assert granted.status_code == 201
    still = ask(http, "SELECT Ext_Id__c FROM Contact LIMIT 1")
    assert still[0]["errorCode"] == "INVALID_FIELD"  # nobody has the permission set

    assignment = {"PermissionSetId": ours, "AssigneeId": user_id}
    http.post(f"{API}/sobjects/PermissionSetAssignment", json=assignment)
    assert ask(http, "SELECT Ext_Id__c FROM Contact LIMIT 1")["done"] is True
    read_only = http.post(
        f"{API}/sobjects/Contact", json={"LastName": "x", "Ext_Id__c": "1"}
    )
    assert read_only.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"

    path = f"{API}/sobjects/FieldPermissions/{granted.json()['id']}"
    assert http.patch(path, json={"PermissionsEdit": True}).status_code == 204
    upsert = http.patch(f"{API}/sobjects/Contact/Ext_Id__c/1", json={"LastName": "x"})
    assert upsert.status_code == 201


def test_what_fields_cannot_be_made(sandbox: Sandbox, http: httpx.Client) -> None:
    assert make_field(http, "Lead.Twice__c", type="Checkbox").status_code == 201
    twice = make_field(http, "Lead.Twice__c", type="Checkbox")
    assert (twice.status_code, twice.json()[0]["errorCode"]) == (
        400,
        "DUPLICATE_DEVELOPER_NAME",
    )
    assert make_field(http, "Lead.X__c", type="Hologram").status_code == 400
    assert make_field(http, "Lead.NoSuffix", type="Text").status_code == 400
    sandbox.switch(user_permissions={"PermissionsCustomizeApplication": False})
    refused = make_field(http, "Lead.Y__c", type="Text")
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (
        403,
        "INSUFFICIENT_ACCESS",
    )
    sandbox.switch(user_permissions={})


def test_grants_for_fields_that_cannot_have_them(http: httpx.Client) -> None:
    sets = ask(http, "SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = true")
    for name in ("Contact.Nope__c", "Contact.LastName"):
        grant = {
            "ParentId": sets["records"][0]["Id"],
            "SobjectType": "Contact",
            "Field": name,
            "PermissionsRead": True,
            "PermissionsEdit": True,
        }
        answer = http.post(f"{API}/sobjects/FieldPermissions", json=grant)
        assert answer.json()[0]["errorCode"] == "FIELD_INTEGRITY_EXCEPTION"


def test_custom_field_records(http: httpx.Client) -> None:
    made = make_field(http, "Account.Plan__c", type="Number", precision=4, scale=1)
    path = f"{API}/tooling/sobjects/CustomField/{made.json()['id']}"
    read = http.get(path).json()
    assert (read["DeveloperName"], read["TableEnumOrId"]) == ("Plan", "Account")
    soql = "SELECT Id FROM CustomField WHERE TableEnumOrId = 'Account'"
    found = http.get(f"{API}/tooling/query", params={"q": soql}).json()
    assert [each["Id"] for each in found["records"]] == [made.json()["id"]]
    assert found["records"][0]["attributes"] == {"type": "CustomField", "url": path}
    assert list(found) == [
        *("size", "totalSize", "done"),
        *("queryLocator", "entityTypeName", "records"),
    ]
    assert (found["size"], found["entityTypeName"]) == (1, "CustomField")
    assert http.delete(path).status_code == 204
    assert http.get(path).status_code == 404


def test_list_views_are_an_audience(http: httpx.Client) -> None:
    listed = http.get(f"{API}/sobjects/Contact/listviews").json()
    view = next(
        v for v in listed["listviews"] if v["developerName"] == "Haihai_Audience"
    )
    described = http.get(view["describeUrl"]).json()
    assert described["query"].endswith(f"FROM Contact WHERE {AUDIENCE}")
    assert ask(http, described["query"])["totalSize"] == 60
    results = http.get(view["resultsUrl"], params={"limit": 40, "offset": 40}).json()
    assert (results["size"], results["done"]) == (20, True)
    cells = {c["fieldNameOrPath"]: c["value"] for c in results["records"][0]["columns"]}
    assert cells["Id"].startswith("003")
    assert "@example." in cells["Email"]


def test_reports_are_an_audience(sandbox: Sandbox, http: httpx.Client) -> None:
    report = http.get(f"{API}/analytics/reports").json()[0]
    run = http.get(report["url"], params={"includeDetails": "true"}).json()
    rows = run["factMap"]["T!T"]["rows"]
    place = run["reportMetadata"]["detailColumns"].index("CONTACT_ID")
    found = {row["dataCells"][place]["value"] for row in rows}
    assert all(len(one) == 15 and one.startswith("003") for one in found)
    assert len(found) == 60
    assert run["allData"] is True
    assert run["factMap"]["T!T"]["aggregates"][0]["value"] == 60
    made = sandbox.http.post(
        "/_sandbox/reports",
        json={"object": "Lead", "name": "L", "where": "IsConverted = false"},
    ).json()["id"]
    leads = http.get(f"{API}/analytics/reports/{made}?includeDetails=true").json()
    assert len(leads["factMap"]["T!T"]["rows"]) == 6


def test_custom_objects(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.http.post("/_sandbox/objects", json={"name": "Member__c", "label": "会員"})
    field = {"name": "Member__c.Mail__c", "type": "Email", "label": "メール"}
    sandbox.http.post("/_sandbox/fields", json=field)
    lookup = {"name": "Member__c.Person__c", "type": "Lookup", "referenceTo": "Contact"}
    sandbox.http.post("/_sandbox/fields", json=lookup)
    contact = ask(http, "SELECT Id, LastName FROM Contact LIMIT 1")["records"][0]
    values = {
        "Name": "一号",
        "Mail__c": "m@example.com",
        "Person__c": contact["Id"],
    }
    made = http.post(f"{API}/sobjects/Member__c", json=values).json()["id"]
    assert made.startswith("a0")
    soql = (
        "SELECT Name, Person__r.LastName FROM Member__c WHERE Mail__c = 'm@example.com'"
    )
    record = ask(http, soql)["records"][0]
    assert record["Person__r"]["LastName"] == contact["LastName"]


def test_every_description_has_just_the_known_keys(http: httpx.Client) -> None:
    path = files("haihai_tui.sandbox.salesforce") / "objects.json"
    known = json.loads(path.read_text(encoding="utf-8"))
    names = [each["name"] for each in http.get(f"{API}/sobjects").json()["sobjects"]]
    assert len(names) >= 19
    for name in names:
        described = http.get(f"{API}/sobjects/{name}/describe").json()
        assert list(described) == known["describeKeys"]
        for field in described["fields"]:
            assert list(field) == known["fieldKeys"]
            assert isinstance(field["length"], int)
            assert isinstance(field["picklistValues"], list)
            assert isinstance(field["unique"], bool)


def test_description_of_contact_is_the_real_one(http: httpx.Client) -> None:
    described = http.get(f"{API}/sobjects/Contact/describe").json()
    fields = {each["name"]: each for each in described["fields"]}
    assert fields["Name"]["extraTypeInfo"] == "personname"
    assert (fields["Name"]["createable"], fields["Name"]["length"]) == (False, 121)
    assert fields["OwnerId"]["permissionable"] is False
    assert fields["MailingAddress"]["soapType"] == "urn:address"
    states = [each["value"] for each in fields["HaihaiState__c"]["picklistValues"]]
    assert states == ["配信可能", "配信停止", "配信禁止"]
    assert fields["HaihaiViewCount__c"]["precision"] == 18
    assert fields["HaihaiLastViewedUrl__c"]["length"] == 255
    relations = [each["childSObject"] for each in described["childRelationships"]]
    assert "CampaignMember" in relations


# ------------------------------------------------------------------ the population


def filled(number: int = 1, customers: int = 400) -> Org:
    org = Org(Clock(), number, Switches(DEFAULTS))
    seed.fill(org, customers)
    return org


def total(org: Org, soql: str) -> int:
    return org.query(soql).total


def test_the_population_is_as_promised() -> None:
    org = filled()
    assert total(org, f"SELECT Id FROM Contact WHERE {AUDIENCE}") == 400
    assert total(org, "SELECT Id FROM Contact") == 420
    assert total(org, "SELECT Id FROM Account") == 20
    assert total(org, "SELECT Id FROM Lead") == 40
    mails = [row[0] for row in org.query("SELECT Email FROM Contact").rows if row[0]]
    assert len(mails) == len(set(mails))
    assert {mail.rpartition("@")[2] for mail in mails} == {
        "example.com",
        "example.jp",
        "example.org",
    }
    leads = {row[0] for row in org.query("SELECT Email FROM Lead").rows}
    assert 0 < len(leads & set(mails)) < len(leads)
    for row in org.query("SELECT LastName, FirstName, Account.Name FROM Contact").rows:
        "".join(row).encode("cp932")
    phones = {row[0] for row in org.query("SELECT Phone FROM Contact").rows}
    assert all(phone[2:8] == "-0000-" for phone in phones)
    assert total(org, "SELECT Id FROM Contact WHERE SystemModstamp >= YESTERDAY") == 0


def test_the_population_follows_from_the_seed() -> None:
    columns = "Id, LastName, FirstName, Email, Phone, AccountId, SystemModstamp"
    soql = f"SELECT {columns} FROM Contact"
    first, same, other = filled(3), filled(3), filled(4)
    assert list(first.query(soql).rows) == list(same.query(soql).rows)
    assert list(first.query(soql).rows) != list(other.query(soql).rows)
    assert first.org_id == same.org_id != other.org_id


def test_ids_carry_prefix_and_checksum() -> None:
    org = filled(customers=30)
    for (record_id,) in org.query("SELECT Id FROM Contact").rows:
        assert record_id.startswith("003")
        assert ids.normalise(record_id[:15]) == record_id
    assert ids.checksum("001D000000IqhSL") == "IAZ"
    assert ids.normalise("001D000000IqhSLIAA") is None
    serials = range(62**3 - 3, 62**3 + 3)
    assert list(ids.make_ids("003", "5g", serials[0], 6)) == [
        ids.make_id("003", "5g", serial) for serial in serials
    ]


def test_an_org_survives_a_restart(tmp_path: Path) -> None:
    org = filled(customers=30)
    gone, gone_for_good = org.table("Contact").ids[:2]
    org.delete("Contact", gone)
    org.hard_delete("Contact", gone_for_good)
    made = org.insert("Contact", {"LastName": "髙﨑", "HaihaiState__c": "配信停止"})
    org.add_object("Member__c", "会員", "会員")
    member = org.insert("Member__c", {"Name": "一号"})
    org.save(tmp_path)

    again = Org(Clock(), 99, Switches(DEFAULTS))
    assert again.load(tmp_path)
    assert (again.org_id, again.admin_user_id) == (org.org_id, org.admin_user_id)
    soql = "SELECT Id, Name, HaihaiState__c, SystemModstamp, IsDeleted FROM Contact"
    before = list(org.query(soql, include_deleted=True).rows)
    assert list(again.query(soql, include_deleted=True).rows) == before
    assert again.find("Contact", "Email", "nobody@example.com") == []
    again.undelete("Contact", gone)
    assert again.insert("Contact", {"LastName": "次"}) > made
    assert again.insert("Member__c", {"Name": "二号"}) > member
    assert not Org(Clock(), 1, Switches(DEFAULTS)).load(tmp_path / "nothing")
