"""How much of the services' API budgets is used, told while a run goes on.

Figures arrive with every answer; they are passed on at most once a second, and
once more at the end, so that the last ones told are the last ones known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from haihai_tui.errors import text
from haihai_tui.sync.events import Event

INTERVAL_S = 1.0
NAMES = {"salesforce": "Salesforce", "haihai": "配配メール"}


@dataclass(frozen=True, slots=True)
class Usage:
    """API requests of one service (`salesforce`, `haihai`) and API.

    `used` of `limit` by everybody; `spent` by us of what we are `allowed`.
    Salesforce counts 24 hours and the run, HaiHai Mail the day, each API for itself.
    """

    service: str
    api: str
    used: int
    limit: int
    spent: int
    allowed: int


class UsageTeller:
    """Turns figures into `api_usage` events."""

    def __init__(
        self, tell: Callable[[Event], None], seconds: Callable[[], float]
    ) -> None:
        self._tell = tell
        self._seconds = seconds
        self._told: dict[tuple[str, str], float] = {}
        self._waiting: dict[tuple[str, str], Usage] = {}

    def __call__(self, usage: Usage) -> None:
        key, now = (usage.service, usage.api), self._seconds()
        last = self._told.get(key)
        if last is not None and now - last < INTERVAL_S:
            self._waiting[key] = usage
            return
        self._told[key] = now
        self._waiting.pop(key, None)
        self._tell(_event(usage))

    def close(self) -> None:
        """Tell what was held back."""
        for usage in self._waiting.values():
            self._tell(_event(usage))
        self._waiting.clear()


def _event(usage: Usage) -> Event:
    wording = text(
        "{service} API の使用量: {used} / {limit}",
        service=NAMES[usage.service],
        used=usage.used,
        limit=usage.limit,
    )
    return Event("api_usage", "", wording, "debug", asdict(usage))
