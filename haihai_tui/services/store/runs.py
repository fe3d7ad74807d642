"""The history of runs: begun, finished, confirmed, shown and trimmed.

A run's row is written before its first call to a service and completed from its
summary; the numbers of each flow stand in rows of their own, so that every figure
on the screen is a plain query over stored runs.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from haihai_tui.errors import SettingsError, text
from haihai_tui.services.store import audit
from haihai_tui.services.store.codec import clean, dump_json, load_json
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.schema import events, run_flows, runs
from haihai_tui.services.store.times import Clock, stamp, utc_now
from haihai_tui.services.wording import WRITELESS_MODES

RUNNING = "running"
STOPPED = "stopped"
LEFT_OVER = ("rejected", "held", "set_aside")
"""The counts of a flow that keep it from having been a success."""
COUNTS = ("read", "unchanged", "created", "updated", "excluded", "rejected", "written")


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run; times are RFC 3339 UTC, `summary` is the command's summary object."""

    run_id: str
    profile: str
    mode: str
    flows: tuple[str, ...]
    status: str
    exit_code: int | None
    started_at: str
    finished_at: str | None
    summary: Mapping[str, Any]
    host: str
    pid: int
    actor: str
    confirmed_at: str | None
    confirmed_by: str | None


@dataclass(frozen=True, slots=True)
class FlowRow:
    """The numbers of one flow in one run."""

    run_id: str
    flow: str
    status: str
    finished_at: str
    read: int
    unchanged: int
    created: int
    updated: int
    excluded: int
    rejected: int
    written: int
    salesforce_calls: int
    haihai_calls: int
    cursor: str | None


def new_run_id(moment: datetime) -> str:
    """`20260216T010203-1a2b3c4d5`: sorts by time, unique across machines.

    The last part begins with the second's fraction (1/3906), so that two runs of
    one second keep their order.
    """
    second = stamp(moment)[:19].translate(_PLAIN)
    return f"{second}-{moment.microsecond >> 8:03x}{secrets.token_hex(3)}"


_PLAIN = str.maketrans("", "", "-:")


class Runs:
    """The runs of one profile."""

    def __init__(
        self, database: Database, profile: str, clock: Clock = utc_now
    ) -> None:
        self._database = database
        self._profile = profile
        self._clock = clock

    def start(
        self,
        mode: str,
        flows: Sequence[str],
        *,
        actor: str,
        run_id: str | None = None,
    ) -> str:
        """Record the beginning of a run, with its line in the audit log; its id.

        To be called under the profile's lock: a run that still counts as running
        was killed, and is closed as `stopped`.
        """
        now = self._clock()
        run_id = run_id or new_run_id(now)
        row = {
            "run_id": run_id,
            "profile": self._profile,
            "mode": mode,
            "flows": dump_json(list(flows)),
            "status": RUNNING,
            "started_at": stamp(now),
            "summary": "{}",
            "host": clean(socket.gethostname()),
            "pid": os.getpid(),
            "actor": clean(actor),
        }
        with self._database.write() as connection:
            self._close_killed(connection)
            connection.execute(runs.insert().values(**row))
            audit.append(
                connection,
                actor=actor,
                action="run_started",
                subject=run_id,
                profile=self._profile,
                after={"mode": mode, "flows": list(flows)},
                clock=self._clock,
            )
        return run_id

    def finish(
        self, run_id: str, status: str, exit_code: int, summary: Mapping[str, Any]
    ) -> None:
        """Record how a run ended, with the numbers of its flows from `summary`."""
        now = stamp(self._clock())
        flows = [
            _flow_row(run_id, self._profile, flow, numbers, status, now)
            for flow, numbers in summary.get("flows", {}).items()
        ]
        with self._database.write() as connection:
            connection.execute(
                runs.update()
                .where(runs.c.run_id == run_id, runs.c.profile == self._profile)
                .values(
                    status=status,
                    exit_code=exit_code,
                    finished_at=now,
                    summary=dump_json(summary),
                )
            )
            connection.execute(run_flows.delete().where(run_flows.c.run_id == run_id))
            if flows:
                connection.execute(run_flows.insert(), flows)

    def confirm(self, run_id: str, actor: str) -> RunRow:
        """Let the run that a safety stop halted go on, once.

        SettingsError where there is no such run, it was not halted, or it was
        confirmed before.  Logged in the same transaction.
        """
        with self._database.write() as connection:
            run = self._get(connection, run_id)
            if run is None or run.status != "halted":
                raise SettingsError(
                    text("安全停止した実行 {run_id} はありません。", run_id=run_id),
                    text("haihai-tui --status で実行の番号を確認してください。"),
                )
            if run.confirmed_at is not None:
                raise SettingsError(
                    text(
                        "実行 {run_id} は {at} に {actor} が確認済みです。",
                        run_id=run_id,
                        at=run.confirmed_at,
                        actor=run.confirmed_by,
                    ),
                    text("もう一度実行し、止まったらその番号で確認してください。"),
                )
            connection.execute(
                runs.update()
                .where(runs.c.run_id == run_id)
                .values(confirmed_at=stamp(self._clock()), confirmed_by=clean(actor))
            )
            audit.append(
                connection,
                actor=actor,
                action="confirm",
                subject=run_id,
                profile=self._profile,
                after=run.summary,
                clock=self._clock,
            )
        return run

    def get(self, run_id: str) -> RunRow | None:
        with self._database.read() as connection:
            return self._get(connection, run_id)

    def recent(self, *, before: str | None = None, limit: int = 50) -> list[RunRow]:
        """The newest runs first; `before` is the run_id to page back from."""
        query = self._mine().order_by(runs.c.run_id.desc()).limit(limit)
        if before is not None:
            query = query.where(runs.c.run_id < before)
        with self._database.read() as connection:
            return [_run(row) for row in connection.execute(query).mappings()]

    def running(self) -> RunRow | None:
        """The run on record as under way; whether it lives, the lock tells."""
        query = self._mine().where(runs.c.status == RUNNING)
        with self._database.read() as connection:
            row = (
                connection.execute(query.order_by(runs.c.run_id.desc()).limit(1))
                .mappings()
                .one_or_none()
            )
        return _run(row) if row else None

    def flow_history(self, flow: str, *, limit: int = 100) -> list[FlowRow]:
        """The numbers of the newest runs of one flow, newest first."""
        query = (
            sa.select(*(run_flows.c[name] for name in FlowRow.__slots__))
            .where(run_flows.c.profile == self._profile, run_flows.c.flow == flow)
            .order_by(run_flows.c.run_id.desc())
            .limit(limit)
        )
        with self._database.read() as connection:
            return [FlowRow(*row) for row in connection.execute(query)]

    def last_success(self) -> dict[str, str]:
        """When each flow last came through with nothing left over (RFC 3339 UTC)."""
        return self._last("ok")

    def last_completed(self) -> dict[str, str]:
        """When each flow last came through, rejects or not (RFC 3339 UTC)."""
        return self._last("ok", "partial")

    def _last(self, *statuses: str) -> dict[str, str]:
        """What only looks comes through too, but it moves nothing: it is left out."""
        query = (
            sa.select(run_flows.c.flow, sa.func.max(run_flows.c.finished_at))
            .join(runs, runs.c.run_id == run_flows.c.run_id)
            .where(
                run_flows.c.profile == self._profile,
                run_flows.c.status.in_(statuses),
                runs.c.mode.not_in(WRITELESS_MODES),
            )
            .group_by(run_flows.c.flow)
        )
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def trim(self, keep: int, *, at_most: int = 1000) -> int:
        """Drop the oldest runs beyond `keep` with their events; returns how many.

        The last success and the last completed run of each flow stay whatever their
        age: how long ago they were is what the status is asked for.  No more than
        `at_most` go at a time.
        """
        edge = (
            sa.select(runs.c.run_id)
            .where(runs.c.profile == self._profile)
            .order_by(runs.c.run_id.desc())
            .limit(1)
            .offset(keep)
        )
        with self._database.write(durable=False) as connection:
            last = connection.execute(edge).scalar_one_or_none()
            if last is None:
                return 0
            kept = self._last_of_each(connection)
            query = (
                sa.select(runs.c.run_id)
                .where(
                    runs.c.profile == self._profile,
                    runs.c.run_id <= last,
                    runs.c.run_id.not_in(kept),
                )
                .order_by(runs.c.run_id)
                .limit(at_most)
            )
            old = list(connection.execute(query).scalars())
            for table in (events, run_flows, runs):
                connection.execute(table.delete().where(table.c.run_id.in_(old)))
            return len(old)

    def _last_of_each(self, connection: Connection) -> set[str]:
        found: set[str] = set()
        for statuses in (("ok",), ("ok", "partial")):
            query = (
                sa.select(sa.func.max(run_flows.c.run_id))
                .join(runs, runs.c.run_id == run_flows.c.run_id)
                .where(
                    run_flows.c.profile == self._profile,
                    run_flows.c.status.in_(statuses),
                    runs.c.mode.not_in(WRITELESS_MODES),
                )
                .group_by(run_flows.c.flow)
            )
            found.update(connection.execute(query).scalars())
        return found

    def _mine(self) -> sa.Select[Any]:
        return sa.select(runs).where(runs.c.profile == self._profile)

    def _get(self, connection: Connection, run_id: str) -> RunRow | None:
        query = self._mine().where(runs.c.run_id == run_id)
        row = connection.execute(query).mappings().one_or_none()
        return _run(row) if row else None

    def _close_killed(self, connection: Connection) -> None:
        connection.execute(
            runs.update()
            .where(runs.c.profile == self._profile, runs.c.status == RUNNING)
            .values(status=STOPPED, finished_at=stamp(self._clock()))
        )


def _flow_row(
    run_id: str,
    profile: str,
    flow: str,
    numbers: Mapping[str, Any],
    run_status: str,
    now: str,
) -> dict[str, object]:
    calls = numbers.get("api_calls") or {}
    cursor = numbers.get("cursor")
    return {
        "run_id": run_id,
        "flow": flow,
        "profile": profile,
        "status": flow_status(numbers, run_status),
        "finished_at": now,
        **{name: int(numbers.get(name) or 0) for name in COUNTS},
        "salesforce_calls": int(calls.get("salesforce") or 0),
        "haihai_calls": int(calls.get("haihai") or 0),
        "cursor": None if cursor is None else str(cursor),
    }


def flow_status(numbers: Mapping[str, Any], run_status: str) -> str:
    """The flow's own outcome: another flow's rejects or failure do not spoil it."""
    if not numbers.get("done") and run_status != "partial":
        return run_status
    return "partial" if any(numbers.get(name) for name in LEFT_OVER) else "ok"


def _run(row: Any) -> RunRow:
    return RunRow(
        run_id=row["run_id"],
        profile=row["profile"],
        mode=row["mode"],
        flows=tuple(load_json(row["flows"])),
        status=row["status"],
        exit_code=row["exit_code"],
        started_at=row["started_at"],
        finished_at=row["finished_at"],
        summary=load_json(row["summary"]),
        host=row["host"],
        pid=row["pid"],
        actor=row["actor"],
        confirmed_at=row["confirmed_at"],
        confirmed_by=row["confirmed_by"],
    )
