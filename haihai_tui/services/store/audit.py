"""Who did what and when, in a chain that shows tampering.

Each row's digest covers the row and the digest before it; the database refuses
updates and deletes.  Values of secrets never come here: callers give stars.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from haihai_tui.services.store.codec import clean, dump_json, load_json
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.schema import audit
from haihai_tui.services.store.times import Clock, stamp, utc_now

_PAGE = 500
_COLUMNS = ("at", "actor", "profile", "action", "subject", "before", "after")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line of the log; `before` and `after` are JSON-able values."""

    seq: int
    at: str
    actor: str
    profile: str
    action: str
    subject: str
    before: Any
    after: Any


def append(
    connection: Connection,
    *,
    actor: str,
    action: str,
    subject: str,
    profile: str = "",
    before: object = None,
    after: object = None,
    clock: Clock = utc_now,
) -> None:
    """Add a line inside the caller's transaction, so that deed and line agree."""
    if connection.dialect.name == "postgresql":
        # Two lines must not be chained to the same one before them.
        connection.exec_driver_sql("LOCK TABLE audit IN EXCLUSIVE MODE")
    previous = connection.scalar(
        sa.select(audit.c.digest).order_by(audit.c.seq.desc()).limit(1)
    )
    row = {
        "at": stamp(clock()),
        "actor": clean(actor),
        "profile": profile,
        "action": action,
        "subject": clean(subject),
        "before": dump_json(before),
        "after": dump_json(after),
    }
    digest = _digest(previous or "", row)
    connection.execute(
        audit.insert().values(**row, previous=previous or "", digest=digest)
    )


def note(database: Database, **line: Any) -> None:
    """A line of its own, for a deed outside the database; fields as of `append`."""
    with database.write() as connection:
        append(connection, **line)


def entries(
    database: Database,
    *,
    profile: str | None = None,
    before_seq: int | None = None,
    limit: int = 100,
) -> list[AuditEntry]:
    """The newest lines first; `before_seq` pages back."""
    query = sa.select(audit).order_by(audit.c.seq.desc()).limit(limit)
    if profile is not None:
        query = query.where(audit.c.profile.in_(("", profile)))
    if before_seq is not None:
        query = query.where(audit.c.seq < before_seq)
    with database.read() as connection:
        return [_entry(row) for row in connection.execute(query).mappings()]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a look at the whole log found; `broken` is the first bad line's `seq`.

    `digest` is that of the last line: noted elsewhere, it also tells whether lines
    were cut off at the end.
    """

    lines: int
    broken: int | None
    digest: str


def verify(database: Database) -> Verdict:
    """Read the log from its first line and compute the chain anew."""
    previous, lines = "", 0
    for row in _all_rows(database):
        if row["previous"] != previous or row["digest"] != _digest(previous, row):
            return Verdict(lines, int(row["seq"]), previous)
        previous, lines = row["digest"], lines + 1
    return Verdict(lines, None, previous)


def first_broken(database: Database) -> int | None:
    """The `seq` of the first line that was tampered with; None where all hold."""
    return verify(database).broken


def _all_rows(database: Database) -> Iterator[Any]:
    seen = 0
    while True:
        query = sa.select(audit).where(audit.c.seq > seen).order_by(audit.c.seq)
        with database.read() as connection:
            rows = connection.execute(query.limit(_PAGE)).mappings().all()
        yield from rows
        if len(rows) < _PAGE:
            return
        seen = rows[-1]["seq"]


def _digest(previous: str, row: Any) -> str:
    chained = dump_json([previous, *(row[column] for column in _COLUMNS)])
    return hashlib.sha256(chained.encode()).hexdigest()


def _entry(row: Any) -> AuditEntry:
    return AuditEntry(
        seq=row["seq"],
        at=row["at"],
        actor=row["actor"],
        profile=row["profile"],
        action=row["action"],
        subject=row["subject"],
        before=load_json(row["before"]),
        after=load_json(row["after"]),
    )
