"""Bulk API 2.0 query jobs.

A job's rows are written to files by a worker thread when the job is created; equal
queries on unchanged data share them, so that repeated reads of a million records
cost what a file server costs.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute

from haihai_tui.sandbox.salesforce import bulk_render, timestamps
from haihai_tui.sandbox.salesforce.answers import json_response
from haihai_tui.sandbox.salesforce.bulk_damage import Damage
from haihai_tui.sandbox.salesforce.bulk_jobs import (
    CSV_TYPE,
    DELIMITERS,
    FINISHED,
    LINE_ENDINGS,
    BulkError,
    Job,
    Jobs,
    body_of,
    choice,
    close,
    due,
    forced_outcome,
    number,
    routes_for,
    version_of,
)
from haihai_tui.sandbox.salesforce.bulk_result import (
    Form,
    Pieces,
    Result,
    read_file,
)
from haihai_tui.sandbox.salesforce.errors import ApiError, not_found

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.context import Context

_KEPT_RESULTS = 8
_PAGES_AT_ONCE = 5
_RESULT_PAGES_SINCE = 58.0


def routes(ctx: Context) -> list[BaseRoute]:
    """`/services/data/vXX.X/jobs/query…`, and the control call for damaged pages."""
    jobs = QueryJobs(ctx)
    table = [
        ("", jobs.collection, ["GET", "POST"]),
        ("/{job_id}", jobs.one, ["GET", "PATCH", "DELETE"]),
        ("/{job_id}/results", jobs.results, ["GET"]),
        ("/{job_id}/resultPages", jobs.result_pages, ["GET"]),
        ("/{job_id}/resultpages", jobs.result_pages, ["GET"]),
    ]
    return [*routes_for("query", table), *jobs.damage.routes()]


@dataclass(kw_only=True)
class QueryJob(Job):
    """A query job; `work` ends with the result or with the query's error."""

    soql: str
    chunking: bool
    work: Future[Result] = field(repr=False)

    def described(self) -> dict[str, Any]:
        """As creation, abort and list show it."""
        return {
            **self.head(),
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": number(self.version),
            **self.form(),
        }

    def listed(self) -> dict[str, Any]:
        """As the list shows it."""
        shown = self.described()
        shown["jobType"] = "V2Query"
        return shown

    def status(self) -> dict[str, Any]:
        """As a status request shows it."""
        shown = self.head() | {
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": number(self.version),
            "jobType": "V2Query",
            **self.form(),
            "numberRecordsProcessed": self.processed,
            "retries": 0,
            "totalProcessingTime": self.milliseconds,
            "isPkChunkingSupported": self.chunking,
        }
        return shown | ({"errorMessage": self.error} if self.error else {})


class QueryJobs:
    """The endpoints; `damage` is what tests may do to result pages."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._jobs = Jobs(ctx, "5g")
        self._cache: OrderedDict[str, Future[Result]] = OrderedDict()
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="sandbox-bulk")
        self.damage = Damage()

    # ----------------------------------------------------------------- endpoints

    async def collection(self, request: Request) -> Response:
        """Create a job, or list the jobs."""
        session = self._ctx.sessions.authenticate(request)
        if request.method == "GET":
            page = self._jobs.page(request, lambda job: self._fresh(job).listed())
            return json_response(request, page)
        body = await body_of(request)
        job = await self._create(request, body, session.user_id)
        self._jobs.add(job)
        return json_response(request, job.described())

    async def one(self, request: Request) -> Response:
        """Tell, abort or delete a job."""
        self._ctx.sessions.authenticate(request)
        job = self._find(request)
        if request.method == "GET":
            job.polls += 1
            return json_response(request, self._fresh(job).status())
        self._fresh(job)
        if request.method == "DELETE":
            if job.state == "InProgress":
                text = "Deleting InProgress Job not allowed"
                raise BulkError(400, "INVALIDJOBSTATE", text)
            self._jobs.drop(job)
            return Response(status_code=204)
        state = (await body_of(request)).get("state")
        if state != "Aborted":
            raise BulkError(400, "INVALIDJOBSTATE", f"Invalid job state: {state}")
        if job.state in FINISHED:
            raise job.refuse_change("Aborting")
        close(self._ctx, job, "Aborted")
        return json_response(request, job.described())

    async def results(self, request: Request) -> Response:
        """One page as CSV; `Sforce-Locator` names the next one."""
        self._ctx.sessions.authenticate(request)
        job = self._find(request)
        result = self._finished(job)
        first, size = _asked_for(request, result, self._page_rows())
        last = min(first + size, result.rows)
        damaged = self.damage.take(first // size)
        if damaged == "expired":
            raise _bad_locator()
        if damaged == "html":
            return HTMLResponse("<html><body>Maintenance</body></html>")
        headers = {
            "content-type": CSV_TYPE,
            "sforce-numberofrecords": str(last - first),
        }
        following = first if damaged == "locator" else last
        if following < result.rows:
            headers["sforce-locator"] = locator_of(following)
        elif self._ctx.control.switches["bulk_last_locator"] != "absent":
            headers["sforce-locator"] = "null"
        self._ctx.control.note(request, rows=last - first)
        if damaged == "short":
            last -= 1
        if damaged == "repeat":
            first, last = max(0, first - size), first
        return await self._page(request, result, first, last, headers, damaged)

    async def result_pages(self, request: Request) -> Response:
        """The addresses of up to five pages."""
        self._ctx.sessions.authenticate(request)
        if number(version_of(request)) < _RESULT_PAGES_SINCE:
            raise not_found()
        job = self._find(request)
        result = self._finished(job)
        size = self._page_rows()
        first, _ = _asked_for(request, result, size)
        base = request.url.path.rstrip("/").rpartition("/")[0]
        starts = list(range(first, max(result.rows, 1), size))
        shown = starts[:_PAGES_AT_ONCE]
        body: dict[str, Any] = {
            "resultPages": [
                {"resultUrl": f"{base}/results?locator={locator_of(start)}"}
                for start in shown
            ]
        }
        done = len(starts) <= _PAGES_AT_ONCE
        if not done:
            key = str(self._ctx.control.switches["bulk_pages_key"])
            locator = locator_of(starts[_PAGES_AT_ONCE])
            body[key] = f"{base}/resultpages?locator={locator}"
        return json_response(request, body | {"done": done})

    # --------------------------------------------------------------------- pages

    async def _page(
        self,
        request: Request,
        result: Result,
        first: int,
        last: int,
        headers: dict[str, str],
        damaged: str,
    ) -> Response:
        accepted = request.headers.get("accept-encoding", "")
        headers["vary"] = "Accept-Encoding"
        if "gzip" in accepted and self._ctx.control.switches["bulk_gzip"] == "on":
            loop = asyncio.get_running_loop()
            path = await loop.run_in_executor(
                self._workers, result.gzipped, first, last
            )
            headers["content-encoding"] = "gzip"
            pieces, size = read_file(path), path.stat().st_size
        else:
            pieces, size = result.read(first, last), result.size(first, last)
        if damaged == "cut" or (damaged == "gzip" and "content-encoding" in headers):
            size -= min(size, 20)
        return Pieces(pieces, size, headers)

    def _page_rows(self) -> int:
        return int(str(self._ctx.control.switches["bulk_page_rows"]))

    def _finished(self, job: QueryJob) -> Result:
        if self._fresh(job).state != "JobComplete":
            text = f"Results are not available: the job is {job.state}"
            raise BulkError(400, "INVALIDJOBSTATE", text)
        return job.work.result()

    # ---------------------------------------------------------------------- jobs

    def _find(self, request: Request) -> QueryJob:
        return cast(QueryJob, self._jobs.find(request))

    def _fresh(self, job: Job) -> QueryJob:
        """The job, its state brought up to date."""
        job = cast(QueryJob, job)
        if job.state in FINISHED:
            return job
        if job.state == "UploadComplete" and job.polls:
            job.state = "InProgress"
        if job.work.done() and due(self._ctx, job):
            self._finish(job)
        return job

    def _finish(self, job: QueryJob) -> None:
        forced = forced_outcome(self._ctx)
        error = job.work.exception()
        if forced == "Failed" or error is not None:
            close(self._ctx, job, "Failed", str(error or "Job failed"))
            return
        job.processed = 0 if forced else job.work.result().rows
        close(self._ctx, job, forced or "JobComplete")

    async def _create(
        self, request: Request, body: dict[str, Any], user_id: str
    ) -> QueryJob:
        operation = choice(body, "operation", ("query", "queryAll"), "")
        text = str(body.get("query") or "")
        if not operation or not text:
            missing = "query" if operation else "operation"
            raise BulkError(400, "INVALIDJOB", f"InvalidJob : {missing} is required")
        choice(body, "contentType", ("CSV",), "CSV")
        delimiter = choice(body, "columnDelimiter", DELIMITERS, "COMMA")
        ending = choice(body, "lineEnding", LINE_ENDINGS, "LF")
        parsed = bulk_render.supported(text)
        form = Form(DELIMITERS[delimiter], LINE_ENDINGS[ending])
        self._check_object(parsed.sobject)
        work = await self._work(text, operation == "queryAll", user_id, form, request)
        now = self._ctx.org.clock.now()
        return QueryJob(
            job_id=self._jobs.new_id(),
            operation=operation,
            sobject=self._ctx.org.schema(parsed.sobject).name,
            user_id=user_id,
            created=now,
            modified=now,
            version=version_of(request),
            delimiter=delimiter,
            line_ending=ending,
            state="UploadComplete",
            soql=text,
            chunking=parsed.limit is None and not parsed.order,
            work=work,
        )

    def _check_object(self, name: str) -> None:
        """Objects that are no records cannot be read by Bulk."""
        if name.lower() in {virtual.lower() for virtual in self._ctx.org.virtual}:
            text = f"InvalidEntity : Entity '{name}' is not supported by the Bulk API."
            raise BulkError(400, "INVALIDENTITY", text)

    async def _work(
        self, text: str, deleted: bool, user_id: str, form: Form, request: Request
    ) -> Future[Result]:
        """The result to be, from the cache or under way; ApiError if refused."""
        key = self._key(text, deleted, user_id, form)
        cached = self._cache.get(key)
        if cached is not None:
            self._cache.move_to_end(key)
            return cached
        loop = asyncio.get_running_loop()
        run = partial(
            self._ctx.org.query, text, include_deleted=deleted, user_id=user_id
        )
        found = await loop.run_in_executor(None, run)
        bulk_render.refuse_compound(found)
        result = Result(found.columns, form)
        packed = "gzip" in request.headers.get("accept-encoding", "")
        pages = self._page_rows() if packed else 0
        retyped = bool(self._ctx.control.switches["field_types"])
        chunks = bulk_render.chunks(found, as_shown=retyped)
        work = self._workers.submit(bulk_render.write, result, chunks, pages)
        self._cache[key] = work
        while len(self._cache) > _KEPT_RESULTS:
            self._cache.popitem(last=False)
        return work

    def _key(self, text: str, deleted: bool, user_id: str, form: Form) -> str:
        """All that a result depends on; the day because of date literals."""
        org = self._ctx.org
        day = timestamps.local_date(org.clock.now()).isoformat()
        switches = json.dumps(self._ctx.control.switches.as_dict(), sort_keys=True)
        data = [(n, t.changes) for n, t in org.tables().items() if t.changes]
        fields = {name: len(props) for name, props in org.custom_fields().items()}
        return repr((text, deleted, user_id, form, data, fields, day, switches))


def locator_of(row: int) -> str:
    """The opaque name of the page that begins at `row`."""
    return base64.urlsafe_b64encode(str(row).encode()).decode().rstrip("=")


def _bad_locator() -> ApiError:
    return BulkError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")


def _asked_for(request: Request, result: Result, rows: int) -> tuple[int, int]:
    """First row and page size; INVALID_QUERY_LOCATOR for a locator not ours."""
    asked = request.query_params.get("maxRecords", "")
    if asked and (not asked.isdecimal() or int(asked) < 1):
        text = f"maxRecords must be a positive number: {asked}"
        raise BulkError(400, "ILLEGAL_QUERY_PARAMETER_VALUE", text)
    size = int(asked) if asked else rows
    name = request.query_params.get("locator", "")
    if name in ("", "null"):
        return 0, size
    try:
        padded = name + "=" * (-len(name) % 4)
        first = int(base64.urlsafe_b64decode(padded).decode())
    except (ValueError, binascii.Error):
        raise _bad_locator() from None
    if not 0 <= first < max(result.rows, 1) or locator_of(first) != name:
        raise _bad_locator()
    return first, size
