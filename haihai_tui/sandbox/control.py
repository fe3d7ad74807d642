"""What both sandboxes share: clock, switches, request log and faults.

It is one pure ASGI layer outside the imitated service, so that neither service
knows that its answers are dropped, cut or logged; `/_sandbox/` is exempt from all.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from haihai_tui.sandbox.faults import Fault, Faults
from haihai_tui.sandbox.switches import Switches

ErrorBody = Callable[[str], tuple[int, str, bytes]]
"""The service's own error answer for a code: status, content type, body."""

__all__ = ["Clock", "Control", "Switches", "answer_json"]

PREFIX = "/_sandbox"
TRANSPORT = "sandbox.transport"
"""Key in `scope["state"]` of the connection's asyncio transport (see `serve`)."""
_ROW = "sandbox.row"
_LOG_ROWS = 100_000


class Clock:
    """The server's own clock: real time plus what it was advanced by."""

    def __init__(self) -> None:
        self._offset = timedelta()

    def now(self) -> datetime:
        """Aware, UTC."""
        return datetime.now(UTC) + self._offset

    def advance(self, seconds: float) -> None:
        self._offset += timedelta(seconds=seconds)


def _plain_error(code: str) -> tuple[int, str, bytes]:
    return 400, "text/plain; charset=utf-8", code.encode()


class Control:
    """Request log, faults, switches and clock of one sandbox server."""

    def __init__(
        self,
        *,
        clock: Clock,
        switches: Switches,
        error_body: ErrorBody = _plain_error,
    ) -> None:
        self.clock = clock
        self.switches = switches
        self.faults = Faults()
        self._error_body = error_body
        self.commands = 0  # control calls that may have changed the imitation
        self._log: deque[dict[str, Any]] = deque(maxlen=_LOG_ROWS)

    # ------------------------------------------------------------ the log

    def requests(self) -> list[dict[str, Any]]:
        """Rows in order of arrival: time, method, path, status, body_length, …

        `body_length` is the request's and `response_length` the answer's, in bytes
        of the body; `status` is None when no answer was begun; `fault` names the
        fault that the request met.
        """
        return [dict(row) for row in list(self._log)]

    def clear_requests(self) -> None:
        self._log.clear()

    def note(
        self, request_scope_or_state: Request | Mapping[str, Any], **extra: object
    ) -> None:
        """Add keys to this request's row of the log, as `kind`, `group`, `rows`."""
        scope = (
            request_scope_or_state.scope
            if isinstance(request_scope_or_state, Request)
            else request_scope_or_state
        )
        row = scope.get(_ROW)
        if row is not None:
            row.update(extra)

    def _begin_row(self, scope: Scope) -> dict[str, Any]:
        row: dict[str, Any] = {
            "time": self.clock.now().isoformat(timespec="milliseconds"),
            "method": scope["method"],
            "path": _path_with_query(scope),
            "status": None,
            "body_length": 0,
            "response_length": 0,
        }
        scope[_ROW] = row
        self._log.append(row)
        return row

    # ------------------------------------------------------------- routes

    def routes(self) -> list[BaseRoute]:
        """The `/_sandbox/` routes that both servers have."""
        return [
            Route(f"{PREFIX}/requests", self._get_requests, methods=["GET"]),
            Route(f"{PREFIX}/requests", self._delete_requests, methods=["DELETE"]),
            Route(f"{PREFIX}/switches", self._get_switches, methods=["GET"]),
            Route(f"{PREFIX}/switches", self._put_switches, methods=["PUT"]),
            Route(f"{PREFIX}/clock", self._get_clock, methods=["GET"]),
            Route(f"{PREFIX}/clock", self._post_clock, methods=["POST"]),
            Route(f"{PREFIX}/faults", self._get_faults, methods=["GET"]),
            Route(f"{PREFIX}/faults", self._post_faults, methods=["POST"]),
            Route(f"{PREFIX}/faults", self._delete_faults, methods=["DELETE"]),
        ]

    async def _get_requests(self, request: Request) -> Response:
        return JSONResponse(self.requests())

    async def _delete_requests(self, request: Request) -> Response:
        self.clear_requests()
        return Response(status_code=204)

    async def _get_switches(self, request: Request) -> Response:
        return JSONResponse(self.switches.as_dict())

    async def _put_switches(self, request: Request) -> Response:
        def put(values: Any) -> object:
            self.switches.update(values)
            return self.switches.as_dict()

        return await answer_json(request, put)

    async def _get_clock(self, request: Request) -> Response:
        return JSONResponse({"now": self.clock.now().isoformat()})

    async def _post_clock(self, request: Request) -> Response:
        def advance(values: Any) -> object:
            self.clock.advance(float(values["advance_s"]))
            return {"now": self.clock.now().isoformat()}

        return await answer_json(request, advance)

    async def _get_faults(self, request: Request) -> Response:
        return JSONResponse(self.faults.left())

    async def _post_faults(self, request: Request) -> Response:
        def add(values: Any) -> object:
            self.faults.add([values] if isinstance(values, Mapping) else values)
            return self.faults.left()

        return await answer_json(request, add)

    async def _delete_faults(self, request: Request) -> Response:
        self.faults.add(())
        return Response(status_code=204)

    # ------------------------------------------------------------ the layer

    def wrap(self, app: ASGIApp) -> ASGIApp:
        """`app` with log, faults and a Date header from the sandbox's clock."""

        async def layer(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
            elif scope["path"].startswith(PREFIX):
                self.commands += scope["method"] not in ("GET", "HEAD")
                await app(scope, receive, _as_json(self._dated(send)))
            else:
                await self._serve(app, scope, receive, send)

        return layer

    async def _serve(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        row = self._begin_row(scope)
        receive = _measured(receive, row)
        send = self._dated(_logged(send, row))
        fault = self.faults.take(scope["method"], row["path"])
        if fault is None:
            await app(scope, receive, send)
            return
        row["fault"] = fault.do
        await self._commit(fault, app, scope, receive, send)

    async def _commit(
        self, fault: Fault, app: ASGIApp, scope: Scope, receive: Receive, send: Send
    ) -> None:
        match fault.action:
            case "delay":
                await asyncio.sleep(float(fault.argument))
                await app(scope, receive, send)
            case "reset":
                await _abort(scope, receive)
            case "lose_reply":
                await app(scope, receive, _swallow)
                await _abort(scope, receive)
            case "truncate":
                await _truncate(int(fault.argument), app, scope, receive, send)
            case "status":
                await _drain(receive)
                await _status_answer(fault)(scope, receive, send)
            case "error":
                await _drain(receive)
                status, content_type, body = self._error_body(fault.argument)
                answer = Response(body, status, {"content-type": content_type})
                await answer(scope, receive, send)

    def _dated(self, send: Send) -> Send:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                if not any(name.lower() == b"date" for name, _ in headers):
                    date = format_datetime(self.clock.now(), usegmt=True)
                    headers.append((b"date", date.encode()))
                message = {**message, "headers": headers}
            await send(message)

        return dated


async def answer_json(request: Request, act: Callable[[Any], object]) -> Response:
    """Run `act` on the request's JSON; 400 with the reason when it does not fit."""
    try:
        answer = act(json.loads(await request.body() or b"null"))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        return JSONResponse({"error": f"{type(error).__name__}: {error}"}, 400)
    return JSONResponse(answer)


def _as_json(send: Send) -> Send:
    """Control answers are JSON, also where no such call or method exists."""
    refused = 0

    async def told(message: Message) -> None:
        nonlocal refused
        if message["type"] == "http.response.start":
            refused = message["status"] if message["status"] in (404, 405) else 0
            if refused and (b"content-type", b"application/json") in message["headers"]:
                refused = 0
            if refused:
                return
        elif refused:
            error = {404: "no such call", 405: "no such method"}[refused]
            body = json.dumps({"error": error}).encode()
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
            ]
            start = {"type": "http.response.start", "status": refused}
            await send({**start, "headers": headers})
            message = {**message, "body": body}
        await send(message)

    return told


def _path_with_query(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    query: bytes = scope.get("query_string", b"")
    return (raw + b"?" + query if query else raw).decode("latin-1")


def _measured(receive: Receive, row: dict[str, Any]) -> Receive:
    async def measured() -> Message:
        message = await receive()
        row["body_length"] += len(message.get("body", b""))
        return message

    return measured


def _logged(send: Send, row: dict[str, Any]) -> Send:
    async def logged(message: Message) -> None:
        if message["type"] == "http.response.start":
            row["status"] = message["status"]
        else:
            row["response_length"] += len(message.get("body", b""))
        await send(message)

    return logged


async def _swallow(message: Message) -> None:
    """A `send` that goes nowhere."""


async def _drain(receive: Receive) -> None:
    """Read the request to its end, so that the answer is not lost in a reset."""
    message = await receive()
    while message["type"] == "http.request" and message.get("more_body", False):
        message = await receive()


def _status_answer(fault: Fault) -> Response:
    status = int(fault.argument)
    headers = {"content-type": "text/plain; charset=utf-8", **fault.headers}
    body = f"sandbox: {status}\n" if fault.body is None else fault.body
    lower = {name.lower(): value for name, value in headers.items()}
    return Response(body, status, lower)


def _transport(scope: Scope) -> asyncio.Transport:
    transport = scope.get("state", {}).get(TRANSPORT)
    if transport is None:
        raise RuntimeError("connection faults need the server of sandbox.serve")
    assert isinstance(transport, asyncio.Transport)
    return transport


async def _abort(scope: Scope, receive: Receive) -> None:
    """Reset the TCP connection: the peer gets RST, never a byte of an answer."""
    transport = _transport(scope)
    connection = transport.get_extra_info("socket")
    linger = struct.pack("ii", 1, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    await _until_gone(receive)


async def _until_gone(receive: Receive) -> None:
    """Wait until the server knows that the connection is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _truncate(
    limit: int, app: ASGIApp, scope: Scope, receive: Receive, send: Send
) -> None:
    """Send the true headers and `limit` bytes of the body, then close."""
    transport = _transport(scope)
    left = limit

    async def cut(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            await send(message)
            return
        if transport.is_closing():
            return
        part = message.get("body", b"")[:left]
        left -= len(part)
        await send({**message, "body": part, "more_body": True})
        if left == 0 or not message.get("more_body", False):
            transport.close()

    await app(scope, receive, cut)
    transport.close()
    await _until_gone(receive)
