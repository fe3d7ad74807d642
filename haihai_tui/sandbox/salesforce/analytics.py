"""List views and reports, as far as an audience is taken from them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haihai_tui.sandbox.salesforce import ids
from haihai_tui.sandbox.salesforce.calls import Call, Reply, Route
from haihai_tui.sandbox.salesforce.errors import ApiError, not_found
from haihai_tui.sandbox.salesforce.org import Org
from haihai_tui.sandbox.salesforce.schema import Schema

_REPORT_ROWS = 2000
_VIEW_ROWS = 25
_MOST_VIEW_ROWS = 2000


class Analytics:
    """Answers from the definitions that the org keeps by id of view or report."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def routes(self) -> list[Route]:
        views = "sobjects/{sobject}/listviews"
        report = "analytics/reports/{id}"
        return [
            ("GET", views, self.list_views),
            ("GET", f"{views}/{{id}}", self.view),
            ("GET", f"{views}/{{id}}/describe", self.describe_view),
            ("GET", f"{views}/{{id}}/results", self.view_results),
            ("GET", "analytics/reports", self.reports),
            ("GET", f"{report}/describe", self.describe_report),
            ("GET", report, self.run_report),
            ("POST", report, self.run_report),
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

    # ------------------------------------------------------------------ reports

    def reports(self, call: Call) -> Reply:
        found = []
        for report_id in self._definitions("00O"):
            url = call.url(f"analytics/reports/{report_id}")
            found.append(
                {
                    "describeUrl": f"{url}/describe",
                    "fieldsUrl": f"{url}/fields",
                    "id": report_id,
                    "instancesUrl": f"{url}/instances",
                    "name": self._org.read_value(report_id, "Name"),
                    "queryUrl": None,
                    "url": url,
                }
            )
        return Reply(body=found)

    def describe_report(self, call: Call) -> Reply:
        report_id, definition = self._definition(call, "00O")
        schema = self._org.schema(definition["sobject"], call.user_id)
        return Reply(
            body={
                "reportExtendedMetadata": self._extended(schema, definition),
                "reportMetadata": self._metadata(report_id, schema, definition),
                "reportTypeMetadata": {"categories": []},
            }
        )

    def run_report(self, call: Call) -> Reply:
        """The details of a tabular report: at most 2,000 rows, as in the service."""
        report_id, definition = self._definition(call, "00O")
        schema = self._org.schema(definition["sobject"], call.user_id)
        details = call.query.get("includeDetails", "false").lower() == "true"
        result = self._org.query(
            self._soql(definition, definition["columns"]), user_id=call.user_id
        )
        rows = [
            {"dataCells": [_cell(value) for value in row]}
            for row in result.page(0, _REPORT_ROWS if details else 0)
        ]
        total = {"label": f"{result.total:,}", "value": result.total}
        url = call.url(f"analytics/reports/{report_id}")
        return Reply(
            body={
                "attributes": {
                    "describeUrl": f"{url}/describe",
                    "instancesUrl": f"{url}/instances",
                    "reportId": report_id,
                    "reportName": self._org.read_value(report_id, "Name"),
                    "type": "Report",
                },
                "allData": result.total <= _REPORT_ROWS,
                "factMap": {"T!T": {"aggregates": [total], "rows": rows}},
                "groupingsAcross": {"groupings": []},
                "groupingsDown": {"groupings": []},
                "hasDetailRows": details,
                "reportExtendedMetadata": self._extended(schema, definition),
                "reportMetadata": self._metadata(report_id, schema, definition),
            }
        )

    def _metadata(
        self, report_id: str, schema: Schema, definition: Mapping[str, Any]
    ) -> dict[str, Any]:
        return {
            "aggregates": ["RowCount"],
            "detailColumns": list(definition["columns"]),
            "developerName": self._org.read_value(report_id, "DeveloperName"),
            "id": report_id,
            "name": self._org.read_value(report_id, "Name"),
            "reportFilters": [],
            "reportFormat": "TABULAR",
            "reportType": {"label": schema.label_plural, "type": f"{schema.name}List"},
        }

    def _extended(
        self, schema: Schema, definition: Mapping[str, Any]
    ) -> dict[str, Any]:
        columns = {}
        for name in definition["columns"]:
            found = schema.find(name)
            if found is not None:
                columns[name] = {"dataType": found.type, "label": found.label}
        return {
            "aggregateColumnInfo": {
                "RowCount": {"dataType": "int", "label": "Record Count"}
            },
            "detailColumnInfo": columns,
            "groupingColumnInfo": {},
        }

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


def _cell(value: Any) -> dict[str, Any]:
    return {"label": "-" if value is None else _as_text(value), "value": value}


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
