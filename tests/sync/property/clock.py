"""The one time that both services, the pacer and the checks live in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 2, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """`seq` numbers what happens, finer than the seconds do."""

    now: datetime = START
    seq: int = 0

    def tick(self, seconds: float = 1.0) -> int:
        self.now += timedelta(seconds=seconds)
        self.seq += 1
        return self.seq

    def seconds(self) -> float:
        return (self.now - START).total_seconds()

    def stamp(self) -> str:
        """As Salesforce gives it: UTC, to the millisecond."""
        return self.now.strftime("%Y-%m-%dT%H:%M:%S.") + "000Z"

    def moment(self) -> str:
        """As HaiHai Mail's retrieval gives it: RFC 3339, UTC."""
        return self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
