"""SOQL's date literals as ranges of days, in the time zone of the org's users."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

Range = tuple[date, date]
"""First day, and the day after the last."""


def _month(day: date, months: int = 0) -> date:
    """The first of the month that lies `months` after that of `day`."""
    years, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(years, month + 1, 1)


def _unit_start(unit: str, day: date, steps: int) -> date:
    """Where the unit (DAY, WEEK, …) that is `steps` from that of `day` begins."""
    match unit:
        case "DAY":
            return day + timedelta(days=steps)
        case "WEEK":  # weeks begin on Sunday, as in the service's default locale
            sunday = day - timedelta(days=day.isoweekday() % 7)
            return sunday + timedelta(weeks=steps)
        case "MONTH":
            return _month(day, steps)
        case "QUARTER":
            return _month(day, 3 * steps - (day.month - 1) % 3)
        case _:
            return date(day.year + steps, 1, 1)


_WORDS: dict[str, tuple[str, int]] = {
    "TODAY": ("DAY", 0),
    "YESTERDAY": ("DAY", -1),
    "TOMORROW": ("DAY", 1),
} | {
    f"{word}_{unit}": (unit, step)
    for word, step in (("THIS", 0), ("LAST", -1), ("NEXT", 1))
    for unit in ("WEEK", "MONTH", "QUARTER", "YEAR")
}
_SPANS: dict[str, Callable[[date], Range]] = {
    "LAST_90_DAYS": lambda day: (day - timedelta(days=90), day + timedelta(days=1)),
    "NEXT_90_DAYS": lambda day: (day + timedelta(days=1), day + timedelta(days=91)),
}
_COUNTED = {
    f"{head}_N_{unit}S{tail}": (head, unit, bool(tail))
    for head in ("LAST", "NEXT")
    for unit in ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
    for tail in ("", "_AGO")
    if not (head == "NEXT" and tail)
} | {
    f"N_{unit}S_AGO": ("LAST", unit, True)
    for unit in ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
}


def days_of(name: str, number: int | None, today: date) -> Range | None:
    """The days of `TODAY` or `LAST_N_DAYS:5`; None if there is no such literal.

    `LAST_N_DAYS` reaches to today, the other `LAST_N_` units end before the
    current one, and `NEXT_N_` units begin after it.  There are no days before the
    year 1 or after 9999.
    """
    try:
        return _days_of(name, number, today)
    except (OverflowError, ValueError):
        return None


def _days_of(name: str, number: int | None, today: date) -> Range | None:
    if number is None:
        if name in _SPANS:
            return _SPANS[name](today)
        if name not in _WORDS:
            return None
        unit, step = _WORDS[name]
        return _unit_start(unit, today, step), _unit_start(unit, today, step + 1)
    if name not in _COUNTED:
        return None
    head, unit, ago = _COUNTED[name]
    if ago:
        start = _unit_start(unit, today, -number)
        return start, _unit_start(unit, today, 1 - number)
    if head == "NEXT":
        start = _unit_start(unit, today, 1)
        return start, _unit_start(unit, today, number + 1)
    end = 1 if unit == "DAY" else 0
    return _unit_start(unit, today, -number), _unit_start(unit, today, end)
