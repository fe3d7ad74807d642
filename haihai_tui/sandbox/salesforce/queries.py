"""`/query`, `/queryAll` and their next pages."""

from __future__ import annotations

from typing import Any

from haihai_tui.sandbox.salesforce import rendering
from haihai_tui.sandbox.salesforce.calls import Call, Reply, Route
from haihai_tui.sandbox.salesforce.columns import Column
from haihai_tui.sandbox.salesforce.cursors import Cursors
from haihai_tui.sandbox.salesforce.errors import ApiError
from haihai_tui.sandbox.salesforce.fieldtypes import NUMBERS
from haihai_tui.sandbox.salesforce.org import Org
from haihai_tui.sandbox.salesforce.query import QueryResult

_APEX = {
    "id": "Id",
    "reference": "Id",
    "boolean": "Boolean",
    "int": "Integer",
    "double": "Double",
    "currency": "Double",
    "percent": "Double",
    "date": "Date",
    "datetime": "Datetime",
    "address": "Address",
}


class Queries:
    """The query routes; `base` is `` for data and `tooling/` for the Tooling API."""

    def __init__(self, org: Org, cursors: Cursors, base: str = "") -> None:
        self._org = org
        self._cursors = cursors
        self._base = base

    def routes(self) -> list[Route]:
        base = self._base
        routes: list[Route] = [
            ("GET", f"{base}query", self.query),
            ("GET", f"{base}query/{{locator}}", self.next_page),
        ]
        if not base:
            routes += [
                ("GET", "queryAll", self.query_all),
                ("GET", "queryAll/{locator}", self.next_page),
            ]
        return routes

    def query(self, call: Call) -> Reply:
        return self._answer(call, include_deleted=False)

    def query_all(self, call: Call) -> Reply:
        return self._answer(call, include_deleted=True)

    def _answer(self, call: Call, *, include_deleted: bool) -> Reply:
        text = call.query.get("q")
        if text is None:
            message = "A query string has to be specified"
            raise ApiError(400, "MALFORMED_QUERY", message)
        result = self._org.query(
            text, include_deleted=include_deleted, user_id=call.user_id
        )
        if call.query.get("columns", "").lower() == "true":
            return Reply(body=_column_metadata(self._org, result))
        return self._page(call, result, None, 0)

    def next_page(self, call: Call) -> Reply:
        cursor, key, start = self._cursors.find(call.args["locator"], call.user_id)
        return self._page(call, cursor.result, key, start)

    def _page(
        self, call: Call, result: QueryResult, key: str | None, start: int
    ) -> Reply:
        options = call.headers.get("sforce-query-options", "")
        end = min(result.total, start + self._cursors.page_rows(result, options))
        next_url = None
        if end < result.total and not result.is_count:
            if key is None:
                key = self._cursors.open(result, call.user_id)
            next_url = call.url(f"{self._base}query/{key}-{end}")
        return Reply(
            text=rendering.page(
                self._org,
                result,
                start,
                end,
                version=call.version,
                pretty=call.pretty,
                next_url=next_url,
                base=self._base,
            )
        )


def _column_metadata(org: Org, result: QueryResult) -> dict[str, Any]:
    columns: list[dict[str, Any]] = []
    joined: dict[str, dict[str, Any]] = {}
    for column in result.paths:
        branch = columns
        path = ""
        for name, _ in column.parents:
            path = f"{path}.{name}"
            if path not in joined:
                joined[path] = _described(name, "", None)
                branch.append(joined[path])
            branch = joined[path]["joinColumns"]
        branch.append(_described(column.field.name, column.field.type, column))
    if result.groups is not None:
        columns = [
            _described(name, "", None, aggregate=True) for name in result.columns
        ]
    return {
        "columnMetadata": columns,
        "entityName": result.sobject,
        "groupBy": False,
        "idSelected": "Id" in result.columns,
        "keyPrefix": org.schema(result.sobject).key_prefix,
    }


def _described(
    name: str, kind: str, column: Column | None, *, aggregate: bool = False
) -> dict[str, Any]:
    field = None if column is None else column.field
    return {
        "aggregate": aggregate,
        "apexType": _APEX.get(kind, "String") if field else None,
        "booleanType": kind == "boolean",
        "columnName": name,
        "custom": bool(field and field.has("custom")),
        "displayName": name,
        "foreignKeyName": field.relationship if field else None,
        "insertable": bool(field and field.has("createable")),
        "joinColumns": [],
        "numberType": kind in NUMBERS,
        "textType": bool(field and field.is_text),
        "updatable": bool(field and field.has("updateable")),
    }
