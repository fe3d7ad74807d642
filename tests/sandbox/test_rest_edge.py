"""What every answer of the Salesforce server carries, and who is turned away."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.sandbox.salesforce_org import API, Sandbox, running

TASTE = f"{API}/query?q=SELECT+Id,LastName+FROM+Contact+LIMIT+1"


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


def test_versions_need_no_session(sandbox: Sandbox) -> None:
    answer = sandbox.http.get("/services/data/")
    listed = {each["version"]: each for each in answer.json()}
    assert listed["31.0"]["label"] == "Summer '14"
    assert listed["66.0"] == {
        "label": "Spring '26",
        "url": "/services/data/v66.0",
        "version": "66.0",
    }
    assert listed["68.0"]["label"] == "Winter '27"
    assert "sforce-limit-info" not in answer.headers


@pytest.mark.parametrize(
    ("version", "status"),
    [("20.0", 410), ("51.0", 200), ("68.0", 200), ("69.0", 404), ("66.5", 404)],
)
def test_any_living_version_is_served(
    http: httpx.Client, version: str, status: int
) -> None:
    assert http.get(f"/services/data/v{version}/limits").status_code == status


def test_headers_of_a_data_call(http: httpx.Client) -> None:
    first, second = http.get(TASTE), http.get(TASTE)
    assert first.headers["content-type"] == "application/json;charset=UTF-8"
    assert first.headers["server"] == "sfdcedge"
    assert first.headers["cache-control"] == (
        "no-cache,must-revalidate,max-age=0,no-store,private"
    )
    assert first.headers["x-sfdc-request-id"] != second.headers["x-sfdc-request-id"]
    cookies = first.headers.get_list("set-cookie")
    assert [cookie.partition("=")[0] for cookie in cookies] == [
        "BrowserId",
        "CookieConsentPolicy",
        "LSKey-c$CookieConsentPolicy",
    ]
    used = [int(re.findall(r"\d+", a.headers["sforce-limit-info"])[0]) for a in
            (first, second)]  # fmt: skip
    assert used[1] == used[0] + 1
    assert second.headers["sforce-limit-info"].endswith("/15000")


def test_usage_on_204_and_per_app_are_switches(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    made = http.post(f"{API}/sobjects/Account", json={"Name": "x"}).json()["id"]
    path = f"{API}/sobjects/Account/{made}"
    assert "sforce-limit-info" in http.patch(path, json={"Name": "y"}).headers
    sandbox.switch(limit_info_on_204="off", per_app_usage="on")
    assert "sforce-limit-info" not in http.patch(path, json={"Name": "z"}).headers
    info = http.get(TASTE).headers["sforce-limit-info"]
    assert "(appName=App_HaihaiConnect)" in info


def test_both_json_layouts(http: httpx.Client) -> None:
    compact = http.get(TASTE)
    assert compact.text.startswith('{"totalSize":1,"done":true,"records":[{"attri')
    laid_out = http.get(TASTE, headers={"X-PrettyPrint": "1"})
    assert laid_out.json() == compact.json()
    assert laid_out.text.startswith('{\n  "totalSize" : 1,\n  "done" : true,\n')
    refused = http.get(f"{API}/nope", headers={"X-PrettyPrint": "1"})
    assert '"errorCode" : "NOT_FOUND"' in refused.text


def test_gzip_only_when_asked_for(http: httpx.Client) -> None:
    path = f"{API}/sobjects/Contact/describe"
    with http.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        packed = b"".join(answer.iter_raw())
    plain = http.get(path, headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content


@pytest.mark.parametrize("path", ["limits", "sobjects/Contact", "sobjects", ""])
def test_trailing_slashes_are_tolerated(http: httpx.Client, path: str) -> None:
    one, other = http.get(f"{API}/{path}".rstrip("/")), http.get(f"{API}/{path}/")
    assert one.status_code == other.status_code == 200
    assert list(one.json()) == list(other.json())


def test_error_forms(http: httpx.Client) -> None:
    unknown = http.get(f"{API}/sobjects/Nope/describe")
    assert unknown.status_code == 404
    assert unknown.text == (
        '[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]'
    )
    xml = http.get(f"{API}/nope", headers={"Accept": "application/xml"})
    assert xml.headers["content-type"].startswith("application/xml")
    assert "<errorCode>NOT_FOUND</errorCode>" in xml.text
    assert http.put(f"{API}/limits", json={}).status_code == 405
    form = http.post(f"{API}/sobjects/Contact", data={"LastName": "x"})
    assert (form.status_code, form.json()[0]["errorCode"]) == (
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    )
    broken = http.post(
        f"{API}/sobjects/Contact",
        content=b'{"LastName":',
        headers={"Content-Type": "application/json"},
    )
    assert (broken.status_code, broken.json()[0]["errorCode"]) == (
        400,
        "JSON_PARSER_ERROR",
    )


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "INVALID_SESSION_ID"),
        ("Bearer 00Dxx!nope", "INVALID_SESSION_ID"),
        ("Basic abc", "INVALID_AUTH_HEADER"),
    ],
)
def test_no_session(sandbox: Sandbox, authorization: str | None, code: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = sandbox.http.get(f"{API}/limits", headers=headers)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (401, code)
    assert "sforce-limit-info" not in answer.headers


def test_daily_limit(sandbox: Sandbox, http: httpx.Client) -> None:
    used = http.get(f"{API}/limits").headers["sforce-limit-info"]
    spent = int(used.partition("=")[2].partition("/")[0])
    sandbox.switch(daily_api_requests=spent + 1)
    assert http.get(f"{API}/limits").json()["DailyApiRequests"]["Remaining"] == 0
    refused = http.get(f"{API}/limits")
    assert refused.status_code == 403
    assert refused.json() == [
        {
            "message": "TotalRequests Limit exceeded.",
            "errorCode": "REQUEST_LIMIT_EXCEEDED",
        }
    ]
    sandbox.advance(86_400 + 60)
    with sandbox.api() as tomorrow:
        assert tomorrow.get(f"{API}/limits").status_code == 200


def test_usage_of_others_counts(sandbox: Sandbox, http: httpx.Client) -> None:
    answer = sandbox.http.post("/_sandbox/api-usage", json={"use": 1000})
    daily = http.get(f"{API}/limits").json()["DailyApiRequests"]
    assert daily["Remaining"] == 15_000 - answer.json()["used"] - 1


def test_too_long_requests(http: httpx.Client) -> None:
    long_query = http.get(f"{API}/query", params={"q": "x" * 17_000})
    assert long_query.status_code == 414
    long_header = http.get(f"{API}/limits", headers={"X-Long": "x" * 17_000})
    assert long_header.status_code == 431


def test_unknown_host(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.switch(no_route="on")
    answer = http.get(f"{API}/limits")
    assert answer.status_code == 420
    assert answer.headers["content-type"].startswith("text/html")


def test_a_fault_speaks_the_services_language(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    fault = {"match": "GET /limits", "do": "error:REQUEST_LIMIT_EXCEEDED"}
    sandbox.http.post("/_sandbox/faults", json=[fault])
    answer = http.get(f"{API}/limits")
    assert answer.status_code == 403
    assert answer.json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"


def test_limits_has_about_seventy_keys(http: httpx.Client) -> None:
    table = http.get(f"{API}/limits").json()
    assert 55 <= len(table) <= 80
    assert table["DailyBulkApiBatches"] == {"Max": 15000, "Remaining": 15000}
    assert table["PermissionSets"]["CreateCustom"]["Max"] == 1000


def test_record_count_leaves_out_empty_objects(http: httpx.Client) -> None:
    path = f"{API}/limits/recordCount?sObjects=Contact,Group"
    assert http.get(path).json() == {"sObjects": [{"count": 42, "name": "Contact"}]}


def test_describe_unless_modified(sandbox: Sandbox, http: httpx.Client) -> None:
    path = f"{API}/sobjects/Contact/describe"
    first = http.get(path)
    assert re.fullmatch(r'"[0-9a-f]{8}--gzip"', first.headers["etag"])
    since = {"If-Modified-Since": first.headers["last-modified"]}
    unchanged = http.get(path, headers=since)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    sandbox.advance(5)
    sandbox.switch(hidden_fields=["Contact.Fax"])
    changed = http.get(path, headers=since)
    assert changed.status_code == 200
    assert changed.headers["etag"] != first.headers["etag"]
    assert http.get(f"{API}/sobjects", headers=since).status_code == 200


def test_a_defect_of_the_sandbox_has_the_form_of_the_service(
    sandbox: Sandbox, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr(sandbox.org, "query", broken)
    answer = http.get(TASTE)
    assert answer.status_code == 500
    assert answer.json()[0]["errorCode"] == "UNKNOWN_EXCEPTION"
    monkeypatch.undo()
    assert http.get(TASTE).status_code == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("sobjects/Contact", b""),
        ("sobjects/Contact", b"\xff"),
        ("sobjects/Contact", b"[1]"),
        ("sobjects/Contact", b'{"a":' * 3000),
        ("jobs/query", b'{"a":' * 3000),
        ("jobs/ingest", b"nothing"),
        ("composite", b'{"compositeRequest": [1]}'),
        ("composite/batch", b'{"batchRequests": [null]}'),
        (
            "tooling/sobjects/CustomField",
            b'{"FullName": "Contact.X__c", "Metadata": "x"}',
        ),
    ],
)
def test_bodies_that_are_no_request_are_refused(
    http: httpx.Client, path: str, body: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = http.post(f"{API}/{path}", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] == "JSON_PARSER_ERROR"


def test_half_a_surrogate_pair_is_kept_as_a_replacement(http: httpx.Client) -> None:
    body = b'{"LastName": "\\ud83d\\ude00 \\ud83d x"}'
    headers = {"Content-Type": "application/json"}
    made = http.post(f"{API}/sobjects/Contact", content=body, headers=headers).json()
    read = http.get(f"{API}/sobjects/Contact/{made['id']}?fields=LastName").json()
    assert read["LastName"] == "😀 \ufffd x"
