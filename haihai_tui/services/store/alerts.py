"""What is wrong with a profile now, and who has been told.

A condition's state is a fact of its own; for each channel the state that was last
told is kept beside it.  What is due is the difference of the two, so that nothing is
told twice, and what could not be sent is told later, if it still holds.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from haihai_tui.services.store.codec import clean, dump_json, load_json
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.schema import alert_notices, alerts
from haihai_tui.services.store.times import Clock, stamp, utc_now

OK = "ok"


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that is watched; `since` (RFC 3339 UTC) is when its state began.

    `detail` is JSON-able, with messages as `Text`.
    """

    name: str
    state: str
    since: str
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Due:
    """A condition whose state a channel has not been told; `told` is what it was."""

    condition: Condition
    told: str


@dataclass(frozen=True, slots=True)
class Failure:
    """A channel that could not be used, when last tried."""

    channel: str
    at: str
    problem: str


class AlertBook:
    """Conditions and notices of one profile."""

    def __init__(
        self, database: Database, profile: str, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._profile = profile
        self._clock = clock

    def note(self, found: Mapping[str, tuple[str, Mapping[str, Any]]]) -> None:
        """Keep `(state, detail)` by name; a state that stays keeps its beginning."""
        now = stamp(self._clock())
        with self._database.write() as connection:
            before = {one.name: one for one in self._all(connection)}
            for name, (state, detail) in found.items():
                known = before.get(name)
                if known is not None and known.state == state:
                    continue
                row = {"state": state, "since": now, "detail": dump_json(detail)}
                key = {"profile": self._profile, "name": name}
                insert = self._database.insert(alerts).values(**key, **row)
                connection.execute(
                    insert.on_conflict_do_update(
                        index_elements=["profile", "name"], set_=row
                    )
                )

    def forget_all_but(self, names: Collection[str]) -> None:
        """Drop what is no longer watched (a flow that was switched off), in silence."""
        with self._database.write() as connection:
            for table in (alerts, alert_notices):
                connection.execute(
                    table.delete().where(
                        table.c.profile == self._profile, table.c.name.not_in(names)
                    )
                )

    def conditions(self) -> list[Condition]:
        """Everything that is watched, by name."""
        with self._database.read() as connection:
            return self._all(connection)

    def due(self, channel: str) -> list[Due]:
        """What `channel` is still to be told, by name."""
        query = sa.select(alert_notices.c.name, alert_notices.c.state).where(
            alert_notices.c.profile == self._profile,
            alert_notices.c.channel == channel,
        )
        with self._database.read() as connection:
            told = {row[0]: row[1] for row in connection.execute(query)}
            found = self._all(connection)
        pairs = [Due(one, told.get(one.name, OK)) for one in found]
        return [one for one in pairs if one.told != one.condition.state]

    def told(self, channel: str, due: Collection[Due]) -> None:
        """Note that the channel took the message; it is in order again."""
        self.works(channel)
        self._put(channel, {one.condition.name: one.condition.state for one in due})

    def works(self, channel: str) -> None:
        """Forget what was wrong with a channel."""
        with self._database.write() as connection:
            connection.execute(
                alert_notices.update()
                .where(
                    alert_notices.c.profile == self._profile,
                    alert_notices.c.channel == channel,
                )
                .values(problem="")
            )

    def failed(self, channel: str, due: Collection[Due], problem: str) -> None:
        """Note that it did not; all of `due` stays due."""
        self._put(channel, {one.condition.name: one.told for one in due}, problem)

    def failures(self) -> list[Failure]:
        """The channels whose last message was not taken."""
        query = (
            sa.select(
                alert_notices.c.channel,
                sa.func.max(alert_notices.c.at),
                sa.func.max(alert_notices.c.problem),
            )
            .where(
                alert_notices.c.profile == self._profile, alert_notices.c.problem != ""
            )
            .group_by(alert_notices.c.channel)
            .order_by(alert_notices.c.channel)
        )
        with self._database.read() as connection:
            return [Failure(*row) for row in connection.execute(query)]

    def _put(self, channel: str, states: Mapping[str, str], problem: str = "") -> None:
        now = stamp(self._clock())
        with self._database.write() as connection:
            for name, state in states.items():
                row = {"state": state, "at": now, "problem": clean(problem)}
                key = {"profile": self._profile, "channel": channel, "name": name}
                insert = self._database.insert(alert_notices).values(**key, **row)
                connection.execute(
                    insert.on_conflict_do_update(
                        index_elements=["profile", "channel", "name"], set_=row
                    )
                )

    def _all(self, connection: sa.Connection) -> list[Condition]:
        query = (
            sa.select(alerts)
            .where(alerts.c.profile == self._profile)
            .order_by(alerts.c.name)
        )
        return [
            Condition(row["name"], row["state"], row["since"], load_json(row["detail"]))
            for row in connection.execute(query).mappings()
        ]
