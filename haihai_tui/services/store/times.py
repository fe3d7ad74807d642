"""Times as the state database keeps them: RFC 3339, UTC, microseconds, `Z`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    return datetime.now(UTC)


def stamp(moment: datetime) -> str:
    """`2026-02-16T01:02:03.000004Z`; texts of this form sort by time."""
    moment = moment.astimezone(UTC).replace(tzinfo=None)
    return f"{moment.isoformat(timespec='microseconds')}Z"


def moment_of(stamped: str) -> datetime:
    """The aware datetime behind a stamp."""
    return datetime.fromisoformat(stamped.replace("Z", "+00:00"))
