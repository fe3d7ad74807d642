"""What query and ingest jobs of Bulk API 2.0 have in common.

A job's state is decided when somebody asks for it, from the work that is done,
the sandbox's clock and the switches; no timer runs.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from haihai_tui.sandbox.salesforce import ids, jsonbody, timestamps
from haihai_tui.sandbox.salesforce.errors import ApiError, not_found

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.context import Context
    from haihai_tui.sandbox.salesforce.schema import Schema

KEPT = timedelta(days=7)
LIST_ROWS = 1000
CSV_TYPE = "text/csv;charset=UTF-8"
DELIMITERS = {
    "BACKQUOTE": "`",
    "CARET": "^",
    "COMMA": ",",
    "PIPE": "|",
    "SEMICOLON": ";",
    "TAB": "\t",
}
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
FINISHED = ("JobComplete", "Aborted", "Failed")
_WORDS = {"JobComplete": "Completed"}  # as the state is called in error texts

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class BulkError(ApiError):
    """An error of the Bulk API: `errorCode` comes before `message`."""

    def body(self) -> list[dict[str, Any]]:
        return [{"errorCode": self.code, "message": self.message}]


@dataclass(kw_only=True)
class Job:
    """What every job has; times are the sandbox's."""

    job_id: str
    operation: str
    sobject: str
    user_id: str
    created: datetime
    modified: datetime
    version: str
    delimiter: str
    line_ending: str
    state: str
    polls: int = 0
    error: str = ""
    processed: int = 0

    def head(self) -> dict[str, Any]:
        """The keys that begin every description of a job."""
        return {
            "id": self.job_id,
            "operation": self.operation,
            "object": self.sobject,
            "createdById": self.user_id,
            "createdDate": _shown(self.created),
            "systemModstamp": _shown(self.modified),
            "state": self.state,
        }

    def form(self) -> dict[str, str]:
        """The keys about the CSV form."""
        return {"lineEnding": self.line_ending, "columnDelimiter": self.delimiter}

    @property
    def milliseconds(self) -> int:
        """Time from creation to the last change."""
        return int((self.modified - self.created).total_seconds() * 1000)

    def refuse_change(self, doing: str) -> BulkError:
        """`Aborting already Completed Job not allowed` and its kin."""
        word = _WORDS.get(self.state, self.state)
        text = f"{doing} already {word} Job not allowed"
        return BulkError(400, "INVALIDJOBSTATE", text)


class Jobs:
    """The jobs of one kind, in order of creation; old ones are forgotten."""

    def __init__(self, ctx: Context, instance: str) -> None:
        """`instance` keeps the ids of the two kinds apart (two characters)."""
        self._ctx = ctx
        self._instance = instance
        self._serial = 0
        self._jobs: dict[str, Job] = {}

    def new_id(self) -> str:
        self._serial += 1
        return ids.make_id("750", self._instance, self._serial)

    def add(self, job: Job) -> None:
        self._jobs[job.job_id] = job

    def drop(self, job: Job) -> None:
        del self._jobs[job.job_id]

    def find(self, request: Request) -> Job:
        """The job that the path names; 404, or 409 for another API version."""
        named = ids.normalise(request.path_params["job_id"])
        job = self._jobs.get(named or "")
        if job is None or self._ctx.org.clock.now() - job.created > KEPT:
            raise not_found()
        if version_of(request) != job.version:
            text = f"Use the API version of the job: {job.version}"
            raise BulkError(409, "API_VERSION_MISMATCH", text)
        return job

    def page(
        self, request: Request, describe: Callable[[Any], Mapping[str, Any]]
    ) -> dict[str, Any]:
        """A page of the list of jobs, newest first."""
        newest = list(reversed(self._jobs.values()))
        if request.query_params.get("jobType", "").lower() == "classic":
            newest = []
        try:
            start = int(request.query_params.get("queryLocator", "0").split("-")[-1])
        except ValueError:
            raise BulkError(
                400, "INVALID_QUERY_LOCATOR", "invalid query locator"
            ) from (None)
        shown = newest[start : start + LIST_ROWS]
        after = start + len(shown)
        done = after >= len(newest)
        path = request.url.path.rstrip("/")
        following = None if done else f"{path}?queryLocator=01g5g0000000000AAA-{after}"
        return {
            "done": done,
            "records": [describe(job) for job in shown],
            "nextRecordsUrl": following,
        }


def due(ctx: Context, job: Job, polls: int | None = None) -> bool:
    """Whether clock and status requests let a job go on that is ready.

    `polls` overrides how many status requests have to come first.
    """
    switches = ctx.control.switches
    if switches["bulk_job_outcome"] == "stuck":
        return False
    age = (ctx.org.clock.now() - job.created).total_seconds()
    waited = age >= float(str(switches["bulk_job_s"]))
    if polls is not None:
        return waited and job.polls >= polls
    return waited and job.polls > int(str(switches["bulk_job_polls"]))


def forced_outcome(ctx: Context) -> str | None:
    """The state in which the switch `bulk_job_outcome` wants jobs to end."""
    outcome = str(ctx.control.switches["bulk_job_outcome"])
    return {"failed": "Failed", "aborted": "Aborted"}.get(outcome)


def close(ctx: Context, job: Job, state: str, error: str = "") -> None:
    """Set the state and move the stamp."""
    job.state = state
    job.error = error
    job.modified = ctx.org.clock.now()


async def body_of(request: Request) -> dict[str, Any]:
    """The request's JSON object; JSON_PARSER_ERROR if it is none."""
    return parse_object(await request.body())


def parse_object(text: bytes) -> dict[str, Any]:
    """The JSON object in `text`; JSON_PARSER_ERROR if it is none."""
    wrong = "The HTTP entity body must be a JSON object"
    return jsonbody.parsed_object(text, wrong)


def choice(
    body: Mapping[str, Any], key: str, allowed: Iterable[str], default: str
) -> str:
    """An enumerated value; JSON_PARSER_ERROR for one that does not exist."""
    value = body.get(key)
    if value is None:
        return default
    if value not in allowed:
        text = f"{value} not a valid value for enum {key[0].upper()}{key[1:]}"
        raise ApiError(400, "JSON_PARSER_ERROR", text)
    return str(value)


def object_of(ctx: Context, name: str, user_id: str | None) -> Schema:
    """The object a job is about; INVALIDENTITY if Bulk does not know it."""
    if not ctx.org.has(name) or not ctx.org.schema(name).flag("queryable"):
        text = f"InvalidEntity : Entity '{name}' is not supported by the Bulk API."
        raise BulkError(400, "INVALIDENTITY", text)
    return ctx.org.schema(name, user_id)


def version_of(request: Request) -> str:
    """`66.0` of `/services/data/v66.0/…`."""
    return str(request.path_params["version"])


def number(version: str) -> float:
    """The version as the JSON number that jobs show."""
    return float(version)


def routes_for(
    kind: str, table: Iterable[tuple[str, Handler, list[str]]]
) -> list[BaseRoute]:
    """Routes under `/services/data/vXX.X/jobs/KIND`, trailing slash or not."""
    base = f"/services/data/v{{version}}/jobs/{kind}"
    made: list[BaseRoute] = []
    for path, handler, methods in table:
        made += [
            Route(f"{base}{path}", handler, methods=methods),
            Route(f"{base}{path}/", handler, methods=methods),
        ]
    return made


def _shown(moment: datetime) -> str:
    return timestamps.show(timestamps.seconds_of(moment))
