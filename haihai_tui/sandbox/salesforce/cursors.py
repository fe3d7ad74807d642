"""Open queries: `0r8…` ids with the offset of the next row behind the dash."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from haihai_tui.sandbox.salesforce.errors import ApiError
from haihai_tui.sandbox.salesforce.ids import DIGITS

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.org import Org
    from haihai_tui.sandbox.salesforce.query import QueryResult

_LIFE_S = 2 * 86_400
_LONG_TEXT_ROWS = 1000
_MIN_ROWS, _MAX_ROWS = 200, 2000


@dataclass(frozen=True)
class Cursor:
    """One open query of one user."""

    user_id: str
    result: QueryResult
    opened: int


class Cursors:
    """All open queries; beyond `open_cursors_max` a user's oldest one expires."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._open: OrderedDict[str, Cursor] = OrderedDict()

    def open(self, result: QueryResult, user_id: str) -> str:
        """Keep a query; its locator."""
        locator = "0r8" + "".join(secrets.choice(DIGITS) for _ in range(15))
        most = max(1, int(str(self._org.switches["open_cursors_max"])))
        with self._org.lock:
            mine = [key for key, each in self._open.items() if each.user_id == user_id]
            for key in mine[: max(0, len(mine) - most + 1)]:
                del self._open[key]
            self._open[locator] = Cursor(user_id, result, self._org.now())
        return locator

    def find(self, locator: str, user_id: str) -> tuple[Cursor, str, int]:
        """Cursor, its id and the offset; ApiError INVALID_QUERY_LOCATOR."""
        key, _, offset = locator.rpartition("-")
        cursor = self._open.get(key)
        if (
            cursor is None
            or cursor.user_id != user_id
            or not offset.isdigit()
            or int(offset) > cursor.result.total
            or self._org.now() - cursor.opened > _LIFE_S
        ):
            raise ApiError(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        return cursor, key, int(offset)

    def expire_all(self) -> int:
        """Forget every cursor; how many there were."""
        count = len(self._open)
        self._open.clear()
        return count

    def page_rows(self, result: QueryResult, options: str) -> int:
        """Rows of a page, by `Sforce-Query-Options: batchSize=N` and the switch."""
        wanted = _MAX_ROWS
        for part in options.replace(";", ",").split(","):
            name, _, value = part.partition("=")
            if name.strip().lower() == "batchsize" and value.strip().isdigit():
                wanted = min(max(int(value), _MIN_ROWS), _MAX_ROWS)
        if any(column.field.length > 255 for column in result.paths):
            wanted = min(wanted, _LONG_TEXT_ROWS)
        return max(1, min(wanted, int(str(self._org.switches["query_page_rows"]))))
