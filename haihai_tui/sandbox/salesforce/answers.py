"""JSON answers of the OAuth and Bulk endpoints: as the data API gives them."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from haihai_tui.sandbox.salesforce.calls import Reply
from haihai_tui.sandbox.salesforce.rest import JSON_TYPE, respond

__all__ = ["JSON_TYPE", "json_response"]


def json_response(request: Request, value: Any, status: int = 200) -> Response:
    """`value`, compact unless `X-PrettyPrint` asks otherwise."""
    return respond(request, Reply(status, value))
