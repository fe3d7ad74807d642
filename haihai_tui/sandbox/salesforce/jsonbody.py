"""Reads JSON bodies as the service does: what is no JSON is refused, never a defect."""

from __future__ import annotations

import json
import re
from typing import Any

from haihai_tui.sandbox.salesforce.errors import ApiError

_ESCAPED_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_LONE = re.compile("[\ud800-\udfff]")


def parsed(body: bytes) -> Any:
    """The value in `body`; ApiError JSON_PARSER_ERROR says why there is none.

    Half a surrogate pair, which no encoding can carry on, becomes U+FFFD.
    """
    try:
        value = json.loads(body.decode("utf-8"))
    except json.JSONDecodeError as error:
        place = f"[line:{error.lineno}, column:{error.colno}]"
        raise _refused(f"{error.msg} at {place}") from None
    except UnicodeDecodeError:
        raise _refused("Invalid UTF-8 in the request body") from None
    except (RecursionError, ValueError):
        # Nested too deeply, or a number of too many digits.
        raise _refused("The request body is too complex") from None
    return _whole(value) if _ESCAPED_SURROGATE.search(body) else value


def parsed_object(body: bytes, message: str) -> dict[str, Any]:
    """The object in `body`; JSON_PARSER_ERROR with `message` for another value."""
    value = parsed(body)
    if not isinstance(value, dict):
        raise _refused(message)
    return value


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {_whole(key): _whole(each) for key, each in value.items()}
    return value


def _refused(message: str) -> ApiError:
    return ApiError(400, "JSON_PARSER_ERROR", message)
