"""Bulk results: every kind of damage is noticed, every row arrives once."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from haihai_tui.errors import AuthorisationNeeded, ServiceUnreachable, SettingsError
from haihai_tui.services.http import Transient
from haihai_tui.services.salesforce import bulk
from haihai_tui.services.salesforce.client import SalesforceClient
from haihai_tui.services.salesforce.jobs import JobLimits
from haihai_tui.services.salesforce.page_check import PageCheck
from tests.services.salesforce.scripted import Reply, Script, reply, scripted
from tests.services.salesforce.support import MemoryStore, opened, token_answer, tokens

SOQL = "SELECT Id, Name FROM Contact"
ROOT = "/services/data/v66.0/jobs/query"
RESULTS = f"{ROOT}/750x/results"
PAGES = f"{ROOT}/750x/resultPages"


def rows(first: int, count: int) -> list[list[str]]:
    return [
        [f"003{n:012d}", f'名"{n}",\n次' if n % 3 == 0 else f"名{n}"]
        for n in range(first, first + count)
    ]


def table(values: list[list[str]]) -> bytes:
    out = io.StringIO()
    write = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow
    for row in [["Id", "Name"], *values]:
        write(row)
    return out.getvalue().encode()


def sheet(
    values: list[list[str]],
    locator: str = "null",
    *,
    promised: int | None = None,
    body: bytes | None = None,
    kind: str = "text/csv",
    zipped: bool = False,
    close: bool = False,
    length: int | None = None,
) -> bytes:
    content = table(values) if body is None else body
    headers = {
        "Content-Type": kind,
        "Sforce-NumberOfRecords": str(len(values) if promised is None else promised),
        "Sforce-Locator": locator,
    }
    if zipped:
        headers["Content-Encoding"] = "gzip"
    return reply(content, headers, close=close, length=length)


def job(state: str, processed: int = 0, job_id: str = "750x", **more: Any) -> bytes:
    document = {
        "id": job_id,
        "operation": "query",
        "state": state,
        "createdDate": "2026-02-16T01:02:03.000+0000",
        "numberRecordsProcessed": processed,
        **more,
    }
    return as_json(document)


def as_json(document: object, status: str = "200 OK") -> bytes:
    kind = {"Content-Type": "application/json;charset=UTF-8"}
    return reply(json.dumps(document).encode(), kind, status=status)


def refusal(code: str, status: str) -> bytes:
    return as_json([{"errorCode": code, "message": "x"}], status)


@pytest.fixture
def server() -> Iterator[Script]:
    with scripted() as script:
        script.on(f"POST {ROOT}", job("UploadComplete"))
        yield script


Client = Callable[..., SalesforceClient]


@pytest.fixture
def client(server: Script) -> Iterator[Client]:
    kept = MemoryStore(tokens(instance=server.url))
    with opened(kept, login=server.url) as org:

        def build(**settings: Any) -> SalesforceClient:
            return SalesforceClient(org.session, **{"parallel": 1, **settings})

        yield build


def read(salesforce: SalesforceClient, folder: Path) -> list[list[str]]:
    extract = salesforce.extract(SOQL, folder, expect_many=True)
    assert extract.columns == ("Id", "Name")
    found: list[list[str]] = []
    for page in extract.pages():
        content = page.path.read_bytes().decode()
        lines = list(csv.reader(io.StringIO(content, newline="")))
        assert lines[0] == ["Id", "Name"]
        assert len(lines) - 1 == page.rows
        found += lines[1:]
    return found


EXPECTED = rows(0, 12)
FIRST, MIDDLE, LAST = EXPECTED[:4], EXPECTED[4:8], EXPECTED[8:]


def three_pages(server: Script, *middle: Reply) -> None:
    server.on(f"GET {ROOT}/750x", job("InProgress"), job("JobComplete", 12))
    server.on(f"GET {RESULTS}?maxRecords=50000", sheet(FIRST, "MQ"))
    server.on(f"GET {RESULTS}?maxRecords=50000&locator=MQ", *middle)
    server.on(f"GET {RESULTS}?maxRecords=50000&locator=Mg", sheet(LAST))


@pytest.mark.parametrize("zipped", [False, True])
def test_reads_page_after_page(
    server: Script, client: Client, tmp_path: Path, zipped: bool
) -> None:
    body = gzip.compress(table(MIDDLE)) if zipped else None
    three_pages(server, sheet(MIDDLE, "Mg", body=body, zipped=zipped))
    salesforce = client()
    assert read(salesforce, tmp_path) == EXPECTED
    assert salesforce.calls() == 6
    names = [path.name for path in tmp_path.iterdir()]
    assert len(names) == 3
    assert not any("part" in name for name in names)


def test_asks_for_gzip_and_stores_it_unpacked(
    server: Script, client: Client, tmp_path: Path
) -> None:
    body = gzip.compress(table(FIRST), 3)
    server.on(f"GET {ROOT}/750x", job("JobComplete", 4))
    server.on(f"GET {RESULTS}", sheet(FIRST, body=body, zipped=True))
    extract = client().extract(SOQL, tmp_path, expect_many=True)
    (page,) = extract.pages()
    assert not page.gzip
    assert page.path.read_bytes() == table(FIRST)
    assert server.seen[-1][1]["accept-encoding"] == "gzip"
    assert extract.as_of.isoformat() == "2026-02-16T01:02:03+00:00"


whole = table(MIDDLE)
DAMAGES: dict[str, Reply] = {
    "length too long": lambda peer: peer.sendall(
        sheet(MIDDLE, "Mg", length=len(whole) + 9)
    ),
    "chunked, cut": lambda peer: peer.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n" + b"10\r\n" + whole[:16] + b"\r\n"
    ),
    "close-delimited, cut inside a record": sheet(
        MIDDLE, "Mg", body=whole[:-5], close=True
    ),
    "close-delimited, cut inside a quoted line feed": sheet(
        MIDDLE, "Mg", body=whole[: whole.index(b",\n") + 2], close=True
    ),
    "close-delimited, cut at a record's end": sheet(
        MIDDLE, "Mg", body=table(MIDDLE[:-1]), close=True
    ),
    "close-delimited, cut before the last line feed": sheet(
        MIDDLE, "Mg", body=whole[:-1], close=True
    ),
    "gzip cut": sheet(
        MIDDLE, "Mg", body=gzip.compress(whole)[:-9], zipped=True, close=True
    ),
    "gzip corrupt": sheet(
        MIDDLE, "Mg", body=gzip.compress(whole)[:20] + b"x" * 90, zipped=True
    ),
    "fewer rows than promised": sheet(MIDDLE[:-1], "Mg", promised=4),
    "an HTML page": sheet(MIDDLE, "Mg", body=b"<html></html>", kind="text/html"),
    "rows called HTML": sheet(MIDDLE, "Mg", kind="text/html; charset=UTF-8"),
    "HTML called CSV": sheet([], "Mg", body=b"<html></html>", promised=0),
    "the same page twice": sheet(FIRST, "Mg"),
    "the same locator twice": sheet(MIDDLE, "MQ"),
    "empty": sheet(MIDDLE, "Mg", body=b""),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_page_is_read_again(
    server: Script, client: Client, tmp_path: Path, damage: Reply
) -> None:
    three_pages(server, damage, sheet(MIDDLE, "Mg"))
    assert read(client(), tmp_path) == EXPECTED
    assert server.asked(f"GET {RESULTS}") == 4
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_page_that_stays_damaged_is_never_the_end(
    server: Script, client: Client, tmp_path: Path, damage: Reply
) -> None:
    three_pages(server, damage)
    with pytest.raises(ServiceUnreachable):
        read(client(), tmp_path)
    assert server.asked(f"GET {RESULTS}") == 6


def test_a_sum_that_is_not_the_jobs_is_noticed(
    server: Script, client: Client, tmp_path: Path
) -> None:
    server.on(f"GET {ROOT}/750x", job("JobComplete", 12))
    server.on(f"GET {RESULTS}", sheet(FIRST))
    with pytest.raises(ServiceUnreachable):
        read(client(), tmp_path)


def test_a_last_line_without_its_end_is_completed(
    server: Script, client: Client, tmp_path: Path
) -> None:
    server.on(f"GET {ROOT}/750x", job("JobComplete", 8))
    server.on(
        f"GET {RESULTS}",
        sheet(FIRST, "MQ", body=table(FIRST)[:-1]),
        sheet(MIDDLE, body=gzip.compress(table(MIDDLE)[:-1]), zipped=True),
    )
    assert read(client(), tmp_path) == FIRST + MIDDLE


def test_a_dead_locator_begins_the_walk_again(
    server: Script, client: Client, tmp_path: Path
) -> None:
    server.on(f"GET {ROOT}/750x", job("JobComplete", 12))
    server.on(
        f"GET {RESULTS}",
        sheet(FIRST, "MQ"),
        sheet(MIDDLE, "Mg"),
        refusal("INVALID_QUERY_LOCATOR", "400 Bad Request"),
        # Other page sizes this time: nothing may come twice or be left out.
        sheet(EXPECTED[:3], "Mw"),
        sheet(EXPECTED[3:10], "NA"),
        sheet(EXPECTED[10:]),
    )
    assert read(client(), tmp_path) == EXPECTED


def test_a_token_refused_in_the_middle_is_renewed(
    server: Script, client: Client, tmp_path: Path
) -> None:
    three_pages(
        server,
        refusal("INVALID_SESSION_ID", "401 Unauthorized"),
        sheet(MIDDLE, "Mg"),
    )
    renewed = token_answer(instance=server.url)
    server.on("POST /services/oauth2/token", as_json(renewed))
    assert read(client(), tmp_path) == EXPECTED
    assert server.asked("POST /services/oauth2/token") == 1
    assert server.asked(f"GET {RESULTS}") == 4


def test_a_revoked_token_ends_the_read(
    server: Script, client: Client, tmp_path: Path
) -> None:
    three_pages(server, refusal("INVALID_SESSION_ID", "401 Unauthorized"))
    gone = {"error": "invalid_grant", "error_description": "expired access/refresh"}
    server.on("POST /services/oauth2/token", as_json(gone, "400 Bad Request"))
    with pytest.raises(AuthorisationNeeded):
        read(client(), tmp_path)
    assert server.asked("POST /services/oauth2/token") == 1


def test_an_empty_result_needs_no_page(
    server: Script, client: Client, tmp_path: Path
) -> None:
    server.on(f"GET {ROOT}/750x", job("JobComplete", 0))
    assert read(client(), tmp_path) == []
    assert server.asked(f"GET {RESULTS}") == 0


@pytest.mark.parametrize("state", ["Failed", "Aborted"])
def test_a_failed_job_is_made_anew_once(
    server: Script, client: Client, tmp_path: Path, state: str
) -> None:
    server.replies.clear()
    server.on(f"POST {ROOT}", job("UploadComplete", job_id="750a"))
    server.on(f"POST {ROOT}", job("UploadComplete"))
    server.on(f"GET {ROOT}/750a", job(state, job_id="750a", errorMessage="Timeout"))
    server.on(f"GET {ROOT}/750x", job("JobComplete", 4))
    server.on(f"GET {RESULTS}", sheet(FIRST))
    assert read(client(), tmp_path) == FIRST


def test_after_two_failed_jobs_rest_reads_it(
    server: Script, client: Client, tmp_path: Path
) -> None:
    server.on(f"GET {ROOT}/750x", job("Failed", errorMessage="InternalServerError"))
    records = [{"attributes": {}, "Id": i, "Name": name} for i, name in FIRST]
    answer = {"totalSize": 4, "done": True, "records": records}
    server.on("GET /services/data/v66.0/query", as_json(answer))
    assert read(client(), tmp_path) == FIRST
    assert server.asked(f"POST {ROOT}") == 2


def test_a_stuck_job_is_aborted(server: Script, client: Client, tmp_path: Path) -> None:
    server.on(f"GET {ROOT}/750x", job("InProgress"))
    server.on(f"PATCH {ROOT}/750x", job("Aborted"))
    server.on(
        "GET /services/data/v66.0/query",
        as_json({"totalSize": 0, "done": True, "records": []}),
    )
    salesforce = client(job_limits=JobLimits(stuck_s=5.0))
    assert read(salesforce, tmp_path) == []
    assert server.asked(f"PATCH {ROOT}/750x") == 2
    assert 3 < server.asked(f"GET {ROOT}/750x") < 60


def test_a_job_that_failed_for_its_query_says_so(
    server: Script, client: Client, tmp_path: Path
) -> None:
    message = "INVALID_FIELD: No such column 'Foo__c' on entity 'Contact'"
    server.on(f"GET {ROOT}/750x", job("Failed", errorMessage=message))
    with pytest.raises(SettingsError) as caught:
        read(client(), tmp_path)
    assert caught.value.cause == "missing_field"


def test_what_bulk_cannot_read_is_read_by_rest(
    server: Script, client: Client, tmp_path: Path
) -> None:
    server.replies.clear()
    server.on(f"POST {ROOT}", refusal("INVALIDENTITY", "400 Bad Request"))
    server.on(
        "GET /services/data/v66.0/query",
        as_json({"totalSize": 0, "done": True, "records": []}),
    )
    assert read(client(), tmp_path) == []


def test_a_large_answer_of_rest_goes_to_bulk(
    server: Script, client: Client, tmp_path: Path
) -> None:
    first = [{"attributes": {}, "Id": "x", "Name": "y"}]
    more = "/services/data/v66.0/query/0r8-1"
    answer = {"totalSize": 5, "done": False, "nextRecordsUrl": more, "records": first}
    server.on("GET /services/data/v66.0/query", as_json(answer))
    server.on(f"GET {ROOT}/750x", job("JobComplete", 4))
    server.on(f"GET {RESULTS}", sheet(FIRST))
    extract = client(bulk_threshold=4).extract(SOQL, tmp_path, include_deleted=False)
    assert sum(page.rows for page in extract.pages()) == 4
    body = json.loads(next(b for s, _, b in server.seen if s.startswith("POST")))
    assert body == {
        "operation": "query",
        "query": SOQL,
        "contentType": "CSV",
        "columnDelimiter": "COMMA",
        "lineEnding": "LF",
    }


@pytest.mark.parametrize("key", ["nextRecordsUrl", "nextRecordUrl"])
def test_pages_with_addresses_are_read_side_by_side_in_order(
    server: Script,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    key: str,
) -> None:
    monkeypatch.setattr(bulk, "PARALLEL_FROM_ROWS", 1)
    server.on(f"GET {ROOT}/750x", job("JobComplete", 12))
    urls = [{"resultUrl": f"{RESULTS}?locator={n}"} for n in range(3)]
    following = f"{PAGES}?locator=abc"
    server.on(
        f"GET {PAGES}",
        as_json({"resultPages": urls[:2], key: following, "done": False}),
    )
    server.on(f"GET {following}", as_json({"resultPages": urls[2:], "done": True}))
    for number, values in enumerate((FIRST, MIDDLE, LAST)):
        server.on(f"GET {RESULTS}?locator={number}", sheet(values, f"L{number}"))
    assert read(client(parallel=3), tmp_path) == EXPECTED


def test_without_page_addresses_the_locators_are_followed(
    server: Script,
    client: Client,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bulk, "PARALLEL_FROM_ROWS", 1)
    three_pages(server, sheet(MIDDLE, "Mg"))
    server.on(f"GET {PAGES}", refusal("NOT_FOUND", "404 Not Found"))
    assert read(client(parallel=3), tmp_path) == EXPECTED


def test_jobs_of_a_killed_run_are_aborted_by_the_next(
    server: Script, client: Client, tmp_path: Path
) -> None:
    journal = tmp_path / "jobs"
    journal.mkdir()
    (journal / "750old.query").touch()
    server.on(f"PATCH {ROOT}/750old", job("Aborted"))
    server.on(f"GET {ROOT}/750x", job("JobComplete", 4))
    server.on(f"GET {RESULTS}", sheet(FIRST))
    folder = tmp_path / "pages"
    folder.mkdir()
    salesforce = client(journal=journal)
    pages = salesforce.extract(SOQL, folder, expect_many=True).pages()
    assert [path.name for path in journal.iterdir()] == ["750x.query"]
    assert sum(page.rows for page in pages) == 4
    assert list(journal.iterdir()) == []
    assert server.asked(f"PATCH {ROOT}/750old") == 1


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize("compressed", [False, True])
def test_rows_are_counted_however_the_bytes_are_cut(
    size: int, compressed: bool
) -> None:
    values = [
        ["003a", 'x"\n"y'],
        ["003b", "\n"],
        ["003c", '"'],
        ["003d", ""],
        ["003e", '""\n""'],
        ["003f", "a\r\nb,\n"],
    ]
    body = table(values)
    sent = gzip.compress(body) if compressed else body
    check = PageCheck(compressed=compressed)
    unpacked = [check.feed(sent[n : n + size]) for n in range(0, len(sent), size)]
    assert b"".join(unpacked) == body
    assert check.finish(6, framed=True) is False
    assert (check.rows, check.columns()) == (6, ("Id", "Name"))
    assert check.first_id() == "003a"


def test_values_without_quotes_are_counted_too() -> None:
    check = PageCheck(compressed=False)
    check.feed(b'Id,Name\n003a,\n003b,"x\ny"\n')
    check.finish(2, framed=False)
    assert check.first_id() == "003a"


@pytest.mark.parametrize("cut", range(1, len(table(rows(0, 4)))))
def test_no_cut_goes_unnoticed(cut: int) -> None:
    check = PageCheck(compressed=False)
    check.feed(table(rows(0, 4))[:cut])
    with pytest.raises(Transient):
        check.finish(4, framed=False)
