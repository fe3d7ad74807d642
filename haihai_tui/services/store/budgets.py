"""API calls already made, by service, API and the service's own day.

The day is the caller's to name, since each service starts its day elsewhere; the
count outlives the process, so that three short runs spend one budget.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from haihai_tui.services.store.database import Database
from haihai_tui.services.store.schema import budgets


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """`calls` made to one API on one day (`YYYY-MM-DD` of the service)."""

    service: str
    api: str
    day: str
    calls: int


class Budgets:
    """The counters of one profile."""

    def __init__(self, database: Database, profile: str) -> None:
        self._database = database
        self._profile = profile

    def add(self, service: str, api: str, day: str, calls: int = 1) -> int:
        """Count `calls` more; returns the day's sum for this API."""
        insert = self._database.insert(budgets).values(
            profile=self._profile, service=service, api=api, day=day, calls=calls
        )
        statement = insert.on_conflict_do_update(
            index_elements=["profile", "service", "api", "day"],
            set_={"calls": budgets.c.calls + insert.excluded.calls},
        ).returning(budgets.c.calls)
        with self._database.write() as connection:
            return int(connection.execute(statement).scalar_one())

    def used(self, service: str, day: str, api: str | None = None) -> int:
        """Calls of that day, to one API or to the whole service."""
        query = sa.select(sa.func.coalesce(sa.func.sum(budgets.c.calls), 0)).where(
            budgets.c.profile == self._profile,
            budgets.c.service == service,
            budgets.c.day == day,
        )
        if api is not None:
            query = query.where(budgets.c.api == api)
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())

    def forget(self, before: str) -> int:
        """Drop the counters of days before that one (`2026-02-16`)."""
        gone = budgets.delete().where(
            budgets.c.profile == self._profile, budgets.c.day < before
        )
        with self._database.write(durable=False) as connection:
            return connection.execute(gone).rowcount

    def recent(self, days: int = 30) -> list[BudgetRow]:
        """The counters of the newest `days` days on record, newest first."""
        newest = (
            sa.select(budgets.c.day)
            .where(budgets.c.profile == self._profile)
            .distinct()
            .order_by(budgets.c.day.desc())
            .limit(days)
        )
        query = (
            sa.select(budgets.c.service, budgets.c.api, budgets.c.day, budgets.c.calls)
            .where(budgets.c.profile == self._profile, budgets.c.day.in_(newest))
            .order_by(budgets.c.day.desc(), budgets.c.service, budgets.c.api)
        )
        with self._database.read() as connection:
            return [BudgetRow(*row) for row in connection.execute(query)]
