"""Bulk API 2.0 query jobs as a client meets them."""

from __future__ import annotations

import csv
import gzip
import io
import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from haihai_tui.sandbox.salesforce import ids
from tests.sandbox.salesforce_org import API, Sandbox, running

JOBS = f"{API}/jobs/query"
CONTACTS = "SELECT Id, LastName, Email FROM Contact"


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with running(customers=100) as started:
        yield started


@pytest.fixture
def sandbox(shared: Sandbox) -> Iterator[Sandbox]:
    before = shared.ctx.control.switches.as_dict()
    yield shared
    shared.ctx.control.switches.update(before)
    shared.http.post("/_sandbox/bulk_damage", json=[])


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with sandbox.api() as client:
        yield client


def create(http: httpx.Client, query: str = CONTACTS, **body: Any) -> dict[str, Any]:
    answer = http.post(JOBS, json={"operation": "query", "query": query, **body})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def finished(http: httpx.Client, query: str = CONTACTS, **body: Any) -> str:
    """The path of a job that is done."""
    path = f"{JOBS}/{create(http, query, **body)['id']}"
    for _ in range(500):
        if http.get(path).json()["state"] == "JobComplete":
            return path
        time.sleep(0.005)
    raise AssertionError("the job does not end")


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    [error] = answer.json()
    return answer.status_code, error["errorCode"], error["message"]


# ---------------------------------------------------------------- life of a job


def test_creation_and_status_have_exactly_these_keys(http: httpx.Client) -> None:
    made = create(http)
    assert " ".join(made) == (
        "id operation object createdById createdDate systemModstamp state "
        "concurrencyMode contentType apiVersion lineEnding columnDelimiter"
    )
    assert made["id"].startswith("750") and ids.normalise(made["id"]) == made["id"]
    assert made["state"] == "UploadComplete"
    assert made["apiVersion"] == 66.0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\.000\+0000", made["createdDate"])
    status = http.get(f"{JOBS}/{made['id']}").json()
    assert set(status) - set(made) == {
        "jobType",
        "numberRecordsProcessed",
        "retries",
        "totalProcessingTime",
        "isPkChunkingSupported",
    }
    assert (status["state"], status["jobType"]) == ("InProgress", "V2Query")
    done = http.get(finished(http)).json()
    assert done["state"] == "JobComplete"
    assert done["numberRecordsProcessed"] == 105


def test_states_follow_polls_and_the_clock(sandbox: Sandbox) -> None:
    sandbox.switch(bulk_job_polls=2, bulk_job_s=60, session_timeout_s=86_400)
    with sandbox.api() as http:
        path = f"{JOBS}/{create(http)['id']}"
        assert {http.get(path).json()["state"] for _ in range(4)} == {"InProgress"}
        sandbox.advance(61)
        assert http.get(path).json()["state"] == "JobComplete"
        assert http.get(path).json()["totalProcessingTime"] >= 61_000


@pytest.mark.parametrize(
    ("outcome", "state"),
    [("failed", "Failed"), ("aborted", "Aborted"), ("stuck", "InProgress")],
)
def test_jobs_can_be_made_to_end_badly(
    sandbox: Sandbox, http: httpx.Client, outcome: str, state: str
) -> None:
    sandbox.switch(bulk_job_outcome=outcome, bulk_job_polls=0)
    path = f"{JOBS}/{create(http)['id']}"
    deadline = time.monotonic() + 5
    while (status := http.get(path).json())["state"] != state:
        assert time.monotonic() < deadline
    assert ("errorMessage" in status) == (state == "Failed")
    answer = http.get(f"{path}/results")
    assert refused(answer)[:2] == (400, "INVALIDJOBSTATE")


def test_abort_and_delete(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.switch(bulk_job_outcome="stuck")
    path = f"{JOBS}/{create(http)['id']}"
    http.get(path)
    assert refused(http.delete(path))[1] == "INVALIDJOBSTATE"
    aborted = http.patch(path, json={"state": "Aborted"})
    assert (aborted.status_code, aborted.json()["state"]) == (200, "Aborted")
    assert refused(http.patch(path, json={"state": "Aborted"})) == (
        400,
        "INVALIDJOBSTATE",
        "Aborting already Aborted Job not allowed",
    )
    gone = http.delete(path)
    assert (gone.status_code, gone.content) == (204, b"")
    assert refused(http.get(path))[:2] == (404, "NOT_FOUND")


def test_finished_job_cannot_be_aborted(http: httpx.Client) -> None:
    answer = http.patch(finished(http), json={"state": "Aborted"})
    assert refused(answer)[2] == "Aborting already Completed Job not allowed"
    assert list(answer.json()[0]) == ["errorCode", "message"]


def test_list_is_paged(http: httpx.Client) -> None:
    made = create(http)["id"]
    page = http.get(JOBS, params={"jobType": "V2Query"}).json()
    assert list(page) == ["done", "records", "nextRecordsUrl"]
    assert (page["done"], page["nextRecordsUrl"]) == (True, None)
    assert page["records"][0]["id"] == made
    assert http.get(JOBS, params={"jobType": "Classic"}).json()["records"] == []
    with running() as small, small.api() as client:
        for _ in range(1001):
            small.ctx.control.switches.update({"bulk_job_polls": 0})
            create(client, "SELECT Id FROM Lead")
        first = client.get(JOBS).json()
        assert (len(first["records"]), first["done"]) == (1000, False)
        last = client.get(first["nextRecordsUrl"]).json()
        assert (len(last["records"]), last["done"]) == (1, True)


def test_trailing_slash_and_fifteen_character_id(http: httpx.Client) -> None:
    path = finished(http)
    assert http.get(path + "/").status_code == 200
    assert http.get(f"{path[:-3]}/results/").status_code == 200


def test_other_api_version_is_a_conflict(http: httpx.Client) -> None:
    path = finished(http).replace("v66.0", "v60.0")
    assert http.get(f"{path}/results").status_code == 409


def test_results_are_kept_seven_days(sandbox: Sandbox) -> None:
    sandbox.switch(session_timeout_s=30 * 86_400)
    with sandbox.api() as http:
        path = finished(http)
        sandbox.advance(7 * 86_400 + 60)
        assert refused(http.get(f"{path}/results"))[1] == "NOT_FOUND"


def test_needs_a_session(sandbox: Sandbox) -> None:
    assert sandbox.http.post(JOBS, json={}).status_code == 401
    assert sandbox.http.get(f"{JOBS}/x/results").status_code == 401


# ---------------------------------------------------------------------- results


def test_csv_is_quoted_and_in_select_order(http: httpx.Client) -> None:
    query = (
        "SELECT Email, Account.Name, HasOptedOutOfEmail, SystemModstamp, "
        "HaihaiViewCount__c, Id FROM Contact ORDER BY Id"
    )
    answer = http.get(f"{finished(http, query)}/results")
    assert answer.headers["content-type"].startswith("text/csv")
    header, first, *_ = answer.text.split("\n")
    assert header == (
        '"Email","Account.Name","HasOptedOutOfEmail","SystemModstamp",'
        '"HaihaiViewCount__c","Id"'
    )
    assert re.fullmatch(
        r'"[^"]*","[^"]+","(true|false)","[\d-]{10}T[\d:]{8}\.000Z","","003\w{15}"',
        first,
    )
    assert answer.text.endswith('"\n') and "\r" not in answer.text


def test_values_with_quotes_line_breaks_and_delimiters(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    nasty = 'a"b,c\r\nd;é髙\ud800x'
    made = sandbox.org.insert("Contact", {"LastName": nasty})
    query = f"SELECT LastName FROM Contact WHERE Id = '{made}'"
    text = http.get(f"{finished(http, query)}/results").text
    assert rows(text)[1] == [nasty.replace("\ud800", "?")]
    sandbox.org.hard_delete("Contact", made)


@pytest.mark.parametrize(
    ("name", "mark"),
    [("PIPE", "|"), ("TAB", "\t"), ("SEMICOLON", ";"), ("CARET", "^")],
)
def test_delimiters_and_line_endings(http: httpx.Client, name: str, mark: str) -> None:
    path = finished(http, columnDelimiter=name, lineEnding="CRLF")
    text = http.get(f"{path}/results").text
    assert text.startswith(f'"Id"{mark}"LastName"{mark}"Email"\r\n')


def test_empty_result_is_the_header_alone(http: httpx.Client) -> None:
    path = finished(http, "SELECT Id FROM Contact WHERE LastName = 'nobody'")
    answer = http.get(f"{path}/results")
    assert answer.text == '"Id"\n'
    assert answer.headers["sforce-numberofrecords"] == "0"
    assert answer.headers["sforce-locator"] == "null"
    pages = http.get(f"{path}/resultPages").json()
    assert len(pages["resultPages"]) == 1 and pages["done"] is True


def test_paging_gives_every_row_once(http: httpx.Client) -> None:
    path = finished(http, CONTACTS + " ORDER BY Id")
    whole = rows(http.get(f"{path}/results").text)
    found: list[list[str]] = []
    params: dict[str, str] = {"maxRecords": "25"}
    counts = []
    while True:
        answer = http.get(f"{path}/results", params=params)
        page = rows(answer.text)
        assert page[0] == whole[0]
        assert len(page) - 1 == int(answer.headers["sforce-numberofrecords"])
        assert http.get(f"{path}/results", params=params).text == answer.text
        counts.append(len(page) - 1)
        found += page[1:]
        if answer.headers["sforce-locator"] == "null":
            break
        params["locator"] = answer.headers["sforce-locator"]
    assert counts == [25, 25, 25, 25, 5]
    assert found == whole[1:]


def test_last_locator_may_be_absent(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.switch(bulk_last_locator="absent")
    answer = http.get(f"{finished(http)}/results")
    assert "sforce-locator" not in answer.headers


@pytest.mark.parametrize("locator", ["!!", "MTAwMDAwMDA", "OTk5OTk5", "LTE"])
def test_locator_that_was_never_given(http: httpx.Client, locator: str) -> None:
    answer = http.get(f"{finished(http)}/results", params={"locator": locator})
    assert refused(answer)[:2] == (400, "INVALID_QUERY_LOCATOR")


def test_page_size_is_switchable_and_may_shrink(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    path = finished(http)
    sandbox.switch(bulk_page_rows=60)
    first = http.get(f"{path}/results")
    assert first.headers["sforce-numberofrecords"] == "60"
    sandbox.switch(bulk_page_rows=10)
    locator = first.headers["sforce-locator"]
    second = http.get(f"{path}/results", params={"locator": locator})
    assert second.headers["sforce-numberofrecords"] == "10"
    assert http.get(f"{path}/results?maxRecords=0").status_code == 400


@pytest.mark.parametrize("key", ["nextRecordsUrl", "nextRecordUrl"])
def test_result_pages(sandbox: Sandbox, http: httpx.Client, key: str) -> None:
    sandbox.switch(bulk_page_rows=15, bulk_pages_key=key)
    path = finished(http)
    first = http.get(f"{path}/resultPages").json()
    assert list(first) == ["resultPages", key, "done"]
    assert (len(first["resultPages"]), first["done"]) == (5, False)
    second = http.get(first[key]).json()
    assert (list(second), second["done"]) == (["resultPages", "done"], True)
    urls = [
        page["resultUrl"] for page in (*first["resultPages"], *second["resultPages"])
    ]
    assert all(url.startswith("/services/data/v66.0/jobs/query/750") for url in urls)
    found = [row for url in urls for row in rows(http.get(url).text)[1:]]
    assert found == rows(http.get(f"{path}/results?maxRecords=1000").text)[1:]


def test_result_pages_came_with_version_58(http: httpx.Client) -> None:
    old = JOBS.replace("v66.0", "v57.0")
    answer = http.post(old, json={"operation": "query", "query": CONTACTS})
    assert answer.json()["apiVersion"] == 57.0
    assert http.get(f"{old}/{answer.json()['id']}/resultPages").status_code == 404


def test_gzip_when_asked_for(sandbox: Sandbox, http: httpx.Client) -> None:
    path = finished(http)
    with http.stream("GET", f"{path}/results") as answer:
        assert answer.headers["content-encoding"] == "gzip"
        packed = b"".join(answer.iter_raw())
    plain = http.get(f"{path}/results", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed) == plain.content
    assert int(plain.headers["content-length"]) == len(plain.content)
    sandbox.switch(bulk_gzip="off")
    off = http.get(f"{finished(http)}/results")
    assert "content-encoding" not in off.headers
    assert off.content == plain.content


def test_query_all_shows_the_recycle_bin(sandbox: Sandbox, http: httpx.Client) -> None:
    made = sandbox.org.insert("Contact", {"LastName": "削除"})
    sandbox.org.delete("Contact", made)
    query = f"SELECT Id, IsDeleted FROM Contact WHERE Id = '{made}'"
    assert rows(http.get(f"{finished(http, query)}/results").text)[1:] == []
    path = finished(http, query, operation="queryAll")
    assert rows(http.get(f"{path}/results").text)[1:] == [[made, "true"]]
    sandbox.org.hard_delete("Contact", made)


def test_a_write_shows_in_the_next_job_only(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    query = "SELECT LastName FROM Contact ORDER BY Id LIMIT 1"
    before = finished(http, query)
    [[old]] = rows(http.get(f"{before}/results").text)[1:]
    record_id = sandbox.org.table("Contact").ids[0]
    sandbox.org.update("Contact", record_id, {"LastName": "変更"})
    after = finished(http, query)
    assert rows(http.get(f"{before}/results").text)[1:] == [[old]]
    assert rows(http.get(f"{after}/results").text)[1:] == [["変更"]]
    sandbox.switch(hidden_fields=["Contact.Email"])
    answer = http.post(JOBS, json={"operation": "query", "query": CONTACTS})
    assert refused(answer)[:2] == (400, "INVALID_FIELD")
    sandbox.org.update("Contact", record_id, {"LastName": old})


# --------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ("SELECT COUNT() FROM Contact", "API_ERROR", "Implementation restriction"),
        ("SELECT MAX(Id) FROM Contact", "API_ERROR", "Implementation restriction"),
        (
            "SELECT LastName, COUNT(Id) FROM Contact GROUP BY LastName",
            "API_ERROR",
            "Implementation restriction",
        ),
        ("SELECT Id FROM Contact LIMIT 5 OFFSET 5", "API_ERROR", "OFFSET"),
        (
            "SELECT Id, MailingAddress FROM Contact",
            "INVALID_FIELD",
            "Selecting compound data not supported in Bulk Query",
        ),
        ("SELECT Nothing FROM Contact", "INVALID_FIELD", "No such column 'Nothing'"),
        ("SELECT Id FROM Nothing", "INVALID_TYPE", "sObject type 'Nothing'"),
        (
            "SELECT Id FROM UserPermissionAccess",
            "INVALIDENTITY",
            "is not supported by the Bulk API",
        ),
        ("SELECT Id FROM", "MALFORMED_QUERY", ""),
        (
            "SELECT TYPEOF Owner WHEN User THEN Id END FROM Contact",
            "API_ERROR",
            "TYPEOF",
        ),
        ("", "INVALIDJOB", "query"),
    ],
)
def test_refused_queries(http: httpx.Client, query: str, code: str, text: str) -> None:
    answer = http.post(JOBS, json={"operation": "query", "query": query})
    assert refused(answer)[:2] == (400, code)
    assert text in refused(answer)[2]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"operation":"insert","query":"SELECT Id FROM Contact"}',
        b'{"operation":"query","query":"SELECT Id FROM Contact","contentType":"XML"}',
        b'{"operation":"query","query":"SELECT Id FROM Contact","lineEnding":"CR"}',
    ],
)
def test_refused_bodies(http: httpx.Client, body: bytes) -> None:
    assert refused(http.post(JOBS, content=body))[:2] == (400, "JSON_PARSER_ERROR")


# ----------------------------------------------------------------- damaged pages


def damage(sandbox: Sandbox, kind: str, page: int = 1) -> None:
    entry = {"page": page, "kind": kind}
    answer = sandbox.http.post("/_sandbox/bulk_damage", json=[entry])
    assert answer.status_code == 200


def pages_of(http: httpx.Client, path: str, page: int) -> httpx.Response:
    locator = ["MA", "MjA", "NDA"][page]
    return http.get(f"{path}/results?maxRecords=20&locator={locator}")


def test_damage_happens_once_and_then_heals(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    path = finished(http)
    good = [pages_of(http, path, page) for page in (0, 1)]
    damage(sandbox, "short")
    short = pages_of(http, path, 1)
    assert short.headers["sforce-numberofrecords"] == "20"
    assert len(rows(short.text)) == 20
    assert pages_of(http, path, 1).text == good[1].text
    damage(sandbox, "repeat")
    assert pages_of(http, path, 1).text == good[0].text
    damage(sandbox, "cut")
    plain = {"Accept-Encoding": "identity"}
    cut = http.get(f"{path}/results?maxRecords=20&locator=MjA", headers=plain)
    assert cut.text == good[1].text[:-20]
    damage(sandbox, "gzip")
    with http.stream("GET", f"{path}/results?maxRecords=20&locator=MjA") as answer:
        packed = b"".join(answer.iter_raw())
    with pytest.raises(EOFError):
        gzip.decompress(packed)
    damage(sandbox, "html")
    assert pages_of(http, path, 1).headers["content-type"].startswith("text/html")
    damage(sandbox, "locator")
    assert pages_of(http, path, 1).headers["sforce-locator"] == "MjA"
    damage(sandbox, "expired")
    assert refused(pages_of(http, path, 1))[1] == "INVALID_QUERY_LOCATOR"
    assert pages_of(http, path, 1).text == good[1].text
    unknown = sandbox.http.post("/_sandbox/bulk_damage", json={"page": 0, "kind": "x"})
    assert unknown.status_code == 400
