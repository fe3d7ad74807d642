"""Bulk API 2.0 ingest jobs as a client meets them."""

from __future__ import annotations

import csv
import gzip
import io
import json
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from haihai_tui.sandbox.salesforce import ids
from tests.sandbox.salesforce_org import API, Sandbox, running

JOBS = f"{API}/jobs/ingest"
CSV = {"Content-Type": "text/csv"}
RESULTS = ("successfulResults", "failedResults", "unprocessedrecords")


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with running() as started:
        started.org.add_field(
            "Contact",
            {
                "name": "Ext__c",
                "type": "string",
                "label": "Ext",
                "length": 40,
                "externalId": True,
                "unique": True,
                "createable": True,
                "updateable": True,
                "filterable": True,
                "nillable": True,
            },
        )
        yield started


@pytest.fixture
def sandbox(shared: Sandbox) -> Iterator[Sandbox]:
    before = shared.ctx.control.switches.as_dict()
    shared.switch(bulk_job_polls=0)
    yield shared
    shared.ctx.control.switches.update(before)
    shared.http.post("/_sandbox/row_faults", json=[])


@pytest.fixture
def http(sandbox: Sandbox) -> Iterator[httpx.Client]:
    with sandbox.api() as client:
        yield client


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    [error] = answer.json()
    return answer.status_code, error["errorCode"], error["message"]


def create(http: httpx.Client, operation: str = "insert", **body: Any) -> str:
    """The path of a new job on Contact."""
    values = {"object": "Contact", "operation": operation, **body}
    answer = http.post(JOBS, json=values)
    assert answer.status_code == 200, answer.text
    return f"{JOBS}/{answer.json()['id']}"


def upload(http: httpx.Client, path: str, data: str | bytes) -> None:
    content = data.encode() if isinstance(data, str) else data
    answer = http.put(f"{path}/batches", content=content, headers=CSV)
    assert (answer.status_code, answer.content) == (201, b"")


def finish(http: httpx.Client, path: str) -> dict[str, Any]:
    """Close the job and wait for its end; its status."""
    closed = http.patch(path, json={"state": "UploadComplete"})
    assert closed.status_code == 200, closed.text
    deadline = time.monotonic() + 10
    while True:
        status: dict[str, Any] = http.get(path).json()
        if status["state"] in ("JobComplete", "Failed", "Aborted"):
            return status
        assert time.monotonic() < deadline
        time.sleep(0.005)


def run(
    http: httpx.Client, data: str | bytes, operation: str = "insert", **body: Any
) -> tuple[dict[str, Any], list[list[list[str]]]]:
    """A whole job: its last status, and the three results as tables."""
    path = create(http, operation, **body)
    upload(http, path, data)
    status = finish(http, path)
    return status, results(http, path)


def results(http: httpx.Client, path: str) -> list[list[list[str]]]:
    tables = []
    for name in RESULTS:
        answer = http.get(f"{path}/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/csv")
        tables.append(list(csv.reader(io.StringIO(answer.text, newline=""))))
    return tables


# ---------------------------------------------------------------- life of a job


def test_creation_and_status_have_exactly_these_keys(http: httpx.Client) -> None:
    body = {
        "object": "contact",
        "operation": "upsert",
        "externalIdFieldName": "ext__c",
        "contentType": "CSV",
    }
    made = http.post(JOBS, json=body).json()
    assert " ".join(made) == (
        "id operation object createdById createdDate systemModstamp state "
        "externalIdFieldName concurrencyMode contentType apiVersion jobType "
        "contentUrl lineEnding columnDelimiter"
    )
    assert made["id"].startswith("750") and ids.normalise(made["id"]) == made["id"]
    assert (made["state"], made["object"]) == ("Open", "Contact")
    assert made["externalIdFieldName"] == "Ext__c"
    assert made["contentUrl"] == (
        f"services/data/v66.0/jobs/ingest/{made['id']}/batches"
    )
    status = http.get(f"{JOBS}/{made['id']}/").json()
    assert set(status) - set(made) == {
        "retries",
        "totalProcessingTime",
        "apiActiveProcessingTime",
        "apexProcessingTime",
        "numberRecordsProcessed",
        "numberRecordsFailed",
        "isPkChunkingSupported",
    }


def test_states_in_order(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.switch(bulk_job_polls=1)
    path = create(http)
    assert http.get(path).json()["state"] == "Open"
    upload(http, path, "LastName\n山田\n")
    closed = http.patch(path, json={"state": "UploadComplete"}).json()
    assert closed["state"] == "UploadComplete"
    seen: list[str] = []
    while not seen or seen[-1] != "JobComplete":
        seen.append(http.get(path).json()["state"])
    assert set(seen) <= {"InProgress", "JobComplete"}
    assert refused(http.patch(path, json={"state": "UploadComplete"})) == (
        400,
        "INVALIDJOBSTATE",
        "Closing already Completed Job not allowed",
    )
    assert refused(http.patch(path, json={"state": "Aborted"}))[2] == (
        "Aborting already Completed Job not allowed"
    )


def test_data_is_put_once_and_as_csv(http: httpx.Client) -> None:
    path = create(http)
    wrong = http.put(f"{path}/batches", content=b"x", headers={"Content-Type": "a/b"})
    assert wrong.status_code == 415
    upload(http, path, "LastName\n山田\n")
    again = http.put(f"{path}/batches", content=b"LastName\nx\n", headers=CSV)
    assert refused(again)[:2] == (400, "CLIENTINPUTERROR")
    assert "Found multiple contents for job" in refused(again)[2]
    finish(http, path)
    late = http.put(f"{path}/batches", content=b"LastName\nx\n", headers=CSV)
    assert refused(late)[1] == "INVALIDJOBSTATE"


def test_abort_leaves_the_rows_unprocessed(http: httpx.Client) -> None:
    path = create(http)
    upload(http, path, "LastName,Email\n山田,taro@example.com\n鈴木,\n")
    assert refused(http.get(f"{path}/failedResults"))[1] == "INVALIDJOBSTATE"
    assert refused(http.delete(path))[1] == "INVALIDJOBSTATE"
    assert http.patch(path, json={"state": "Aborted"}).json()["state"] == "Aborted"
    unprocessed = http.get(f"{path}/unprocessedRecords").text
    assert unprocessed == '"LastName","Email"\n"山田","taro@example.com"\n"鈴木",""\n'
    assert http.delete(path).status_code == 204
    assert http.get(path).status_code == 404


@pytest.mark.parametrize(
    ("outcome", "state"), [("failed", "Failed"), ("aborted", "Aborted")]
)
def test_jobs_can_be_made_to_end_badly(
    sandbox: Sandbox, http: httpx.Client, outcome: str, state: str
) -> None:
    sandbox.switch(bulk_job_outcome=outcome)
    status, [good, bad, left] = run(http, "LastName\n誰もいない\n")
    assert (status["state"], status["numberRecordsProcessed"]) == (state, 0)
    assert ("errorMessage" in status) == (state == "Failed")
    assert (good, bad, left) == ([], [], [["LastName"], ["誰もいない"]])
    found = sandbox.org.query("SELECT Id FROM Contact WHERE LastName = '誰もいない'")
    assert found.total == 0


def test_stuck_job_does_nothing_until_it_is_let_go(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    sandbox.switch(bulk_job_outcome="stuck")
    path = create(http)
    upload(http, path, "LastName\n山田\n")
    http.patch(path, json={"state": "UploadComplete"})
    assert {http.get(path).json()["state"] for _ in range(5)} == {"InProgress"}
    sandbox.switch(bulk_job_outcome="done")
    deadline = time.monotonic() + 5
    while http.get(path).json()["state"] != "JobComplete":
        assert time.monotonic() < deadline


def test_list(http: httpx.Client) -> None:
    made = create(http)
    page = http.get(JOBS).json()
    assert list(page) == ["done", "records", "nextRecordsUrl"]
    assert page["records"][0]["id"] == made.rpartition("/")[2]
    assert page["records"][0]["jobType"] == "V2Ingest"


def test_needs_a_session_and_the_jobs_version(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    path = create(http)
    assert http.get(path.replace("v66.0", "v65.0")).status_code == 409
    assert sandbox.http.put(f"{path}/batches", content=b"").status_code == 401


# ------------------------------------------------------------------- operations


def test_insert_with_a_failed_row(sandbox: Sandbox, http: httpx.Client) -> None:
    data = (
        'LastName,Email,Title\n"山田","taro@example.com","1"\n"","x@example.com","2"\n'
    )
    status, [good, bad, left] = run(http, data)
    assert status["state"] == "JobComplete"
    assert (status["numberRecordsProcessed"], status["numberRecordsFailed"]) == (2, 1)
    assert good[0] == ["sf__Id", "sf__Created", "LastName", "Email", "Title"]
    record_id = good[1][0]
    assert good[1][1:] == ["true", "山田", "taro@example.com", "1"]
    assert bad == [
        ["sf__Id", "sf__Error", "LastName", "Email", "Title"],
        [
            "",
            "REQUIRED_FIELD_MISSING:"
            "Required fields are missing: [LastName]:LastName --",
            "",
            "x@example.com",
            "2",
        ],
    ]
    assert left == [["LastName", "Email", "Title"]]
    query = f"SELECT Email, CreatedById FROM Contact WHERE Id = '{record_id}'"
    [row] = sandbox.org.query(query).rows
    assert row == ("taro@example.com", sandbox.org.admin_user_id)


def test_results_are_quoted(http: httpx.Client) -> None:
    path = create(http)
    upload(http, path, "LastName\n山田\n")
    finish(http, path)
    text = http.get(f"{path}/successfulResults/").text
    assert text.startswith('"sf__Id","sf__Created","LastName"\n"003')
    assert text.endswith('","true","山田"\n')


def test_update_ignores_empty_and_nulls_na(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    made = sandbox.org.insert(
        "Contact", {"LastName": "旧", "Email": "a@example.com", "Title": "主任"}
    )
    data = f'Id,LastName,Email,Title\n{made[:15]},新,"",#N/A\n'
    status, [good, _, _] = run(http, data, "update")
    assert status["numberRecordsFailed"] == 0
    assert good[1][:2] == [made, "false"]
    query = f"SELECT LastName, Email, Title FROM Contact WHERE Id = '{made}'"
    assert list(sandbox.org.query(query).rows) == [("新", "a@example.com", None)]


def test_types_come_as_text(sandbox: Sandbox, http: httpx.Client) -> None:
    data = (
        "LastName,HasOptedOutOfEmail,HaihaiStateAt__c,HaihaiViewCount__c,HaihaiState__c\n"
        "型,true,2026-03-01T09:00:00.000+09:00,12,配信停止\n"
        "型,1,2026-03-01T00:00:00.000Z,12.0,配信可能\n"
        "誤,maybe,,,\n誤,,昨日,,\n誤,,,多い,\n誤,,,,配信中\n"
    )
    _, [good, bad, _] = run(http, data)
    assert len(good) == 3
    query = (
        "SELECT HasOptedOutOfEmail, HaihaiStateAt__c, HaihaiViewCount__c "
        "FROM Contact WHERE LastName = '型'"
    )
    assert set(sandbox.org.query(query).rows) == {
        (True, "2026-03-01T00:00:00.000+0000", 12.0)
    }
    assert [row[1].split(":")[0] for row in bad[1:]] == [
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
    ]


def test_update_of_unknown_deleted_and_missing_ids(
    sandbox: Sandbox, http: httpx.Client
) -> None:
    gone = sandbox.org.insert("Contact", {"LastName": "削除"})
    sandbox.org.delete("Contact", gone)
    unknown = ids.make_id("003", "zz", 1)
    data = f"Id,Title\n{gone},x\n{unknown},x\n,x\nnonsense,x\n"
    _, [_, bad, _] = run(http, data, "update")
    assert [(row[0], row[1].split(":")[0]) for row in bad[1:]] == [
        (gone, "ENTITY_IS_DELETED"),
        (unknown, "INVALID_CROSS_REFERENCE_KEY"),
        ("", "MISSING_ARGUMENT"),
        ("", "MALFORMED_ID"),
    ]


def test_upsert_by_external_id(sandbox: Sandbox, http: httpx.Client) -> None:
    made = sandbox.org.insert("Contact", {"LastName": "既存", "Ext__c": "E1"})
    data = "Ext__c,LastName\nE1,改\nE2,新規\n,欠\n"
    status, [good, bad, _] = run(http, data, "upsert", externalIdFieldName="Ext__c")
    assert good[1] == [made, "false", "E1", "改"]
    assert good[2][1:] == ["true", "E2", "新規"]
    assert bad[1][1].startswith("MISSING_ARGUMENT:Ext__c not specified:")
    assert (status["numberRecordsProcessed"], status["numberRecordsFailed"]) == (3, 1)


def test_upsert_by_id_creates_without_one(sandbox: Sandbox, http: httpx.Client) -> None:
    made = sandbox.org.insert("Contact", {"LastName": "既存"})
    data = f"Id,LastName\n{made},改\n,新規\n"
    _, [good, _, _] = run(http, data, "upsert", externalIdFieldName="Id")
    assert [row[1] for row in good[1:]] == ["false", "true"]


def test_delete_and_hard_delete(sandbox: Sandbox, http: httpx.Client) -> None:
    first, second = (
        sandbox.org.insert("Contact", {"LastName": "削除"}) for _ in range(2)
    )
    _, [good, _, _] = run(http, f"Id\n{first}\n", "delete")
    assert good == [["sf__Id", "sf__Created", "Id"], [first, "false", first]]
    body = {"object": "Contact", "operation": "hardDelete"}
    assert refused(http.post(JOBS, json=body))[:2] == (400, "FEATURENOTENABLED")
    sandbox.switch(user_permissions={"PermissionsBulkApiHardDelete": True})
    run(http, f"Id\n{second}\n", "hardDelete")
    query = f"SELECT Id FROM Contact WHERE Id IN ('{first}', '{second}')"
    assert sandbox.org.query(query).total == 0
    binned = sandbox.org.query(query, include_deleted=True)
    assert list(binned.rows) == [(first,)]
    failed, _ = run(http, f"Id,LastName\n{first},x\n", "delete")
    assert failed["state"] == "Failed"


def test_relationship_columns(sandbox: Sandbox, http: httpx.Client) -> None:
    account = sandbox.org.insert("Account", {"Name": "例"})
    owner = sandbox.org.query("SELECT Id, Email FROM User").rows
    owners = {email: user for user, email in owner}
    email = next(iter(owners))
    data = f"LastName,Owner.Email,Account.Id\n関,{email},{account}\n関,x@example.com,\n"
    _, [good, bad, _] = run(http, data)
    [row] = sandbox.org.query(
        f"SELECT OwnerId, AccountId FROM Contact WHERE Id = '{good[1][0]}'"
    ).rows
    assert row == (owners[email], account)
    assert "Foreign key external ID: x@example.com not found" in bad[1][1]


def test_rows_can_be_refused_on_demand(sandbox: Sandbox, http: httpx.Client) -> None:
    made = [sandbox.org.insert("Contact", {"LastName": "鍵"}) for _ in range(4)]
    fault = {"code": "UNABLE_TO_LOCK_ROW", "object": "Contact", "times": 2, "after": 1}
    answer = sandbox.http.post("/_sandbox/row_faults", json=[fault])
    assert answer.json()[0]["times"] == 2
    data = "Id,Title\n" + "".join(f"{each},部長\n" for each in made)
    _, [good, bad, _] = run(http, data, "update")
    assert [row[0] for row in good[1:]] == [made[0], made[3]]
    assert bad[1][1] == (
        "UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record or 1 "
        f"records: {made[1]}:--"
    )
    _, [good, bad, _] = run(http, data, "update")
    assert (len(good), len(bad)) == (5, 1)
    assert sandbox.http.get("/_sandbox/row_faults").json() == []


# -------------------------------------------------------------------- CSV forms


@pytest.mark.parametrize(
    ("name", "mark"),
    [
        ("BACKQUOTE", "`"),
        ("CARET", "^"),
        ("COMMA", ","),
        ("PIPE", "|"),
        ("SEMICOLON", ";"),
        ("TAB", "\t"),
    ],
)
@pytest.mark.parametrize(("ending", "line"), [("LF", "\n"), ("CRLF", "\r\n")])
def test_delimiters_and_line_endings(
    http: httpx.Client, name: str, mark: str, ending: str, line: str
) -> None:
    nasty = f'a""b{mark}c{line}d'
    data = f'LastName{mark}Title{line}"{nasty}"{mark}主任{line}鈴木{mark}"係長"{line}'
    path = create(http, columnDelimiter=name, lineEnding=ending)
    upload(http, path, data)
    assert finish(http, path)["numberRecordsFailed"] == 0
    text = http.get(f"{path}/successfulResults").content.decode()
    assert text.count(f'"{mark}"true"{mark}"') == 2
    assert f'"{nasty}"{mark}"主任"{line}' in text


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("LastName\r\n山田\r\n", "LineEnding is invalid on user data"),
        ("LastName,Nothing__c\n山田,1\n", "Field name not found : Nothing__c"),
        ("LastName,Nobody.Name\n山田,1\n", "Field name not found : Nobody.Name"),
        ("LastName,lastname\n山田,1\n", "Duplicate field name"),
        ("LastName,Title\n山田\n", "number of columns"),
        ('LastName,Title\n"山田" ,1\n', "beside a quote"),
        ('LastName,Title\n山田, "1"\n', "beside a quote"),
        ('LastName\n"山田\n', "Unterminated"),
        ("", "Field name not found"),
        ("x" * 32_001 + "\n", "Header exceeds"),
        (f"LastName,Description\n山田,{'x' * 32_001}\n", "limit of 32000"),
        (b"LastName\n\x8eR\x93c\n", "not in UTF-8"),
    ],
)
def test_data_that_fails_the_whole_job(
    http: httpx.Client, data: str | bytes, message: str
) -> None:
    status, [_, bad, _] = run(http, data)
    assert status["state"] == "Failed"
    assert message in status["errorMessage"]
    assert bad[1:] == []


def test_rows_before_the_bad_one_stay_written(http: httpx.Client) -> None:
    data = 'LastName,Title\n山田,1\n鈴木,2\n高橋,"3" x\n田中,4\n'
    status, [good, _, _] = run(http, data)
    assert (status["state"], status["numberRecordsProcessed"]) == ("Failed", 2)
    assert len(good) == 3


def test_field_limit_is_switchable(sandbox: Sandbox, http: httpx.Client) -> None:
    sandbox.switch(bulk_field_chars=131_072)
    data = f"LastName,Description\n山田,{'x' * 32_001}\n"
    status, [_, bad, _] = run(http, data)
    assert status["state"] == "JobComplete"
    assert bad[1][1].startswith("STRING_TOO_LONG:")


def test_byte_order_mark_and_missing_last_line_end(http: httpx.Client) -> None:
    status, [good, _, _] = run(http, "\ufeffLastName,Title\n山田,1\n鈴木,2")
    assert (status["state"], len(good)) == ("JobComplete", 3)


def test_compressed_upload(http: httpx.Client) -> None:
    path = create(http)
    answer = http.put(
        f"{path}/batches",
        content=gzip.compress("LastName\n山田\n".encode()),
        headers={**CSV, "Content-Encoding": "gzip"},
    )
    assert answer.status_code == 201
    assert finish(http, path)["numberRecordsProcessed"] == 1


# -------------------------------------------------------------------- multipart


def multipart(http: httpx.Client, content: str) -> httpx.Response:
    job = json.dumps({"object": "Contact", "operation": "insert"})
    parts = {
        "job": (None, job, "application/json"),
        "content": ("content", content, "text/csv"),
    }
    return http.post(JOBS, files=parts)


def test_multipart_creates_and_closes(http: httpx.Client) -> None:
    made = multipart(http, "LastName\n多部\n")
    assert (made.status_code, made.json()["state"]) == (200, "UploadComplete")
    path = f"{JOBS}/{made.json()['id']}"
    deadline = time.monotonic() + 5
    while http.get(path).json()["state"] != "JobComplete":
        assert time.monotonic() < deadline
    assert results(http, path)[0][1][1:] == ["true", "多部"]


def test_multipart_is_for_small_data(http: httpx.Client) -> None:
    assert refused(multipart(http, "LastName\n" + "山" * 100_000))[0] == 400
    parts = {"job": (None, "{}", "application/json")}
    assert refused(http.post(JOBS, files=parts))[1] == "CLIENTINPUTERROR"


# --------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"object": "Nothing", "operation": "insert"}, "INVALIDENTITY"),
        ({"object": "Contact"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "merge"}, "JSON_PARSER_ERROR"),
        (
            {"object": "Contact", "operation": "insert", "columnDelimiter": "DOT"},
            "JSON_PARSER_ERROR",
        ),
        ({"object": "Contact", "operation": "upsert"}, "INVALIDJOB"),
        (
            {
                "object": "Contact",
                "operation": "upsert",
                "externalIdFieldName": "Title",
            },
            "INVALIDJOB",
        ),
    ],
)
def test_refused_jobs(http: httpx.Client, body: dict[str, str], code: str) -> None:
    assert refused(http.post(JOBS, json=body))[:2] == (400, code)
