"""Answers in the service's own form: `CODE,STATUS,MESSAGE` and CSV, HTTP 200 always.

Codes come from the wire table, the first of a list being the one that is sent.
"""

from __future__ import annotations

import csv
import io

from starlette.responses import Response

from haihai_tui.services.haihai.wire import Wire

CONTENT_TYPE = "text/csv; charset=UTF-8"


class Refusal(Exception):
    """The service says no, with one of the codes of the wire table."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def line(values: tuple[str, ...]) -> str:
    """One CSV record with its CRLF; quoted only where needed."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(values)
    return buffer.getvalue()


def answer_text(wire: Wire, code: str, message: str, *, header: bool) -> str:
    """`CODE,STATUS,MESSAGE`, below its column names when `header` is set."""
    good = code in wire.success_codes or code in wire.pending_codes
    body = line((code, "OK" if good else "ERROR", message))
    return line(wire.answer_columns) + body if header else body


def known_message(wire: Wire, code: str) -> str:
    """What the service says beside one of its codes."""
    messages = {
        wire.limit_codes: "too many calls",
        wire.token_codes: "authentication failed",
        wire.address_denied_codes: "ip address not allowed",
        wire.unknown_group_codes: "unknown group",
        wire.unknown_item_codes: "unknown item",
        wire.too_large_codes: "file too large",
        wire.unknown_action_codes: "unknown action",
        wire.unknown_job_codes: "unknown job",
        wire.busy_codes: "try again later",
        wire.pending_codes: "processing",
    }
    found = (message for codes, message in messages.items() if code in codes)
    return next(found, "error")


def answer(wire: Wire, code: str, message: str, *, header: bool) -> Response:
    content = answer_text(wire, code, message, header=header).encode()
    return Response(content, 200, {"content-type": CONTENT_TYPE})
