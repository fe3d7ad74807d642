"""Accepted imports: one queue, worked off in order of acceptance by one thread.

An answer only ever says "accepted"; what became of the rows is learned here, by the
results' retrieval, as long as they are kept.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from haihai_tui.sandbox.control import Clock, Switches
from haihai_tui.sandbox.haihai.account import Account
from haihai_tui.sandbox.haihai.csvtable import CsvTable
from haihai_tui.sandbox.haihai.imports import (
    ImportRequest,
    RowNote,
    Rules,
    Tally,
    run_import,
)

KEPT = timedelta(days=10)
_POLL_S = 0.02
_SAVE_AFTER_S = 1.0

JobState = Literal["waiting", "done", "failed"]


@dataclass(slots=True)
class Job:
    """One accepted import.  `request` is dropped once it was worked off."""

    number: int
    kind: int
    group: str
    plan: str
    rows: int
    accepted_at: datetime
    request: ImportRequest | None
    state: JobState = "waiting"
    finished_at: datetime | None = None
    tally: Tally = field(default_factory=Tally)

    def as_json(self) -> dict[str, object]:
        finished = self.finished_at
        return {
            "job": str(self.number),
            "kind": self.kind,
            "group": self.group,
            "plan": self.plan,
            "state": self.state,
            "accepted_at": self.accepted_at.isoformat(timespec="milliseconds"),
            "finished_at": finished and finished.isoformat(timespec="milliseconds"),
            "rows": self.rows,
            "succeeded": self.tally.succeeded,
            "failed": self.tally.failed,
            "other": self.tally.other,
            "rejected": [
                {"row": note.row, "address": note.address, "reason": note.reason}
                for note in self.tally.notes
                if note.outcome == "failed"
            ],
        }


class JobQueue:
    """The queue, its worker thread, and the log of what was worked off.

    Switches read: `import_delay_s`, `import_hold`, `import_fail` (fail the next n
    jobs as a whole), `state_sync`.
    """

    def __init__(
        self,
        account: Account,
        clock: Clock,
        switches: Switches,
        *,
        address_column: str,
        item_max_chars: int,
        save: Callable[[], None] | None = None,
    ) -> None:
        self._account = account
        self._clock = clock
        self._switches = switches
        self._address_column = address_column
        self._item_max_chars = item_max_chars
        self._save = save
        self._jobs: dict[int, Job] = {}
        self._changed = threading.Condition()
        self._stopping = False
        self._thread: threading.Thread | None = None

    # ------------------------------------------------------ for the server

    def accept(self, request: ImportRequest, rows: int) -> Job:
        with self._changed:
            number = max(self._jobs, default=0) + 1
            job = Job(
                number=number,
                kind=request.kind,
                group=request.group,
                plan=request.plan,
                rows=rows,
                accepted_at=self._clock.now(),
                request=request,
            )
            self._jobs[number] = job
            self._changed.notify_all()
        return job

    def find(self, number: str) -> Job | None:
        """The job, as long as its result is kept (10 days)."""
        job = self._jobs.get(int(number)) if number.isdecimal() else None
        if job is None or job.finished_at is None:
            return job
        return job if self._clock.now() - job.finished_at <= KEPT else None

    def jobs(self) -> list[Job]:
        return list(self._jobs.values())

    def restore(self, jobs: list[Job]) -> None:
        self._jobs = {job.number: job for job in jobs}

    # -------------------------------------------------------------- worker

    def start(self) -> None:
        self._thread = threading.Thread(
            target=self._work, name="haihai-imports", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Ends after the job in hand; what waits stays waiting."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def drain(self, timeout_s: float = 30.0) -> None:
        """Wait until nothing waits; TimeoutError after `timeout_s`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._next() is None, timeout_s):
                raise TimeoutError("imports are still waiting")

    def _next(self) -> Job | None:
        waiting = (job for job in self._jobs.values() if job.state == "waiting")
        return next(waiting, None)

    def _work(self) -> None:
        unsaved = False
        while not self._stopping:
            job = self._wait_for_due(_SAVE_AFTER_S if unsaved else None)
            if job is not None:
                self._run(job)
                unsaved = self._save is not None
            elif unsaved and self._save is not None and not self._stopping:
                self._save()
                unsaved = False

    def _wait_for_due(self, patience_s: float | None) -> Job | None:
        """The next job when its time has come; None to save or to stop."""
        with self._changed:
            while not self._stopping:
                job = self._next()
                if job is not None and self._is_due(job):
                    return job
                if job is None and not self._changed.wait(patience_s):
                    return None
                if job is not None:
                    # The clock and the switches change without telling us.
                    self._changed.wait(_POLL_S)
        return None

    def _is_due(self, job: Job) -> bool:
        if self._switches["import_hold"]:
            return False
        delay = timedelta(seconds=float(str(self._switches["import_delay_s"])))
        return self._clock.now() >= job.accepted_at + delay

    def _run(self, job: Job) -> None:
        assert job.request is not None
        fail_next = int(str(self._switches["import_fail"]))
        if fail_next > 0:
            self._switches.update({"import_fail": fail_next - 1})
            job.tally, state = _all_failed(job.request, self._address_column), "failed"
        else:
            job.tally, state = self._judge(job.request)
        with self._changed:
            job.request = None
            job.finished_at = self._clock.now()
            job.state = "failed" if state == "failed" else "done"
            self._changed.notify_all()

    def _judge(self, request: ImportRequest) -> tuple[Tally, JobState]:
        rules = Rules(
            address_column=self._address_column,
            item_max_chars=self._item_max_chars,
            now=self._clock.now(),
            state_sync=bool(self._switches["state_sync"]),
        )
        try:
            return run_import(self._account, request, rules), "done"
        except (KeyError, ValueError):
            # The group or the address column is gone since the file was accepted.
            return _all_failed(request, self._address_column), "failed"


def _all_failed(request: ImportRequest, address_column: str) -> Tally:
    """The whole file failed: every row is refused for the same reason."""
    table = CsvTable(request.file)
    at = table.header.index(address_column) if address_column in table.header else 0
    notes = [
        RowNote(
            number, row[at] if at < len(row) else "", "failed", "処理に失敗しました"
        )
        for number, row in enumerate(table.rows())
    ]
    return Tally(failed=len(notes), notes=notes)
