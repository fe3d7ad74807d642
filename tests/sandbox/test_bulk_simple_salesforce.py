"""simple-salesforce's Bulk 2.0 client, unchanged, against the sandbox.

Only the transport is ours: the library insists on https, the sandbox speaks http.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce.bulk2 import SFBulk2Handler

from tests.sandbox.salesforce_org import Sandbox, running


class Loopback(HTTPAdapter):
    """Sends what is meant for the https host to the sandbox."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(
        self, request: requests.PreparedRequest, *args: Any, **kwargs: Any
    ) -> requests.Response:
        parts = urlsplit(str(request.url))
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        request.url = self._url + path
        return super().send(request, *args, **kwargs)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with running(customers=300) as started:
        started.switch(bulk_job_polls=0)
        yield started


@pytest.fixture
def bulk(sandbox: Sandbox) -> Iterator[SFBulk2Handler]:
    with requests.Session() as session:
        session.mount("https://", Loopback(sandbox.url))
        yield SFBulk2Handler(
            sandbox.access_token(),
            "https://example.my.salesforce.com/services/data/v66.0/jobs/",
            session=session,
        )


def rows(text: str | int) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(str(text), newline="")))


def test_query_in_pages(bulk: SFBulk2Handler) -> None:
    query = "SELECT Id, LastName, Account.Name FROM Contact ORDER BY Id"
    pages = list(bulk.Contact.query(query, max_records=100, wait=0))
    assert [len(rows(page)) for page in pages] == [100, 100, 100, 15]
    found = [row["Id"] for page in pages for row in rows(page)]
    assert len(set(found)) == 315 and found == sorted(found)
    assert all(row["Account.Name"] for row in rows(pages[0]))


def test_query_all(sandbox: Sandbox, bulk: SFBulk2Handler) -> None:
    made = sandbox.org.insert("Lead", {"LastName": "削除", "Company": "例"})
    sandbox.org.delete("Lead", made)
    query = f"SELECT Id FROM Lead WHERE Id = '{made}'"
    [page] = bulk.Lead.query_all(query, wait=0)
    # The library creates a `query` job where its name says queryAll.
    assert len(rows(page)) in (0, 1)


def test_download(bulk: SFBulk2Handler, tmp_path: Path) -> None:
    query = "SELECT Id, LastName, Email FROM Contact"
    parts = bulk.Contact.download(query, path=str(tmp_path), max_records=200, wait=0)
    assert [part["number_of_records"] for part in parts] == [200, 115]
    texts = [Path(part["file"]).read_text("utf-8") for part in parts]
    assert sum(len(rows(text)) for text in texts) == 315


def test_upsert_with_failed_rows(sandbox: Sandbox, bulk: SFBulk2Handler) -> None:
    known = sandbox.org.table("Contact").ids[0]
    records = [
        {"Id": known, "LastName": "更新", "Email": "kousin@example.com"},
        {"Id": "", "LastName": "新規", "Email": "sinki@example.com"},
        {"Id": "", "LastName": "", "Email": "kara@example.com"},
        {"Id": "", "LastName": "不正", "Email": "no address"},
    ]
    [told] = bulk.Contact.upsert(records=records, external_id_field="Id", wait=0)
    assert {key: told[key] for key in told if key != "job_id"} == {
        "numberRecordsFailed": 2,
        "numberRecordsProcessed": 4,
        "numberRecordsTotal": 4,
    }
    found = bulk.Contact.get_all_ingest_records(str(told["job_id"]))
    created = {
        row["LastName"]: row["sf__Created"] for row in found["successfulRecords"]
    }
    assert created == {"更新": "false", "新規": "true"}
    errors = {row["Email"]: row["sf__Error"] for row in found["failedRecords"]}
    assert errors["kara@example.com"] == (
        "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"
    )
    assert errors["no address"].startswith("INVALID_EMAIL_ADDRESS:")
    assert errors["no address"].endswith(":Email --")
    assert found["unprocessedRecords"] == []


def test_insert_update_and_delete(sandbox: Sandbox, bulk: SFBulk2Handler) -> None:
    records = [{"LastName": f"一括{n}", "Company": "例"} for n in range(25)]
    told = bulk.Lead.insert(records=records, batch_size=10, concurrency=2, wait=0)
    assert [part["numberRecordsProcessed"] for part in told] == [10, 10, 5]
    made = [
        row["sf__Id"]
        for part in told
        for row in rows(bulk.Lead.get_successful_records(str(part["job_id"])))
    ]
    update = [{"Id": each, "Title": "課長"} for each in made]
    [told_update] = bulk.Lead.update(records=update, wait=0)
    assert told_update["numberRecordsFailed"] == 0
    query = "SELECT Id FROM Lead WHERE Title = '課長'"
    assert sandbox.org.query(query).total == 25
    [told_delete] = bulk.Lead.delete(records=[{"Id": each} for each in made], wait=0)
    assert told_delete["numberRecordsProcessed"] == 25
    assert sandbox.org.query(query).total == 0
