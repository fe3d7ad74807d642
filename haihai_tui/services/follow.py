"""A run as it goes on, read from the state database, whichever process carries it out.

The lock tells who runs; the events tell what happens.  The lock is looked at
first: a run stores its last event before it lets go of the lock, so once nobody
holds it, what is read then is complete.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass

from haihai_tui.services.lock import holder_of
from haihai_tui.services.paths import Home
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.events import StoredEvent, events_after
from haihai_tui.services.store.holder import Holder
from haihai_tui.services.store.runs import RUNNING, RunRow, Runs

POLL_S = 0.2
"""How often to look: an event is stored within 0.05 s and seen within 0.5 s."""

PAGE = 1_000
PAGES_A_POLL = 5


@dataclass(frozen=True, slots=True)
class Followed:
    """What one look found.

    `run` is the run followed, None before the first ever; `began` says that it is
    another than last time.  `live`: somebody carries it out right now.  `more`:
    there are further events, look again at once.
    """

    run: RunRow | None = None
    began: bool = False
    live: bool = False
    holder: Holder | None = None
    events: tuple[StoredEvent, ...] = ()
    more: bool = False

    @property
    def ours(self) -> bool:
        """Whether this very process carries it out."""
        who = self.holder
        return (
            who is not None
            and who.pid == os.getpid()
            and who.host == socket.gethostname()
        )

    @property
    def killed(self) -> bool:
        """On record as running, but nobody runs it: the process was killed."""
        return self.run is not None and self.run.status == RUNNING and not self.live


class Follower:
    """Follows the run under way, else shows the last one; or one run by its id.

    Not thread-safe: one follower belongs to one thread at a time.
    """

    def __init__(
        self, home: Home, database: Database, profile: str, run_id: str | None = None
    ) -> None:
        self._home = home
        self._database = database
        self._profile = profile
        self._runs = Runs(database, profile)
        self._pinned = run_id
        self._run: RunRow | None = None
        self._seq = 0

    def poll(self) -> Followed:
        """One look at lock and events; quick, but it may wait for the database."""
        holder = self._holder()
        run_id = self._pinned or self._target(holder)
        if run_id is None:
            return Followed(holder=holder, live=holder is not None)
        began = self._run is None or self._run.run_id != run_id
        self._look_at(run_id, began=began)
        if holder is None and self._run is not None and self._run.status == RUNNING:
            # It may have begun since the lock was looked at, and be over by now.
            holder = self._holder()
            self._look_at(run_id, began=False)
        live = holder is not None and holder.run_id == run_id
        events = self._events(run_id)
        return Followed(
            self._run,
            began and self._run is not None,
            live,
            holder if live else None,
            tuple(events),
            more=len(events) == PAGE * PAGES_A_POLL,
        )

    def _holder(self) -> Holder | None:
        holder = holder_of(self._home, self._profile)
        if holder is not None or self._database.is_sqlite:
            return holder
        # Deferred: leases exist only where machines share a database.
        from haihai_tui.services.store.leases import Leases

        return Leases(self._database, self._profile).living()

    def _target(self, holder: Holder | None) -> str | None:
        if holder is not None and holder.run_id:
            return holder.run_id
        newest = self._runs.recent(limit=1)
        return newest[0].run_id if newest else None

    def _look_at(self, run_id: str, *, began: bool) -> None:
        if began:
            self._seq = 0
        if began or (self._run is not None and self._run.status == RUNNING):
            # Between lock and first row a run has an id and no record.
            self._run = self._runs.get(run_id)

    def _events(self, run_id: str) -> list[StoredEvent]:
        found: list[StoredEvent] = []
        for _ in range(PAGES_A_POLL):
            page = events_after(self._database, run_id, self._seq, limit=PAGE)
            found += page
            if page:
                self._seq = page[-1].seq
            if len(page) < PAGE:
                break
        return found
