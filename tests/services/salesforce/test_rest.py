"""REST answers as Bulk-like CSV, complete or not at all."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pytest_httpx import HTTPXMock

from haihai_tui.errors import ServiceUnreachable, SettingsError
from haihai_tui.services.salesforce.canonical import select_columns
from haihai_tui.services.salesforce.client import SalesforceClient
from haihai_tui.services.salesforce.rest import Rest, RestExtract
from haihai_tui.sync.ports import PageFile
from tests.services.salesforce.support import DATA, Opened, opened

SOQL = "SELECT Id, Name FROM Contact"
MORE = "/services/data/v66.0/query/0r8x-{}"


def record(number: int, **fields: Any) -> dict[str, Any]:
    return {
        "attributes": {"type": "Contact", "url": f"/x/003{number:012d}"},
        "Id": f"003{number:012d}",
        "Name": f"名{number}",
        **fields,
    }


def page(
    records: list[dict[str, Any]], total: int | None = None, more: str = ""
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "totalSize": len(records) if total is None else total,
        "done": not more,
        "records": records,
    }
    return {**body, "nextRecordsUrl": more} if more else body


def client(org: Opened, **settings: Any) -> SalesforceClient:
    return SalesforceClient(org.session, **settings)


def ids(pages: list[PageFile]) -> list[str]:
    return [
        row["Id"]
        for one in pages
        for row in csv.DictReader(one.path.read_text("utf-8").splitlines())
    ]


def test_writes_the_canonical_form(httpx_mock: HTTPXMock, tmp_path: Path) -> None:
    soql = (
        "select Id, LastName, Account.Name, account.owner.email, Flag__c,"
        "\n Amount__c, Changed, Text FROM Contact where x = 1"
    )
    body = (
        '{"totalSize":2,"done":true,"records":[{"attributes":{"type":"Contact"},'
        '"Id":"0031","LastName":"髙\\"﨑\\n","Account":{"attributes":{},"Name":"社",'
        '"Owner":null},"Flag__c":true,"Amount__c":12.500,'
        '"Changed":"2022-03-17T16:21:26.000+0000","Text":"\\ud800x"},'
        '{"attributes":{"type":"Contact"},"Id":"0032","LastName":"a,b","Account":null,'
        '"Flag__c":false,"Amount__c":1e20,"Changed":null,"Text":""}]}'
    )
    httpx_mock.add_response(content=body.encode())
    with opened() as org:
        extract = client(org).extract(soql, tmp_path)
        (only,) = extract.pages()
    assert extract.columns == (
        "Id", "LastName", "Account.Name", "account.owner.email", "Flag__c",
        "Amount__c", "Changed", "Text",
    )  # fmt: skip
    assert (only.rows, only.gzip) == (2, False)
    assert only.path.read_bytes().decode() == (
        '"Id","LastName","Account.Name","account.owner.email","Flag__c","Amount__c",'
        '"Changed","Text"\n'
        '"0031","髙""﨑\n","社","","true","12.500","2022-03-17T16:21:26.000Z",'
        '"\ufffdx"\n'
        '"0032","a,b","","","false","1e20","",""\n'
    )
    assert [path.name for path in tmp_path.iterdir()] == [only.path.name]


def test_text_that_looks_like_a_time_stays_as_it_is(
    httpx_mock: HTTPXMock, tmp_path: Path
) -> None:
    stamp = "2022-03-17T16:21:26.000+0000"
    fields = [{"name": "Name", "type": "string"}, {"name": "Id", "type": "id"}]
    httpx_mock.add_response(json={"name": "Contact", "fields": fields})
    httpx_mock.add_response(json=page([record(1, Name=stamp)]))
    with opened() as org:
        salesforce = client(org)
        salesforce.describe("Contact")
        (only,) = salesforce.extract(SOQL, tmp_path).pages()
    assert stamp in only.path.read_text("utf-8")


def test_follows_pages_of_any_size(httpx_mock: HTTPXMock, tmp_path: Path) -> None:
    httpx_mock.add_response(json=page([record(1), record(2)], 4, MORE.format(2)))
    httpx_mock.add_response(json=page([record(3)], 4, MORE.format(3)))
    httpx_mock.add_response(json=page([record(4)], 4))
    with opened() as org:
        salesforce = client(org)
        pages = list(salesforce.extract(SOQL, tmp_path).pages())
        assert salesforce.calls() == 3
    assert ids(pages) == [f"003{n:012d}" for n in (1, 2, 3, 4)]
    assert [r.url.path for r in httpx_mock.get_requests()][1:] == [
        MORE.format(2),
        MORE.format(3),
    ]


def test_nothing_new_costs_one_call(httpx_mock: HTTPXMock, tmp_path: Path) -> None:
    httpx_mock.add_response(json=page([]))
    with opened() as org:
        salesforce = client(org)
        assert list(salesforce.extract(SOQL, tmp_path).pages()) == []
        assert salesforce.calls() == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "second",
    [
        {"status_code": 400, "json": [{"errorCode": "INVALID_QUERY_LOCATOR"}]},
        {"json": page([], 3)},
        {"json": page([record(2)], 3, MORE.format(1))},
        {"json": page([{"attributes": {}, "Id": "x"}, record(9)], 3)},
    ],
    ids=["locator expired", "rows missing", "same locator twice", "field missing"],
)
def test_an_incomplete_result_is_read_again_from_the_start(
    httpx_mock: HTTPXMock, tmp_path: Path, second: dict[str, Any]
) -> None:
    first = page([record(1)], 3, MORE.format(1))
    httpx_mock.add_response(json=first)
    httpx_mock.add_response(**second)
    httpx_mock.add_response(json=first)
    httpx_mock.add_response(json=page([record(2), record(3)], 3))
    with opened() as org:
        pages = list(client(org).extract(SOQL, tmp_path).pages())
    assert ids(pages) == [f"003{n:012d}" for n in (1, 2, 3)]
    assert len(list(tmp_path.iterdir())) == len(pages)


def test_gives_up_on_a_result_that_stays_incomplete(
    httpx_mock: HTTPXMock, tmp_path: Path
) -> None:
    httpx_mock.add_response(json=page([record(1)], 2), is_reusable=True)
    with opened() as org, pytest.raises(ServiceUnreachable) as caught:
        list(client(org).extract(SOQL, tmp_path).pages())
    assert caught.value.cause == "service_unavailable"
    assert len(httpx_mock.get_requests()) == 3
    assert list(tmp_path.iterdir()) == []


def test_a_cut_answer_is_read_again(httpx_mock: HTTPXMock, tmp_path: Path) -> None:
    whole = json.dumps(page([record(1)])).encode()
    httpx_mock.add_response(content=whole[:-20])
    httpx_mock.add_response(json={"done": True, "records": []})
    httpx_mock.add_response(content=whole)
    with opened() as org:
        assert len(list(client(org).extract(SOQL, tmp_path).pages())) == 1


def test_a_query_goes_on_with_a_renewed_token(
    httpx_mock: HTTPXMock, tmp_path: Path
) -> None:
    from tests.services.salesforce.support import token_answer

    httpx_mock.add_response(json=page([record(1)], 2, MORE.format(1)))
    httpx_mock.add_response(
        status_code=401, json=[{"errorCode": "INVALID_SESSION_ID", "message": "x"}]
    )
    httpx_mock.add_response(json=token_answer())
    httpx_mock.add_response(json=page([record(2)], 2))
    with opened() as org:
        assert len(ids(list(client(org).extract(SOQL, tmp_path).pages()))) == 2
    assert [r.url.path for r in httpx_mock.get_requests()].count(MORE.format(1)) == 2


def test_as_of_is_the_services_time_before_the_request(
    httpx_mock: HTTPXMock, tmp_path: Path
) -> None:
    date = {"Date": "Mon, 16 Feb 2026 01:02:03 GMT"}
    httpx_mock.add_response(json=page([]), headers=date)
    with opened() as org:
        as_of = client(org).extract(SOQL, tmp_path).as_of
    told = datetime(2026, 2, 16, 1, 2, 3, tzinfo=UTC)
    assert told - timedelta(seconds=2) < as_of <= told


def test_deleted_rows_are_asked_for_by_query_all(
    httpx_mock: HTTPXMock, tmp_path: Path
) -> None:
    httpx_mock.add_response(json=page([]))
    with opened() as org:
        client(org).extract(SOQL, tmp_path, include_deleted=True)
    assert httpx_mock.get_requests()[0].url.path.endswith("/queryAll")


def test_a_missing_field_says_so(httpx_mock: HTTPXMock, tmp_path: Path) -> None:
    message = "No such column 'Foo__c' on entity 'Contact'."
    httpx_mock.add_response(
        status_code=400, json=[{"errorCode": "INVALID_FIELD", "message": message}]
    )
    with opened() as org, pytest.raises(SettingsError) as caught:
        client(org).extract(SOQL, tmp_path)
    assert caught.value.cause == "missing_field"
    assert "Foo__c" in str(caught.value)


def test_a_compound_field_is_refused(httpx_mock: HTTPXMock, tmp_path: Path) -> None:
    httpx_mock.add_response(json=page([record(1, Name={"city": "東京"})]))
    with opened() as org, pytest.raises(SettingsError) as caught:
        list(client(org).extract(SOQL, tmp_path).pages())
    assert caught.value.cause == "field_type_mismatch"


def test_counts_and_describes(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=page([], 42))
    field = {
        "name": "State__c", "type": "picklist", "label": "状態", "length": 255,
        "nillable": True, "updateable": True, "restrictedPicklist": True,
        "picklistValues": [
            {"value": "配信可能", "active": True}, {"value": "旧", "active": False},
        ],
    }  # fmt: skip
    owner = {
        "name": "OwnerId", "type": "reference", "referenceTo": ["User", "Group"],
        "relationshipName": "Owner", "encrypted": True, "precision": 0,
    }  # fmt: skip
    httpx_mock.add_response(
        url=f"{DATA}/sobjects/Contact/describe",
        json={"name": "Contact", "label": "取引先責任者", "keyPrefix": "003",
              "fields": [field, owner]},
    )  # fmt: skip
    with opened() as org:
        salesforce = client(org)
        assert salesforce.count("Contact", "Email != null") == 42
        described = salesforce.describe("Contact")
        assert salesforce.calls() == 2
    asked = httpx_mock.get_requests()[0].url.params["q"]
    assert asked == "SELECT COUNT() FROM Contact WHERE Email != null"
    state = described.fields["state__c"]
    assert (described.key_prefix, state.label, state.length) == ("003", "状態", 255)
    assert (state.picklist, state.restricted, state.updateable) == (
        ("配信可能",),
        True,
        True,
    )
    owner_field = described.fields["ownerid"]
    assert owner_field.reference_to == ("User", "Group")
    assert (owner_field.relationship, owner_field.encrypted) == ("Owner", True)


@pytest.mark.parametrize("soql", ["", "SELECT COUNT(Id) FROM A", "SELECT FROM A"])
def test_extracts_field_paths_only(soql: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        select_columns(soql)


def test_versions_and_limits(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=[{"version": "65.0"}, {"version": "66.0"}])
    httpx_mock.add_response(json={"DailyApiRequests": {"Max": 15000}})
    with opened() as org:
        rest = Rest(org.session)
        assert rest.versions() == ("65.0", "66.0")
        assert rest.limits()["DailyApiRequests"]["Max"] == 15000


def test_an_extract_of_its_own_asks_for_the_first_page(
    httpx_mock: HTTPXMock, tmp_path: Path
) -> None:
    httpx_mock.add_response(json=page([record(1)]))
    with opened() as org:
        extract = RestExtract(Rest(org.session), SOQL, tmp_path)
        assert [p.rows for p in extract.pages()] == [1]
