"""Questions that only a person can answer, with what is needed to answer them.

Candidates are read from Salesforce when somebody looks, field by field as the
profile maps them; what the integration user cannot see is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

from haihai_tui.services.links import salesforce_link
from haihai_tui.services.operators import require_now
from haihai_tui.services.roles import Action, Operator
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.reviews import ReviewRow, Reviews
from haihai_tui.services.wording import FLOW_LABELS
from haihai_tui.sync.ports import SObject

NOBODY = "-"
SHOWN = 500
"""Questions listed at once; more would not be answered in an evening either."""

_WHO = ("CreatedDate", "LastModifiedDate")


class Page(Protocol):
    """One answer of `/query`."""

    @property
    def records(self) -> tuple[Mapping[str, Any], ...]: ...


class Reader(Protocol):
    """The part of the REST client that is needed."""

    def describe(self, sobject: str) -> SObject: ...
    def query(self, soql: str) -> Page: ...


@dataclass(frozen=True, slots=True)
class Comparison:
    """Candidates side by side: `rows` are (field, one value a candidate).

    A candidate that is no longer there has None for every value; `links` are the
    pages of the records.
    """

    candidates: tuple[str, ...]
    links: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str | None, ...]], ...]


class ReviewDesk:
    """The open questions of one profile, for an operator."""

    def __init__(self, database: Database, profile: str) -> None:
        self._database = database
        self._reviews = Reviews(database, profile)

    def open(self) -> list[ReviewRow]:
        """The first `SHOWN` unanswered questions."""
        found = (row for flow in FLOW_LABELS for row in self._reviews.open(flow))
        return list(islice(found, SHOWN))

    def count(self) -> int:
        return sum(self._reviews.counts().values())

    def decide(self, review_id: int, decision: str, operator: Operator) -> None:
        """One of the candidates, or `NOBODY`; logged.  The next run goes by it."""
        require_now(self._database, operator, Action.REVIEW)
        self._reviews.decide(review_id, decision, operator.name)


def compare(reader: Reader, settings: Settings, review: ReviewRow) -> Comparison:
    """Read the candidates; one call to Salesforce, and one for the description."""
    columns = _columns(reader.describe(settings.customers.object), settings)
    listed = ", ".join(f"'{one}'" for one in review.candidates)
    page = reader.query(
        f"SELECT {', '.join(('Id', *columns))} FROM {settings.customers.object} "
        f"WHERE Id IN ({listed})"
    )
    found = {str(record["Id"]): record for record in page.records}
    rows = tuple(
        (
            column,
            tuple(_value(found.get(one), column) for one in review.candidates),
        )
        for column in columns
    )
    links = tuple(salesforce_link(settings, one) for one in review.candidates)
    return Comparison(review.candidates, links, rows)


def _columns(described: SObject, settings: Settings) -> tuple[str, ...]:
    """The mapped fields that can be read, and when the record was made and moved."""
    customers = settings.customers
    wanted = [one.salesforce for one in customers.fields]
    parents = {field.relationship.lower() for field in described.fields.values()}
    seen = [
        name
        for name in (customers.address_field, *wanted, *_WHO)
        if name.lower() in described.fields
        or name.partition(".")[0].lower() in parents - {""}
    ]
    return tuple(dict.fromkeys(name for name in seen if name.lower() != "id"))


def _value(record: Mapping[str, Any] | None, column: str) -> str | None:
    """The value as text, "" for null; None where there is no record."""
    if record is None:
        return None
    value: Any = record
    for part in column.split("."):
        if not isinstance(value, Mapping):
            return ""
        found = {str(key).lower(): each for key, each in value.items()}
        value = found.get(part.lower())
    return "" if value is None else str(value)
