"""CSV rows of members and views, turned into the sync's tuples.

Retrievals and exported files hold the same columns and words, so both are read
here; what an error is called differs, and the caller hands it in.  Columns are
found by name once, then rows are read by position: a million take about a second.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from typing import Protocol, TypeVar

from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.services.haihai.wire import Wire
from haihai_tui.sync.ports import DeliveryState, Member, MemberRow, View


class Fail(Protocol):
    """Makes the error for a row; the text names line and column.

    `damaged`: the table itself is broken, rather than a word or time unknown.
    """

    def __call__(self, what: Text, *, damaged: bool = False) -> ConnectorError: ...


_Value = TypeVar("_Value")

_FORMATS = (
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d",
    "%Y-%m-%d",
)


def columns(
    header: Sequence[str], wanted: Sequence[str], optional: Sequence[str]
) -> list[int] | None:
    """Positions of `wanted` and then `optional`; None if a wanted one is missing.

    An optional column that is missing gets the position behind the last one.
    """
    names = [name.strip().lstrip("\ufeff") for name in header]
    if not set(wanted) <= set(names):
        return None
    return [
        names.index(name) if name in names else len(names)
        for name in (*wanted, *optional)
    ]


def member_columns(wire: Wire) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that members need, and those that they may lack."""
    return (
        (wire.member_address_column, wire.member_state_column),
        (
            wire.member_stopped_at_column,
            wire.member_method_column,
            wire.member_status_column,
        ),
    )


def view_columns(wire: Wire) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns that views need, and those that they may lack."""
    return (
        (wire.view_address_column, wire.view_url_column, wire.view_at_column),
        (wire.view_kind_column, wire.view_user_agent_column),
    )


def members(
    rows: Iterator[list[str]], positions: list[int], wire: Wire, fail: Fail
) -> Iterator[Member]:
    """Members from the rows behind the header; a word out of the table is an error."""
    states: Mapping[str, DeliveryState] = {
        wire.state_allowed: "allowed",
        wire.state_stopped: "stopped",
        wire.state_barred: "barred",
    }
    errors = {wire.status_ok: False, wire.status_error: True, "": False}
    address, state, stopped, method, status = positions
    as_utc = utc_converter(wire)
    for number, row in numbered(rows, fail):
        try:
            row.append("")  # where a missing optional column is looked up
            at = row[stopped]
            yield (
                row[address],
                states[row[state]],
                as_utc(at) if at else "",
                row[method],
                errors[row[status]],
            )
        except (IndexError, KeyError, ValueError, OverflowError) as error:
            if isinstance(error, IndexError):
                raise fail(_short(number), damaged=True) from None
            _look(row[state], states, wire.member_state_column, number, fail)
            _look(row[status], errors, wire.member_status_column, number, fail)
            raise fail(_bad_time(wire.member_stopped_at_column, at, number)) from None


def member_rows(
    rows: Iterator[list[str]],
    positions: list[int],
    items: list[int],
    wire: Wire,
    fail: Fail,
) -> Iterator[MemberRow]:
    """As `members`, each with the values at the positions `items`."""
    latest: list[str] = []

    def noted() -> Iterator[list[str]]:
        nonlocal latest
        for row in rows:
            latest = row
            yield row

    for member in members(noted(), positions, wire, fail):
        width = len(latest) - 1  # one more than the row had was put behind it
        yield member, [latest[at] if at < width else "" for at in items]


def views(
    rows: Iterator[list[str]], positions: list[int], wire: Wire, fail: Fail
) -> Iterator[View]:
    """Views from the rows behind the header; without a kind column all are clicks."""
    kinds = {wire.view_click: "click", wire.view_visit: "visit", "": "click"}
    address, url, at, kind, agent = positions
    as_utc = utc_converter(wire)
    for number, row in numbered(rows, fail):
        try:
            row.append("")
            yield (
                row[address],
                row[url],
                as_utc(row[at]),
                kinds[row[kind]],
                row[agent],
            )
        except (IndexError, KeyError, ValueError, OverflowError) as error:
            if isinstance(error, IndexError):
                raise fail(_short(number), damaged=True) from None
            _look(row[kind], kinds, wire.view_kind_column, number, fail)
            raise fail(_bad_time(wire.view_at_column, row[at], number)) from None


def utc_converter(wire: Wire) -> Callable[[str], str]:
    """From the service's local time to RFC 3339 UTC; ValueError if it is no time."""
    zone = wire.zone
    year_first = wire.time_format.startswith(("%Y/%m/%d", "%Y-%m-%d"))

    def convert(value: str) -> str:
        return _utc(_parse(value.strip(), wire), zone)

    def convert_fast(value: str) -> str:
        try:
            # Far faster than strptime, and right wherever the year comes first.
            return _utc(datetime.fromisoformat(value.replace("/", "-")), zone)
        except ValueError:
            return convert(value)

    return convert_fast if year_first else convert


def _parse(value: str, wire: Wire) -> datetime:
    """By the wire's format, then those that spreadsheet programs leave behind."""
    for pattern in (wire.time_format, *_FORMATS):
        try:
            return datetime.strptime(value, pattern)
        except ValueError:
            continue
    raise ValueError(value)


def _utc(local: datetime, zone: tzinfo) -> str:
    aware = local if local.tzinfo else local.replace(tzinfo=zone)
    utc = aware.astimezone(UTC).replace(tzinfo=None)
    return f"{utc.isoformat(timespec='seconds')}Z"


def numbered(rows: Iterator[list[str]], fail: Fail) -> Iterator[tuple[int, list[str]]]:
    """Rows behind the header with their record's number, blank lines left out.

    The header is record 1.
    """
    number = 1
    while True:
        number += 1
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise fail(
                text(
                    "{line} 行目を CSV として読めません（{reason}）。",
                    line=number,
                    reason=str(error),
                ),
                damaged=True,
            ) from None
        if row is None:
            return
        if row:
            yield number, row


def _look(
    word: str, known: Mapping[str, _Value], column: str, line: int, fail: Fail
) -> None:
    if word not in known:
        raise fail(
            text(
                "{line} 行目の「{column}」の値「{word}」は未知です。",
                line=line,
                column=column,
                word=word[:40],
            )
        ) from None


def _short(line: int) -> Text:
    return text("{line} 行目の列が足りません。", line=line)


def _bad_time(column: str, value: str, line: int) -> Text:
    return text(
        "{line} 行目の「{column}」の日時「{value}」を読めません。",
        line=line,
        column=column,
        value=value[:40],
    )
