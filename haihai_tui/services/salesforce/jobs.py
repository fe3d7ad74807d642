"""Bulk 2.0 jobs, query and ingest alike: started, watched, given up.

A job outlives the process that made it, so its Id is written down before any data
goes out; what a killed run left behind is aborted by the next.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import stamina

from haihai_tui.errors import (
    AuthorisationNeeded,
    BudgetUsedUp,
    ConnectorError,
    Interrupted,
    ServiceUnreachable,
    text,
)
from haihai_tui.services.salesforce.session import Session

ENDED = ("JobComplete", "Failed", "Aborted")
ABORT_WAIT_S = 10.0


@dataclass(frozen=True, slots=True)
class JobLimits:
    """How a job is watched; seconds.

    `stuck_s` without any progress, or `total_s` in all, and the job is given up.
    """

    first_poll_s: float = 0.2
    longest_poll_s: float = 10.0
    stuck_s: float = 1200.0
    total_s: float = 14400.0


@dataclass(frozen=True, slots=True)
class Job:
    """A job's state as last seen.  `processed` counts failed rows too."""

    id: str
    state: str
    processed: int = 0
    failed: int = 0
    error: str = ""
    content_url: str = ""
    created_at: datetime | None = None


class Stuck(ServiceUnreachable):
    """A job that made no progress for too long; it has been aborted."""


class Jobs:
    """Jobs of one kind, `query` or `ingest`; errors as for `Session`."""

    def __init__(
        self,
        session: Session,
        kind: str,
        *,
        limits: JobLimits | None = None,
        journal: Path | None = None,
    ) -> None:
        self._session = session
        self._kind = kind
        self._limits = limits or JobLimits()
        self._journal = journal
        self._swept = journal is None

    def path(self, job_id: str) -> str:
        return f"/jobs/{self._kind}/{job_id}"

    def create(self, body: Mapping[str, Any]) -> Job:
        """A new job; its Id is in the journal when this returns."""
        self.sweep()
        job = _to_job(self._session.json("POST", f"/jobs/{self._kind}", json=body))
        if self._journal is not None:
            (self._journal / f"{job.id}.{self._kind}").touch()
        return job

    def status(self, job_id: str) -> Job:
        return _to_job(self._session.json("GET", self.path(job_id)))

    def set_state(self, job_id: str, state: str) -> None:
        self._session.request("PATCH", self.path(job_id), json={"state": state})

    def forget(self, job_id: str) -> None:
        """The job has ended: nothing is left to abort."""
        if self._journal is not None:
            (self._journal / f"{job_id}.{self._kind}").unlink(missing_ok=True)

    def abandon(self, job_id: str) -> None:
        """Abort as well as can be done, also while being interrupted."""
        patience = self._session.channel.patience
        with suppress(ConnectorError), patience.shielded(ABORT_WAIT_S):
            self.set_state(job_id, "Aborted")
            self.forget(job_id)

    @contextmanager
    def abandoned_on_error(self, job_id: str) -> Iterator[None]:
        """Abort the job when the block is left by any exception."""
        try:
            yield
        except BaseException:
            self.abandon(job_id)
            raise

    def wait(self, job: Job) -> Job:
        """Poll, at growing intervals, until the job has ended.

        Raises Stuck where it makes no progress.
        """
        limits, interval = self._limits, self._limits.first_poll_s
        waited = idle = 0.0
        seen = job
        with self.abandoned_on_error(job.id):
            while True:
                now = self.status(job.id)
                if now.state in ENDED:
                    return now
                moved = (now.state, now.processed) != (seen.state, seen.processed)
                idle, seen = 0.0 if moved else idle, now
                if idle >= limits.stuck_s or waited >= limits.total_s:
                    raise Stuck(
                        text(
                            "Salesforce の Bulk ジョブ {job} が進みません。", job=job.id
                        ),
                        text("しばらく待ってから再実行してください。"),
                        cause="timeout",
                    )
                self._sleep(interval)
                waited, idle = waited + interval, idle + interval
                interval = min(interval * 1.5, limits.longest_poll_s)

    def _sleep(self, seconds: float) -> None:
        # The interval still counts in test mode: a stuck job ends there as well.
        self._session.channel.patience.sleep(0.0 if stamina.is_testing() else seconds)

    def sweep(self) -> None:
        """Abort what an earlier process left behind; a job that cannot be reached
        now is left to the next run."""
        if self._swept or self._journal is None:
            return
        self._swept = True
        self._journal.mkdir(parents=True, exist_ok=True)
        for left in self._journal.glob(f"*.{self._kind}"):
            try:
                self.set_state(left.stem, "Aborted")
            except _NOT_NOW:
                return
            except ConnectorError:
                # Ended by itself, or gone: there is nothing to abort.
                pass
            left.unlink(missing_ok=True)


_NOT_NOW = (ServiceUnreachable, AuthorisationNeeded, BudgetUsedUp, Interrupted)


def _to_job(document: Mapping[str, Any]) -> Job:
    created = str(document.get("createdDate") or "")
    return Job(
        id=str(document["id"]),
        state=str(document.get("state") or ""),
        processed=int(document.get("numberRecordsProcessed") or 0),
        failed=int(document.get("numberRecordsFailed") or 0),
        error=str(document.get("errorMessage") or ""),
        content_url=str(document.get("contentUrl") or ""),
        created_at=_parse_time(created),
    )


def _parse_time(stamp: str) -> datetime | None:
    """`2022-03-17T16:21:26.000+0000`, UTC; None where there is none."""
    try:
        return datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%S.%f%z").astimezone(UTC)
    except ValueError:
        return None
