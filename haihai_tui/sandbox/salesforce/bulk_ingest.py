"""Bulk API 2.0 ingest jobs: one upload each, worked off row by row."""

from __future__ import annotations

import shutil
import tempfile
import weakref
import zlib
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from haihai_tui.sandbox.salesforce import row_faults
from haihai_tui.sandbox.salesforce.answers import json_response
from haihai_tui.sandbox.salesforce.bulk_csv import CsvReader
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
    object_of,
    parse_object,
    routes_for,
    version_of,
)
from haihai_tui.sandbox.salesforce.bulk_load import Load, Order
from haihai_tui.sandbox.salesforce.errors import ApiError

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.context import Context
    from haihai_tui.sandbox.salesforce.schema import Schema

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
MULTIPART_CHARS = 100_000
UPLOAD_BYTES = 150 * 1024 * 1024 * 3 // 4  # 150 MB once it is base64
_FLAGS = {
    "insert": "createable",
    "update": "updateable",
    "upsert": "updateable",
    "delete": "deletable",
    "hardDelete": "deletable",
}


def routes(ctx: Context) -> list[BaseRoute]:
    """`/services/data/vXX.X/jobs/ingest…`."""
    jobs = IngestJobs(ctx)
    table = [
        ("", jobs.collection, ["GET", "POST"]),
        ("/{job_id}", jobs.one, ["GET", "PATCH", "DELETE"]),
        ("/{job_id}/batches", jobs.upload, ["PUT"]),
        ("/{job_id}/successfulResults", jobs.successful, ["GET"]),
        ("/{job_id}/failedResults", jobs.failed, ["GET"]),
        ("/{job_id}/unprocessedrecords", jobs.unprocessed, ["GET"]),
        ("/{job_id}/unprocessedRecords", jobs.unprocessed, ["GET"]),
    ]
    return [*routes_for("ingest", table), *row_faults.routes(ctx)]


@dataclass(kw_only=True)
class IngestJob(Job):
    """An ingest job with its folder, which goes when the job does."""

    external_id: str
    folder: Path
    load: Load
    work: Future[str] | None = field(default=None, repr=False)
    assignment_rule: str = ""

    def __post_init__(self) -> None:
        weakref.finalize(self, shutil.rmtree, self.folder, True)

    @property
    def data(self) -> Path:
        """The upload; it exists once it was received whole."""
        return self.folder / "data.csv"

    def described(self) -> dict[str, Any]:
        """As creation, changes and list show it."""
        shown = self.head()
        if self.external_id:
            shown["externalIdFieldName"] = self.external_id
        if self.assignment_rule:
            shown["assignmentRuleId"] = self.assignment_rule
        path = f"services/data/v{self.version}/jobs/ingest/{self.job_id}/batches"
        return shown | {
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": number(self.version),
            "jobType": "V2Ingest",
            "contentUrl": path,
            **self.form(),
        }

    def status(self) -> dict[str, Any]:
        """As a status request shows it."""
        shown = self.described() | {
            "retries": 0,
            "totalProcessingTime": self.milliseconds,
            "apiActiveProcessingTime": self.milliseconds,
            "apexProcessingTime": 0,
            "numberRecordsProcessed": self.load.taken,
            "numberRecordsFailed": self.load.failed,
            "isPkChunkingSupported": False,
        }
        return shown | ({"errorMessage": self.error} if self.error else {})


class IngestJobs:
    """The endpoints."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._jobs = Jobs(ctx, "5h")
        self._workers = ThreadPoolExecutor(2, thread_name_prefix="sandbox-ingest")

    # ----------------------------------------------------------------- endpoints

    async def collection(self, request: Request) -> Response:
        """Create a job, with its data when it comes as multipart, or list."""
        session = self._ctx.sessions.authenticate(request)
        if request.method == "GET":
            page = self._jobs.page(request, lambda job: self._fresh(job).described())
            return json_response(request, page)
        kind = request.headers.get("content-type", "").lower()
        content: bytes | None = None
        if kind.startswith("multipart/"):
            body, content = await _multipart(request)
        else:
            body = await body_of(request)
        job = self._create(request, body, session.user_id)
        if content is not None:
            job.data.write_bytes(content)
            close(self._ctx, job, "UploadComplete")
        self._jobs.add(job)
        return json_response(request, job.described())

    async def one(self, request: Request) -> Response:
        """Tell, close, abort or delete a job."""
        self._ctx.sessions.authenticate(request)
        job = self._find(request)
        if request.method == "GET":
            job.polls += 1
            return json_response(request, self._fresh(job).status())
        self._fresh(job)
        if request.method == "DELETE":
            if job.state in ("Open", "InProgress"):
                text = f"Deleting {job.state} Job not allowed"
                raise BulkError(400, "INVALIDJOBSTATE", text)
            job.load.stop()
            self._jobs.drop(job)
            return Response(status_code=204)
        self._change(job, (await body_of(request)).get("state"))
        return json_response(request, job.described())

    async def upload(self, request: Request) -> Response:
        """The one PUT of a job's data."""
        self._ctx.sessions.authenticate(request)
        job = self._find(request)
        if not request.headers.get("content-type", "").lower().startswith("text/csv"):
            text = "Content-Type must be text/csv"
            raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", text)
        if job.state != "Open":
            raise job.refuse_change("Uploading data to")
        if job.data.exists():
            text = (
                f"Found multiple contents for job: <{job.job_id}>, please 'Close' / "
                "'Abort' / 'Delete' the current Job then create a new Job and make "
                "sure you only do 'PUT' once on a given Job."
            )
            raise BulkError(400, "CLIENTINPUTERROR", f"InvalidBatch : {text}")
        await _receive(request, job.data)
        self._ctx.control.note(request, object=job.sobject, operation=job.operation)
        return Response(status_code=201)

    async def successful(self, request: Request) -> Response:
        return self._results(request, "successful")

    async def failed(self, request: Request) -> Response:
        return self._results(request, "failed")

    async def unprocessed(self, request: Request) -> Response:
        return self._results(request, "unprocessed")

    def _results(self, request: Request, kind: str) -> Response:
        self._ctx.sessions.authenticate(request)
        job = self._fresh(self._find(request))
        if job.state not in FINISHED:
            text = f"Results are not available: the job is {job.state}"
            raise BulkError(400, "INVALIDJOBSTATE", text)
        paths = {"successful": job.load.successful, "failed": job.load.failed_rows}
        path = job.load.unprocessed() if kind == "unprocessed" else paths[kind]
        body = path.read_bytes() if path.exists() else b""
        return Response(body, headers={"content-type": CSV_TYPE})

    # ---------------------------------------------------------------------- jobs

    def _find(self, request: Request) -> IngestJob:
        return cast(IngestJob, self._jobs.find(request))

    def _fresh(self, job: Job) -> IngestJob:
        """The job, its state brought up to date; work begins when it is due."""
        job = cast(IngestJob, job)
        if job.state in ("Open", *FINISHED):
            return job
        if job.work is None and due(self._ctx, job, polls=0):
            if forced_outcome(self._ctx) is not None:
                self._end(job, "Job failed")
                return job
            job.work = self._workers.submit(job.load.run)
        if job.polls:
            job.state = "InProgress"
        if job.work is not None and job.work.done() and due(self._ctx, job):
            self._end(job, job.work.result())
        return job

    def _end(self, job: IngestJob, error: str) -> None:
        state = forced_outcome(self._ctx) if job.work is None else None
        state = state or ("Failed" if error else "JobComplete")
        close(self._ctx, job, state, error if state == "Failed" else "")

    def _change(self, job: IngestJob, state: Any) -> None:
        if state == "Aborted":
            if job.state in FINISHED:
                raise job.refuse_change("Aborting")
            job.load.stop()
            close(self._ctx, job, "Aborted")
        elif state == "UploadComplete":
            if job.state != "Open":
                raise job.refuse_change("Closing")
            if not job.data.exists():
                job.data.write_bytes(b"")
            close(self._ctx, job, "UploadComplete")
            job.polls = 0  # those that came while it was open say nothing
            self._fresh(job)
        else:
            raise BulkError(400, "INVALIDJOBSTATE", f"Invalid job state: {state}")

    def _create(
        self, request: Request, body: dict[str, Any], user_id: str
    ) -> IngestJob:
        operation = choice(body, "operation", OPERATIONS, "")
        if not operation:
            raise BulkError(400, "INVALIDJOB", "InvalidJob : operation is required")
        choice(body, "contentType", ("CSV",), "CSV")
        delimiter = choice(body, "columnDelimiter", DELIMITERS, "COMMA")
        ending = choice(body, "lineEnding", LINE_ENDINGS, "LF")
        schema = object_of(self._ctx, str(body.get("object") or ""), user_id)
        self._check_operation(schema, operation, user_id)
        external_id = _external_id(schema, operation, body.get("externalIdFieldName"))
        now = self._ctx.org.clock.now()
        folder = Path(tempfile.mkdtemp(prefix="haihai-sandbox-ingest-"))
        mark = DELIMITERS[delimiter]
        chars = int(str(self._ctx.control.switches["bulk_field_chars"]))
        load = Load(
            self._ctx.org,
            Order(operation, schema.name, external_id, user_id),
            CsvReader(folder / "data.csv", mark, ending, chars),
            folder,
            mark,
            LINE_ENDINGS[ending],
        )
        return IngestJob(
            job_id=self._jobs.new_id(),
            operation=operation,
            sobject=schema.name,
            user_id=user_id,
            created=now,
            modified=now,
            version=version_of(request),
            delimiter=delimiter,
            line_ending=ending,
            state="Open",
            external_id=external_id,
            folder=folder,
            load=load,
            assignment_rule=str(body.get("assignmentRuleId") or ""),
        )

    def _check_operation(self, schema: Schema, operation: str, user_id: str) -> None:
        if not schema.flag(_FLAGS[operation]):
            text = f"Entity '{schema.name}' does not support {operation}."
            raise BulkError(400, "INVALIDENTITY", f"InvalidEntity : {text}")
        held = "PermissionsBulkApiHardDelete"
        if operation == "hardDelete" and not self._ctx.org.permits(held, user_id):
            text = "hardDelete operation requires special user profile permission, "
            text += "please contact your system administrator"
            raise BulkError(400, "FEATURENOTENABLED", f"FeatureNotEnabled : {text}")


def _external_id(schema: Schema, operation: str, name: Any) -> str:
    if operation != "upsert":
        return ""
    if not name:
        text = "externalIdFieldName is required for upsert"
        raise BulkError(400, "INVALIDJOB", f"InvalidJob : {text}")
    found = schema.find(str(name))
    if found is None or not (found.name == "Id" or found.is_lookup_key):
        text = (
            f"Field name provided, {name} does not match an External ID, Salesforce "
            f"Id, or indexed field for {schema.name}"
        )
        raise BulkError(400, "INVALIDJOB", f"InvalidJob : {text}")
    return found.name


async def _receive(request: Request, target: Path) -> None:
    """Write the body to `target`, which appears only when all of it came."""
    part = target.with_suffix(".part")
    size = 0
    packed = request.headers.get("content-encoding", "").lower() == "gzip"
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed else None
    with part.open("wb") as file:
        async for piece in request.stream():
            try:
                data = unpacker.decompress(piece) if unpacker else piece
            except zlib.error as error:
                raise BulkError(400, "CLIENTINPUTERROR", str(error)) from None
            size += len(data)
            if size > UPLOAD_BYTES:
                text = "ExceededQuota : Maximum job size of 150 MB exceeded"
                raise BulkError(400, "EXCEEDEDQUOTA", text)
            file.write(data)
    part.rename(target)


async def _multipart(request: Request) -> tuple[dict[str, Any], bytes]:
    """The parts `job` (JSON) and `content` (CSV)."""
    async with request.form() as form:
        parts = {name: await _part(form.get(name)) for name in ("job", "content")}
    job, content = parts["job"], parts["content"]
    if job is None or content is None:
        text = "A multipart request needs the parts job and content"
        raise BulkError(400, "CLIENTINPUTERROR", f"ClientInputError : {text}")
    if len(content.decode("utf-8", "replace")) > MULTIPART_CHARS:
        text = f"The content part exceeds {MULTIPART_CHARS} characters"
        raise BulkError(400, "CLIENTINPUTERROR", f"ClientInputError : {text}")
    return parse_object(job), content


async def _part(value: UploadFile | str | None) -> bytes | None:
    if value is None or isinstance(value, str):
        return None if value is None else value.encode()
    return await value.read()
