"""The audience before the first run: how many, who, and from where it is taken.

A list view gives its condition as it stands now; a campaign gives one that follows
its members.  A report's filters are no SOQL: it is named, and read at every run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from haihai_tui.errors import SettingsError, text
from haihai_tui.sync.ports import SObject
from haihai_tui.sync.reading import IDS_A_QUERY

SAMPLE = 5
"""Records shown of an audience."""

_OFFERED = 200
_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'")
_CLAUSE = re.compile(
    r"\b(ORDER\s+BY|LIMIT|OFFSET|GROUP\s+BY|WITH|FOR\s+(?:VIEW|REFERENCE))\b", re.I
)
_MEMBERS = {"Contact": "ContactId", "Lead": "LeadId"}


class Page(Protocol):
    """One answer of `/query`."""

    @property
    def total(self) -> int: ...
    @property
    def records(self) -> tuple[Mapping[str, Any], ...]: ...


class Reader(Protocol):
    """The part of the REST client that is needed."""

    def count(self, sobject: str, condition: str) -> int: ...
    def query(self, soql: str) -> Page: ...
    def list_views(self, sobject: str) -> tuple[Source, ...]: ...
    def list_view_query(self, sobject: str, view: str) -> tuple[str, str]: ...


@dataclass(frozen=True, slots=True)
class Source:
    """A list view, campaign or report that an audience can be taken from."""

    kind: str
    id: str
    label: str


@dataclass(frozen=True, slots=True)
class ReportMembers:
    """The records that a report shows: 18-character Ids, ascending, each once."""

    name: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """The audience now.  `sample` has one tuple a record, in the order of `columns`.

    `without_address` counts records that could not become customers.
    """

    total: int
    without_address: int
    columns: tuple[str, ...]
    sample: tuple[tuple[str, ...], ...]


def preview(
    reader: Reader,
    sobject: str,
    condition: str,
    address: str,
    fields: Sequence[str],
    ids: Sequence[str] | None = None,
) -> Preview:
    """Count the audience and read its first records, by the org's own judgement.

    `ids` are a report's records, of which those that meet the condition count.
    """
    columns = tuple(dict.fromkeys((address, *fields)))[:6]
    total = without = 0
    sample: list[tuple[str, ...]] = []
    for part in conditions_of(condition, ids):
        found = reader.count(sobject, part)
        total += found
        if not found:
            continue
        without += reader.count(sobject, _both(part, f"{address} = null"))
        if len(sample) < SAMPLE:
            sample += _sample(reader, sobject, part, columns, SAMPLE - len(sample))
    return Preview(total, without, columns, tuple(sample))


def conditions_of(condition: str, ids: Sequence[str] | None) -> Iterator[str]:
    """The audience as SOQL conditions that no record meets twice."""
    if ids is None:
        yield condition
        return
    for at in range(0, len(ids), IDS_A_QUERY):
        listed = ",".join(f"'{one}'" for one in ids[at : at + IDS_A_QUERY])
        yield _both(condition, f"Id IN ({listed})")


def _both(condition: str, other: str) -> str:
    return f"({condition}) AND {other}" if condition.strip() else other


def _sample(
    reader: Reader, sobject: str, condition: str, columns: Sequence[str], most: int
) -> list[tuple[str, ...]]:
    where = f" WHERE {condition}" if condition.strip() else ""
    page = reader.query(
        f"SELECT {', '.join(columns)} FROM {sobject}{where} ORDER BY Id LIMIT {most}"
    )
    return [
        tuple(_value(record, column) for column in columns) for record in page.records
    ]


def _value(record: Mapping[str, Any], column: str) -> str:
    value: Any = record
    for part in column.split("."):
        if not isinstance(value, Mapping):
            return ""
        found = {str(key).lower(): each for key, each in value.items()}
        value = found.get(part.lower())
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


# ------------------------------------------------------------------- sources


def campaigns(reader: Reader, sobject: str) -> tuple[Source, ...]:
    """Campaigns, newest first; none for an object that cannot be a member."""
    if sobject not in _MEMBERS:
        return ()
    page = reader.query(
        f"SELECT Id, Name FROM Campaign ORDER BY CreatedDate DESC LIMIT {_OFFERED}"
    )
    return tuple(
        Source("campaign", str(record["Id"]), str(record["Name"]))
        for record in page.records
    )


def campaign_condition(sobject: str, campaign: str) -> str:
    """The members of a campaign as a condition; it follows who joins and leaves."""
    if not re.fullmatch(r"[A-Za-z0-9]{15}([A-Za-z0-9]{3})?", campaign):
        raise SettingsError(text("キャンペーンの ID が正しくありません。"))
    member = _MEMBERS[sobject]
    return (
        f"Id IN (SELECT {member} FROM CampaignMember WHERE CampaignId = '{campaign}')"
    )


def list_view_condition(reader: Reader, sobject: str, view: str) -> str:
    """The condition of a list view as it stands now.

    SettingsError where the view shows more than a condition can tell ("mine").
    """
    query, scope = reader.list_view_query(sobject, view)
    if scope.lower() not in ("", "everything"):
        raise SettingsError(
            text("このリストビューは「自分の…」の範囲のため使えません。"),
            text("「すべての…」の範囲のリストビューを選んでください。"),
        )
    return condition_of(query)


def condition_of(soql: str) -> str:
    """What stands between WHERE and the next clause of the outer query."""
    plain = _hidden(soql)
    found = re.search(r"\bWHERE\b", plain, re.I)
    if found is None:
        return ""
    end = _CLAUSE.search(plain, found.end())
    return " ".join(soql[found.end() : end.start() if end else None].split())


def _hidden(soql: str) -> str:
    """The query with quoted texts and everything in brackets blanked, same length."""
    plain = _QUOTED.sub(lambda quoted: "_" * len(quoted[0]), soql)
    depth, shown = 0, []
    for character in plain:
        depth += character == "("
        shown.append("_" if depth else character)
        depth -= character == ")"
    return "".join(shown)


# ------------------------------------------------------------------- words


def sample_fields(mapped: Sequence[str], described: SObject) -> tuple[str, ...]:
    """Columns for the sample: what is mapped, or the names that there are."""
    if mapped:
        return tuple(mapped)
    usual = ("LastName", "FirstName", "Name")
    return tuple(name for name in usual if name.lower() in described.fields)
