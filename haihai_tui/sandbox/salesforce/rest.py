"""The data API over HTTP: one endpoint that turns requests into calls."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from haihai_tui.sandbox.salesforce import versions
from haihai_tui.sandbox.salesforce.calls import Call, Reply, Router
from haihai_tui.sandbox.salesforce.collections_api import Collections
from haihai_tui.sandbox.salesforce.composite import Composite
from haihai_tui.sandbox.salesforce.cursors import Cursors
from haihai_tui.sandbox.salesforce.describes import Describes
from haihai_tui.sandbox.salesforce.edge import error_text
from haihai_tui.sandbox.salesforce.errors import ApiError
from haihai_tui.sandbox.salesforce.limits import Usage
from haihai_tui.sandbox.salesforce.listviews import ListViews
from haihai_tui.sandbox.salesforce.queries import Queries
from haihai_tui.sandbox.salesforce.records import Records
from haihai_tui.sandbox.salesforce.reports import Reports
from haihai_tui.sandbox.salesforce.tooling import Tooling

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.context import Context

JSON_TYPE = "application/json;charset=UTF-8"
_METHODS = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"]
_UNEXPECTED = (
    "UNKNOWN_EXCEPTION",
    "An unexpected error occurred. Please include this ErrorId if you contact "
    "support: 0-0 (0)",
)
_GZIP_FROM = 1000
_GZIP_LEVEL = 1


class Rest:
    """Everything below `/services/data` that is not a Bulk job."""

    def __init__(self, ctx: Context, cursors: Cursors, usage: Usage) -> None:
        self._ctx = ctx
        org = ctx.org
        # Views come before records: `listviews` would be taken for an id.
        self._router = Router(
            [
                *Describes(org, usage).routes(),
                *Queries(org, cursors).routes(),
                *ListViews(org).routes(),
                *Reports(org).routes(),
                *Collections(org).routes(),
                *Composite(org, self.dispatch).routes(),
                *Tooling(org, cursors).routes(),
                *Records(org).routes(),
            ]
        )

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/services/data", self.versions, methods=["GET"]),
            Route("/services/data/", self.versions, methods=["GET"]),
            Route("/services/data/{rest:path}", self.data, methods=_METHODS),
        ]

    def dispatch(self, call: Call) -> Reply:
        """Answer one call, also one inside another."""
        return self._router.dispatch(call)

    async def versions(self, request: Request) -> Response:
        """The list of versions; needs no session."""
        newest = str(self._ctx.org.switches["newest_version"])
        return respond(request, Reply(body=versions.listed(newest)))

    async def data(self, request: Request) -> Response:
        """Any data call."""
        session = self._ctx.sessions.authenticate(request)
        body = await request.body()
        call = _call(request, session.user_id, body)
        return await run_in_threadpool(self._answer, request, call)

    def _answer(self, request: Request, call: Call) -> Response:
        return respond(request, self.dispatch(call))


def _call(request: Request, user_id: str, body: bytes) -> Call:
    raw = (request.scope.get("raw_path") or request.url.path.encode()).decode("latin-1")
    path = raw.partition("?")[0].removeprefix("/services/data/").strip("/")
    version, _, rest = path.partition("/")
    query = dict(parse_qsl(request.url.query, keep_blank_values=True))
    method = query.pop("_HttpMethod", request.method).upper()
    _check_media_type(request, body)
    return Call(
        method=method,
        path=rest,
        version=version.removeprefix("v"),
        user_id=user_id,
        query=query,
        headers=dict(request.headers),
        body=body,
    )


def _check_media_type(request: Request, body: bytes) -> None:
    kind = request.headers.get("content-type", "application/json").lower()
    if body and "json" not in kind:
        kind = kind.partition(";")[0]
        message = f"The Content-Type {kind} is not supported by this resource"
        raise ApiError(415, "UNSUPPORTED_MEDIA_TYPE", message)


def respond(request: Request, reply: Reply) -> Response:
    """The HTTP answer: layout by `X-PrettyPrint`, gzip if the client takes it."""
    pretty = request.headers.get("x-prettyprint", "0").strip() not in ("", "0", "false")
    text = reply.rendered(pretty=pretty)
    headers = dict(reply.headers)
    if not text:
        return Response(status_code=reply.status, headers=headers)
    body = text.encode()
    takes = request.headers.get("accept-encoding", "").lower()
    if "gzip" in takes and len(body) >= _GZIP_FROM:
        body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        headers["Content-Encoding"] = "gzip"
    headers["Content-Type"] = JSON_TYPE
    return Response(body, reply.status, headers)


async def on_defect(request: Request, error: Exception) -> Response:
    """What the service answers where it fails itself; the server tells the rest."""
    answer = await on_api_error(request, ApiError(500, *_UNEXPECTED))
    # The server gives the connection up after a defect: nobody shall use it again.
    answer.headers["Connection"] = "close"
    return answer


async def on_api_error(request: Request, error: Exception) -> Response:
    """The error form of every route of the org."""
    assert isinstance(error, ApiError)
    pretty = request.headers.get("x-prettyprint", "") == "1"
    accept = request.headers.get("accept", "")
    kind, text = error_text(accept, error, pretty=pretty)
    return Response(text, error.status, {"Content-Type": kind, **error.headers})
