"""One data call, apart from HTTP, and the table that finds who answers it.

`/composite` and `/composite/batch` make calls inside a call, so a handler takes a
`Call` and gives a `Reply`, and neither knows the server.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from haihai_tui.sandbox.salesforce import jsonbody
from haihai_tui.sandbox.salesforce.errors import (
    method_not_allowed,
    not_found,
)
from haihai_tui.sandbox.salesforce.rendering import Layout


@dataclass(frozen=True)
class Call:
    """What a handler needs of a request.

    `path` is what follows `/services/data/vXX.X/`, still percent-encoded, without
    slashes at its ends; `args` are its decoded variable parts; header names are in
    lower case.
    """

    method: str
    path: str
    version: str
    user_id: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    args: Mapping[str, str] = field(default_factory=dict)

    @property
    def pretty(self) -> bool:
        return self.headers.get("x-prettyprint", "0").strip() not in ("", "0", "false")

    def json(self) -> Any:
        """The body; ApiError JSON_PARSER_ERROR if it is no JSON."""
        return jsonbody.parsed(self.body)

    def object(self) -> dict[str, Any]:
        """The body, which has to be a JSON object."""
        message = "Cannot deserialize instance of a record from this JSON value"
        return jsonbody.parsed_object(self.body, message)

    def url(self, tail: str) -> str:
        """A path of this version of the API, as the service writes it."""
        return f"/services/data/v{self.version}/{tail}"


@dataclass(frozen=True)
class Reply:
    """Status, body and extra headers; `text` is a body that is JSON text already."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str | None = None

    def rendered(self, *, pretty: bool) -> str:
        """The body as text, empty when there is none."""
        if self.text is not None:
            return self.text
        if self.body is None:
            return ""
        if pretty:
            return Layout(pretty=True).value(self.body)
        return json.dumps(self.body, ensure_ascii=False, separators=(",", ":"))

    def value(self) -> Any:
        """The body as a value (for calls inside a call)."""
        return self.body if self.text is None else json.loads(self.text)


Handler = Callable[[Call], Reply]
Route = tuple[str, str, Handler]
"""Method, path with `{name}` for variable parts, handler."""


class Router:
    """Finds the handler of a call by method and path."""

    def __init__(self, routes: list[Route]) -> None:
        self._paths: dict[str, tuple[re.Pattern[str], dict[str, Handler]]] = {}
        for method, path, handler in routes:
            if path not in self._paths:
                pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path)
                self._paths[path] = re.compile(pattern, re.IGNORECASE), {}
            self._paths[path][1][method] = handler

    def dispatch(self, call: Call) -> Reply:
        """The reply; ApiError NOT_FOUND, METHOD_NOT_ALLOWED or the handler's own."""
        allowed: list[str] = []
        for pattern, handlers in self._paths.values():
            match = pattern.fullmatch(call.path)
            if match is None:
                continue
            handler = handlers.get("GET" if call.method == "HEAD" else call.method)
            if handler is not None:
                args = {name: unquote(part) for name, part in match.groupdict().items()}
                return handler(Call(**{**call.__dict__, "args": args}))
            allowed += [name for name in handlers if name not in allowed]
        if allowed:
            raise method_not_allowed(call.method, ",".join(allowed))
        raise not_found()
