"""Dates and times as the service stores and shows them.

A datetime is kept as whole seconds since 1970 (the service keeps no fraction
either) and shown as `2022-03-17T16:21:26.000+0000`; a date is kept as its ISO
text, whose order is the order of time.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache

# The org's and its users' time zone is Asia/Tokyo, which has no summer time.
LOCAL = timezone(timedelta(hours=9))

_DATETIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)"
)


@lru_cache(maxsize=16_384)
def _day(number: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=number)).isoformat()


@lru_cache(maxsize=4096)
def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def show(seconds: int) -> str:
    """Epoch seconds as REST JSON shows them."""
    day, rest = divmod(seconds, 86_400)
    minutes, second = divmod(rest, 60)
    return f"{_day(day)}T{_clock(minutes)}:{second:02}.000+0000"


def parse(value: str) -> int | None:
    """Epoch seconds of an ISO datetime with a zone, None if it is none.

    A fraction of a second is cut off, and seconds may be missing.
    """
    match = _DATETIME.fullmatch(value)
    if match is None:
        return None
    year, month, day, hour, minute = (int(part) for part in match.groups()[:5])
    second, zone = int(match[6] or 0), match[7]
    offset = 0
    if zone != "Z":
        sign = -1 if zone[0] == "-" else 1
        offset = sign * (int(zone[1:3]) * 3600 + int(zone[-2:]) * 60)
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp()) - offset


def parse_date(value: str) -> str | None:
    """The ISO date, also of a datetime, None if `value` is neither."""
    try:
        return date.fromisoformat(value[:10]).isoformat()
    except ValueError:
        return None


def seconds_of(moment: datetime) -> int:
    """Whole epoch seconds of an aware datetime."""
    return int(moment.timestamp())


def moment(seconds: int) -> datetime:
    """The aware UTC datetime of epoch seconds."""
    return datetime.fromtimestamp(seconds, UTC)


def midnight(day: date) -> int:
    """Epoch seconds of the local midnight at which `day` begins."""
    return seconds_of(datetime(day.year, day.month, day.day, tzinfo=LOCAL))


def local_date(moment: datetime) -> date:
    """The calendar day that users of the org are living in."""
    return moment.astimezone(LOCAL).date()
