"""JSON answers of the OAuth and Bulk endpoints, in the layout that is asked for."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from haihai_tui.sandbox.salesforce.rendering import Layout

JSON_TYPE = "application/json;charset=UTF-8"


def json_response(request: Request, value: Any, status: int = 200) -> Response:
    """`value`, compact unless `X-PrettyPrint` asks otherwise."""
    if request.headers.get("x-prettyprint", "0").strip() in ("", "0", "false"):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    else:
        text = Layout(pretty=True).value(value)
    return Response(text, status, headers={"content-type": JSON_TYPE})
