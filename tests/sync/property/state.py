"""The state database in memory: what a transaction was given counts as a whole."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from haihai_tui.sync.ports import Answer, PendingImport, Reject, Review
from tests.sync.property.faults import Gate


@dataclass
class Rows:
    """What the database holds of one profile."""

    cursors: dict[str, str] = field(default_factory=dict)
    snapshots: dict[str, str] = field(default_factory=dict)
    rejects: dict[tuple[str, str, str], Reject] = field(default_factory=dict)
    reviews: dict[tuple[str, str], Review] = field(default_factory=dict)
    answers: dict[tuple[str, str], Answer] = field(default_factory=dict)
    pending: list[PendingImport] = field(default_factory=list)


@dataclass
class StateFake:
    """Implements `ports.State`."""

    gate: Gate
    rows: Rows = field(default_factory=Rows)

    @contextmanager
    def transaction(self) -> Iterator[TransactionFake]:
        self.gate.before("state")
        draft = copy.deepcopy(self.rows)
        yield TransactionFake(self.gate, draft)
        self.gate.before("state")
        self.rows = draft
        self.gate.after("state")

    def cursor(self, name: str) -> str | None:
        self.gate.before("state")
        return self.rows.cursors.get(name)

    def snapshot(self, name: str) -> str | None:
        self.gate.before("state")
        return self.rows.snapshots.get(name)

    def open_rejects(self, flow: str) -> Iterator[str]:
        self.gate.before("state")
        yield from sorted({key[1] for key in self.rows.rejects if key[0] == flow})

    def count_rejects(self, flow: str) -> int:
        self.gate.before("state")
        return sum(key[0] == flow for key in self.rows.rejects)

    def open_reviews(self, flow: str) -> Iterator[Review]:
        self.gate.before("state")
        for key in sorted(self.rows.reviews):
            if key[0] == flow:
                yield self.rows.reviews[key]

    def answers(self, flow: str) -> Iterator[Answer]:
        self.gate.before("state")
        for key in sorted(self.rows.answers):
            if key[0] == flow:
                yield self.rows.answers[key]

    def answer(self, key: tuple[str, str], chosen: str) -> None:
        """A person's hand: one of the candidates, or "-"."""
        asked = self.rows.reviews.pop(key)
        self.rows.answers[key] = Answer(asked.key, chosen, asked.candidates)

    def pending(self, flow: str) -> Sequence[PendingImport]:
        self.gate.before("state")
        return [one for one in self.rows.pending if one.flow == flow]


@dataclass
class TransactionFake:
    """Implements `ports.Transaction` on a draft of the rows."""

    gate: Gate
    draft: Rows

    def set_cursor(self, name: str, value: str) -> None:
        self.gate.before("state")
        self.draft.cursors[name] = value

    def set_snapshot(self, name: str, file_name: str) -> None:
        self.gate.before("state")
        self.draft.snapshots[name] = file_name

    def put_rejects(self, run_id: str, rejects: Iterable[Reject]) -> int:
        self.gate.before("state")
        found = list(rejects)
        for one in found:
            self.draft.rejects[one.flow, one.record, one.field] = one
        return len(found)

    def resolve_rejects(self, flow: str, records: Iterable[str]) -> int:
        self.gate.before("state")
        done = set(records)
        gone = [key for key in self.draft.rejects if key[0] == flow and key[1] in done]
        for key in gone:
            del self.draft.rejects[key]
        return len(gone)

    def put_reviews(self, run_id: str, reviews: Iterable[Review]) -> int:
        self.gate.before("state")
        found = list(reviews)
        for one in found:
            answer = self.draft.answers.get((one.flow, one.key))
            if answer is None or answer.candidates != one.candidates:
                self.draft.answers.pop((one.flow, one.key), None)
                self.draft.reviews[one.flow, one.key] = one
        return len(found)

    def close_reviews(self, flow: str, keys: Iterable[str]) -> int:
        self.gate.before("state")
        gone = [self.draft.reviews.pop((flow, key), None) for key in keys]
        return sum(one is not None for one in gone)

    def put_pending(self, imports: Iterable[PendingImport]) -> None:
        self.gate.before("state")
        for one in imports:
            if one not in self.draft.pending:
                self.draft.pending.append(one)

    def drop_pending(self, flow: str, jobs: Iterable[str]) -> None:
        self.gate.before("state")
        done = set(jobs)
        self.draft.pending = [
            one
            for one in self.draft.pending
            if one.flow != flow or one.receipt.job not in done
        ]
