"""WHERE, worked off column by column.

A condition is a function that narrows a list of slots, which for a million records
is several times faster than asking each record for all conditions.  Null is
unequal to every value, and text is compared without regard to case, as there.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from itertools import compress
from typing import Any

from haihai_tui.sandbox.salesforce import dateliterals, ids, timestamps
from haihai_tui.sandbox.salesforce.columns import Column, Reader
from haihai_tui.sandbox.salesforce.fieldtypes import NUMBERS
from haihai_tui.sandbox.salesforce.soql import Comparison, Condition, Group, Value
from haihai_tui.sandbox.salesforce.table import Slots

Narrow = Callable[[Slots], Slots]
Test = Callable[[Any], bool]

_ORDER = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NEVER_NULL = frozenset({"CreatedDate", "LastModifiedDate", "SystemModstamp"})
_NEGATED = frozenset({"!=", "not in", "excludes"})


@dataclass(frozen=True)
class Filter:
    """A condition; `hits`, if there is an index, finds its records directly.

    `rank` says which of several conditions to work off first.
    """

    narrow: Narrow
    rank: int = 2
    hits: Callable[[], Iterable[int]] | None = None


class Conditions:
    """Compiles the conditions of one query."""

    def __init__(self, reader: Reader, today: date) -> None:
        self._reader = reader
        self._today = today

    def select(self, where: Condition | None, *, include_deleted: bool) -> list[int]:
        """The slots of the records that meet `where`, in order of their ids."""
        table = self._reader.table
        if where is None:
            return list(table.slots(include_deleted=include_deleted))
        filters = self._split(where)
        first = filters[0]
        slots: Slots
        if first.hits is not None:
            gone = (
                table.purged if include_deleted else table.purged | set(table.deleted)
            )
            slots = sorted(set(first.hits()) - gone)
        else:
            slots = table.slots(include_deleted=include_deleted)
        for each in filters:
            slots = each.narrow(slots)
        return list(slots)

    def _split(self, where: Condition) -> list[Filter]:
        if isinstance(where, Group) and where.operator == "and":
            filters = [self._compile(each) for each in where.conditions]
            return sorted(filters, key=lambda each: each.rank)
        return [self._compile(where)]

    def _compile(self, condition: Condition) -> Filter:
        if isinstance(condition, Comparison):
            return self._comparison(condition)
        if condition.operator == "and":
            return Filter(_all([f.narrow for f in self._split(condition)]))
        narrows = [self._compile(each).narrow for each in condition.conditions]
        return Filter(_any(narrows) if condition.operator == "or" else _not(narrows[0]))

    # -------------------------------------------------------------- comparisons

    def _comparison(self, comparison: Comparison) -> Filter:
        column = self._reader.column(comparison.path)
        field = column.field
        if not field.has("filterable"):
            message = f"field '{field.name}' can not be filtered in a query call"
            raise self._refuse("INVALID_FIELD", comparison, message)
        if comparison.operator in ("includes", "excludes"):
            return self._multi(comparison, column)
        if comparison.operator == "like":
            return self._like(comparison, column)
        if comparison.values[0].kind == "query":
            return self._semijoin(comparison, column)
        if field.type == "datetime" or field.type == "date":
            return self._dated(comparison, column)
        wanted = [
            self._constant(value, column, comparison) for value in comparison.values
        ]
        if comparison.operator in _ORDER:
            if wanted[0] is None:
                raise self._refuse(
                    "MALFORMED_QUERY", comparison, "unexpected token: 'null'"
                )
            return _narrow_by(column, _ordered(comparison.operator, wanted[0]))
        return self._equal(column, wanted, comparison.operator)

    def _equal(self, column: Column, wanted: list[Any], name: str) -> Filter:
        negated = name in _NEGATED
        exact = column.field.type in ("id", "reference")
        keys = set(wanted) if exact else {_key(value) for value in wanted}
        if column.field.type == "boolean" and len(keys) == 1:
            test: Test = (not keys.pop()).__eq__ if negated else keys.pop().__eq__
            return Filter(_mapped(column, test))
        if keys == {None}:
            return Filter(_not_null(column) if negated else _null(column))
        if exact:
            narrow = _keyed(column, keys, negated, lambda value: value)
        else:
            narrow = _keyed(column, keys, negated, _key)
        hits = None if negated or None in keys else self._index(column, keys)
        return Filter(narrow, 0 if hits else 2, hits)

    def _index(
        self, column: Column, keys: set[Any]
    ) -> Callable[[], Iterable[int]] | None:
        table = self._reader.table
        if not column.stored_directly:
            return None
        if column.field.type == "id":
            return lambda: [s for k in keys if (s := table.slot(k)) is not None]
        if column.field.is_lookup_key:
            index = table.lookup(column.field.name)
            return lambda: [slot for key in keys for slot in index.get(key, ())]
        return None

    def _dated(self, comparison: Comparison, column: Column) -> Filter:
        ranges = [self._range(value, column, comparison) for value in comparison.values]
        name = comparison.operator
        if name in ("=", "!=", "in", "not in"):
            test = _in_ranges(ranges)
            return _narrow_by(column, _complement(test) if name in _NEGATED else test)
        if ranges[0] is None:
            raise self._refuse(
                "MALFORMED_QUERY", comparison, "unexpected token: 'null'"
            )
        start, end = ranges[0]
        bound, op = {
            "<": (start, operator.lt),
            ">=": (start, operator.ge),
            "<=": (end, operator.lt),
            ">": (end, operator.ge),
        }[name]
        if column.stored_directly and column.field.name in _NEVER_NULL:
            # `bound <= value`, as a bound method, runs the whole column in C.
            test = bound.__le__ if op is operator.ge else bound.__gt__
            return Filter(_mapped(column, test), rank=1)
        return _narrow_by(column, lambda value: value is not None and op(value, bound))

    def _range(
        self, value: Value, column: Column, comparison: Comparison
    ) -> tuple[Any, Any] | None:
        """First value of the constant's range and the first one after it."""
        kind = column.field.type
        if value.kind == "null" or (value.kind == "string" and not value.value):
            return None
        if value.kind == "literal":
            name, number = value.value
            days = dateliterals.days_of(name, number, self._today)
            if days is not None:
                return _as_stored(kind, days)
        if value.kind == kind == "datetime":
            seconds = timestamps.parse(value.value)
            if seconds is not None:
                return seconds, seconds + 1
        if value.kind == kind == "date":
            day = timestamps.parse_date(value.value)
            if day is not None:
                return day, day + "~"
        if value.kind == "literal":
            raise self._refuse_token(value)
        raise self._wrong_type(comparison, column)

    def _constant(self, value: Value, column: Column, comparison: Comparison) -> Any:
        kind = column.field.type
        if value.kind == "null":
            return None
        if value.kind == "literal":
            raise self._refuse_token(value)
        if kind == "boolean" and value.kind == "boolean":
            return value.value
        if kind in NUMBERS and value.kind == "number":
            return value.value
        if not column.field.is_text or value.kind != "string":
            raise self._wrong_type(comparison, column)
        text = str(value.value)
        if not text:
            return None
        if kind not in ("id", "reference"):
            return text
        record_id = ids.normalise(text)
        if record_id is None:
            raise self._refuse(
                "INVALID_QUERY_FILTER_OPERATOR", comparison, f"invalid ID field: {text}"
            )
        return record_id

    def _like(self, comparison: Comparison, column: Column) -> Filter:
        value = comparison.values[0]
        if column.field.type in ("id", "reference") or not column.field.is_text:
            raise self._wrong_operator(comparison, column)
        if value.kind != "string":
            raise self._wrong_type(comparison, column)
        match = like_pattern(value.raw).fullmatch
        return _narrow_by(
            column, lambda text: text is not None and match(text) is not None
        )

    def _multi(self, comparison: Comparison, column: Column) -> Filter:
        if column.field.type != "multipicklist":
            raise self._wrong_operator(comparison, column)
        wanted = [set(str(v.value).split(";")) for v in comparison.values]

        def test(value: Any) -> bool:
            chosen = set() if value is None else set(value.split(";"))
            return any(each <= chosen for each in wanted)

        excluded = comparison.operator == "excludes"
        return _narrow_by(column, _complement(test) if excluded else test)

    def _semijoin(self, comparison: Comparison, column: Column) -> Filter:
        if column.field.type not in ("id", "reference"):
            message = "Semi join sub-selects can only be used with id fields"
            raise self._refuse("MALFORMED_QUERY", comparison, message)
        inner = comparison.values[0].value
        found = self._reader.org.run(
            inner, self._reader.text, user_id=self._reader.user_id
        )
        keys = {row[0] for row in found.rows if row[0] is not None}
        negated = comparison.operator == "not in"
        hits = None if negated else self._index(column, keys)
        narrow = _keyed(column, keys, negated, lambda value: value)
        return Filter(narrow, 0 if hits else 2, hits)

    # ----------------------------------------------------------------- refusals

    def _refuse(self, code: str, comparison: Comparison, message: str) -> Exception:
        return self._reader.refuse(code, comparison.path.at, message)

    def _refuse_token(self, value: Value) -> Exception:
        name = value.value[0]
        return self._reader.refuse(
            "MALFORMED_QUERY", value.at, f"unexpected token: '{name}'"
        )

    def _wrong_operator(self, comparison: Comparison, column: Column) -> Exception:
        message = f"invalid operator on {column.field.type} field"
        return self._refuse("INVALID_QUERY_FILTER_OPERATOR", comparison, message)

    def _wrong_type(self, comparison: Comparison, column: Column) -> Exception:
        field = column.field
        names = {"datetime": "dateTime", "currency": "double", "percent": "double"}
        kind = "string" if field.is_text else names.get(field.type, field.type)
        quotes = "should" if field.is_text else "should not"
        return self._refuse(
            "INVALID_FIELD",
            comparison,
            f"value of filter criterion for field '{field.name}' must be of type "
            f"{kind} and {quotes} be enclosed in quotes",
        )


def like_pattern(raw: str) -> re.Pattern[str]:
    """The regular expression of a LIKE pattern as written between its quotes."""
    out = []
    for escaped, plain in re.findall(r"\\(.)|(.)", raw, flags=re.S):
        if plain == "%":
            out.append(".*")
        elif plain == "_":
            out.append(".")
        else:
            out.append(re.escape(escaped or plain))
    return re.compile("".join(out), re.IGNORECASE | re.DOTALL)


def _key(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _as_stored(kind: str, days: dateliterals.Range) -> tuple[Any, Any]:
    if kind == "date":
        return days[0].isoformat(), days[1].isoformat()
    return timestamps.midnight(days[0]), timestamps.midnight(days[1])


def _ordered(name: str, bound: Any) -> Test:
    op, key = _ORDER[name], _key(bound)
    return lambda value: value is not None and op(_key(value), key)


def _in_ranges(ranges: list[tuple[Any, Any] | None]) -> Test:
    with_null = None in ranges
    bounds = [each for each in ranges if each is not None]

    def test(value: Any) -> bool:
        if value is None:
            return with_null
        return any(start <= value < end for start, end in bounds)

    return test


def _complement(test: Test) -> Test:
    return lambda value: not test(value)


def _narrow_by(column: Column, test: Test) -> Filter:
    get = column.get
    return Filter(lambda slots: [slot for slot in slots if test(get(slot))])


def _mapped(column: Column, test: Test) -> Narrow:
    get = column.get
    return lambda slots: list(compress(slots, map(test, map(get, slots))))


def _null(column: Column) -> Narrow:
    get = column.get
    return lambda slots: [slot for slot in slots if get(slot) is None]


def _not_null(column: Column) -> Narrow:
    get = column.get
    return lambda slots: [slot for slot in slots if get(slot) is not None]


def _keyed(
    column: Column, keys: set[Any], negated: bool, key: Callable[[Any], Any]
) -> Narrow:
    get = column.get
    if negated:
        return lambda slots: [slot for slot in slots if key(get(slot)) not in keys]
    return lambda slots: [slot for slot in slots if key(get(slot)) in keys]


def _all(narrows: list[Narrow]) -> Narrow:
    def narrow(slots: Slots) -> Slots:
        for each in narrows:
            slots = each(slots)
        return slots

    return narrow


def _any(narrows: list[Narrow]) -> Narrow:
    def narrow(slots: Slots) -> Slots:
        found: set[int] = set()
        for each in narrows:
            found.update(each(slots))
        return [slot for slot in slots if slot in found]

    return narrow


def _not(inner: Narrow) -> Narrow:
    def narrow(slots: Slots) -> Slots:
        found = set(inner(slots))
        return [slot for slot in slots if slot not in found]

    return narrow
