"""What a person does about rejects: look, put aside, have them tried again.

Rejects are tried again by every run of their flow; a retry is such a run, now.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from haihai_tui.services.operators import require_now
from haihai_tui.services.roles import Action, Operator
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.rejects import RejectRow, Rejects
from haihai_tui.services.wording import FLOW_LABELS

_AT_ONCE = 500


class RejectDesk:
    """The rejects of one profile, for an operator."""

    def __init__(self, database: Database, profile: str) -> None:
        self._database = database
        self._profile = profile
        self._rejects = Rejects(database, profile)

    def counts(self) -> dict[str, int]:
        """Open rejects by flow."""
        return self._rejects.counts()

    def page(
        self, flow: str = "", before_id: int | None = None, limit: int = 200
    ) -> list[RejectRow]:
        """Open rejects, the newest first; `before_id` pages back."""
        return self._rejects.listed(flow=flow or None, before_id=before_id, limit=limit)

    def dismiss(self, ids: Sequence[int], operator: Operator) -> int:
        """Put them aside until value or cause change; logged.  Returns how many."""
        require_now(self._database, operator, Action.RETRY)
        gone = 0
        with self._database.write() as connection:
            for at in range(0, len(ids), _AT_ONCE):
                chunk = ids[at : at + _AT_ONCE]
                gone += self._rejects.dismiss(chunk, operator.name)
            if gone:
                audit.append(
                    connection,
                    actor=operator.name,
                    action="rejects_dismissed",
                    subject=self._profile,
                    profile=self._profile,
                    after={"count": gone, "ids": list(ids[:_AT_ONCE])},
                )
        return gone


def flows_of(rows: Iterable[RejectRow]) -> tuple[str, ...]:
    """The flows to run for these, in the order in which flows are run."""
    concerned = {row.flow for row in rows}
    return tuple(flow for flow in FLOW_LABELS if flow in concerned)
