"""Who runs a profile, where two machines share one state database.

A file lock knows only its own machine.  The lease row is renewed by its holder; a
holder on another machine that has not renewed it for `LEASE_S` seconds is dead.
Time is the database's own, so that the machines' clocks need not agree.
"""

from __future__ import annotations

import os
import socket
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from haihai_tui.services.store.codec import clean
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.holder import Holder
from haihai_tui.services.store.schema import leases
from haihai_tui.services.store.times import moment_of, stamp

LEASE_S = 60.0


class Leases:
    """The lease of one profile; the caller holds this machine's file lock."""

    def __init__(
        self, database: Database, profile: str, *, lease_s: float = LEASE_S
    ) -> None:
        self._database = database
        self._profile = profile
        self._lease = timedelta(seconds=lease_s)

    def take(self, run_id: str) -> Holder | None:
        """Take the lease; the living holder on another machine where there is one.

        A lease of this machine is free: its file lock was free, so it is dead.
        """
        host = clean(socket.gethostname())
        with self._database.write() as connection:
            if self._database.is_sqlite:
                now = datetime.now(UTC)
            else:
                connection.exec_driver_sql("LOCK TABLE leases IN EXCLUSIVE MODE")
                now = _database_time(connection)
            row = connection.execute(self._mine()).mappings().one_or_none()
            if row and row["host"] != host:
                age = now - moment_of(row["renewed_at"])
                if timedelta(0) <= age < self._lease:
                    return Holder(
                        row["run_id"], row["host"], row["pid"], row["started_at"]
                    )
            connection.execute(leases.delete().where(leases.c.profile == self._profile))
            connection.execute(
                leases.insert().values(
                    profile=self._profile,
                    run_id=run_id,
                    host=host,
                    pid=os.getpid(),
                    started_at=stamp(now),
                    renewed_at=stamp(now),
                )
            )
        return None

    def renew(self, run_id: str) -> bool:
        """Say that the run lives; False where the lease is somebody else's now."""
        with self._database.write(durable=False) as connection:
            now = (
                datetime.now(UTC)
                if self._database.is_sqlite
                else _database_time(connection)
            )
            renewed = connection.execute(
                leases.update()
                .where(leases.c.profile == self._profile, leases.c.run_id == run_id)
                .values(renewed_at=stamp(now))
            )
            return renewed.rowcount == 1

    def release(self, run_id: str) -> None:
        with self._database.write() as connection:
            connection.execute(
                leases.delete().where(
                    leases.c.profile == self._profile, leases.c.run_id == run_id
                )
            )

    def living(self) -> Holder | None:
        """Who runs the profile on any machine, as far as the last renewal tells."""
        with self._database.read() as connection:
            row = connection.execute(self._mine()).mappings().one_or_none()
            if row is None:
                return None
            now = (
                datetime.now(UTC)
                if self._database.is_sqlite
                else _database_time(connection)
            )
        if not timedelta(0) <= now - moment_of(row["renewed_at"]) < self._lease:
            return None
        return Holder(row["run_id"], row["host"], row["pid"], row["started_at"])

    def _mine(self) -> sa.Select[tuple[object, ...]]:
        return sa.select(leases).where(leases.c.profile == self._profile)


def _database_time(connection: Connection) -> datetime:
    found = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    assert isinstance(found, datetime)
    return found
