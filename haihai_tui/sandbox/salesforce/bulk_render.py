"""From a query to the rows of its result: what Bulk refuses, and how it is written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from haihai_tui.sandbox.salesforce import soql
from haihai_tui.sandbox.salesforce.bulk_jobs import BulkError
from haihai_tui.sandbox.salesforce.bulk_result import Result
from haihai_tui.sandbox.salesforce.bulk_texts import texts_of

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.query import QueryResult

_CHUNK_ROWS = 2_000
_TYPEOF = re.compile(r"\btypeof\b", re.IGNORECASE)
_STRINGS = re.compile(r"'(?:[^'\\]|\\.)*'")
_COMPOUND = ("address", "location")


def supported(text: str) -> soql.Query:
    """The parsed query; what Bulk cannot do is refused."""
    if _TYPEOF.search(_STRINGS.sub("''", text)):
        raise BulkError(400, "API_ERROR", "TYPEOF is not supported in Bulk Query")
    query = soql.parse(text)
    items: list[Any] = list(query.items)
    if query.group or any(_is_aggregate(item) for item in items):
        message = "Implementation restriction: aggregate queries and GROUP BY "
        raise BulkError(400, "API_ERROR", message + "are not supported in Bulk Query")
    if query.offset:
        message = "Implementation restriction: OFFSET is not supported in Bulk Query"
        raise BulkError(400, "API_ERROR", message)
    if any(not isinstance(item, (soql.Path, soql.Function)) for item in items):
        message = "Aggregate Relationships not supported in Bulk Query"
        raise BulkError(400, "API_ERROR", message)
    return query


def _is_aggregate(item: Any) -> bool:
    return isinstance(item, soql.Function) and item.name != "fields"


def refuse_compound(found: QueryResult) -> None:
    if any(column.field.type in _COMPOUND for column in found.paths):
        message = "Selecting compound data not supported in Bulk Query"
        raise BulkError(400, "INVALID_FIELD", message)


def chunks(found: QueryResult, *, as_shown: bool) -> Iterator[list[list[str]]]:
    """The rows as columns of texts, from stored values rather than shown ones.

    A field whose type was changed holds values of its old type: `as_shown`.
    """
    columns = [
        (
            column.show() if as_shown and kind != "datetime" else column.get,
            texts_of(kind),
        )
        for column in found.paths
        for kind in [column.field.type]
    ]
    for start in range(0, len(found.slots), _CHUNK_ROWS):
        slots = found.slots[start : start + _CHUNK_ROWS]
        yield [texts(list(map(get, slots))) for get, texts in columns]


def write(result: Result, chunks: Iterable[list[list[str]]], pages: int) -> Result:
    """Write the rows, and compress the pages of `pages` rows that will be asked."""
    result.write(chunks)
    for first in range(0, result.rows, pages) if pages else ():
        result.gzipped(first, min(first + pages, result.rows))
    return result
