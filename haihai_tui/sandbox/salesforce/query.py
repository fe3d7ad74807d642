"""Queries: a syntax tree run against the records.

A result keeps slots, not rows: a page is put together when it is read, so that an
open cursor over a million records costs a list of integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from haihai_tui.sandbox.salesforce import timestamps
from haihai_tui.sandbox.salesforce.columns import Column, Reader, no_such_type
from haihai_tui.sandbox.salesforce.errors import ApiError
from haihai_tui.sandbox.salesforce.fieldtypes import NUMBERS
from haihai_tui.sandbox.salesforce.filters import Conditions
from haihai_tui.sandbox.salesforce.soql import (
    Function,
    Ordering,
    Path,
    Query,
    refusal,
)

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.org import Org

_MAX_OFFSET = 2000
_FIELD_GROUPS = {"ALL", "STANDARD", "CUSTOM"}


@dataclass(frozen=True)
class QueryResult:
    """Rows of one query.

    `columns` are in SELECT order, a parent's field as `Account.Name`; `rows` has
    tuples of None, str, bool, int, float, a datetime being the text that REST
    shows, a compound address a dict.  `is_count` marks `SELECT count()`, whose only
    answer is `total`.  For aggregates `columns` are the names in the result
    (`expr0`, an alias, a grouped field) and `groups` are the rows; otherwise
    `slots` and `paths` let a page be read alone.
    """

    sobject: str
    columns: list[str]
    is_count: bool
    total: int
    slots: list[int] = field(repr=False, default_factory=list)
    paths: list[Column] = field(repr=False, default_factory=list)
    groups: list[tuple[Any, ...]] | None = field(repr=False, default=None)
    ids: Callable[[int], str] = field(repr=False, default=str)

    @property
    def is_aggregate(self) -> bool:
        """Whether the rows are groups rather than records."""
        return self.groups is not None

    @property
    def rows(self) -> Iterator[tuple[Any, ...]]:
        """All rows, read as they are asked for."""
        return self.page(0, self.total)

    def page(self, start: int, end: int) -> Iterator[tuple[Any, ...]]:
        """The rows from `start` up to, not including, `end`."""
        if self.groups is not None:
            return iter(self.groups[start:end])
        if self.is_count:
            return iter(())
        slots = self.slots[start:end]
        return zip(*(map(column.show(), slots) for column in self.paths), strict=True)


def run(
    org: Org,
    query: Query,
    *,
    include_deleted: bool,
    user_id: str | None,
    text: str | None = None,
) -> QueryResult:
    """Run a parsed query; `text` is the outer query of a nested one."""
    whole = query.text if text is None else text
    if not org.has(query.sobject):
        message = no_such_type(query.sobject)
        raise refusal("INVALID_TYPE", whole, query.sobject_at, message)
    if query.offset > _MAX_OFFSET:
        message = f"Maximum SOQL offset allowed is {_MAX_OFFSET}"
        raise ApiError(400, "NUMBER_OUTSIDE_VALID_RANGE", message)
    reader = Reader(org, query.sobject, user_id, whole)
    return _Run(org, reader, query).result(include_deleted)


class _Run:
    """One query under way."""

    def __init__(self, org: Org, reader: Reader, query: Query) -> None:
        self._reader = reader
        self._query = query
        self._today = timestamps.local_date(org.clock.now())

    def result(self, include_deleted: bool) -> QueryResult:
        query, reader = self._query, self._reader
        functions = [item for item in query.items if isinstance(item, Function)]
        is_count = [(f.name, f.path) for f in functions] == [("count", None)]
        aggregate = bool(query.group) or (
            any(f.name != "fields" for f in functions) and not is_count
        )
        paths = [] if aggregate or is_count else self._selected()
        keys = [] if aggregate else self._keys()
        aggregated = _Aggregation(reader, query) if aggregate else None
        conditions = Conditions(reader, self._today)
        slots = conditions.select(query.where, include_deleted=include_deleted)
        name = reader.schema.name
        if aggregated is not None:
            groups = self._cut(aggregated.rows(slots))
            return QueryResult(
                name, aggregated.names, False, len(groups), groups=groups
            )
        slots = self._cut(_sorted(slots, keys))
        return QueryResult(
            name,
            [column.label for column in paths],
            is_count,
            len(slots),
            [] if is_count else slots,
            paths,
            ids=reader.table.getter("Id"),
        )

    def _cut(self, rows: list[Any]) -> list[Any]:
        start, limit = self._query.offset, self._query.limit
        if not start and (limit is None or limit >= len(rows)):
            return rows
        return rows[start : None if limit is None else start + limit]

    def _selected(self) -> list[Column]:
        paths: list[Column] = []
        for item in self._query.items:
            if isinstance(item, Path):
                paths.append(self._reader.column(item))
            elif isinstance(item, Function):
                paths.extend(self._field_group(item))
            else:
                message = "Sub-selects in the field list are not supported here"
                at = self._query.sobject_at
                raise self._reader.refuse("MALFORMED_QUERY", at, message)
        seen: set[str] = set()
        for column in paths:
            if column.label in seen:
                message = f"duplicate field selected: {column.label}"
                raise ApiError(400, "INVALID_FIELD", message)
            seen.add(column.label)
        return paths

    def _field_group(self, item: Function) -> list[Column]:
        group = "" if item.path is None else item.path.text.upper()
        if group not in _FIELD_GROUPS:
            raise self._reader.refuse(
                "MALFORMED_QUERY", item.at, f"unexpected token: '{group}'"
            )
        limit = self._query.limit
        if group != "STANDARD" and (limit is None or limit > 200):
            message = "The SOQL FIELDS function must have a LIMIT of at most 200"
            raise self._reader.refuse("MALFORMED_QUERY", item.at, message)
        return [
            self._reader.column(Path((each.name,), item.at))
            for each in self._reader.schema.fields.values()
            if group == "ALL" or each.has("custom") == (group == "CUSTOM")
        ]

    def _keys(self) -> list[tuple[Column, Ordering]]:
        keys = []
        for each in self._query.order:
            if isinstance(each.by, Function):
                message = f"unexpected token: '{each.by.name}'"
                raise self._reader.refuse("MALFORMED_QUERY", each.by.at, message)
            column = self._reader.column(each.by)
            if not column.field.has("sortable"):
                name = column.field.name
                message = f"field '{name}' can not be sorted in a query call"
                raise self._reader.refuse("INVALID_FIELD", each.by.at, message)
            keys.append((column, each))
        return keys


def _sorted(slots: list[int], keys: list[tuple[Column, Ordering]]) -> list[int]:
    """By the last key first, as each sort keeps the order of equals."""
    if keys and keys[-1][0].field.type == "id" and not keys[-1][0].parents:
        column, ordering = keys[-1]
        # Slots come in order of their ids already.
        slots = slots[::-1] if ordering.descending else slots
        keys = keys[:-1]
    for column, ordering in reversed(keys):
        get = column.get
        nulls = [slot for slot in slots if get(slot) is None]
        values = [slot for slot in slots if get(slot) is not None] if nulls else slots
        text = column.field.is_text and column.field.type != "id"
        key = (lambda slot, get=get: str(get(slot)).lower()) if text else get
        values = sorted(values, key=key, reverse=ordering.descending)
        slots = values + nulls if ordering.nulls_last else nulls + values
    return slots


def _count(values: list[Any]) -> int:
    return len(values)


def _average(values: list[Any]) -> Any:
    return sum(values) / len(values) if values else None


_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "count": _count,
    "count_distinct": lambda values: len(set(values)),
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
    "sum": lambda values: sum(values) if values else None,
    "avg": _average,
}
_NUMERIC_ONLY = frozenset({"sum", "avg"})


class _Aggregation:
    """COUNT, COUNT_DISTINCT, MIN, MAX, SUM, AVG, with and without GROUP BY."""

    def __init__(self, reader: Reader, query: Query) -> None:
        self._reader = reader
        self._grouped = [reader.column(path) for path in query.group]
        self._order = query.order
        self._query = query
        labels = {column.label for column in self._grouped}
        self.names: list[str] = []
        self._items: list[tuple[Column | None, Callable[[list[Any]], Any] | None]] = []
        unnamed = 0
        for item in query.items:
            if isinstance(item, Path):
                column = reader.column(item)
                if column.label not in labels:
                    raise reader.refuse(
                        "MALFORMED_QUERY",
                        item.at,
                        "Field must be grouped or aggregated: " + item.text,
                    )
                self.names.append(column.field.name)
                self._items.append((column, None))
                continue
            self._items.append(self._function(item))
            if item.alias is None:
                self.names.append(f"expr{unnamed}")
                unnamed += 1
            else:
                self.names.append(item.alias)

    def _function(
        self, item: Function
    ) -> tuple[Column | None, Callable[[list[Any]], Any]]:
        function = _AGGREGATES.get(item.name)
        if function is None or (item.path is None and item.name != "count"):
            raise self._reader.refuse(
                "MALFORMED_QUERY", item.at, f"unexpected token: '{item.name}'"
            )
        if item.path is None:
            return None, function
        column = self._reader.column(item.path)
        numeric = column.field.type in NUMBERS
        if not column.field.has("aggregatable") or (
            item.name in _NUMERIC_ONLY and not numeric
        ):
            raise self._reader.refuse(
                "MALFORMED_QUERY",
                item.at,
                f"field {column.field.name} does not support aggregate operator "
                f"{item.name.upper()}",
            )
        return column, function

    def rows(self, slots: Iterable[int]) -> list[tuple[Any, ...]]:
        """One row a group, in the order asked for, else by the grouped values."""
        groups: dict[tuple[Any, ...], list[int]] = {}
        getters = [column.get for column in self._grouped]
        for slot in slots:
            groups.setdefault(tuple(get(slot) for get in getters), []).append(slot)
        if not self._grouped:
            groups = groups or {(): []}
        members = sorted(groups.values(), key=lambda g: self._group_key(g))
        for ordering in reversed(self._order):
            members = self._ordered(members, ordering)
        return [
            tuple(self._value(item, group) for item in self._items) for group in members
        ]

    def _group_key(self, group: list[int]) -> tuple[Any, ...]:
        values = [column.get(group[0]) for column in self._grouped]
        return tuple((value is not None, value or 0) for value in values)

    def _ordered(self, groups: list[list[int]], ordering: Ordering) -> list[list[int]]:
        by = ordering.by
        if isinstance(by, Function):
            item: Any = self._function(by)
        elif by.text in self.names:
            item = self._items[self.names.index(by.text)]
        else:
            item = (self._reader.column(by), None)

        def key(group: list[int]) -> Any:
            return self._value(item, group)

        nulls = [group for group in groups if key(group) is None]
        rest = [group for group in groups if key(group) is not None]
        rest.sort(key=key, reverse=ordering.descending)
        return rest + nulls if ordering.nulls_last else nulls + rest

    def _value(self, item: Any, group: list[int]) -> Any:
        column, function = item
        if function is None:
            return column.show()(group[0])
        if column is None:
            return len(group)
        values = [v for slot in group if (v := column.get(slot)) is not None]
        result = function(values)
        if column.field.type == "datetime" and function in _EXTREMES:
            return None if result is None else timestamps.show(result)
        return result


_EXTREMES = (_AGGREGATES["min"], _AGGREGATES["max"])
