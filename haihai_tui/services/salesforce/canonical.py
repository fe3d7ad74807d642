"""REST's JSON records as the CSV that Bulk 2.0 gives.

One form for both ways means that the sync reads one: every value quoted, null
empty, `true`/`false`, numbers in the digits that came, times ending in `Z`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from haihai_tui.errors import SettingsError, text

_SELECT = re.compile(r"(?is)^\s*SELECT\s+(.+?)\s+FROM\s+(\w+)")
_PATH = re.compile(r"^\w+(\.\w+)*$")
_TIME = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})\+0000$")
_SURROGATE = re.compile("[\\ud800-\\udfff]")

IsTime = Callable[[str], bool]


class _Digits(str):
    """A JSON number in the digits that came."""

    __slots__ = ()


def select_columns(soql: str) -> tuple[str, ...]:
    """The field paths of a query, in SELECT order.

    Raises ValueError where something else than field paths is selected.
    """
    found = _SELECT.match(soql)
    paths = [p.strip() for p in found.group(1).split(",")] if found else []
    if not paths or not all(_PATH.match(p) for p in paths):
        raise ValueError(f"only field paths can be extracted: {soql[:200]}")
    return tuple(paths)


def select_object(soql: str) -> str:
    """The object after FROM.  Raises ValueError where there is none."""
    found = _SELECT.match(soql)
    if found is None:
        raise ValueError(f"not a query: {soql[:200]}")
    return found.group(2)


def decode(body: bytes) -> Any:
    """JSON with numbers as text.  Raises ValueError."""
    return json.loads(body, parse_float=_Digits, parse_int=_Digits)


def header_line(columns: Sequence[str]) -> bytes:
    """The first line of a page file."""
    return _line(columns)


def record_line(
    record: Mapping[str, Any], columns: Sequence[str], is_time: IsTime
) -> bytes:
    """One record of a query answer as a CSV line.

    Raises KeyError where a selected field is not in the record.
    """
    return _line([_value(record, column, is_time) for column in columns])


def _line(values: Sequence[str]) -> bytes:
    cells = (value.replace('"', '""') for value in values)
    line = '"' + '","'.join(cells) + '"\n'
    try:
        return line.encode()
    except UnicodeEncodeError:
        # A lone surrogate is no character: U+FFFD, which no legacy encoding takes.
        return _SURROGATE.sub("\ufffd", line).encode()


def _value(record: Mapping[str, Any], column: str, is_time: IsTime) -> str:
    value: Any = record
    for part in column.split("."):
        if value is None:
            return ""
        value = _member(value, part)
    return _text(value, column, is_time)


def _member(record: Mapping[str, Any], name: str) -> Any:
    if name in record:
        return record[name]
    # The answer spells names as describe does, whatever the query said.
    wanted = name.lower()
    for key in record:
        if key.lower() == wanted:
            return record[key]
    raise KeyError(name)


def _text(value: Any, column: str, is_time: IsTime) -> str:
    if value is None:
        return ""
    if value is True:
        return "true"
    if value is False:
        return "false"
    if isinstance(value, _Digits):
        return str(value)
    if isinstance(value, str):
        time = _TIME.match(value)
        return f"{time.group(1)}Z" if time and is_time(column) else value
    raise SettingsError(
        text("項目 {field} は複合項目のため読み取れません。", field=column),
        text("個々の項目（例: MailingCity）を指定してください。"),
        cause="field_type_mismatch",
    )
