"""How much of the services' API budgets is used, told while a run goes on.

Figures arrive with every answer; they are passed on at most once a second, and
once more at the end, so that the last ones told are the last ones known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime

from haihai_tui.errors import text
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.store.budgets import Budgets
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.facts import Facts
from haihai_tui.sync.events import Event
from haihai_tui.sync.mapping import JST

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


def known_usage(database: Database, settings: Settings, now: datetime) -> list[Usage]:
    """What is known before a run: the org's figures as last told, and what we
    called HaiHai Mail today, the API that is nearest to its limit last."""
    found = []
    facts = Facts(database, settings.profile)
    used, limit = facts.get("salesforce.api_used"), facts.get("salesforce.api_max")
    if used is not None and limit is not None:
        allowed = round(settings.budget.salesforce_share * int(limit))
        found.append(Usage("salesforce", "", int(used), int(limit), 0, allowed))
    today = now.astimezone(JST).strftime("%Y-%m-%d")
    most = settings.budget.haihai_calls
    calls = [
        row
        for row in Budgets(database, settings.profile).recent(days=1)
        if row.service == "haihai" and row.day == today
    ]
    for row in sorted(calls, key=lambda row: row.calls):
        found.append(Usage("haihai", row.api, row.calls, most, row.calls, most))
    return found


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
        self._waiting[usage.service, usage.api] = usage
        now = self._seconds()
        for key in list(self._waiting):
            last = self._told.get(key)
            if last is None or now - last >= INTERVAL_S:
                self._told[key] = now
                self._tell(_event(self._waiting.pop(key)))

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
