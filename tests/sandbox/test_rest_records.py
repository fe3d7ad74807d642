"""Single records: the checks, the codes, upserts, and what moved in a window."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from haihai_tui.sandbox.salesforce import ids
from tests.sandbox.salesforce_org import API, Sandbox, running

CONTACT = f"{API}/sobjects/Contact"


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with running(customers=40) as started:
        yield started


@pytest.fixture
def sandbox(shared: Sandbox) -> Iterator[Sandbox]:
    before = shared.ctx.control.switches.as_dict()
    yield shared
    shared.ctx.control.switches.update(before)


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with sandbox.api() as client:
        yield client


def made(http: httpx.Client, **values: Any) -> str:
    answer = http.post(f"{CONTACT}/", json={"LastName": "山田", **values})
    assert answer.status_code == 201, answer.text
    assert list(answer.json()) == ["id", "success", "errors"]
    record_id: str = answer.json()["id"]
    assert answer.headers["location"] == f"{CONTACT}/{record_id}"
    return record_id


def value(http: httpx.Client, record_id: str, name: str) -> Any:
    return http.get(f"{CONTACT}/{record_id}?fields={name}").json()[name]


@pytest.mark.parametrize(
    ("values", "code", "message", "fields"),
    [
        (
            {"LastName": None},
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [LastName]",
            ["LastName"],
        ),
        (
            {"LastName": "  "},
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [LastName]",
            ["LastName"],
        ),
        (
            {"FirstName": "x" * 41},
            "STRING_TOO_LONG",
            f"First Name: data value too large: {'x' * 41} (max length=40)",
            ["FirstName"],
        ),
        (
            {"Email": "nobody"},
            "INVALID_EMAIL_ADDRESS",
            "Email: invalid email address: nobody",
            ["Email"],
        ),
        (
            {"HaihaiState__c": "未定"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "bad value for restricted picklist field: 未定",
            ["HaihaiState__c"],
        ),
        (
            {"CreatedDate": "2020-01-01T00:00:00Z"},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Unable to create/update fields: CreatedDate. Please check the security "
            "settings of this field and verify that it is read/write for your profile "
            "or permission set.",
            ["CreatedDate"],
        ),
        (
            {"AccountId": "003000000000001AAA"},
            "MALFORMED_ID",
            "Account ID: id value of incorrect type: 003000000000001AAA",
            ["AccountId"],
        ),
        (
            {"AccountId": "nonsense"},
            "MALFORMED_ID",
            "Account ID: id value of incorrect type: nonsense",
            ["AccountId"],
        ),
        (
            {"AccountId": ids.make_id("001", "zz", 1)},
            "INVALID_CROSS_REFERENCE_KEY",
            "invalid cross reference id",
            ["AccountId"],
        ),
        (
            {"HaihaiViewCount__c": 1e18},
            "NUMBER_OUTSIDE_VALID_RANGE",
            "閲覧回数: value outside of valid range on numeric field: 1e+18",
            ["HaihaiViewCount__c"],
        ),
    ],
)
def test_refused_values(
    http: httpx.Client, values: Any, code: str, message: str, fields: list[str]
) -> None:
    answer = http.post(CONTACT, json={"LastName": "山田", **values})
    assert answer.status_code == 400
    assert answer.json() == [{"message": message, "errorCode": code, "fields": fields}]


@pytest.mark.parametrize(
    ("values", "code", "part"),
    [
        ({"Nope": 1}, "INVALID_FIELD", "No such column 'Nope' on sobject of type Con"),
        ({"Id": "x"}, "INVALID_FIELD", "The Id field should not be specified"),
        (
            {"DoNotCall": "maybe"},
            "JSON_PARSER_ERROR",
            "instance of boolean from VALUE_",
        ),
        ({"HaihaiViewCount__c": "x"}, "JSON_PARSER_ERROR", "instance of double"),
        ({"HaihaiStateAt__c": "soon"}, "JSON_PARSER_ERROR", "instance of datetime"),
        ({"FirstName": ["x"]}, "JSON_PARSER_ERROR", "START_ARRAY"),
    ],
)
def test_refused_bodies(http: httpx.Client, values: Any, code: str, part: str) -> None:
    answer = http.post(CONTACT, json={"LastName": "山田", **values})
    error = answer.json()[0]
    assert (answer.status_code, error["errorCode"]) == (400, code)
    assert part in error["message"]
    assert "fields" not in error


def test_values_as_they_are_read(http: httpx.Client) -> None:
    record = made(
        http,
        FirstName=" 太郎 ",
        Email="",
        HaihaiStateAt__c="2026-01-02T09:00:00.999+09:00",
        HaihaiViewCount__c=3,
        Birthdate="1980-01-02",
        MailingCity="港区",
    )
    read = http.get(f"{CONTACT}/{record[:15]}").json()
    assert list(read)[:2] == ["attributes", "Id"]
    assert read["attributes"] == {"type": "Contact", "url": f"{CONTACT}/{record}"}
    assert read["Name"] == "太郎 山田"
    assert read["Email"] is None
    assert read["HaihaiStateAt__c"] == "2026-01-02T00:00:00.000+0000"
    assert read["HaihaiViewCount__c"] == 3.0
    assert read["Birthdate"] == "1980-01-02"
    assert read["MailingAddress"]["city"] == "港区"
    assert read["OwnerId"].startswith("005")


def test_every_write_moves_the_stamp(sandbox: Sandbox, http: httpx.Client) -> None:
    record = made(http)
    before = value(http, record, "SystemModstamp")
    sandbox.advance(10)
    assert http.patch(f"{CONTACT}/{record}", json={}).status_code == 204
    assert value(http, record, "SystemModstamp") > before
    assert value(http, record, "CreatedDate") == before


def test_records_that_are_not_there(http: httpx.Client) -> None:
    gone = made(http)
    assert http.delete(f"{CONTACT}/{gone}").status_code == 204
    deleted = http.patch(f"{CONTACT}/{gone}", json={})
    assert deleted.status_code == 404
    assert deleted.json() == [
        {"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED"}
    ]
    unknown = http.get(f"{CONTACT}/{ids.make_id('003', 'zz', 1)}")
    assert (unknown.status_code, unknown.json()[0]["errorCode"]) == (404, "NOT_FOUND")
    no_id = http.get(f"{CONTACT}/nonsense")
    assert no_id.json()[0]["message"] == (
        "Provided external ID field does not exist or is not accessible: nonsense"
    )
    other = http.get(f"{CONTACT}/{ids.make_id('001', 'zz', 1)}")
    assert (other.status_code, other.json()[0]["errorCode"]) == (400, "MALFORMED_ID")


def test_upsert_by_an_external_id(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.http.post(
        "/_sandbox/fields",
        json={
            "name": "Contact.Ext__c",
            "type": "Text",
            "length": 20,
            "label": "外部",
            "externalId": True,
            "unique": True,
        },
    )
    path = f"{CONTACT}/Ext__c/a%2Fb%20c"
    first = http.patch(path, json={"LastName": "一"})
    assert first.status_code == 201
    record = first.json()["id"]
    assert first.json() == {
        "id": record,
        "success": True,
        "errors": [],
        "created": True,
    }
    again = http.patch(path, json={"LastName": "二"})
    assert (again.status_code, again.json()["created"]) == (200, False)
    assert http.get(path).json()["LastName"] == "二"
    in_body = http.patch(path, json={"Ext__c": "x", "LastName": "三"})
    assert in_body.json()[0]["errorCode"] == "INVALID_FIELD"
    only = http.patch(f"{CONTACT}/Ext__c/new?updateOnly=true", json={"LastName": "四"})
    assert (only.status_code, only.json()[0]["errorCode"]) == (404, "NOT_FOUND")
    twice = http.post(CONTACT, json={"LastName": "五", "Ext__c": "A/B C"})
    assert twice.json()[0]["errorCode"] == "DUPLICATE_VALUE"
    assert twice.json()[0]["message"] == (
        f"duplicate value found: Ext__c duplicates value on record with id: {record}"
    )
    no_key = http.patch(f"{CONTACT}/FirstName/x", json={"LastName": "六"})
    assert no_key.json()[0]["message"] == (
        "Provided external ID field does not exist or is not accessible: FirstName"
    )


def test_upsert_finding_several_lists_their_addresses(http: httpx.Client) -> None:
    both = [made(http, Email="two@example.com") for _ in range(2)]
    answer = http.patch(f"{CONTACT}/Email/TWO%40example.com", json={"LastName": "x"})
    assert answer.status_code == 300
    assert answer.json() == [f"{CONTACT}/{each}" for each in both]


def window(sandbox: Sandbox, before: timedelta, after: timedelta) -> dict[str, str]:
    now = sandbox.org.clock.now()
    form = "%Y-%m-%dT%H:%M:%S+00:00"
    return {
        "start": (now - before).strftime(form),
        "end": (now + after).strftime(form),
    }


HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_updated_and_deleted(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.advance(3700)  # what other tests wrote falls out of the window
    kept, gone = made(http), made(http)
    http.delete(f"{CONTACT}/{gone}")
    times = window(sandbox, HOUR, HOUR)
    updated = http.get(f"{CONTACT}/updated/", params=times).json()
    assert updated["ids"] == [kept]
    assert updated["latestDateCovered"].endswith(":00.000+0000")
    deleted = http.get(f"{CONTACT}/deleted/", params=times).json()
    assert [list(each) for each in deleted["deletedRecords"]] == [["id", "deletedDate"]]
    assert deleted["deletedRecords"][0]["id"] == gone
    assert list(deleted) == [
        "deletedRecords",
        "earliestDateAvailable",
        "latestDateCovered",
    ]


@pytest.mark.parametrize(
    ("kind", "before", "status"),
    [
        ("updated", 29 * DAY, 200),
        ("updated", 31 * DAY, 400),
        ("deleted", 14 * DAY, 200),
        ("deleted", 16 * DAY, 400),
        ("updated", -2 * HOUR, 400),
    ],
)
def test_window_limits(
    sandbox: Sandbox, http: httpx.Client, kind: str, before: timedelta, status: int
) -> None:
    times = window(sandbox, before, HOUR)
    answer = http.get(f"{CONTACT}/{kind}/", params=times)
    assert answer.status_code == status
    if status == 400:
        assert answer.json()[0]["errorCode"] == "INVALID_REPLICATION_DATE"


def test_the_recycle_bin_is_emptied_after_15_days(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    gone = made(http)
    http.delete(f"{CONTACT}/{gone}")
    query = {"q": f"SELECT Id FROM Contact WHERE Id = '{gone}'"}
    assert http.get(f"{API}/queryAll", params=query).json()["totalSize"] == 1
    sandbox.advance(15 * 86_400 + 1)
    with sandbox.api() as later:
        assert later.get(f"{API}/queryAll", params=query).json()["totalSize"] == 0
        times = window(sandbox, 14 * DAY, HOUR)
        found = later.get(f"{CONTACT}/deleted", params=times).json()
    assert gone not in [each["id"] for each in found["deletedRecords"]]


def test_deleting_an_account_takes_its_contacts_along(http: httpx.Client) -> None:
    account = http.post(f"{API}/sobjects/Account", json={"Name": "親"}).json()["id"]
    child = made(http, AccountId=account)
    assert http.delete(f"{API}/sobjects/Account/{account}").status_code == 204
    assert http.get(f"{CONTACT}/{child}").json()[0]["errorCode"] == "ENTITY_IS_DELETED"


def control(sandbox: Sandbox, **body: Any) -> Any:
    answer = sandbox.http.post("/_sandbox/records", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_row_shows_up_late_with_an_older_stamp(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    late = control(
        sandbox,
        object="Contact",
        operation="insert",
        values={"LastName": "遅刻", "SystemModstamp": "2026-01-01T00:00:00Z"},
    )["id"]
    assert value(http, late, "SystemModstamp") == "2026-01-01T00:00:00.000+0000"
    assert value(http, late, "CreatedDate") > "2026-01-01"


def test_others_delete_undelete_and_update(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    record = made(http, Title="部外")
    where = "Title = '部外'"
    assert control(sandbox, object="Contact", operation="update", where=where,
                   values={"Department": "x"}) == {"ids": [record]}  # fmt: skip
    assert value(http, record, "Department") == "x"
    control(sandbox, object="Contact", operation="delete", id=record)
    assert http.get(f"{CONTACT}/{record}").status_code == 404
    control(sandbox, object="Contact", operation="undelete", id=record)
    assert http.get(f"{CONTACT}/{record}").status_code == 200


def test_merge_leaves_a_pointer_to_the_master(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    master, loser = made(http), made(http)
    control(sandbox, object="Contact", operation="merge", id=master, losers=[loser])
    query = f"SELECT IsDeleted, MasterRecordId FROM Contact WHERE Id = '{loser}'"
    record = http.get(f"{API}/queryAll", params={"q": query}).json()["records"][0]
    assert (record["IsDeleted"], record["MasterRecordId"]) == (True, master)


def test_conversion_of_a_lead(sandbox: Sandbox, http: httpx.Client) -> None:
    lead = http.post(
        f"{API}/sobjects/Lead",
        json={"LastName": "見込", "Company": "商事", "Email": "lead@example.com"},
    ).json()["id"]
    converted = control(sandbox, object="Lead", operation="convert", id=lead)
    read = http.get(f"{API}/sobjects/Lead/{lead}").json()
    assert read["IsConverted"] is True
    assert read["ConvertedContactId"] == converted["contact_id"]
    assert value(http, converted["contact_id"], "Email") == "lead@example.com"
    refused = http.patch(f"{API}/sobjects/Lead/{lead}", json={"Title": "x"})
    assert refused.json()[0]["errorCode"] == "CANNOT_UPDATE_CONVERTED_LEAD"


def test_a_bad_control_call_says_why(sandbox: Sandbox) -> None:
    answer = sandbox.http.post(
        "/_sandbox/records",
        json={"object": "Contact", "operation": "insert", "values": {}},
    )
    assert answer.status_code == 400
    assert "REQUIRED_FIELD_MISSING" in answer.text
