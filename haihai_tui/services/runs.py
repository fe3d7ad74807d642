"""One run from lock to record, for headless and console alike.

The work is done on a thread of its own that nobody owns: closing a screen or
losing the terminal does not end it.  Every event is stored before it is offered to
whoever listens, so a console elsewhere follows the same run from the database.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from haihai_tui.errors import (
    AuthorisationNeeded,
    ConnectorError,
    ExitCode,
    Interrupted,
    OnHold,
    Text,
    exit_code_for,
    text,
)
from haihai_tui.services.atomic import storage_error
from haihai_tui.services.lock import Lease, RunLock
from haihai_tui.services.paths import Home
from haihai_tui.services.retention import Retention, tidy
from haihai_tui.services.schedule import Schedule
from haihai_tui.services.stop_requests import StopWatcher
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.events import NewEvent, append_events
from haihai_tui.services.store.facts import AUTHORISATION, Facts
from haihai_tui.services.store.runs import Runs, new_run_id
from haihai_tui.services.store.times import Clock, stamp, utc_now
from haihai_tui.services.wording import WRITELESS_MODES
from haihai_tui.sync.events import Event
from haihai_tui.sync.outcome import RunOutcome

FLUSH_S = 0.05
BATCH = 200

Listener = Callable[[NewEvent], None]
Work = Callable[["RunContext"], RunOutcome]
"""Does the run's work; raises ConnectorError where it cannot even begin."""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Who wants which flows run, and how (`mode`: sync, plan, retry, …)."""

    profile: str
    flows: tuple[str, ...]
    actor: str
    mode: str = "sync"
    confirm: str | None = None


class Stopper:
    """Asked by signals and keys to stop; asked by the run whether it should."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self.exit_code = ExitCode.INTERRUPTED
        self.gate: Callable[[], None] = lambda: None
        """Raises where the run must not go on now; asked between batches."""

    def stop(self, exit_code: ExitCode = ExitCode.INTERRUPTED) -> None:
        self.exit_code = exit_code
        self._asked.set()

    def cancelled(self) -> bool:
        return self._asked.is_set()

    # What the sync calls a pacer.

    def check(self) -> None:
        if self._asked.is_set():
            raise Interrupted(
                text("実行を中断しました。"), text("次の実行が続きから再開します。")
            )
        self.gate()

    def sleep(self, seconds: float) -> None:
        self._asked.wait(seconds)
        self.check()

    def seconds(self) -> float:
        return time.monotonic()


@dataclass(frozen=True, slots=True)
class RunContext:
    """What the work is given: its id, when to stop, and where to tell."""

    run_id: str
    stopper: Stopper
    tell: Callable[[Event], None]


@dataclass(slots=True)
class RunResult:
    """How a run ended.  `summary` is the contract's summary object.

    `recorded` is False where it did not even begin: the lock was held, the profile
    is on hold, or the confirmation was refused.  `warnings` tell what went wrong
    after it was over.
    """

    run_id: str
    exit_code: ExitCode
    summary: Mapping[str, Any]
    error: BaseException | None = None
    recorded: bool = True
    warnings: tuple[Text, ...] = ()
    defect: BaseException | None = None


Afterwards = Callable[[RunResult], Sequence[Text]]
"""Looks after alerts and figures once a run is over; returns what went wrong."""


class Recorder:
    """Stores events in batches from a thread of its own, then hands them on."""

    def __init__(
        self, database: Database, run_id: str, listeners: Sequence[Listener]
    ) -> None:
        self._database = database
        self._run_id = run_id
        self._listeners = listeners
        self._queue: queue.Queue[NewEvent | None] = queue.Queue()
        self._thread = threading.Thread(target=self._drain, name="events", daemon=True)
        self._thread.start()
        self.failure: BaseException | None = None

    def tell(self, event: Event) -> None:
        self._queue.put(
            NewEvent(
                stamp(utc_now()),
                event.kind,
                event.flow,
                event.text,
                event.level,
                event.data,
            )
        )

    def close(self) -> None:
        """Return when everything told so far is stored and handed on."""
        self._queue.put(None)
        self._thread.join()

    def _drain(self) -> None:
        open_ = True
        while open_:
            batch: list[NewEvent] = []
            event = self._queue.get()
            deadline = time.monotonic() + FLUSH_S
            while event is not None and len(batch) < BATCH:
                batch.append(event)
                try:
                    left = deadline - time.monotonic()
                    event = self._queue.get(timeout=max(left, 0.001))
                except queue.Empty:
                    break
            else:
                open_ = event is not None
                if event is not None:
                    batch.append(event)
            self._store(batch)

    def _store(self, batch: list[NewEvent]) -> None:
        try:
            append_events(self._database, self._run_id, batch)
        except ConnectorError as error:
            # The run must not die of its diary; the failure is told at its end.
            self.failure = error
        for event in batch:
            for listener in self._listeners:
                listener(event)


@dataclass(slots=True)
class Conductor:
    """Starts runs of one profile."""

    home: Home
    database: Database
    retention: Retention = field(default_factory=Retention)
    lease: Lease | None = None
    stopper: Stopper = field(default_factory=Stopper)
    afterwards: Afterwards | None = None
    clock: Clock = utc_now
    schedule: Schedule | None = None

    def run(
        self, request: RunRequest, work: Work, listeners: Sequence[Listener] = ()
    ) -> RunResult:
        """Run to the end and return how it ended; never raises ConnectorError."""
        result = self._run(request, work, listeners)
        if result.recorded and self.afterwards is not None:
            # The lock is free again: nobody waits for a mail server.
            result.warnings += tuple(self.afterwards(result))
        if result.defect is not None:
            raise result.defect
        return result

    def _run(
        self, request: RunRequest, work: Work, listeners: Sequence[Listener]
    ) -> RunResult:
        started = self.clock()
        schedule = None if request.mode in WRITELESS_MODES else self.schedule
        run_id = new_run_id(started)
        try:
            if schedule is not None:
                schedule.check(started)
                self.stopper.gate = lambda: schedule.check_hours(self.clock())
            with RunLock(
                self.home,
                request.profile,
                run_id,
                lease=self.lease,
                on_lost=self.stopper.stop,
            ):
                return self._locked(request, work, listeners, run_id, started)
        except ConnectorError as error:
            summary = _summary(request, run_id, started, RunOutcome(error=error))
            return RunResult(run_id, error.exit_code, summary, error, recorded=False)

    def _locked(
        self,
        request: RunRequest,
        work: Work,
        listeners: Sequence[Listener],
        run_id: str,
        started: datetime,
    ) -> RunResult:
        runs = Runs(self.database, request.profile, self.clock)
        if request.confirm:
            runs.confirm(request.confirm, request.actor)
        runs.start(request.mode, request.flows, actor=request.actor, run_id=run_id)
        recorder = Recorder(self.database, run_id, listeners)
        outcome, defect = RunOutcome(), None
        try:
            with StopWatcher(self.database, request.profile, run_id, self.stopper):
                outcome = work(RunContext(run_id, self.stopper, recorder.tell))
        except ConnectorError as error:
            outcome.error = error
            recorder.tell(Event("run_failed", "", error.what, "error"))
            if error.remedy:
                recorder.tell(Event("remedy", "", error.remedy))
        except OSError as error:
            # A full, read-only or failing disk; what the last run kept still stands.
            place = Path(error.filename or self.home.data_folder(request.profile))
            outcome.error = stored = storage_error(place, error)
            recorder.tell(Event("run_failed", "", stored.what, "error"))
        except BaseException as error:
            outcome.error = defect = error
        summary = _summary(request, run_id, started, outcome, self.stopper)
        recorder.tell(_run_done(summary))
        recorder.close()
        code = int(summary["exit_code"])
        runs.finish(run_id, str(summary["status"]), code, summary)
        warnings = self._tidy(request.profile, run_id)
        _note_authorisation(Facts(self.database, request.profile), outcome.error)
        return RunResult(
            run_id,
            ExitCode(code),
            summary,
            outcome.error,
            warnings=warnings,
            defect=defect,
        )

    def _tidy(self, profile: str, run_id: str) -> tuple[Text, ...]:
        """Nothing that is dropped here is missed: a failure is a warning."""
        try:
            tidy(self.database, profile, run_id, self.retention, self.clock)
        except ConnectorError as error:
            wording = text("古い記録を整理できませんでした: {what}", what=error.what)
            return (wording,)
        return ()


def _note_authorisation(facts: Facts, error: BaseException | None) -> None:
    """Keep for the status whether Salesforce still takes the token."""
    if isinstance(error, AuthorisationNeeded):
        cause = error.cause
    elif error is None:
        cause = "ok"
    else:
        return
    if cause.startswith("haihai_"):
        return
    try:
        if (facts.get(AUTHORISATION) or "ok") != cause:
            facts.set({AUTHORISATION: cause})
    except ConnectorError:
        # The run is over and recorded; the next one notes it again.
        return


def _summary(
    request: RunRequest,
    run_id: str,
    started: datetime,
    outcome: RunOutcome,
    stopper: Stopper | None = None,
) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "event": "run_done",
        "run_id": run_id,
        "profile": request.profile,
        "mode": request.mode,
        "requested": list(request.flows),
        **outcome.as_summary(),
        "started_at": _rfc3339(started),
        "finished_at": _rfc3339(utc_now()),
    }
    if isinstance(outcome.error, Interrupted) and stopper is not None:
        summary["exit_code"] = int(stopper.exit_code)
    if isinstance(outcome.error, OnHold):
        summary["reason"] = outcome.error.reason
    if isinstance(outcome.error, ConnectorError):
        summary["cause"] = outcome.error.cause
    elif outcome.error is not None:
        summary["exit_code"] = int(exit_code_for(outcome.error))
    return summary


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _run_done(summary: Mapping[str, Any]) -> Event:
    wording: Text = text(
        "実行 {run_id} が終わりました: {status} (終了コード {code})",
        run_id=summary["run_id"],
        status=summary["status"],
        code=summary["exit_code"],
    )
    return Event("run_done", "", wording, data=dict(summary))
