"""Records that are refused on demand, for trying how a client takes it.

A control call says how many of the next writes meet which row error; it acts in the
org itself, so that REST, collections and Bulk refuse alike.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from haihai_tui.sandbox.control import answer_json
from haihai_tui.sandbox.salesforce.errors import RowError

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.context import Context

_TEXTS = {
    "UNABLE_TO_LOCK_ROW": "unable to obtain exclusive access to this record or 1 "
    "records: {record}",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "この値は登録できません。",
    "ENTITY_IS_LOCKED": "this record is locked",
    "STORAGE_LIMIT_EXCEEDED": "storage limit exceeded",
}


@dataclass
class RowFault:
    """The next `times` writes, after `after` others, are refused with `code`.

    `object` and `record` (an id) narrow it down; empty means any.
    """

    code: str
    message: str = ""
    object: str = ""
    record: str = ""
    times: int = 1
    after: int = 0

    def meets(self, sobject: str, record: str) -> bool:
        """Whether this write is one of those meant; counts it."""
        if self.object.lower() not in ("", sobject.lower()):
            return False
        if self.record[:15] not in ("", record[:15]):
            return False
        if self.after > 0:
            self.after -= 1
            return False
        self.times -= 1
        return True

    def error(self, record: str) -> RowError:
        text = self.message or _TEXTS.get(self.code, self.code)
        return RowError(self.code, text.replace("{record}", record))


class RowFaults:
    """What is left of the faults that were asked for."""

    def __init__(self) -> None:
        self._faults: list[RowFault] = []
        self._lock = threading.Lock()

    def check(self, sobject: str, record: str = "") -> None:
        """Raises RowError when this write is to be refused."""
        if not self._faults:
            return
        with self._lock:
            met = next((f for f in self._faults if f.meets(sobject, record)), None)
            self._faults = [f for f in self._faults if f.times > 0]
        if met is not None:
            raise met.error(record)

    def put(self, values: Any) -> list[dict[str, Any]]:
        """Add faults; an empty list clears.  TypeError for an unknown key."""
        rows = [values] if isinstance(values, Mapping) else values
        made = [RowFault(**row) for row in rows]
        with self._lock:
            self._faults = [*self._faults, *made] if made else []
        return self.left()

    def left(self) -> list[dict[str, Any]]:
        return [asdict(fault) for fault in self._faults]


def routes(ctx: Context) -> list[BaseRoute]:
    """`/_sandbox/row_faults`."""

    async def handle(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(ctx.org.row_faults.left())
        return await answer_json(request, ctx.org.row_faults.put)

    return [Route("/_sandbox/row_faults", handle, methods=["GET", "POST"])]
