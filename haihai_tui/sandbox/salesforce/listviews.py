"""List views, as far as an audience is taken from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haihai_tui.sandbox.salesforce import ids
from haihai_tui.sandbox.salesforce.calls import Call, Reply, Route
from haihai_tui.sandbox.salesforce.errors import ApiError, not_found
from haihai_tui.sandbox.salesforce.org import Org
from haihai_tui.sandbox.salesforce.schema import Schema

_VIEW_ROWS = 25
_MOST_VIEW_ROWS = 2000


class ListViews:
    """Answers from the definitions that the org keeps by id of view."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def routes(self) -> list[Route]:
        views = "sobjects/{sobject}/listviews"
        return [
            ("GET", views, self.list_views),
            ("GET", f"{views}/{{id}}", self.view),
            ("GET", f"{views}/{{id}}/describe", self.describe_view),
            ("GET", f"{views}/{{id}}/results", self.view_results),
        ]

    # -------------------------------------------------------------- list views

    def list_views(self, call: Call) -> Reply:
        schema = self._org.schema(call.args["sobject"], call.user_id)
        found = [
            self._view_entry(call, schema, view_id)
            for view_id, definition in self._definitions("00B").items()
            if definition["sobject"] == schema.name
        ]
        return Reply(
            body={
                "done": True,
                "listviews": found,
                "nextRecordsUrl": None,
                "size": len(found),
                "sobjectType": schema.name,
            }
        )

    def view(self, call: Call) -> Reply:
        view_id, _ = self._definition(call, "00B")
        schema = self._org.schema(call.args["sobject"], call.user_id)
        return Reply(body=self._view_entry(call, schema, view_id))

    def _view_entry(self, call: Call, schema: Schema, view_id: str) -> dict[str, Any]:
        url = call.url(f"sobjects/{schema.name}/listviews/{view_id}")
        return {
            "describeUrl": f"{url}/describe",
            "developerName": self._org.read_value(view_id, "DeveloperName"),
            "id": view_id,
            "label": self._org.read_value(view_id, "Name"),
            "resultsUrl": f"{url}/results",
            "soqlCompatible": True,
            "url": url,
        }

    def describe_view(self, call: Call) -> Reply:
        view_id, definition = self._definition(call, "00B")
        schema = self._org.schema(definition["sobject"], call.user_id)
        return Reply(
            body={
                "columns": [
                    _view_column(schema, name) for name in definition["columns"]
                ],
                "id": view_id,
                "orderBy": [
                    {
                        "fieldNameOrPath": "Id",
                        "nullsPosition": "first",
                        "sortDirection": "ascending",
                    }
                ],
                "query": self._soql(definition, definition["columns"]),
                "relatedEntityId": None,
                "scope": "everything",
                "scopeEntityId": None,
                "sobjectType": schema.name,
                "whereCondition": None,
            }
        )

    def view_results(self, call: Call) -> Reply:
        view_id, definition = self._definition(call, "00B")
        schema = self._org.schema(definition["sobject"], call.user_id)
        limit = min(_number(call, "limit", _VIEW_ROWS), _MOST_VIEW_ROWS)
        offset = _number(call, "offset", 0)
        names = [*definition["columns"], "Id", "CreatedDate", "SystemModstamp"]
        result = self._org.query(self._soql(definition, names), user_id=call.user_id)
        records = [
            {
                "columns": [
                    {"fieldNameOrPath": name, "value": _as_text(value)}
                    for name, value in zip(names, row, strict=True)
                ]
            }
            for row in result.page(offset, offset + limit)
        ]
        return Reply(
            body={
                "columns": [_view_column(schema, name) for name in names],
                "developerName": self._org.read_value(view_id, "DeveloperName"),
                "done": offset + limit >= result.total,
                "id": view_id,
                "label": self._org.read_value(view_id, "Name"),
                "records": records,
                "size": len(records),
            }
        )

    # ------------------------------------------------------------------ helpers

    def _definitions(self, prefix: str) -> dict[str, Any]:
        return {
            key: each
            for key, each in self._org.definitions.items()
            if key.startswith(prefix)
        }

    def _definition(self, call: Call, prefix: str) -> tuple[str, Mapping[str, Any]]:
        found_id = ids.normalise(call.args["id"])
        definition = self._definitions(prefix).get(found_id or "")
        if found_id is None or definition is None:
            raise not_found()
        return found_id, definition

    def _soql(self, definition: Mapping[str, Any], names: list[str]) -> str:
        where = f" WHERE {definition['where']}" if definition["where"] else ""
        return f"SELECT {', '.join(names)} FROM {definition['sobject']}{where}"


def _number(call: Call, name: str, default: int) -> int:
    text = call.query.get(name, str(default))
    if not text.isdigit():
        raise ApiError(400, "INVALID_QUERY_VALUE", f"{name}: {text}")
    return int(text)


def _as_text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _view_column(schema: Schema, name: str) -> dict[str, Any]:
    found = schema.find(name)
    label = name if found is None else found.label
    return {
        "ascendingLabel": None,
        "descendingLabel": None,
        "fieldNameOrPath": name,
        "hidden": name in ("Id", "CreatedDate", "SystemModstamp"),
        "label": label,
        "searchable": False,
        "selectListItem": name,
        "sortDirection": "ascending" if name == "Id" else None,
        "sortIndex": 0 if name == "Id" else None,
        "sortable": found is not None and found.has("sortable"),
        "type": "string" if found is None else found.type,
    }
