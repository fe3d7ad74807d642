"""Collections, composite and batch, with the quirks that clients stumble over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from haihai_tui.sandbox.salesforce import ids
from tests.sandbox.salesforce_org import API, Sandbox, running

ROWS = f"{API}/composite/sobjects"
ROLLED_BACK = "ALL_OR_NONE_OPERATION_ROLLED_BACK"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running() as started:
        yield started


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with sandbox.api() as client:
        yield client


def contact(**values: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Contact"}, **values}


def send(http: httpx.Client, method: str, path: str, *rows: Any, **more: Any) -> Any:
    answer = http.request(method, path, json={"records": list(rows), **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def count(http: httpx.Client, where: str) -> int:
    soql = f"SELECT count() FROM Contact WHERE {where}"
    total: int = http.get(f"{API}/query", params={"q": soql}).json()["totalSize"]
    return total


def codes(results: Any) -> list[str]:
    return ["" if r["success"] else r["errors"][0]["statusCode"] for r in results]


def test_each_row_has_its_own_result(http: httpx.Client) -> None:
    good, bad = send(http, "POST", ROWS, contact(LastName="一"), contact())
    assert list(good) == ["id", "success", "errors"]
    assert bad == {
        "success": False,
        "errors": [
            {
                "statusCode": "REQUIRED_FIELD_MISSING",
                "message": "Required fields are missing: [LastName]",
                "fields": ["LastName"],
            }
        ],
    }
    assert count(http, "LastName = '一'") == 1


def test_all_or_none_takes_everything_back(http: httpx.Client) -> None:
    kept = send(http, "POST", ROWS, contact(LastName="前"))[0]["id"]
    rows = [contact(Id=kept, LastName="後"), contact(Id=kept, Email="bad")]
    results = send(http, "PATCH", ROWS, *rows, allOrNone=True)
    assert codes(results) == [ROLLED_BACK, "INVALID_EMAIL_ADDRESS"]
    assert count(http, "LastName = '前'") == 1
    made = send(http, "POST", ROWS, contact(LastName="無"), contact(), allOrNone=True)
    assert codes(made) == [ROLLED_BACK, "REQUIRED_FIELD_MISSING"]
    assert count(http, "LastName = '無'") == 0
    gone = [kept, ids.make_id("003", "zz", 9)]
    path = f"{ROWS}?ids={','.join(gone)}&allOrNone=true"
    assert codes(http.delete(path).json()) == [
        ROLLED_BACK,
        "INVALID_CROSS_REFERENCE_KEY",
    ]
    assert count(http, f"Id = '{kept}'") == 1


def test_rolled_back_upserts_say_created(http: httpx.Client) -> None:
    path = f"{ROWS}/Contact/Email"
    rows = [
        contact(LastName="x", Email="u@example.com"),
        contact(Email="v@example.com"),
    ]
    results = send(http, "PATCH", path, *rows, allOrNone=True)
    assert codes(results) == [ROLLED_BACK, "REQUIRED_FIELD_MISSING"]
    assert [row["created"] for row in results] == [True, True]
    assert count(http, "Email = 'u@example.com'") == 0


def test_upserts_tell_created_from_updated(http: httpx.Client) -> None:
    path = f"{ROWS}/Contact/Email"
    row = contact(LastName="x", Email="w@example.com")
    first = send(http, "PATCH", path, row)[0]
    second = send(http, "PATCH", path, row)[0]
    assert list(first) == ["id", "success", "errors", "created"]
    assert (first["created"], second["created"]) == (True, False)
    assert first["id"] == second["id"]
    assert codes(send(http, "PATCH", path, row, row)) == ["DUPLICATE_VALUE"] * 2


def test_unknown_and_missing_ids(http: httpx.Client) -> None:
    unknown = ids.make_id("003", "zz", 1)
    results = send(
        http, "PATCH", ROWS, contact(Id=unknown), contact(LastName="x"), contact(id="?")
    )
    assert codes(results) == [
        "INVALID_CROSS_REFERENCE_KEY",
        "MISSING_ARGUMENT",
        "MALFORMED_ID",
    ]
    assert results[0]["errors"][0]["message"] == "invalid cross reference id"
    assert "id" not in results[0]


def test_deleting_twice(http: httpx.Client) -> None:
    made = send(http, "POST", ROWS, contact(LastName="消"))[0]["id"]
    assert codes(http.delete(f"{ROWS}?ids={made}").json()) == [""]
    assert codes(http.delete(f"{ROWS}?ids={made}").json()) == ["ENTITY_IS_DELETED"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"records": [{"LastName": "x", "attributes": {"type": "Contact"}}]}, "JSON"),
        ({"records": [{"LastName": "x"}]}, "JSON_PARSER_ERROR"),
        ({"records": [contact(LastName="x")] * 201}, "EXCEEDED_ID_LIMIT"),
        ({"records": [contact(LastName="x", DoNotCall="?")]}, "JSON_PARSER_ERROR"),
        ({"records": [{"attributes": {"type": "Nope"}}]}, "INVALID_TYPE"),
        ({}, "JSON_PARSER_ERROR"),
    ],
)
def test_whole_request_refused(http: httpx.Client, body: Any, code: str) -> None:
    answer = http.post(ROWS, json=body)
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"].startswith(code)


def test_attributes_have_to_come_first(http: httpx.Client) -> None:
    row = {"LastName": "x", "attributes": {"type": "Contact"}}
    answer = http.post(ROWS, json={"records": [row]})
    assert answer.json()[0]["message"] == (
        "Nested object for polymorphic foreign key must have an attributes field "
        "before any other fields."
    )


def test_two_hundred_rows_fit(http: httpx.Client) -> None:
    rows = [contact(LastName=f"行{n}") for n in range(200)]
    results = send(http, "POST", ROWS, *rows)
    assert codes(results) == [""] * 200
    read = http.get(
        f"{ROWS}/Contact?ids={results[0]['id']},{ids.make_id('003', 'zz', 1)}"
        "&fields=LastName"
    ).json()
    assert read[0]["LastName"] == "行0"
    assert read[1] is None


def test_row_fault_strikes_one_row(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.http.post("/_sandbox/row_faults", json=[{"code": "UNABLE_TO_LOCK_ROW"}])
    results = send(http, "POST", ROWS, contact(LastName="a"), contact(LastName="b"))
    assert codes(results) == ["UNABLE_TO_LOCK_ROW", ""]


def sub(method: str, path: str, reference: str, body: Any = None) -> dict[str, Any]:
    made = {"method": method, "url": f"{API}{path}", "referenceId": reference}
    return made if body is None else {**made, "body": body}


def test_composite_refers_to_earlier_answers(http: httpx.Client) -> None:
    requests = [
        sub("POST", "/sobjects/Account", "acc", {"Name": "参照"}),
        sub("POST", "/sobjects/Contact", "con", {
            "LastName": "参照", "AccountId": "@{acc.id}"}),
        sub("GET", "/sobjects/Contact/@{con.id}?fields=AccountId", "read"),
        sub("PATCH", "/sobjects/Contact/@{con.id}", "patch", {"Title": "x"}),
        sub("GET", "/query?q=SELECT+Id+FROM+Nope", "bad"),
        sub("PATCH", "/sobjects/Contact/@{bad.id}", "never", {"Title": "x"}),
    ]  # fmt: skip
    answer = http.post(f"{API}/composite", json={"compositeRequest": requests})
    acc, con, read, patch, bad, never = answer.json()["compositeResponse"]
    assert list(acc) == ["body", "httpHeaders", "httpStatusCode", "referenceId"]
    assert acc["httpStatusCode"] == 201
    assert acc["httpHeaders"]["Location"].endswith(acc["body"]["id"])
    assert read["body"]["AccountId"] == acc["body"]["id"]
    assert (patch["httpStatusCode"], patch["body"]) == (204, None)
    assert bad["body"][0]["errorCode"] == "INVALID_TYPE"
    assert never["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert con["referenceId"] == "con"


def test_composite_all_or_none(http: httpx.Client) -> None:
    requests = [
        sub("POST", "/sobjects/Contact", "a", {"LastName": "半端"}),
        sub("POST", "/sobjects/Contact", "b", {}),
    ]
    body = {"allOrNone": True, "compositeRequest": requests}
    first, second = http.post(f"{API}/composite", json=body).json()["compositeResponse"]
    assert first["body"][0]["errorCode"] == "PROCESSING_HALTED"
    assert second["body"][0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert count(http, "LastName = '半端'") == 0


def test_composite_takes_25_requests(http: httpx.Client) -> None:
    many = [sub("GET", "/limits", f"r{n}") for n in range(26)]
    assert (
        http.post(f"{API}/composite", json={"compositeRequest": many}).status_code
        == 400
    )
    most = http.post(f"{API}/composite", json={"compositeRequest": many[:25]})
    assert len(most.json()["compositeResponse"]) == 25


def test_batch(http: httpx.Client) -> None:
    body = {
        "haltOnError": True,
        "batchRequests": [
            {"method": "GET", "url": "v66.0/limits"},
            {"method": "POST", "url": "v66.0/sobjects/Contact", "richInput": {}},
            {"method": "GET", "url": "v66.0/limits"},
        ],
    }
    answer = http.post(f"{API}/composite/batch", json=body).json()
    assert answer["hasErrors"] is True
    assert [each["statusCode"] for each in answer["results"]] == [200, 400, 412]
    assert answer["results"][0]["result"]["DailyApiRequests"]["Max"] == 15000


def test_field_names_of_rows_have_no_case(http: httpx.Client) -> None:
    [row] = send(http, "POST", ROWS, contact(lastname="小文字"))
    by_id = contact(ID=row["id"], LASTNAME="大文字")
    assert codes(send(http, "PATCH", ROWS, by_id)) == [""]
    address = "case@example.com"
    upsert = f"{ROWS}/Contact/Email"
    first = send(http, "PATCH", upsert, contact(email=address, LastName="a"))
    again = send(http, "PATCH", upsert, contact(EMAIL=address, LastName="b"))
    assert [first[0]["created"], again[0]["created"]] == [True, False]
    twice = [contact(email=address), contact(Email=address)]
    assert codes(send(http, "PATCH", upsert, *twice)) == ["DUPLICATE_VALUE"] * 2


def test_upsert_by_id_updates_or_creates(http: httpx.Client) -> None:
    [row] = send(http, "POST", ROWS, contact(LastName="一"))
    rows = contact(id=row["id"], LastName="二"), contact(LastName="新規")
    known, new = send(http, "PATCH", f"{ROWS}/Contact/Id", *rows)
    assert (known["id"], known["created"]) == (row["id"], False)
    assert (new["success"], new["created"]) == (True, True)
