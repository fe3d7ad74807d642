"""The events of runs: written in batches, followed by whoever looks on.

A follower in any process asks for what came after the last number it saw.  One
run has one writer, so within a run the numbers appear in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from haihai_tui.errors import Text
from haihai_tui.services.store.codec import (
    clean,
    dump_json,
    dump_text,
    load_json,
    load_text,
)
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.schema import events

KEPT_PER_RUN = 50_000


@dataclass(frozen=True, slots=True)
class NewEvent:
    """An event about to be stored; `at` is RFC 3339 UTC, `data` JSON-able."""

    at: str
    kind: str
    flow: str
    text: Text
    level: str = "info"
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event as followers read it; `seq` grows within a run."""

    seq: int
    run_id: str
    at: str
    kind: str
    flow: str
    text: Text
    level: str
    data: Mapping[str, Any]


def append_events(database: Database, run_id: str, batch: Sequence[NewEvent]) -> None:
    """Store a batch in one transaction (not forced to the disk: see `database`)."""
    if not batch:
        return
    rows = [
        {
            "run_id": run_id,
            "at": event.at,
            "kind": event.kind,
            "flow": event.flow,
            "level": event.level,
            "message": dump_text(event.text),
            "data": dump_json(event.data),
        }
        for event in batch
    ]
    with database.write(durable=False) as connection:
        connection.execute(events.insert(), rows)


def events_after(
    database: Database, run_id: str, seq: int = 0, *, limit: int = 1000
) -> list[StoredEvent]:
    """At most `limit` events of a run with a number above `seq`, in order."""
    query = (
        sa.select(events)
        .where(events.c.run_id == run_id, events.c.seq > seq)
        .order_by(events.c.seq)
        .limit(limit)
    )
    with database.read() as connection:
        return [_stored(row) for row in connection.execute(query).mappings()]


def last_events(
    database: Database, run_id: str, *, limit: int = 1000
) -> list[StoredEvent]:
    """The newest `limit` events of a run, in order: where a follower begins."""
    query = (
        sa.select(events)
        .where(events.c.run_id == run_id)
        .order_by(events.c.seq.desc())
        .limit(limit)
    )
    with database.read() as connection:
        rows = connection.execute(query).mappings().all()
    return [_stored(row) for row in reversed(rows)]


def trim_events(database: Database, run_id: str, *, keep: int = KEPT_PER_RUN) -> int:
    """Drop a run's oldest events beyond `keep`; returns how many went."""
    edge = (
        sa.select(events.c.seq)
        .where(events.c.run_id == run_id)
        .order_by(events.c.seq.desc())
        .limit(1)
        .offset(keep)
    )
    with database.write(durable=False) as connection:
        last = connection.execute(edge).scalar_one_or_none()
        if last is None:
            return 0
        gone = events.delete().where(events.c.run_id == run_id, events.c.seq <= last)
        return connection.execute(gone).rowcount


def _stored(row: Any) -> StoredEvent:
    return StoredEvent(
        seq=row["seq"],
        run_id=row["run_id"],
        at=row["at"],
        kind=row["kind"],
        flow=row["flow"],
        text=load_text(row["message"]),
        level=row["level"],
        data=load_json(clean(row["data"])),
    )
