"""Numbered steps from each version of the state database to the next.

A new database is made at the newest version at once; an existing one is lifted
step by step, each step in the same transaction as its number.  A database of a
newer program is refused: to guess at its meaning could undo somebody's stop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from haihai_tui.services.store.failures import newer
from haihai_tui.services.store.schema import (
    alert_notices,
    alerts,
    metadata,
    schema_version,
)
from haihai_tui.services.store.times import stamp, utc_now

_ADVISORY_LOCK = 4_807_110_115

_APPEND_ONLY_SQLITE = """
CREATE TRIGGER audit_is_append_only_{event} BEFORE {event} ON audit
BEGIN SELECT RAISE(ABORT, 'audit is append-only'); END
"""
_APPEND_ONLY_POSTGRESQL = """
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'audit is append-only'; END $$;
CREATE TRIGGER audit_is_append_only BEFORE UPDATE OR DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION audit_is_append_only()
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """The step to version `number`."""

    number: int
    apply: Callable[[Connection], None]


def create_all(connection: Connection) -> None:
    """All tables at the newest version, and what guards the audit log."""
    metadata.create_all(connection)
    if connection.dialect.name == "sqlite":
        for event in ("UPDATE", "DELETE"):
            connection.exec_driver_sql(_APPEND_ONLY_SQLITE.format(event=event))
    else:
        for statement in _APPEND_ONLY_POSTGRESQL.split(";\nCREATE TRIGGER"):
            prefix = "" if statement.lstrip().startswith("CREATE") else "CREATE TRIGGER"
            connection.exec_driver_sql(prefix + statement)


def _add_alerts(connection: Connection) -> None:
    for table in (alerts, alert_notices):
        table.create(connection)


MIGRATIONS: tuple[Migration, ...] = (
    Migration(1, create_all),
    Migration(2, _add_alerts),
)


def version_of(connection: Connection) -> int:
    """The version of the database; 0 where it is empty."""
    if not sa.inspect(connection).has_table(schema_version.name):
        return 0
    return connection.scalar(sa.select(sa.func.max(schema_version.c.version))) or 0


def is_current(
    connection: Connection, place: str, steps: Sequence[Migration] = MIGRATIONS
) -> bool:
    """Whether nothing is to be done; SettingsError on a newer database."""
    version = version_of(connection)
    if version > steps[-1].number:
        raise newer(place, version, steps[-1].number)
    return version == steps[-1].number


def upgrade(
    connection: Connection, place: str, steps: Sequence[Migration] = MIGRATIONS
) -> int:
    """Bring the database to the newest version, inside the caller's transaction.

    Returns the number of steps taken.  Another process may have been first.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
    if is_current(connection, place, steps):
        return 0
    version = version_of(connection)
    if version == 0:
        create_all(connection)
        _record(connection, steps[-1].number)
        return 1
    missing = [step for step in steps if step.number > version]
    for step in missing:
        step.apply(connection)
        _record(connection, step.number)
    return len(missing)


def _record(connection: Connection, number: int) -> None:
    connection.execute(
        schema_version.insert().values(version=number, applied_at=stamp(utc_now()))
    )
