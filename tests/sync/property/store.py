"""The real state database behind the same gate as the one in memory.

Histories told with it show that what a transaction was given is there, or not, as a
whole when a run is killed anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from haihai_tui.services.paths import home_at
from haihai_tui.services.store.database import open_database
from haihai_tui.services.store.state import ProfileState
from haihai_tui.sync.engine import FLOWS
from haihai_tui.sync.ports import Answer, PendingImport, Reject, Review, Transaction
from tests.sync.property.faults import Gate
from tests.sync.property.state import Rows


class StoreState:
    """Implements `ports.State`; `rows` shows what the database holds."""

    def __init__(self, gate: Gate, folder: Path) -> None:
        self._gate = gate
        self._database = open_database(home_at(folder))
        self._store = ProfileState(self._database, "default")

    def close(self) -> None:
        self._database.close()

    @property
    def rows(self) -> Rows:
        store = self._store
        rows = Rows(store.cursors(), store.snapshots())
        for flow in FLOWS:
            for row in store.rejects.listed(flow=flow):
                rows.rejects[flow, row.record, row.field] = Reject(
                    flow, row.record, row.field, row.value, row.cause, row.remedy
                )
            for review in store.open_reviews(flow):
                rows.reviews[flow, review.key] = review
            for answer in store.answers(flow):
                rows.answers[flow, answer.key] = answer
            rows.pending += store.pending(flow)
        return rows

    def answer(self, key: tuple[str, str], chosen: str) -> None:
        """A person's hand: one of the candidates, or "-"."""
        flow, asked = key
        for row in self._store.reviews.open(flow):
            if row.key == asked:
                self._store.reviews.decide(row.id, chosen, "operator")
                return

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self._gate.before("state")
        with self._store.transaction() as transaction:
            yield transaction
            self._gate.before("state")
        self._gate.after("state")

    def cursor(self, name: str) -> str | None:
        self._gate.before("state")
        return self._store.cursor(name)

    def snapshot(self, name: str) -> str | None:
        self._gate.before("state")
        return self._store.snapshot(name)

    def open_rejects(self, flow: str) -> Iterator[str]:
        self._gate.before("state")
        return self._store.open_rejects(flow)

    def count_rejects(self, flow: str) -> int:
        self._gate.before("state")
        return self._store.count_rejects(flow)

    def open_reviews(self, flow: str) -> Iterator[Review]:
        self._gate.before("state")
        return self._store.open_reviews(flow)

    def answers(self, flow: str) -> Iterator[Answer]:
        self._gate.before("state")
        return self._store.answers(flow)

    def pending(self, flow: str) -> Sequence[PendingImport]:
        self._gate.before("state")
        return self._store.pending(flow)
