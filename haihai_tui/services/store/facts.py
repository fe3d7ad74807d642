"""Small facts about a profile that outlive a run: the connection's health.

Names in use: `salesforce.authorised_at`, `salesforce.org_id`,
`salesforce.org_name`, `salesforce.username`, `salesforce.refreshed_at`,
`salesforce.authorisation` (`ok` or a cause's code).  Never a secret.
"""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from haihai_tui.services.store.codec import clean
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.schema import facts
from haihai_tui.services.store.times import Clock, stamp, utc_now

AUTHORISATION = "salesforce.authorisation"


class Facts:
    """The facts of one profile, as texts."""

    def __init__(
        self, database: Database, profile: str, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._profile = profile
        self._clock = clock

    def set(self, values: Mapping[str, str]) -> None:
        """Store several facts at once."""
        insert = self._database.insert(facts)
        statement = insert.on_conflict_do_update(
            index_elements=["profile", "name"],
            set_={
                "value": insert.excluded.value,
                "changed_at": insert.excluded.changed_at,
            },
        )
        now = stamp(self._clock())
        rows = [
            {
                "profile": self._profile,
                "name": name,
                "value": clean(value),
                "changed_at": now,
            }
            for name, value in values.items()
        ]
        if rows:
            with self._database.write() as connection:
                connection.execute(statement, rows)

    def get(self, name: str) -> str | None:
        query = sa.select(facts.c.value).where(
            facts.c.profile == self._profile, facts.c.name == name
        )
        with self._database.read() as connection:
            return connection.execute(query).scalar_one_or_none()

    def all(self) -> dict[str, str]:
        query = sa.select(facts.c.name, facts.c.value).where(
            facts.c.profile == self._profile
        )
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}
