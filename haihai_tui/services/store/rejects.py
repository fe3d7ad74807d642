"""Records that one side or our own checks refused, until they are accepted.

One row for each profile, flow, record and field: the same refusal again counts its
tries up.  A dismissed row stays dismissed while value and cause are the same; a
resolved one opens again with its tries starting anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from haihai_tui.errors import Text
from haihai_tui.services.store.codec import clean_key, dump_text, load_text, mask
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.schema import rejects
from haihai_tui.services.store.times import Clock, stamp, utc_now

if TYPE_CHECKING:
    from haihai_tui.sync.ports import Reject

OPEN, RESOLVED, DISMISSED = "open", "resolved", "dismissed"
_BATCH = 500
_KEY = ("profile", "flow", "record", "field")


@dataclass(frozen=True, slots=True)
class RejectRow:
    """A reject as the console lists it; `value` is masked."""

    id: int
    flow: str
    record: str
    field: str
    value: str
    address: str
    cause: Text
    remedy: Text
    status: str
    tries: int
    first_run: str
    last_run: str
    first_at: str
    last_at: str
    closed_at: str | None
    closed_by: str | None


class Rejects:
    """The rejects of one profile."""

    def __init__(
        self, database: Database, profile: str, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._profile = profile
        self._clock = clock

    def put(self, connection: Connection, run_id: str, found: Iterable[Reject]) -> int:
        """Store or count up; returns how many were given."""
        statement = self._upsert()
        given = 0
        for batch in batched(found, _BATCH):
            given += len(batch)
            rows = {
                (row["flow"], row["record"], row["field"]): row
                for row in (self._row(run_id, reject) for reject in batch)
            }
            connection.execute(statement, list(rows.values()))
        return given

    def resolve(self, connection: Connection, flow: str, records: Iterable[str]) -> int:
        """Close the open rejects of records that were accepted."""
        if not connection.scalar(
            sa.select(rejects.c.id).where(*self._open(flow)).limit(1)
        ):
            # A first run accepts a million records: do not even read their names.
            return 0
        closed = 0
        for batch in batched(records, _BATCH):
            keys = [clean_key(record) for record in batch]
            closed += connection.execute(
                rejects.update()
                .where(*self._open(flow), rejects.c.record.in_(keys))
                .values(status=RESOLVED, closed_at=stamp(self._clock()))
            ).rowcount
        return closed

    def dismiss(self, ids: Sequence[int], actor: str) -> int:
        """Put open rejects aside on a person's word; returns how many."""
        with self._database.write() as connection:
            return connection.execute(
                rejects.update()
                .where(
                    rejects.c.profile == self._profile,
                    rejects.c.status == OPEN,
                    rejects.c.id.in_(list(ids)),
                )
                .values(
                    status=DISMISSED,
                    closed_at=stamp(self._clock()),
                    closed_by=actor,
                )
            ).rowcount

    def open_records(self, flow: str) -> Iterator[str]:
        """Records with an open reject, each once, ascending; read page by page."""
        last: str | None = None
        while True:
            query = (
                sa.select(rejects.c.record)
                .where(*self._open(flow))
                .distinct()
                .order_by(rejects.c.record)
                .limit(_BATCH)
            )
            if last is not None:
                query = query.where(rejects.c.record > last)
            with self._database.read() as connection:
                page = connection.execute(query).scalars().all()
            yield from page
            if len(page) < _BATCH:
                return
            last = page[-1]

    def count(self, flow: str) -> int:
        """Open rejects of a flow."""
        query = sa.select(sa.func.count()).where(*self._open(flow))
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    def counts(self) -> dict[str, int]:
        """Open rejects by flow."""
        query = (
            sa.select(rejects.c.flow, sa.func.count())
            .where(rejects.c.profile == self._profile, rejects.c.status == OPEN)
            .group_by(rejects.c.flow)
        )
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def listed(
        self,
        *,
        flow: str | None = None,
        status: str | None = OPEN,
        before_id: int | None = None,
        limit: int = 200,
    ) -> list[RejectRow]:
        """Rejects, the newest first; `before_id` pages back."""
        query = (
            sa.select(*(rejects.c[name] for name in RejectRow.__slots__))
            .where(rejects.c.profile == self._profile)
            .order_by(rejects.c.id.desc())
            .limit(limit)
        )
        if flow is not None:
            query = query.where(rejects.c.flow == flow)
        if status is not None:
            query = query.where(rejects.c.status == status)
        if before_id is not None:
            query = query.where(rejects.c.id < before_id)
        with self._database.read() as connection:
            return [_listed(row) for row in connection.execute(query).mappings()]

    def forget_resolved(self, before: str, *, at_most: int = 10_000) -> int:
        """Drop rejects that were resolved before that moment (RFC 3339 UTC).

        One that a person dismissed stays: it keeps the record from coming back.
        """
        old = (
            sa.select(rejects.c.id)
            .where(
                rejects.c.profile == self._profile,
                rejects.c.status == RESOLVED,
                rejects.c.closed_at < before,
            )
            .limit(at_most)
        )
        with self._database.write(durable=False) as connection:
            gone = rejects.delete().where(rejects.c.id.in_(old))
            return connection.execute(gone).rowcount

    def _open(self, flow: str) -> tuple[sa.ColumnElement[bool], ...]:
        return (
            rejects.c.profile == self._profile,
            rejects.c.flow == flow,
            rejects.c.status == OPEN,
        )

    def _row(self, run_id: str, reject: Reject) -> dict[str, object]:
        now = stamp(self._clock())
        return {
            "profile": self._profile,
            "flow": reject.flow,
            "record": clean_key(reject.record),
            "field": clean_key(reject.field),
            "value": mask(reject.value),
            "address": clean_key(reject.address),
            "cause": dump_text(reject.cause, masked=True),
            "remedy": dump_text(reject.remedy, masked=True),
            "status": OPEN,
            "tries": 1,
            "first_run": run_id,
            "last_run": run_id,
            "first_at": now,
            "last_at": now,
        }

    def _upsert(self) -> Any:
        insert = self._database.insert(rejects)
        new, old = insert.excluded, rejects.c
        stays = sa.and_(
            old.status == DISMISSED, old.value == new.value, old.cause == new.cause
        )
        was_resolved = old.status == RESOLVED
        return insert.on_conflict_do_update(
            index_elements=list(_KEY),
            set_={
                "value": new.value,
                "address": new.address,
                "cause": new.cause,
                "remedy": new.remedy,
                "last_run": new.last_run,
                "last_at": new.last_at,
                "status": sa.case((stays, DISMISSED), else_=OPEN),
                "tries": sa.case((was_resolved, 1), else_=old.tries + 1),
                "first_run": sa.case(
                    (was_resolved, new.first_run), else_=old.first_run
                ),
                "first_at": sa.case((was_resolved, new.first_at), else_=old.first_at),
                "closed_at": sa.case((stays, old.closed_at), else_=sa.null()),
                "closed_by": sa.case((stays, old.closed_by), else_=sa.null()),
            },
        )


def batched(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Lists of at most `size`, so that nothing is ever held whole."""
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


def _listed(row: Any) -> RejectRow:
    values = dict(row)
    values["cause"] = load_text(values["cause"])
    values["remedy"] = load_text(values["remedy"])
    return RejectRow(**values)
