"""The records that a report shows, all of them or none.

The service shows 2,000 detail rows at most and says only by `allData` that there are
more.  The rest is asked for with what was seen filtered out, and counted against the
report's own row count: someone who is missing here would be taken for one who left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from haihai_tui.errors import ConnectorError, SettingsError, Text, text
from haihai_tui.services.audience import ReportMembers, Source
from haihai_tui.services.salesforce.errors import damaged, gave_up, refusal_of
from haihai_tui.services.salesforce.record_ids import full_id
from haihai_tui.services.salesforce.session import Session
from haihai_tui.sync.ports import SObject

ROWS_A_RUN = 2000
MOST_FILTERS = 20
_OFFERED = 200
_READ_AGAIN = 3
_TOTAL = "T!T"
_INSTEAD = text(
    "レポートの条件を絞るか、SOQL の条件、リストビュー、キャンペーンを使ってください。"
)


class _Shifted(Exception):
    """The rows do not add up: the report changed while it was read."""


@dataclass(frozen=True, slots=True)
class _Page:
    """One run of the report.  `rows` holds every row's cells by column name;
    `total` is the grand total's row count, None where the report does not tell it."""

    metadata: Mapping[str, Any]
    types: Mapping[str, str]
    rows: tuple[Mapping[str, str], ...]
    total: int | None
    is_all: bool

    @property
    def name(self) -> str:
        return str(self.metadata.get("name") or self.metadata.get("id") or "")


class Reports:
    """Reads reports in one session; errors as for `Session`."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def offered(self) -> tuple[Source, ...]:
        """Reports by name (the analytics API lists only those viewed last)."""
        soql = f"SELECT Id, Name FROM Report ORDER BY Name LIMIT {_OFFERED}"
        found = self._session.json("GET", "/query", params={"q": soql})
        return tuple(
            Source("report", str(one["Id"]), str(one["Name"]))
            for one in found["records"]
        )

    def members(self, report: str, described: SObject) -> ReportMembers:
        """The records of `described` that the report shows, by ascending Id.

        SettingsError where the report is not seen, has no Id column of the object, or
        has rows that cannot be read; ServiceUnreachable where it keeps changing.
        """
        for _ in range(_READ_AGAIN):
            try:
                return self._members(report, described)
            except _Shifted:
                continue
        raise gave_up(
            text("レポート {report} が読み取り中に変わり続けました。", report=report)
        )

    def _members(self, report: str, described: SObject) -> ReportMembers:
        page = self._run(report)
        _refuse_joined(page)
        column = _id_column(page, described)
        ids = dict.fromkeys(_ids(page, column))
        if page.is_all:
            if page.total is not None and len(page.rows) != page.total:
                _refuse_hidden(page)
                raise _Shifted
            return ReportMembers(page.name, tuple(sorted(ids)))
        total = _countable(page, column)
        filters = list(page.metadata.get("reportFilters") or ())
        logic = page.metadata.get("reportBooleanFilter")
        seen = list(ids)
        metadata = page.metadata
        while not page.is_all:
            filters.append(
                {"column": column, "operator": "notEqual", "value": ",".join(seen)}
            )
            if logic:
                logic = f"({logic}) AND {len(filters)}"
            page = self._run(
                report,
                {**metadata, "reportFilters": filters, "reportBooleanFilter": logic},
            )
            seen = [one for one in _ids(page, column) if one not in ids]
            if len(seen) != len(page.rows) or not (seen or page.is_all):
                raise _Shifted
            ids |= dict.fromkeys(seen)
        if len(ids) != total:
            raise _Shifted
        return ReportMembers(page.name, tuple(sorted(ids)))

    def _run(self, report: str, metadata: Mapping[str, Any] | None = None) -> _Page:
        resource = f"/analytics/reports/{report}"
        params = {"includeDetails": "true"}
        try:
            if metadata is None:
                answer = self._session.json("GET", resource, params=params)
            else:
                body = {"reportMetadata": metadata}
                answer = self._session.json("POST", resource, params=params, json=body)
        except ConnectorError as error:
            raise _explained(error, report, filtered=metadata is not None) from error
        try:
            return _to_page(answer)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise damaged(
                text("レポート {report} の応答を読み取れません。", report=report)
            ) from error


# ----------------------------------------------------------------------- reading


def _to_page(answer: Mapping[str, Any]) -> _Page:
    metadata, facts = answer["reportMetadata"], answer["factMap"]
    columns = [str(name) for name in metadata["detailColumns"]]
    info = answer["reportExtendedMetadata"]["detailColumnInfo"]
    types = {name: str(info[name]["dataType"]) for name in columns if name in info}
    rows = tuple(
        {
            name: _shown(cell.get("value"))
            for name, cell in zip(columns, row["dataCells"], strict=True)
        }
        for fact in facts.values()
        for row in fact.get("rows") or ()
    )
    return _Page(
        metadata, types, rows, _total(metadata, facts), bool(answer["allData"])
    )


def _total(metadata: Mapping[str, Any], facts: Mapping[str, Any]) -> int | None:
    aggregates = list(metadata.get("aggregates") or ())
    if "RowCount" not in aggregates or _TOTAL not in facts:
        return None
    return int(facts[_TOTAL]["aggregates"][aggregates.index("RowCount")]["value"])


def _shown(value: object) -> str:
    return value if isinstance(value, str) else ""


def _ids(page: _Page, column: str) -> Iterator[str]:
    for row in page.rows:
        found = full_id(row[column])
        if found is not None:
            yield found


def _id_column(page: _Page, described: SObject) -> str:
    """The column that holds the object's own Ids, and nothing else."""
    named = [name for name in page.types if _looks_like_id(name, page.types[name])]
    fitting = [name for name in named if _holds(page.rows, name, described.key_prefix)]
    if not fitting:
        raise SettingsError(
            text(
                "レポート「{report}」に {object} の ID 列がありません。",
                report=page.name,
                object=described.label,
            ),
            text(
                "レポートに「{object} ID」の列を追加してください"
                "（いまの列: {columns}）。",
                object=described.label,
                columns=list(page.types),
            ),
            cause="missing_field",
        )
    own = (f"{described.name.upper()}_ID", f"{described.name}.Id", "CUST_ID")
    return next((name for name in own if name in fitting), fitting[0])


def _looks_like_id(name: str, kind: str) -> bool:
    return kind == "id" or name.upper().replace("$", ".").endswith(("_ID", ".ID"))


def _holds(rows: Sequence[Mapping[str, str]], name: str, prefix: str) -> bool:
    found = [row[name] for row in rows if row[name]]
    if rows and not found:
        return False
    return all(full_id(one) and one.startswith(prefix) for one in found)


# ---------------------------------------------------------------------- refusals


def _refuse_joined(page: _Page) -> None:
    if page.metadata.get("reportFormat") == "MULTI_BLOCK":
        what = text(
            "レポート「{report}」は結合形式のため使えません。", report=page.name
        )
        raise SettingsError(what, text("表形式のレポートを作ってください。"))


def _refuse_hidden(page: _Page) -> None:
    if not page.rows:
        what = text("レポート「{report}」は明細行を表示しません。", report=page.name)
        raise SettingsError(what, text("レポートの「詳細行」を表示にしてください。"))


def _countable(page: _Page, column: str) -> int:
    """The row count of a report that has to be read in parts; SettingsError where its
    parts could not be checked for completeness."""
    every = list(_ids(page, column))
    why: Text | None = None
    room = MOST_FILTERS - len(page.metadata.get("reportFilters") or ())
    most = ROWS_A_RUN * (room + 1)
    if page.total is None:
        why = text("レコード件数を表示しないため、全件が揃ったか確かめられません。")
    elif page.metadata.get("topRows"):
        why = text("行数の制限が設定されています。")
    elif len(set(every)) != len(page.rows):
        why = text("同じレコードが複数の行にあるか、ID の無い行があります。")
    elif page.total > most:
        why = text(
            "{rows} 行あり、読める上限 {most} 行を超えます。",
            rows=f"{page.total:,}",
            most=f"{most:,}",
        )
    if why is None and page.total is not None:
        return page.total
    raise SettingsError(
        text(
            "レポート「{report}」は 2,000 行を超え、すべてを読めません: {why}",
            report=page.name,
            why=why or "",
        ),
        _INSTEAD,
    )


def _explained(error: ConnectorError, report: str, *, filtered: bool) -> ConnectorError:
    refusal = refusal_of(error)
    if refusal is None:
        return error
    if refusal.status == 404 or refusal.code in ("NOT_FOUND", "FORBIDDEN"):
        return SettingsError(
            text("レポート {report} が見つからないか、参照できません。", report=report),
            text(
                "customers.audience_report の ID、レポートフォルダーの共有、"
                "「レポート実行」権限を確認してください。"
            ),
            cause="missing_object",
        )
    if filtered and refusal.status == 400:
        return SettingsError(
            text(
                "レポート {report} は 2,000 行を超え、分けて読むことができません: "
                "{message}",
                report=report,
                message=refusal.message[:200],
            ),
            _INSTEAD,
        )
    return error
