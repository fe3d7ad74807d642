"""Bulk 2.0 queries, streamed to disk.

Pages come several at a time where the service offers their addresses, else along
the locators.  A page is handed out only when it is whole; when a locator dies, the
result is walked again from its start, leaving out the rows that are already out.
"""

from __future__ import annotations

import csv
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from haihai_tui.errors import ConnectorError, ServiceUnreachable, text
from haihai_tui.services.salesforce import canonical
from haihai_tui.services.salesforce.download import Downloaded, download
from haihai_tui.services.salesforce.errors import (
    Kind,
    classify_row,
    gave_up,
    refusal_of,
    to_error,
)
from haihai_tui.services.salesforce.jobs import Job, Jobs, Stuck
from haihai_tui.services.salesforce.page_check import broken
from haihai_tui.services.salesforce.session import Session
from haihai_tui.sync.ports import PageFile

# From this many rows on, asking for page addresses is worth its call.
PARALLEL_FROM_ROWS = 60_000
PAGE_ROWS = 50_000
WALKS = 3


class BulkExtract:
    """A query's result by Bulk 2.0; see `ports.Extract`.

    `fallback` gives the pages by REST when two jobs in a row have failed.
    """

    def __init__(
        self,
        session: Session,
        jobs: Jobs,
        soql: str,
        folder: Path,
        *,
        fallback: Callable[[], Iterator[PageFile]],
        include_deleted: bool = False,
        parallel: int = 4,
        page_rows: int = PAGE_ROWS,
    ) -> None:
        self._session = session
        self._jobs = jobs
        self._folder = folder
        self._fallback = fallback
        self.parallel = parallel
        self.page_rows = page_rows
        self._body = {
            "operation": "queryAll" if include_deleted else "query",
            "query": soql,
            "contentType": "CSV",
            "columnDelimiter": "COMMA",
            "lineEnding": "LF",
        }
        self.columns = canonical.select_columns(soql)
        self._job = jobs.create(self._body)
        self.as_of = self._job.created_at or datetime.now(UTC)

    def pages(self) -> Iterator[PageFile]:
        """Each page once, as soon as it is known to be whole."""
        job = self._completed()
        if job is None:
            yield from self._fallback()
            return
        walker = _Walker(self, job)
        yield from walker.pages()
        self._jobs.forget(job.id)

    def _completed(self) -> Job | None:
        """The job, complete; a second one where the first fails; else None."""
        for attempt in (1, 2):
            job = self._job if attempt == 1 else self._jobs.create(self._body)
            try:
                ended = self._jobs.wait(job)
            except Stuck:
                continue
            if ended.state == "JobComplete":
                return ended
            self._jobs.forget(job.id)
            _raise_if_settings(ended)
        return None

    def read_page(
        self,
        job: Job,
        resource: str,
        number: int,
        params: Mapping[str, str] | None,
        books: _Books,
    ) -> Downloaded:
        """One page, read again while it comes damaged."""
        target = self._folder / f"bulk-{job.id}-{number:05d}.csv"
        expected = [name.lower() for name in self.columns]

        def attempt() -> Downloaded:
            page = download(self._session, resource, target, params=params)
            try:
                if [name.lower() for name in page.columns] != expected:
                    raise broken(text("見出し行が検索した項目と一致しません。"))
                books.enter(number, page)
            except BaseException:
                page.file.path.unlink(missing_ok=True)
                raise
            return page

        return self._session.channel.repeat(f"GET {resource}", attempt)

    def page_addresses(self, job: Job) -> Iterator[str]:
        """The pages' own addresses, in order; a call for every five.

        Raises ServiceUnreachable or _Unsupported.
        """
        resource = f"{self._jobs.path(job.id)}/resultPages"
        seen: set[str] = set()
        while resource:
            if resource in seen:
                raise gave_up(text("同じ続きの位置が二度返されました。"))
            seen.add(resource)
            listed = self._session.json("GET", resource)
            for entry in listed.get("resultPages") or ():
                yield str(entry["resultUrl"])
            # The guide's prose and its sample disagree about the name.
            following = listed.get("nextRecordsUrl") or listed.get("nextRecordUrl")
            resource = "" if listed.get("done") else str(following or "")


class _Books:
    """What each page of one walk began with and led to: nothing may come twice."""

    def __init__(self) -> None:
        self._first_ids: dict[str, int] = {}
        self._locators: dict[str, int] = {}
        self._lock = threading.Lock()

    def enter(self, number: int, page: Downloaded) -> None:
        """Raises Transient where another page already had this Id or locator."""
        with self._lock:
            for value, known in (
                (page.first_id, self._first_ids),
                (page.locator, self._locators),
            ):
                if value and known.setdefault(value, number) != number:
                    raise broken(text("同じ結果ページが二度返されました。"))


class _Walker:
    """Walks one complete job's result and counts what is out."""

    def __init__(self, extract: BulkExtract, job: Job) -> None:
        self._extract = extract
        self._job = job
        self._rows_out = 0
        self._number = 0

    def pages(self) -> Iterator[PageFile]:
        parallel = self._extract.parallel
        with _threads(parallel) as pool:
            if parallel > 1 and self._job.processed >= PARALLEL_FROM_ROWS:
                yield from self._resuming(self._by_address(pool))
            for _ in range(WALKS):
                if self._rows_out >= self._job.processed:
                    break
                yield from self._resuming(self._by_locator(pool, self._rows_out))
        if self._rows_out != self._job.processed:
            raise gave_up(
                text(
                    "Salesforce の結果が {expected} 行のはずが {rows} 行でした。",
                    expected=self._job.processed,
                    rows=self._rows_out,
                )
            )

    def _resuming(self, pages: Iterator[Downloaded]) -> Iterator[PageFile]:
        """Hand pages out; stop silently where the walk has to begin again."""
        try:
            for page in pages:
                self._rows_out += page.file.rows
                if page.file.rows:
                    yield page.file
                else:
                    page.file.path.unlink(missing_ok=True)
        except ServiceUnreachable as error:
            refusal = refusal_of(error)
            if refusal is None or refusal.kind is not Kind.RESTART:
                raise
        except _Unsupported:
            return

    def _by_address(self, pool: ThreadPoolExecutor) -> Iterator[Downloaded]:
        ahead: deque[Future[Downloaded]] = deque()
        books = _Books()
        for address in self._addresses():
            ahead.append(self._submit(pool, address, None, books))
            if len(ahead) > self._extract.parallel:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def _addresses(self) -> Iterator[str]:
        try:
            yield from self._extract.page_addresses(self._job)
        except ConnectorError as error:
            refusal = refusal_of(error)
            if refusal is not None and refusal.status in (400, 404, 405, 409, 501):
                raise _Unsupported from error
            raise

    def _by_locator(self, pool: ThreadPoolExecutor, skip: int) -> Iterator[Downloaded]:
        resource = f"/jobs/query/{self._job.id}/results"
        rows = {"maxRecords": str(self._extract.page_rows)}
        books = _Books()
        coming: Future[Downloaded] | None = self._submit(pool, resource, rows, books)
        while coming is not None:
            page = coming.result()
            coming = None
            if page.locator:
                # On its way while the caller works on this one.
                further = {**rows, "locator": page.locator}
                coming = self._submit(pool, resource, further, books)
            left, skip = _without_first(page, skip)
            if left is not None:
                yield left

    def _submit(
        self,
        pool: ThreadPoolExecutor,
        resource: str,
        params: dict[str, str] | None,
        books: _Books,
    ) -> Future[Downloaded]:
        self._number += 1
        return pool.submit(
            self._extract.read_page, self._job, resource, self._number, params, books
        )


class _Unsupported(Exception):
    """The service gives no page addresses."""


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    pool = ThreadPoolExecutor(max(1, count), thread_name_prefix="page")
    try:
        yield pool
    finally:
        # Pages under way see the interruption themselves, or end by their deadline.
        pool.shutdown(wait=True, cancel_futures=True)


def _without_first(page: Downloaded, skip: int) -> tuple[Downloaded | None, int]:
    """`page` without its first `skip` rows, and the rows still to be skipped."""
    if skip == 0:
        return page, 0
    if page.file.rows <= skip:
        page.file.path.unlink(missing_ok=True)
        return None, skip - page.file.rows
    shorter = page.file.path.with_name(f"{page.file.path.name}.rest.csv")
    with (
        page.file.path.open(encoding="utf-8", newline="") as source,
        shorter.open("w", encoding="utf-8", newline="") as target,
    ):
        write = csv.writer(target, quoting=csv.QUOTE_ALL, lineterminator="\n").writerow
        for number, row in enumerate(csv.reader(source)):
            if number == 0 or number > skip:
                write(row)
    page.file.path.unlink(missing_ok=True)
    file = PageFile(shorter, page.file.rows - skip, gzip=False)
    return Downloaded(file, page.columns, "", page.locator), 0


def _raise_if_settings(job: Job) -> None:
    """A job that failed for its query would fail again: say so."""
    code, _, message = job.error.partition(":")
    refusal = classify_row(code.strip().upper().replace(" ", "_"), message.strip())
    if refusal.cause in ("missing_field", "missing_object", "field_type_mismatch"):
        raise to_error(refusal)
