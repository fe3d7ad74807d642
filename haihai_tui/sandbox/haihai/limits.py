"""Calls a day of each API, by the sandbox's clock and the service's midnight."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from haihai_tui.services.haihai.wire import Wire

IMPORT, RETRIEVAL = "import", "retrieval"


class DailyCalls:
    """How often each API was called on the service's present day."""

    def __init__(self, wire: Wire) -> None:
        hours, minutes = wire.day_start.split(":")
        self._shift = timedelta(hours=int(hours), minutes=int(minutes))
        self._zone = wire.zone
        self._day = ""
        self._used: Counter[str] = Counter()

    def used(self, api: str, now: datetime) -> int:
        self._turn(now)
        return self._used[api]

    def count(self, api: str, now: datetime) -> None:
        self._turn(now)
        self._used[api] += 1

    def _turn(self, now: datetime) -> None:
        day = (now.astimezone(self._zone) - self._shift).date().isoformat()
        if day != self._day:
            self._day = day
            self._used.clear()

    def dump(self) -> dict[str, object]:
        return {"day": self._day, "used": dict(self._used)}

    def load(self, values: dict[str, object]) -> None:
        self._day = str(values["day"])
        used = values["used"]
        assert isinstance(used, dict)
        self._used = Counter(used)
