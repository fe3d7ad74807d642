"""API use: told at most once a second for each API, and nothing is lost."""

from __future__ import annotations

from datetime import UTC, datetime

from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.store.budgets import Budgets
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.facts import Facts
from haihai_tui.services.usage import Usage, UsageTeller, known_usage
from haihai_tui.sync.events import Event


def use(used: int, service: str = "salesforce", api: str = "") -> Usage:
    return Usage(service, api, used, 15_000, used, 3_750)


class Watch:
    def __init__(self) -> None:
        self.now = 0.0
        self.told: list[tuple[object, object]] = []
        self.teller = UsageTeller(self.tell, lambda: self.now)

    def tell(self, event: Event) -> None:
        self.told.append((event.data["service"], event.data["used"]))


def test_the_first_is_told_at_once_and_the_last_in_the_end() -> None:
    watch = Watch()
    for used in range(1, 11):
        watch.teller(use(used))
        watch.now += 0.3
    assert watch.told == [("salesforce", 1), ("salesforce", 5), ("salesforce", 9)]
    watch.teller.close()
    assert watch.told[-1] == ("salesforce", 10)
    watch.teller.close()
    assert len(watch.told) == 4


def test_one_service_tells_what_the_other_had_held_back() -> None:
    watch = Watch()
    watch.teller(use(1))
    watch.teller(use(7))
    watch.now = 5.0
    watch.teller(use(2, "haihai", "import"))
    assert watch.told == [("salesforce", 1), ("salesforce", 7), ("haihai", 2)]


def test_what_is_known_before_a_run(database: Database) -> None:
    now = datetime(2026, 2, 16, 16, 0, tzinfo=UTC)
    assert known_usage(database, Settings(), now) == []
    Facts(database, "default").set(
        {"salesforce.api_used": "1200", "salesforce.api_max": "15000"}
    )
    budgets = Budgets(database, "default")
    budgets.add("haihai", "import", "2026-02-17", 3)
    budgets.add("haihai", "retrieval", "2026-02-17", 9)
    budgets.add("haihai", "import", "2026-02-16", 90)
    # The service's day is Japan's: there it is the 17th already.
    assert known_usage(database, Settings(), now) == [
        Usage("salesforce", "", 1200, 15_000, 0, 3_750),
        Usage("haihai", "import", 3, 200, 3, 200),
        Usage("haihai", "retrieval", 9, 200, 9, 200),
    ]
