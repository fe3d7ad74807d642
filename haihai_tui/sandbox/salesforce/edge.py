"""What stands before the org: headers, call counting, size limits, the unknown host.

It is one ASGI layer around all routes, so that REST, Bulk and OAuth answers carry
the same headers and none of their handlers has to know.
"""

from __future__ import annotations

import json
import re
import secrets
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from haihai_tui.sandbox.control import PREFIX
from haihai_tui.sandbox.salesforce import versions
from haihai_tui.sandbox.salesforce.errors import ApiError
from haihai_tui.sandbox.salesforce.ids import DIGITS
from haihai_tui.sandbox.salesforce.limits import Usage
from haihai_tui.sandbox.salesforce.org import Org

_MOST_HEAD_BYTES = 16_384
_DATA = re.compile(r"/services/data/(v[^/]+)(/.*)?")
_NO_STORE = "no-cache,must-revalidate,max-age=0,no-store,private"
_NO_ROUTE = (
    "<html><head><title>420 Unknown</title></head><body>"
    "<h1>No route for this host</h1></body></html>"
)


class Edge:
    """The layer; `app_name` is what the per-app usage variant shows."""

    def __init__(self, app: ASGIApp, org: Org, usage: Usage, app_name: str) -> None:
        self._app = app
        self._org = org
        self._usage = usage
        self._app_name = app_name
        self._browser_id = browser_id()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        if self._org.switches["no_route"] == "on":
            await _answer(send, 420, "text/html;charset=UTF-8", _NO_ROUTE)
            return
        data = _DATA.fullmatch(scope["path"])
        send = self._with_headers(scope, send, counted=data is not None)
        try:
            _check_size(scope)
            if data is not None:
                self._admit(data[1], scope)
        except ApiError as error:
            await _refuse(Headers(scope=scope), send, error)
            return
        await self._app(scope, receive, send)

    def _admit(self, version: str, scope: Scope) -> None:
        versions.check(version, str(self._org.switches["newest_version"]))
        if b"authorization" in dict(scope["headers"]):
            self._usage.count()

    def _with_headers(self, scope: Scope, send: Send, *, counted: bool) -> Send:
        async def headed(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                self._add(headers)
                if counted and self._shows_usage(message["status"]):
                    app = self._org.switches["per_app_usage"] == "on"
                    info = self._usage.info(self._app_name if app else None)
                    headers["Sforce-Limit-Info"] = info
            await send(message)

        return headed

    def _shows_usage(self, status: int) -> bool:
        if status == 204:
            return self._org.switches["limit_info_on_204"] == "on"
        return status not in (401, 410)

    def _add(self, headers: MutableHeaders) -> None:
        headers["Server"] = "sfdcedge"
        request_id = secrets.token_hex(16)
        headers["X-SFDC-Request-Id"] = request_id
        headers["X-Request-Id"] = request_id
        headers["X-SFDC-Edge-Cache"] = "MISS"
        headers.setdefault("Vary", "Accept-Encoding")
        headers.setdefault("Cache-Control", _NO_STORE)
        headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
        for cookie in (
            f"BrowserId={self._browser_id}; path=/; Max-Age=31536000",
            "CookieConsentPolicy=0:1; path=/; Max-Age=31536000; SameSite=Lax",
            "LSKey-c$CookieConsentPolicy=0:1; path=/; Max-Age=31536000; SameSite=Lax",
        ):
            headers.append("Set-Cookie", cookie)


def _check_size(scope: Scope) -> None:
    """414 or 431 when the address and all headers pass 16,384 bytes."""
    address = len(scope.get("raw_path") or b"") + len(scope.get("query_string") or b"")
    headers = sum(len(name) + len(value) + 4 for name, value in scope["headers"])
    if address > _MOST_HEAD_BYTES:
        raise ApiError(414, "URI_TOO_LONG", "The length of the URI is too long")
    if address + headers > _MOST_HEAD_BYTES:
        message = "The combined length of the URI and headers is too long"
        raise ApiError(431, "REQUEST_HEADER_FIELDS_TOO_LARGE", message)


def error_text(accept: str, error: ApiError, *, pretty: bool) -> tuple[str, str]:
    """Content type and body of an error: JSON, or XML if that is asked for."""
    if "xml" in accept and "json" not in accept:
        return "application/xml;charset=UTF-8", _xml(error)
    body: Any = error.body()
    if pretty:
        text = json.dumps(body, ensure_ascii=False, indent=2, separators=(",", " : "))
    else:
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return "application/json;charset=UTF-8", text


def _xml(error: ApiError) -> str:
    def escaped(text: str) -> str:
        table = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
        return "".join(table.get(char, char) for char in text)

    fields = "".join(f"<fields>{escaped(name)}</fields>" for name in error.fields or ())
    return (
        '<?xml version="1.0" encoding="UTF-8"?><Errors><Error>'
        f"<errorCode>{escaped(error.code)}</errorCode>{fields}"
        f"<message>{escaped(error.message)}</message></Error></Errors>"
    )


async def _refuse(headers: Headers, send: Send, error: ApiError) -> None:
    pretty = headers.get("x-prettyprint", "") == "1"
    kind, text = error_text(headers.get("accept", ""), error, pretty=pretty)
    await _answer(send, error.status, kind, text)


async def _answer(send: Send, status: int, kind: str, text: str) -> None:
    body = text.encode()
    headers = [
        (b"content-type", kind.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def browser_id() -> str:
    """A made-up browser id, as in the service's cookie."""
    return "".join(secrets.choice(DIGITS) for _ in range(22))
