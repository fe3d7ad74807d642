"""Updates both ways: what is sent, what is tried again, what remains refused."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_httpx import HTTPXMock

from haihai_tui.errors import ServiceUnreachable, SettingsError
from haihai_tui.services.salesforce.client import SalesforceClient
from haihai_tui.services.salesforce.ingest import split_table, to_failure
from haihai_tui.services.salesforce.jobs import JobLimits
from haihai_tui.sync.ports import RowFailure
from tests.services.salesforce.scripted import Script, reply, scripted
from tests.services.salesforce.support import (
    DATA,
    MemoryStore,
    opened,
    tokens,
)
from tests.services.salesforce.test_bulk import as_json, refusal

COLLECTIONS = f"{DATA}/composite/sobjects"
FIELDS = [
    {"name": "Id", "type": "id"},
    {"name": "HaihaiState__c", "type": "picklist"},
    {"name": "HaihaiViewCount__c", "type": "double"},
    {"name": "Flag__c", "type": "boolean"},
]
DESCRIBED = {"name": "Contact", "keyPrefix": "003", "fields": FIELDS}
LOCKED = {
    "success": False,
    "errors": [{"statusCode": "UNABLE_TO_LOCK_ROW", "message": "x", "fields": []}],
}


def write(folder: Path, *rows: list[str]) -> Path:
    path = folder / "table.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")
        out.writerows(rows)
    return path


def numbered(count: int) -> list[list[str]]:
    return [[f"003{n:012d}", "配信停止"] for n in range(count)]


def test_values_are_typed_and_attributes_come_first(
    httpx_mock: HTTPXMock, tmp_path: Path
) -> None:
    httpx_mock.add_response(json=DESCRIBED)
    httpx_mock.add_response(json=[{"success": True}] * 2)
    table = write(
        tmp_path,
        ["Id", "HaihaiState__c", "HaihaiViewCount__c", "Flag__c", "Unknown__c"],
        ["003a", "#N/A", "12.50", "TRUE", "5"],
        ["003b", 'a"b\n髙', "many", "", ""],
    )
    with opened() as org:
        outcome = SalesforceClient(org.session).update("contact", table, 2, tmp_path)
    assert (outcome.succeeded, list(outcome.failures)) == (2, [])
    sent = httpx_mock.get_requests()[1]
    assert sent.method == "PATCH"
    assert sent.headers["Sforce-Auto-Assign"] == "false"
    body = sent.content.decode()
    assert '"HaihaiViewCount__c":12.50,' in body
    assert json.loads(body) == {
        "allOrNone": False,
        "records": [
            {
                "attributes": {"type": "Contact"},
                "Id": "003a",
                "HaihaiState__c": None,
                "HaihaiViewCount__c": 12.5,
                "Flag__c": True,
                "Unknown__c": "5",
            },
            {
                "attributes": {"type": "Contact"},
                "Id": "003b",
                "HaihaiState__c": 'a"b\n髙',
                "HaihaiViewCount__c": "many",
            },
        ],
    }
    assert body.count('{"attributes"') == 2


def test_two_hundred_rows_at_a_time(httpx_mock: HTTPXMock, tmp_path: Path) -> None:
    sizes: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        records = json.loads(request.content)["records"]
        sizes.append(len(records))
        return httpx.Response(200, json=[{"success": True}] * len(records))

    httpx_mock.add_response(url=f"{DATA}/sobjects/Contact/describe", json=DESCRIBED)
    httpx_mock.add_callback(answer, url=COLLECTIONS, is_reusable=True)
    table = write(tmp_path, ["Id", "HaihaiState__c"], *numbered(450))
    with opened() as org:
        outcome = SalesforceClient(org.session).update("Contact", table, 450, tmp_path)
    assert (outcome.succeeded, sizes) == (450, [200, 200, 50])


def test_locked_rows_are_tried_again_by_themselves(
    httpx_mock: HTTPXMock, tmp_path: Path
) -> None:
    too_long = {
        "success": False,
        "created": True,
        "errors": [
            {"statusCode": "STRING_TOO_LONG", "message": "too long", "fields": ["A__c"]}
        ],
    }
    httpx_mock.add_response(json=DESCRIBED)
    httpx_mock.add_response(json=[{"success": True}, LOCKED, too_long, LOCKED])
    httpx_mock.add_response(json=[{"success": True}, LOCKED])
    httpx_mock.add_response(json=[LOCKED], is_reusable=True)
    table = write(tmp_path, ["Id", "HaihaiState__c"], *numbered(4))
    with opened() as org:
        outcome = SalesforceClient(org.session).update("Contact", table, 4, tmp_path)
    assert outcome.succeeded == 2
    assert list(outcome.failures) == [
        RowFailure("003000000000002", "STRING_TOO_LONG", "too long", ("A__c",)),
        RowFailure("003000000000003", "UNABLE_TO_LOCK_ROW", "x"),
    ]
    sent = [json.loads(r.content)["records"] for r in httpx_mock.get_requests()[1:]]
    assert [len(records) for records in sent] == [4, 2, 1, 1]


def test_a_lost_answer_and_a_short_one_are_asked_for_again(
    httpx_mock: HTTPXMock, tmp_path: Path
) -> None:
    httpx_mock.add_response(json=DESCRIBED)
    httpx_mock.add_exception(httpx.ReadError("reset"))
    httpx_mock.add_response(json=[{"success": True}])
    httpx_mock.add_response(json=[{"success": True}] * 2)
    table = write(tmp_path, ["Id", "HaihaiState__c"], *numbered(2))
    with opened() as org:
        outcome = SalesforceClient(org.session).update("Contact", table, 2, tmp_path)
    assert outcome.succeeded == 2


def test_nothing_to_update_costs_nothing(tmp_path: Path) -> None:
    table = write(tmp_path, ["Id"])
    with opened() as org:
        salesforce = SalesforceClient(org.session)
        outcome = salesforce.update("Contact", table, 0, tmp_path)
        assert salesforce.calls() == 0
    assert (outcome.succeeded, list(outcome.failures)) == (0, [])


# ------------------------------------------------------------------ ingest

ROOT = "/services/data/v66.0/jobs/ingest"


@pytest.fixture
def server() -> Iterator[Script]:
    with scripted() as script:
        yield script


Update = Callable[..., tuple[int, list[RowFailure]]]


@pytest.fixture
def update(server: Script, tmp_path: Path) -> Iterator[Update]:
    kept = MemoryStore(tokens(instance=server.url))
    with opened(kept, login=server.url) as org:

        def run(*rows: list[str], **settings: Any) -> tuple[int, list[RowFailure]]:
            table = write(tmp_path, ["Id", "HaihaiState__c"], *rows)
            salesforce = SalesforceClient(org.session, collections_rows=0, **settings)
            outcome = salesforce.update("Contact", table, len(rows), tmp_path)
            return outcome.succeeded, list(outcome.failures)

        yield run


def job(job_id: str, state: str, processed: int = 0, failed: int = 0) -> bytes:
    return as_json(
        {
            "id": job_id,
            "state": state,
            "contentUrl": f"services/data/v66.0/jobs/ingest/{job_id}/batches",
            "numberRecordsProcessed": processed,
            "numberRecordsFailed": failed,
        }
    )


def ready(server: Script, job_id: str, *states: bytes) -> None:
    server.on(f"PUT {ROOT}/{job_id}/batches", reply(b"", status="201 Created"))
    server.on(f"PATCH {ROOT}/{job_id}", job(job_id, "UploadComplete"))
    server.on(f"GET {ROOT}/{job_id}", *states)


def sheet(*lines: str) -> bytes:
    return reply(
        "".join(f"{x}\n" for x in lines).encode(), {"Content-Type": "text/csv"}
    )


def bodies(server: Script, request: str) -> list[bytes]:
    return [body for line, _, body in server.seen if line == request]


def test_uploads_the_file_and_waits(server: Script, update: Update) -> None:
    server.on(f"POST {ROOT}", job("7501", "Open"))
    ready(server, "7501", job("7501", "InProgress"), job("7501", "JobComplete", 3))
    assert update(*numbered(3)) == (3, [])
    assert json.loads(bodies(server, f"POST {ROOT}")[0]) == {
        "object": "Contact",
        "operation": "update",
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }
    (uploaded,) = bodies(server, f"PUT {ROOT}/7501/batches")
    assert uploaded.decode().splitlines()[1] == '"003000000000000","配信停止"'
    assert json.loads(bodies(server, f"PATCH {ROOT}/7501")[0]) == {
        "state": "UploadComplete"
    }


def test_locked_rows_of_a_job_are_tried_again(server: Script, update: Update) -> None:
    server.on(f"POST {ROOT}", job("7501", "Open"), job("7502", "Open"))
    ready(server, "7501", job("7501", "JobComplete", 4, 2))
    header = '"sf__Id","sf__Error","Id","HaihaiState__c"'
    server.on(
        f"GET {ROOT}/7501/failedResults",
        sheet(
            header,
            '"003000000000001","UNABLE_TO_LOCK_ROW:locked:--","003000000000001","x"',
            '"003000000000002","STRING_TOO_LONG:State: too long:HaihaiState__c --",'
            '"003000000000002","y"',
        ),
    )
    ready(server, "7502", job("7502", "JobComplete", 1, 0))
    assert update(*numbered(4)) == (
        3,
        [
            RowFailure(
                "003000000000002",
                "STRING_TOO_LONG",
                "State: too long",
                ("HaihaiState__c",),
            )
        ],
    )
    assert bodies(server, f"PUT {ROOT}/7502/batches")[0].decode() == (
        '"Id","HaihaiState__c"\n"003000000000001","x"\n'
    )


def test_a_cut_upload_is_aborted_and_made_anew(server: Script, update: Update) -> None:
    server.on(f"POST {ROOT}", job("7501", "Open"), job("7502", "Open"))
    server.on(f"PUT {ROOT}/7501/batches", lambda peer: None)
    server.on(f"PATCH {ROOT}/7501", job("7501", "Aborted"))
    ready(server, "7502", job("7502", "JobComplete", 3))
    assert update(*numbered(3)) == (3, [])
    assert json.loads(bodies(server, f"PATCH {ROOT}/7501")[0]) == {"state": "Aborted"}
    assert len(bodies(server, f"PUT {ROOT}/7502/batches")) == 1


def test_closing_twice_is_no_error(server: Script, update: Update) -> None:
    server.on(f"POST {ROOT}", job("7501", "Open"))
    server.on(f"PUT {ROOT}/7501/batches", reply(b"", status="201 Created"))
    server.on(
        f"PATCH {ROOT}/7501",
        lambda peer: None,
        refusal("INVALIDJOBSTATE", "400 Bad Request"),
    )
    server.on(f"GET {ROOT}/7501", job("7501", "JobComplete", 3))
    assert update(*numbered(3)) == (3, [])
    assert len(bodies(server, f"PUT {ROOT}/7501/batches")) == 1


def test_rows_that_a_job_left_out_are_sent_again(
    server: Script, update: Update
) -> None:
    server.on(f"POST {ROOT}", job("7501", "Open"), job("7502", "Open"))
    ready(server, "7501", job("7501", "Failed", 1))
    server.on(f"GET {ROOT}/7501/failedResults", sheet('"sf__Id","sf__Error","Id"'))
    server.on(
        f"GET {ROOT}/7501/unprocessedrecords",
        sheet('"Id","HaihaiState__c"', '"003000000000001","配信停止"'),
    )
    ready(server, "7502", job("7502", "JobComplete", 1))
    assert update(*numbered(2)) == (2, [])


def test_what_no_round_could_do_is_refused_row_by_row(
    server: Script, update: Update
) -> None:
    server.on(f"POST {ROOT}", job("7501", "Open"))
    ready(server, "7501", job("7501", "Aborted"))
    server.on(f"GET {ROOT}/7501/failedResults", sheet('"sf__Id","sf__Error","Id"'))
    server.on(
        f"GET {ROOT}/7501/unprocessedrecords",
        sheet('"Id","HaihaiState__c"', '"003000000000000","配信停止"'),
    )
    assert update(*numbered(1)) == (
        0,
        [RowFailure("003000000000000", "UNPROCESSED", "Aborted")],
    )
    assert server.asked(f"POST {ROOT}") == 3


def test_a_stuck_upload_job_is_aborted(server: Script, update: Update) -> None:
    server.on(f"POST {ROOT}", job("7501", "Open"))
    server.on(f"PUT {ROOT}/7501/batches", reply(b"", status="201 Created"))
    server.on(f"PATCH {ROOT}/7501", job("7501", "x"))
    server.on(f"GET {ROOT}/7501", job("7501", "InProgress"))
    server.on(f"GET {ROOT}/7501/failedResults", sheet('"sf__Id","sf__Error","Id"'))
    server.on(f"GET {ROOT}/7501/unprocessedrecords", sheet('"Id"', '"003x"'))
    succeeded, failures = update(
        *numbered(1), job_limits=JobLimits(stuck_s=2.0, total_s=9.0)
    )
    assert (succeeded, [f.code for f in failures]) == (0, ["UNPROCESSED"])
    states = [json.loads(b)["state"] for b in bodies(server, f"PATCH {ROOT}/7501")]
    assert states == ["UploadComplete", "Aborted"] * 3


def test_fewer_refusals_than_the_job_says_are_noticed(
    server: Script, update: Update
) -> None:
    server.on(f"POST {ROOT}", job("7501", "Open"))
    ready(server, "7501", job("7501", "JobComplete", 2, 2))
    server.on(
        f"GET {ROOT}/7501/failedResults",
        sheet('"sf__Id","sf__Error","Id"', '"003a","X:y:--","003a"'),
    )
    with pytest.raises(ServiceUnreachable):
        update(*numbered(2))


def test_a_job_that_failed_for_its_header_says_so(
    server: Script, update: Update
) -> None:
    server.on(f"POST {ROOT}", job("7501", "Open"))
    failed = {
        "id": "7501",
        "state": "Failed",
        "errorMessage": "InvalidBatch : Field name not found : HaihaiState__c",
    }
    ready(server, "7501", as_json(failed))
    with pytest.raises(SettingsError) as caught:
        update(*numbered(2))
    assert caught.value.cause == "missing_field"


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            "REQUIRED_FIELD_MISSING:Required fields are missing: [Name]:Name --",
            (
                "REQUIRED_FIELD_MISSING",
                "Required fields are missing: [Name]",
                ("Name",),
            ),
        ),
        (
            "ENTITY_IS_DELETED:entity is deleted:--",
            ("ENTITY_IS_DELETED", "entity is deleted", ()),
        ),
        ("X:m:A__c,B__c --", ("X", "m", ("A__c", "B__c"))),
        ("X:only a message", ("X", "only a message", ())),
        ("X", ("X", "", ())),
    ],
)
def test_reads_the_error_column(error: str, expected: tuple[str, str, Any]) -> None:
    failure = to_failure("003a", error)
    assert (failure.code, failure.message, failure.fields) == expected


def test_a_large_table_is_cut_between_records(tmp_path: Path) -> None:
    rows = [[f"003{n:03d}", 'a\nb,\n"c"' if n % 2 else "x" * n] for n in range(40)]
    table = write(tmp_path, ["Id", "Text"], *rows)
    parts = list(split_table(table, tmp_path, "t", most_bytes=200))
    assert len(parts) > 3
    assert all(part.stat().st_size <= 220 for part in parts)
    found: list[Mapping[str, str]] = []
    for part in parts:
        with part.open(encoding="utf-8", newline="") as file:
            found += csv.DictReader(file)
    assert [[row["Id"], row["Text"]] for row in found] == rows
