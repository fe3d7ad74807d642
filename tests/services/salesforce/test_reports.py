"""A report is read whole or not at all, whatever the service leaves out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import pytest

from haihai_tui.errors import ServiceUnreachable, SettingsError
from haihai_tui.services.salesforce.record_ids import full_id
from haihai_tui.services.salesforce.reports import MOST_FILTERS, ROWS_A_RUN, Reports
from haihai_tui.services.salesforce.session import Session
from haihai_tui.sync.ports import SObject

CONTACT = SObject("Contact", "取引先責任者", "003", {})
REPORT = "00O000000000001AAA"


def record(number: int) -> str:
    return str(full_id(f"003000000{number:06d}"))


class Service:
    """Runs one report over `rows` (lists of cells) as the service does.

    `counted` is what its grand total says instead of the truth; `fold` compares ids
    without regard to case.
    """

    def __init__(
        self, columns: Mapping[str, str], rows: Sequence[Sequence[str | None]]
    ) -> None:
        self.columns, self.rows = columns, list(rows)
        self.metadata: dict[str, Any] = {"reportFormat": "TABULAR", "name": "R"}
        self.counted: list[int] = []
        self.aggregates = ["RowCount"]
        self.fold = False
        self.asked: list[Any] = []

    def json(self, method: str, resource: str, **sent: Any) -> Any:
        assert sent["params"] == {"includeDetails": "true"}
        assert resource == f"/analytics/reports/{REPORT}"
        self.asked.append(sent.get("json"))
        changed = sent["json"]["reportMetadata"] if method == "POST" else {}
        filters = changed.get("reportFilters", self.metadata.get("reportFilters", []))
        rows = [row for row in self.rows if self._passes(row, filters)]
        total = self.counted.pop(0) if self.counted else len(rows)
        cells = [
            {"dataCells": [{"label": "-", "value": value} for value in row]}
            for row in rows[:ROWS_A_RUN]
        ]
        return {
            "allData": len(rows) <= ROWS_A_RUN,
            "factMap": {"T!T": {"aggregates": [{"value": total}], "rows": cells}},
            "reportExtendedMetadata": {
                "detailColumnInfo": {
                    name: {"dataType": kind} for name, kind in self.columns.items()
                }
            },
            "reportMetadata": {
                **self.metadata,
                **changed,
                "aggregates": self.aggregates,
                "detailColumns": list(self.columns),
            },
        }

    def _passes(
        self, row: Sequence[str | None], filters: Sequence[Mapping[str, str]]
    ) -> bool:
        for one in filters:
            cell = row[list(self.columns).index(one["column"])] or ""
            values = one["value"].split(",")
            if self.fold:
                cell, values = cell[:15].lower(), [v[:15].lower() for v in values]
            if one["operator"] == "notEqual" and cell in values:
                return False
        return True

    def read(self) -> tuple[str, ...]:
        return Reports(cast(Session, self)).members(REPORT, CONTACT).ids


def people(count: int) -> Service:
    rows = [[record(number), "x"] for number in range(count)]
    return Service({"CONTACT_ID": "id", "LAST_NAME": "string"}, rows)


def test_15_and_18_characters_are_one_id() -> None:
    assert full_id("0035g00000ABCde") == full_id(str(full_id("0035g00000ABCde")))
    assert full_id("0035g00000ABCde") != full_id("0035g00000abcde")
    assert full_id("山田") is None
    short = Service({"CONTACT_ID": "id"}, [[record(2)[:15]], [record(1)]])
    assert short.read() == (record(1), record(2))


def test_every_row_of_a_long_report_is_read_by_leaving_out_the_ones_seen() -> None:
    service = people(2 * ROWS_A_RUN + 500)
    own = {"column": "LAST_NAME", "operator": "equals", "value": "x"}
    service.metadata |= {"reportFilters": [own], "reportBooleanFilter": "1"}
    assert service.read() == tuple(record(at) for at in range(2 * ROWS_A_RUN + 500))
    assert [
        one["reportMetadata"]["reportBooleanFilter"] for one in service.asked[1:]
    ] == [
        "(1) AND 2",
        "((1) AND 2) AND 3",
    ]


def test_the_own_id_is_found_among_other_ids() -> None:
    other = str(full_id("001000000000001"))
    rows: list[list[str | None]] = [[other, record(at), None] for at in range(3)]
    columns = {"ACCOUNT_ID": "id", "CONTACT_ID": "id", "PARENT_ID": "id"}
    assert Service(columns, rows).read() == tuple(record(at) for at in range(3))
    custom = Service({"Member__c.Id": "string"}, [[record(0)]])
    assert custom.read() == (record(0),)


def test_rows_without_the_object_are_nobody() -> None:
    rows: list[list[str | None]] = [[record(1), "x"], [None, "y"]]
    service = Service({"CONTACT_ID": "id", "LAST_NAME": "string"}, rows)
    assert service.read() == (record(1),)


def test_a_report_of_nobody_is_empty() -> None:
    assert people(0).read() == ()


def refused(service: Service) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        service.read()
    return caught.value


@pytest.mark.parametrize(
    "rows", [[], [[str(full_id("001000000000001"))]]], ids=["empty", "of accounts"]
)
def test_a_report_without_the_id_is_refused(rows: list[list[str | None]]) -> None:
    columns = {"ACCOUNT_ID" if rows else "LAST_NAME": "id" if rows else "string"}
    error = refused(Service(columns, rows))
    assert error.cause == "missing_field"
    assert "取引先責任者 ID" in str(error)


def test_joined_and_hidden_reports_are_refused() -> None:
    joined = people(1)
    joined.metadata["reportFormat"] = "MULTI_BLOCK"
    assert "結合形式" in str(refused(joined))
    hidden = people(0)
    hidden.counted = [12]
    assert "明細行" in str(refused(hidden))


@pytest.mark.parametrize("why", ["limit", "count", "repeated", "many"])
def test_a_long_report_that_cannot_be_checked_is_refused(why: str) -> None:
    service = people(ROWS_A_RUN + 1)
    if why == "limit":
        service.metadata["topRows"] = {"rowLimit": 5000, "direction": "Asc"}
    elif why == "count":
        service.aggregates = []
    elif why == "repeated":
        service.rows[0] = service.rows[1]
    else:
        service.counted = [ROWS_A_RUN * (MOST_FILTERS + 1) + 1]
    assert "2,000 行を超え" in str(refused(service))
    assert len(service.asked) == 1


def test_someone_left_out_by_the_service_is_noticed() -> None:
    """Two ids that differ in case alone: leaving out one must not lose the other."""
    service = people(ROWS_A_RUN - 1)
    upper, lower = (str(full_id(one)) for one in ("00300000ZZZZZZA", "00300000ZZZZZZa"))
    service.rows += [[upper, "x"], [lower, "x"]]
    assert len(service.read()) == ROWS_A_RUN + 1
    service.fold = True
    with pytest.raises(ServiceUnreachable):
        service.read()


def test_a_report_that_changes_while_it_is_read_is_read_again() -> None:
    service = people(ROWS_A_RUN + 1)
    service.counted = [ROWS_A_RUN + 2]
    assert len(service.read()) == ROWS_A_RUN + 1
    short = people(5)
    short.counted = [6, 6]
    assert len(short.read()) == 5
    short.counted = [6, 6, 6]
    with pytest.raises(ServiceUnreachable):
        short.read()
