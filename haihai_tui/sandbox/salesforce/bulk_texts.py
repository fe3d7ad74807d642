"""Values of result columns as the text between two quotes of a CSV file.

Whole columns are turned at once, because a million rows have to be written in
seconds; each function takes a list of stored values and gives as many texts.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from typing import Any

Texts = Callable[[list[Any]], list[str]]
_DAY = 86_400


def plain(values: list[Any]) -> list[str]:
    """Text and numbers; quotes are doubled, null is empty."""
    try:
        doubled = '"' in "".join(filter(None, values))
    except TypeError:  # not all of them are text
        return plain([None if value is None else str(value) for value in values])
    if doubled:
        return [(value or "").replace('"', '""') for value in values]
    return [value or "" for value in values]


def booleans(values: list[Any]) -> list[str]:
    """`true`, `false`; null is empty."""
    return ["true" if v else "" if v is None else "false" for v in values]


def datetimes(values: list[Any]) -> list[str]:
    """Epoch seconds as `2026-01-02T03:04:05.000Z`; null is empty."""
    show = _times_of_day()
    return [
        _date(v // _DAY) + show[v % _DAY] if type(v) is int else plain([v])[0]
        for v in values
    ]


@cache
def _times_of_day() -> list[str]:
    """Made once: a million rows have millions of datetimes."""
    return [
        f"T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000Z"
        for second in range(_DAY)
    ]


@cache
def _date(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()


_BY_TYPE: dict[str, Texts] = {"boolean": booleans, "datetime": datetimes}


def texts_of(field_type: str) -> Texts:
    """How values of a field type are written."""
    return _BY_TYPE.get(field_type, plain)
