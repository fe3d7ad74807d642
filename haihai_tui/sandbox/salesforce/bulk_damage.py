"""Damaged result pages of Bulk queries, for trying how a client notices.

Damage is told by a control call and is no part of the imitation.  A page is named
by its place in the result, counted in pages of the size that is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from haihai_tui.sandbox.control import answer_json

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = {
    "short": "the last row of the page is missing, its headers count it",
    "cut": "the body ends inside a record, its length says that this is all",
    "gzip": "the compressed stream lacks its end, its length says that this is all",
    "html": "an HTML page with status 200",
    "repeat": "the page before it once more, with this page's headers",
    "locator": "the header names this page's locator again as the next one",
    "expired": "the locator is refused as invalid",
}


@dataclass
class _Entry:
    page: int
    kind: str
    times: int

    def shown(self) -> dict[str, Any]:
        return {"page": self.page, "kind": self.kind, "times": self.times}


class Damage:
    """What the next reads of result pages meet, in the order it was asked for."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []

    def take(self, page: int) -> str:
        """The kind of damage for this read of `page` (from 0), "" for none."""
        for entry in self._entries:
            if entry.page == page:
                entry.times -= 1
                if entry.times <= 0:
                    self._entries.remove(entry)
                return entry.kind
        return ""

    def put(self, values: Any) -> list[dict[str, Any]]:
        """Add entries; an empty list clears.  ValueError for an unknown kind."""
        rows = values if isinstance(values, list) else [values]
        made = [_entry(row) for row in rows]
        self._entries = [*self._entries, *made] if made else []
        return self.shown()

    def shown(self) -> list[dict[str, Any]]:
        """What is left."""
        return [entry.shown() for entry in self._entries]

    def routes(self) -> list[BaseRoute]:
        """`/_sandbox/bulk_damage`."""

        async def handle(request: Request) -> Response:
            if request.method == "GET":
                return JSONResponse(self.shown())
            return await answer_json(request, self.put)

        return [Route("/_sandbox/bulk_damage", handle, methods=["GET", "POST"])]


def _entry(row: Mapping[str, Any]) -> _Entry:
    if row["kind"] not in KINDS:
        raise ValueError(f"unknown kind: {row['kind']}; {sorted(KINDS)}")
    return _Entry(int(row["page"]), row["kind"], int(row.get("times", 1)))
