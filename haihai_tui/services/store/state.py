"""The control plane of one profile, as the sync sees it (`sync.ports.State`).

What a transaction is given becomes true together or not at all, and is on the disk
when it ends: a cursor never runs ahead of the rejects that explain it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from haihai_tui.services.store.codec import clean
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.rejects import Rejects, batched
from haihai_tui.services.store.reviews import Reviews
from haihai_tui.services.store.schema import cursors, pending_imports, snapshots
from haihai_tui.services.store.times import Clock, stamp, utc_now

if TYPE_CHECKING:
    from haihai_tui.sync.ports import Answer, PendingImport, Reject, Review

_BATCH = 500


class ProfileState:
    """Implements `sync.ports.State` on the state database."""

    def __init__(
        self, database: Database, profile: str, clock: Clock = utc_now
    ) -> None:
        self.database = database
        self.profile = profile
        self.rejects = Rejects(database, profile, clock)
        self.reviews = Reviews(database, profile, clock)
        self._clock = clock

    @contextmanager
    def transaction(self) -> Iterator[ProfileTransaction]:
        with self.database.write() as connection:
            yield ProfileTransaction(self, connection, self._clock)

    def cursor(self, name: str) -> str | None:
        return self._named(cursors.c.value, name)

    def cursors(self) -> dict[str, str]:
        """All cursors of the profile."""
        query = sa.select(cursors.c.name, cursors.c.value).where(
            cursors.c.profile == self.profile
        )
        with self.database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def snapshot(self, name: str) -> str | None:
        return self._named(snapshots.c.file_name, name)

    def snapshots(self) -> dict[str, str]:
        """File names of all current snapshots: what a clean-up must leave alone."""
        query = sa.select(snapshots.c.name, snapshots.c.file_name).where(
            snapshots.c.profile == self.profile
        )
        with self.database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def open_rejects(self, flow: str) -> Iterator[str]:
        return self.rejects.open_records(flow)

    def count_rejects(self, flow: str) -> int:
        return self.rejects.count(flow)

    def answers(self, flow: str) -> Iterator[Answer]:
        """What people have answered, ascending by key."""
        # Deferred: `--status` need not load the sync.
        from haihai_tui.sync.ports import Answer

        for row in self.reviews.answered(flow):
            yield Answer(row.key, row.decision or "-", row.candidates)

    def open_reviews(self, flow: str) -> Iterator[Review]:
        # Deferred: `--status` must not load the sync, and it opens this module too.
        from haihai_tui.sync.ports import Review

        for row in self.reviews.open(flow):
            yield Review(row.flow, row.key, row.address, row.reason, row.candidates)

    def pending(self, flow: str) -> Sequence[PendingImport]:
        query = (
            sa.select(pending_imports)
            .where(
                pending_imports.c.profile == self.profile,
                pending_imports.c.flow == flow,
            )
            .order_by(pending_imports.c.id)
        )
        with self.database.read() as connection:
            return [_pending(row) for row in connection.execute(query).mappings()]

    def _named(self, column: sa.Column[Any], name: str) -> str | None:
        table = column.table
        query = sa.select(column).where(
            table.c.profile == self.profile, table.c.name == name
        )
        with self.database.read() as connection:
            return connection.execute(query).scalar_one_or_none()


class ProfileTransaction:
    """Implements `sync.ports.Transaction`; lives no longer than its `with`."""

    def __init__(
        self, state: ProfileState, connection: Connection, clock: Clock
    ) -> None:
        self._state = state
        self._connection = connection
        self._clock = clock

    def set_cursor(self, name: str, value: str) -> None:
        self._set(cursors, name, "value", value)

    def set_snapshot(self, name: str, file_name: str) -> None:
        self._set(snapshots, name, "file_name", file_name)

    def put_rejects(self, run_id: str, rejects: Iterable[Reject]) -> int:
        return self._state.rejects.put(self._connection, run_id, rejects)

    def resolve_rejects(self, flow: str, records: Iterable[str]) -> int:
        return self._state.rejects.resolve(self._connection, flow, records)

    def put_reviews(self, run_id: str, reviews: Iterable[Review]) -> int:
        return self._state.reviews.put(self._connection, run_id, reviews)

    def close_reviews(self, flow: str, keys: Iterable[str]) -> int:
        return self._state.reviews.close(self._connection, flow, keys)

    def put_pending(self, imports: Iterable[PendingImport]) -> None:
        insert = self._state.database.insert(pending_imports)
        statement = insert.on_conflict_do_update(
            index_elements=["profile", "flow", "job", "file_name", "first_row"],
            set_={
                "rows": insert.excluded.rows,
                "rows_file": insert.excluded.rows_file,
            },
        )
        now = stamp(self._clock())
        for batch in batched(imports, _BATCH):
            rows = [self._pending_row(item, now) for item in batch]
            self._connection.execute(statement, rows)

    def drop_pending(self, flow: str, jobs: Iterable[str]) -> None:
        for batch in batched(jobs, _BATCH):
            self._connection.execute(
                pending_imports.delete().where(
                    pending_imports.c.profile == self._state.profile,
                    pending_imports.c.flow == flow,
                    pending_imports.c.job.in_(batch),
                )
            )

    def _set(self, table: sa.Table, name: str, column: str, value: str) -> None:
        insert = self._state.database.insert(table).values(
            profile=self._state.profile,
            name=name,
            changed_at=stamp(self._clock()),
            **{column: clean(value)},
        )
        self._connection.execute(
            insert.on_conflict_do_update(
                index_elements=["profile", "name"],
                set_={
                    column: insert.excluded[column],
                    "changed_at": insert.excluded.changed_at,
                },
            )
        )

    def _pending_row(self, item: PendingImport, now: str) -> dict[str, object]:
        receipt = item.receipt
        return {
            "profile": self._state.profile,
            "flow": item.flow,
            "job": clean(receipt.job),
            "kind": int(receipt.kind),
            "file_name": clean(receipt.file_name),
            "first_row": receipt.first_row,
            "rows": receipt.rows,
            "rows_file": clean(item.rows_file),
            "accepted_at": now,
        }


def _pending(row: Any) -> PendingImport:
    # Deferred: as in `open_reviews`.
    from haihai_tui.sync.ports import ImportKind, PendingImport, Receipt

    receipt = Receipt(
        job=row["job"],
        kind=ImportKind(row["kind"]),
        file_name=row["file_name"],
        first_row=row["first_row"],
        rows=row["rows"],
    )
    return PendingImport(row["flow"], receipt, row["rows_file"])
