"""Reports and Dashboards REST API, as far as an audience is taken from a report.

A report shows at most 2,000 detail rows and says so in `allData` alone; the row count
of its grand total counts all.  Filters can be added to a run (POST) without changing
the report, and that is the only way to the other rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from haihai_tui.sandbox.salesforce import ids
from haihai_tui.sandbox.salesforce.calls import Call, Reply, Route
from haihai_tui.sandbox.salesforce.errors import ApiError, not_found
from haihai_tui.sandbox.salesforce.org import Org
from haihai_tui.sandbox.salesforce.schema import Field, Schema

MOST_ROWS = 2000
_MOST_FILTERS = 20
_RECENT = 200
_NAMES = {"Id": "{OBJECT}_ID", "LastName": "LAST_NAME", "FirstName": "FIRST_NAME"}
_NAMES |= {"Email": "EMAIL", "Phone": "PHONE1", "LeadSource": "LEAD_SOURCE"}
_NAMES |= {"AccountId": "ACCOUNT_ID", "Title": "TITLE", "Company": "COMPANY"}
_LINKED = ("LastName", "FirstName", "Name")

Row = Mapping[str, Any]
_Test = Callable[[str, str], bool]
_OPERATORS: Mapping[str, tuple[str, _Test]] = {
    "equals": ("equals", lambda cell, value: cell == value),
    "notEqual": ("not equal to", lambda cell, value: cell != value),
    "lessThan": ("less than", lambda cell, value: cell < value),
    "greaterThan": ("greater than", lambda cell, value: cell > value),
    "lessOrEqual": ("less or equal", lambda cell, value: cell <= value),
    "greaterOrEqual": ("greater or equal", lambda cell, value: cell >= value),
    "contains": ("contains", lambda cell, value: value in cell),
    "notContain": ("does not contain", lambda cell, value: value not in cell),
    "startsWith": ("starts with", lambda cell, value: cell.startswith(value)),
}


@dataclass(frozen=True)
class Column:
    """One column: its name in reports, and the field behind it."""

    name: str
    path: str
    field: Field | None

    @property
    def is_link(self) -> bool:
        """Whether the cell's value is the record's id, its label the name."""
        return self.path in _LINKED

    @property
    def type(self) -> str:
        return "string" if self.field is None else self.field.type

    def info(self) -> dict[str, Any]:
        label = self.path if self.field is None else self.field.label
        return {"dataType": self.type, "label": label, "isLookup": self.is_link}


class Reports:
    """Answers from the definitions that the org keeps by id of report."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def routes(self) -> list[Route]:
        report = "analytics/reports/{id}"
        return [
            ("GET", "analytics/reports", self.recent),
            ("GET", f"{report}/describe", self.describe),
            ("GET", report, self.run),
            ("POST", report, self.run),
        ]

    def recent(self, call: Call) -> Reply:
        """The reports viewed last: no complete list."""
        known = [key for key in self._org.definitions if key.startswith("00O")]
        return Reply(body=[self._entry(call, one) for one in known[-_RECENT:]])

    def _entry(self, call: Call, report_id: str) -> dict[str, Any]:
        url = call.url(f"analytics/reports/{report_id}")
        return {
            "describeUrl": f"{url}/describe",
            "fieldsUrl": f"{url}/fields",
            "id": report_id,
            "instancesUrl": f"{url}/instances",
            "name": self._org.read_value(report_id, "Name"),
            "queryUrl": None,
            "url": url,
        }

    def describe(self, call: Call) -> Reply:
        report = self._report(call)
        operators = [
            {"label": label, "name": name} for name, (label, _) in _OPERATORS.items()
        ]
        types = dict.fromkeys(("id", "string", "email", "picklist"), operators)
        return Reply(
            body={
                "attributes": report.attributes(call),
                "reportExtendedMetadata": report.extended(),
                "reportMetadata": report.metadata(),
                "reportTypeMetadata": {
                    "categories": [],
                    "dataTypeFilterOperatorMap": types,
                },
            }
        )

    def run(self, call: Call) -> Reply:
        report = self._report(call)
        if call.method == "POST" and call.body:
            report.take(call.object().get("reportMetadata") or {})
        details = call.query.get("includeDetails", "false").lower() == "true"
        rows = report.rows(call.user_id)
        return Reply(
            body={
                "attributes": report.attributes(call),
                "allData": len(rows) <= MOST_ROWS,
                "factMap": report.fact_map(rows, details=details),
                "groupingsAcross": {"groupings": []},
                "groupingsDown": {"groupings": report.groupings(rows)},
                "hasDetailRows": details,
                "reportExtendedMetadata": report.extended(),
                "reportMetadata": report.metadata(),
            }
        )

    def _report(self, call: Call) -> Report:
        found_id = ids.normalise(call.args["id"])
        definition = self._org.definitions.get(found_id or "")
        if found_id is None or definition is None or not found_id.startswith("00O"):
            raise not_found()
        schema = self._org.schema(definition["sobject"], call.user_id)
        return Report(self._org, found_id, definition, schema)


class Report:
    """One report for one run; `take` changes filters for this run alone."""

    def __init__(
        self, org: Org, report_id: str, definition: Mapping[str, Any], schema: Schema
    ) -> None:
        self._org, self.id, self._definition = org, report_id, definition
        self._schema = schema
        paths = [each for each in definition["columns"] if self._visible(each)]
        self.columns = [self._column(path) for path in paths]
        self._group = definition.get("group_by")
        self._filters: list[dict[str, Any]] = list(definition.get("filters", ()))
        self._boolean: str | None = definition.get("boolean")

    def _visible(self, path: str) -> bool:
        return "." in path or self._schema.find(path) is not None

    def _column(self, path: str) -> Column:
        sobject = self._schema.name
        name = _NAMES.get(path, f"{sobject}.{path}").format(OBJECT=sobject.upper())
        return Column(name, path, self._schema.find(path))

    # ----------------------------------------------------------------- metadata

    def attributes(self, call: Call) -> dict[str, Any]:
        url = call.url(f"analytics/reports/{self.id}")
        return {
            "describeUrl": f"{url}/describe",
            "instancesUrl": f"{url}/instances",
            "reportId": self.id,
            "reportName": self._org.read_value(self.id, "Name"),
            "type": "Report",
        }

    def metadata(self) -> dict[str, Any]:
        kind = {"label": self._schema.label_plural, "type": f"{self._schema.name}List"}
        return {
            "aggregates": ["RowCount"],
            "chart": None,
            "crossFilters": [],
            "currency": None,
            "description": None,
            "detailColumns": [column.name for column in self.columns],
            "developerName": self._org.read_value(self.id, "DeveloperName"),
            "division": None,
            "folderId": None,
            "groupingsAcross": [],
            "groupingsDown": self._groupings_down(),
            "hasDetailRows": True,
            "hasRecordCount": True,
            "historicalSnapshotDates": [],
            "id": self.id,
            "name": self._org.read_value(self.id, "Name"),
            "reportBooleanFilter": self._boolean,
            "reportFilters": self._filters,
            "reportFormat": "SUMMARY" if self._group else "TABULAR",
            "reportType": kind,
            "scope": "organization",
            "showGrandTotal": True,
            "showSubtotals": True,
            "sortBy": [],
            "standardDateFilter": None,
            "standardFilters": None,
        }

    def _groupings_down(self) -> list[dict[str, Any]]:
        if not self._group:
            return []
        name = self._column(self._group).name
        return [{"dateGranularity": "None", "name": name, "sortOrder": "Asc"}]

    def extended(self) -> dict[str, Any]:
        return {
            "aggregateColumnInfo": {
                "RowCount": {"dataType": "int", "label": "Record Count"}
            },
            "detailColumnInfo": {each.name: each.info() for each in self.columns},
            "groupingColumnInfo": {},
        }

    def take(self, metadata: Mapping[str, Any]) -> None:
        """Filters of one run; ApiError BAD_REQUEST where they cannot be used."""
        self._filters = list(metadata.get("reportFilters", self._filters) or ())
        self._boolean = metadata.get("reportBooleanFilter", self._boolean)
        if len(self._filters) > _MOST_FILTERS:
            raise _bad(f"A report can have up to {_MOST_FILTERS} filters.")
        for each in self._filters:
            if each.get("operator") not in _OPERATORS:
                raise _bad(f"The filter operator {each.get('operator')} is invalid.")
            self._named(str(each.get("column")))
        if self._boolean:
            _judged(self._boolean, [True] * len(self._filters))

    def _named(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise _bad(f"The filter column {name} is invalid.")

    # --------------------------------------------------------------------- rows

    def rows(self, user_id: str) -> list[Row]:
        """All rows that the filters let through, in no order of ids."""
        paths = [column.path for column in self.columns]
        names = list(dict.fromkeys(["Id", *paths, self._group or "Id"]))
        where = self._definition["where"]
        soql = f"SELECT {', '.join(names)} FROM {self._schema.name}"
        if where:
            soql += f" WHERE {where}"
        found = self._org.query(soql, user_id=user_id)
        every = (
            dict(zip(names, values, strict=True))
            for values in found.page(0, found.total)
        )
        return sorted(filter(self._passing(), every), key=self._order)

    def _order(self, row: Row) -> tuple[str, str]:
        by = next((each.path for each in self.columns if each.path != "Id"), "Id")
        return str(row[self._group]) if self._group else "", str(row[by])

    def _passing(self) -> Callable[[Row], bool]:
        tests = [self._test(each) for each in self._filters]

        def passes(row: Row) -> bool:
            answers = [test(row) for test in tests]
            return _judged(self._boolean, answers) if self._boolean else all(answers)

        return passes

    def _test(self, wanted: Mapping[str, Any]) -> Callable[[Row], bool]:
        column = self._named(str(wanted["column"]))
        operator, path = str(wanted["operator"]), column.path
        written = str(wanted["value"]).split(",")
        values = {_plain(column, one.strip()) for one in written}
        if operator in ("equals", "notEqual"):
            is_wanted = operator == "equals"
            return lambda row: (_plain(column, row[path]) in values) is is_wanted
        test = _OPERATORS[operator][1]
        joined = all if operator == "notContain" else any
        return lambda row: joined(
            test(_plain(column, row[path]), value) for value in values
        )

    # ------------------------------------------------------------------- answer

    def fact_map(self, rows: Sequence[Row], *, details: bool) -> dict[str, Any]:
        shown = rows[: MOST_ROWS if details else 0]
        if not self._group:
            return {"T!T": self._facts(len(rows), shown)}
        facts = {"T!T": self._facts(len(rows), ())}
        left = len(shown)
        groups = groupby(rows, key=lambda row: str(row[self._group or "Id"]))
        for number, (_, group) in enumerate(groups):
            every = list(group)
            facts[f"{number}!T"] = self._facts(len(every), every[: max(left, 0)])
            left -= len(every)
        return facts

    def _facts(self, count: int, rows: Sequence[Row]) -> dict[str, Any]:
        total = {"label": f"{count:,}", "value": count}
        cells = [{"dataCells": self._cells(row)} for row in rows]
        return {"aggregates": [total], "rows": cells}

    def _cells(self, row: Row) -> list[dict[str, Any]]:
        return [
            _cell(column, row[column.path], str(row["Id"])) for column in self.columns
        ]

    def groupings(self, rows: Sequence[Row]) -> list[dict[str, Any]]:
        if not self._group:
            return []
        values = list(dict.fromkeys(row[self._group] for row in rows))
        return [
            {"groupings": [], "key": str(at), "label": value or "-", "value": value}
            for at, value in enumerate(values)
        ]


def _plain(column: Column, value: Any) -> str:
    """A value to compare: ids by all their 18 characters, text without case."""
    written = "" if value is None else str(value)
    if column.type == "id":
        return ids.normalise(written) or written
    return written.lower()


def _cell(column: Column, value: Any, record: str) -> dict[str, Any]:
    if value is None:
        return {"label": "-", "value": None}
    if column.type in ("id", "reference"):
        return {"label": str(value)[:15], "value": str(value)[:15]}
    label = str(value).lower() if isinstance(value, bool) else str(value)
    return {"label": label, "value": record if column.is_link else value}


def _judged(expression: str, tests: Sequence[bool]) -> bool:
    """`(1 OR 2) AND NOT 3` over the filters' answers; ApiError where it is none."""
    words = re.findall(r"\d+|[()]|\w+", expression.upper())
    parts = []
    for word in words:
        if word.isdigit() and 0 < int(word) <= len(tests):
            parts.append(tests[int(word) - 1])
        elif word in ("AND", "OR", "NOT", "(", ")"):
            parts.append(word)
        else:
            raise _bad("The filter logic is invalid.")
    value, rest = _any_of(parts)
    if rest:
        raise _bad("The filter logic is invalid.")
    return value


_Parts = Sequence[Any]


def _any_of(parts: _Parts) -> tuple[bool, _Parts]:
    value, parts = _all_of(parts)
    while parts and parts[0] == "OR":
        other, parts = _all_of(parts[1:])
        value = value or other
    return value, parts


def _all_of(parts: _Parts) -> tuple[bool, _Parts]:
    value, parts = _one_of(parts)
    while parts and parts[0] == "AND":
        other, parts = _one_of(parts[1:])
        value = value and other
    return value, parts


def _one_of(parts: _Parts) -> tuple[bool, _Parts]:
    if parts and parts[0] == "NOT":
        value, rest = _one_of(parts[1:])
        return not value, rest
    if parts and parts[0] == "(":
        value, rest = _any_of(parts[1:])
        if rest and rest[0] == ")":
            return value, rest[1:]
    elif parts and isinstance(parts[0], bool):
        return parts[0], parts[1:]
    raise _bad("The filter logic is invalid.")


def _bad(message: str) -> ApiError:
    return ApiError(400, "BAD_REQUEST", message)
