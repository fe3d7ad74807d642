"""Asking a run to stop that another process, perhaps on another machine, carries out.

The wish is a fact in the state database that names the run; the run looks for it
once a second.  A run is never killed: it finishes the batch in hand.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING

from haihai_tui.errors import ConnectorError
from haihai_tui.services.operators import require_now
from haihai_tui.services.roles import Action, Operator
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.facts import Facts

if TYPE_CHECKING:
    from haihai_tui.services.runs import Stopper

FACT = "run.stop_asked"
LOOK_S = 1.0


def ask_to_stop(
    database: Database, profile: str, run_id: str, operator: Operator
) -> None:
    """Ask the run to end after its batch; logged.  SettingsError without the right."""
    require_now(database, operator, Action.RUN)
    with database.write() as connection:
        Facts(database, profile).set({FACT: run_id})
        audit.append(
            connection,
            actor=operator.name,
            action="run_stopped",
            subject=run_id,
            profile=profile,
        )


class StopWatcher:
    """While entered, hands a wish to stop `run_id` on to its stopper."""

    def __init__(
        self,
        database: Database,
        profile: str,
        run_id: str,
        stopper: Stopper,
        look_s: float = LOOK_S,
    ) -> None:
        self._facts = Facts(database, profile)
        self._run_id = run_id
        self._stopper = stopper
        self._look_s = look_s
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="stop", daemon=True)

    def __enter__(self) -> StopWatcher:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._left.wait(self._look_s):
            try:
                asked = self._facts.get(FACT) == self._run_id
            except ConnectorError:
                # A database away for a moment is the run's business, not ours.
                continue
            if asked:
                self._stopper.stop()
                return
