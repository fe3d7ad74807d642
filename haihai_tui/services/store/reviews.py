"""Questions that only a person can answer, and the answers.

A question that was answered is not asked again while its candidates are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from haihai_tui.errors import SettingsError, Text, text
from haihai_tui.services.store import audit
from haihai_tui.services.store.codec import (
    clean_key,
    dump_json,
    dump_text,
    load_json,
    load_text,
)
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.rejects import batched
from haihai_tui.services.store.schema import reviews
from haihai_tui.services.store.times import Clock, stamp, utc_now

if TYPE_CHECKING:
    from haihai_tui.sync.ports import Review

OPEN, CLOSED, ANSWERED = "open", "closed", "answered"
_BATCH = 500


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A question as the console lists it; `decision` is a Salesforce Id or "-"."""

    id: int
    flow: str
    key: str
    address: str
    reason: Text
    candidates: tuple[str, ...]
    status: str
    decision: str | None
    run_id: str
    asked_at: str
    closed_at: str | None
    closed_by: str | None


class Reviews:
    """The reviews of one profile."""

    def __init__(
        self, database: Database, profile: str, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._profile = profile
        self._clock = clock

    def put(self, connection: Connection, run_id: str, found: Iterable[Review]) -> int:
        """Ask, or ask again where the candidates have changed; returns how many."""
        insert = self._database.insert(reviews)
        new, old = insert.excluded, reviews.c
        stays = sa.and_(old.status == ANSWERED, old.candidates == new.candidates)
        statement = insert.on_conflict_do_update(
            index_elements=["profile", "flow", "key"],
            set_={
                "address": new.address,
                "reason": new.reason,
                "candidates": new.candidates,
                "run_id": new.run_id,
                "status": sa.case((stays, ANSWERED), else_=OPEN),
                "decision": sa.case((stays, old.decision), else_=sa.null()),
                "closed_at": sa.case((stays, old.closed_at), else_=sa.null()),
                "closed_by": sa.case((stays, old.closed_by), else_=sa.null()),
            },
        )
        given = 0
        for batch in batched(found, _BATCH):
            given += len(batch)
            rows = {
                (row["flow"], row["key"]): row
                for row in (self._row(run_id, review) for review in batch)
            }
            connection.execute(statement, list(rows.values()))
        return given

    def close(self, connection: Connection, flow: str, keys: Iterable[str]) -> int:
        """Withdraw open questions that have answered themselves."""
        closed = 0
        for batch in batched(keys, _BATCH):
            closed += connection.execute(
                reviews.update()
                .where(
                    *self._having(flow, OPEN),
                    reviews.c.key.in_([clean_key(key) for key in batch]),
                )
                .values(status=CLOSED, closed_at=stamp(self._clock()))
            ).rowcount
        return closed

    def decide(self, review_id: int, decision: str, actor: str) -> None:
        """Record a person's answer: one of the candidates, or "-" for none."""
        with self._database.write() as connection:
            query = sa.select(reviews).where(
                reviews.c.profile == self._profile, reviews.c.id == review_id
            )
            row = connection.execute(query).mappings().one_or_none()
            if row is None or decision not in (*load_json(row["candidates"]), "-"):
                raise SettingsError(
                    text(
                        "確認待ち {id} に {decision} という候補はありません。",
                        id=review_id,
                        decision=decision,
                    ),
                    text("一覧を開き直して、候補から選んでください。"),
                )
            connection.execute(
                reviews.update()
                .where(reviews.c.id == review_id)
                .values(
                    status=ANSWERED,
                    decision=decision,
                    closed_at=stamp(self._clock()),
                    closed_by=actor,
                )
            )
            audit.append(
                connection,
                actor=actor,
                action="review",
                subject=f"{row['flow']}/{row['key']}",
                profile=self._profile,
                before=row["decision"],
                after=decision,
                clock=self._clock,
            )

    def open(self, flow: str) -> Iterator[ReviewRow]:
        """Unanswered questions, in ascending order of `key`; read page by page."""
        return self._paged(flow, OPEN)

    def answered(self, flow: str) -> Iterator[ReviewRow]:
        """Answered questions, ascending by key."""
        return self._paged(flow, ANSWERED)

    def counts(self) -> dict[str, int]:
        """Open reviews by flow."""
        query = (
            sa.select(reviews.c.flow, sa.func.count())
            .where(reviews.c.profile == self._profile, reviews.c.status == OPEN)
            .group_by(reviews.c.flow)
        )
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def _paged(self, flow: str, status: str) -> Iterator[ReviewRow]:
        last: str | None = None
        while True:
            query = (
                sa.select(*(reviews.c[name] for name in ReviewRow.__slots__))
                .where(*self._having(flow, status))
                .order_by(reviews.c.key)
                .limit(_BATCH)
            )
            if last is not None:
                query = query.where(reviews.c.key > last)
            with self._database.read() as connection:
                page = connection.execute(query).mappings().all()
            for row in page:
                yield _listed(row)
            if len(page) < _BATCH:
                return
            last = page[-1]["key"]

    def _having(self, flow: str, status: str) -> tuple[sa.ColumnElement[bool], ...]:
        return (
            reviews.c.profile == self._profile,
            reviews.c.flow == flow,
            reviews.c.status == status,
        )

    def _row(self, run_id: str, review: Review) -> dict[str, object]:
        return {
            "profile": self._profile,
            "flow": review.flow,
            "key": clean_key(review.key),
            "address": clean_key(review.address),
            "reason": dump_text(review.reason),
            "candidates": dump_json(sorted(review.candidates)),
            "status": OPEN,
            "run_id": run_id,
            "asked_at": stamp(self._clock()),
        }


def _listed(row: Any) -> ReviewRow:
    values = dict(row)
    values["reason"] = load_text(values["reason"])
    values["candidates"] = tuple(load_json(values["candidates"]))
    return ReviewRow(**values)
