"""JSON answers in the two layouts of the imitated service.

Compact as a rule; `X-PrettyPrint: 1` asks for two blanks of indent and a blank on
either side of each colon.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

JSON_TYPE = "application/json;charset=UTF-8"


def json_response(request: Request, value: Any, status: int = 200) -> Response:
    """`value` as the client's headers ask for it."""
    if request.headers.get("x-prettyprint", "").strip() in ("1", "true"):
        text = json.dumps(value, ensure_ascii=False, indent=2, separators=(",", " : "))
    else:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, headers={"content-type": JSON_TYPE})
