"""Where a profile stands: what `--status` prints and the console's front page shows.

Plain SQL that both databases understand, read in one transaction.  For SQLite it
goes through the standard library alone: SQLAlchemy takes 200 ms to load, and cron
asks for the status every minute.  Nothing is created, lifted or written.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from haihai_tui.services.atomic import require_private
from haihai_tui.services.lock import holder_of
from haihai_tui.services.paths import Home
from haihai_tui.services.store.failures import newer, translate
from haihai_tui.services.store.times import moment_of
from haihai_tui.services.store.version import VERSION
from haihai_tui.services.wording import WRITELESS_MODES

Rows = list[Mapping[str, Any]]
Ask = Callable[[str], Rows]

_BUSY_S = 5.0
_WITH_ALERTS = 2
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z\Z")
_FACTS = {
    "org_id": "salesforce.org_id",
    "org_name": "salesforce.org_name",
    "username": "salesforce.username",
    "authorised_at": "salesforce.authorised_at",
    "refreshed_at": "salesforce.refreshed_at",
}


def status(
    home: Home,
    profile: str,
    *,
    store_url: str = "",
    secret_names: Collection[str] = (),
    last_runs: int = 10,
) -> dict[str, Any]:
    """The JSON-able status of a profile; times are RFC 3339 UTC.

    `secret_names` are the names of the stored secrets.  A home without a database
    has an empty status.
    """
    with _asking(home, profile, store_url) as ask:
        facts = {row["name"]: row["value"] for row in ask(_named("facts", "value"))}
        cursors = {row["name"]: row["value"] for row in ask(_named("cursors", "value"))}
        return {
            "profile": profile,
            "connection": _connection(facts, secret_names),
            "running": _running(home, profile),
            "cursors": cursors,
            "read_until": _read_until(cursors),
            "last_run": next(iter(_last_runs(ask, 1, _OVER)), None),
            "last_runs": _last_runs(ask, last_runs),
            "last_success": _last(ask, "'ok'"),
            "last_completed": _last(ask, "'ok', 'partial'"),
            "rejects": _counts(ask, "rejects"),
            "reviews": _counts(ask, "reviews"),
            "pending_imports": {row["flow"]: row["count"] for row in ask(_PENDING)},
            "api_budgets": [dict(row) for row in ask(_BUDGETS)],
            "salesforce_api": {
                "used": _number(facts.get("salesforce.api_used")),
                "limit": _number(facts.get("salesforce.api_max")),
            },
            **_alerts(ask),
        }


_WRITELESS = "({})".format(", ".join(f"'{one}'" for one in sorted(WRITELESS_MODES)))
_LAST = """
SELECT f.flow AS flow, max(f.finished_at) AS at
FROM run_flows AS f JOIN runs AS r ON r.run_id = f.run_id
WHERE f.profile = :profile AND r.mode NOT IN {writeless} AND f.status IN ({statuses})
GROUP BY f.flow ORDER BY f.flow
"""
_VERSION = "SELECT max(version) AS version FROM schema_version"
_PENDING = """
SELECT flow, count(*) AS count FROM pending_imports
WHERE profile = :profile GROUP BY flow ORDER BY flow
"""
_BUDGETS = """
SELECT service, api, day, calls FROM budgets AS b
WHERE profile = :profile AND day = (
  SELECT max(day) FROM budgets
  WHERE profile = :profile AND service = b.service AND api = b.api
) ORDER BY service, api
"""
_OVER = f"AND mode NOT IN {_WRITELESS} AND finished_at IS NOT NULL"
"""Runs that are over and moved something, or tried to."""
_RUNS = """
SELECT run_id, mode, flows, status, exit_code, started_at, finished_at, confirmed_at
FROM runs WHERE profile = :profile {which} ORDER BY run_id DESC LIMIT {limit}
"""
_RUN_FLOWS = """
SELECT run_id, flow, status, read, unchanged, created, updated, excluded, rejected,
  written, salesforce_calls, haihai_calls, cursor
FROM run_flows WHERE profile = :profile AND run_id >= (
  SELECT min(run_id) FROM (
    SELECT run_id FROM runs WHERE profile = :profile {which}
    ORDER BY run_id DESC LIMIT {limit}
  ) AS newest
)
"""


_ALERTS = """
SELECT name, state, since FROM alerts
WHERE profile = :profile AND state <> 'ok' ORDER BY name
"""
_UNDELIVERED = """
SELECT channel, max(at) AS at, max(problem) AS problem FROM alert_notices
WHERE profile = :profile AND problem <> '' GROUP BY channel ORDER BY channel
"""


def _alerts(ask: Ask) -> dict[str, Any]:
    """What stands, and the channels that could not be told.

    A database of the version before alerts has none; it is not lifted here.
    """
    versions = ask(_VERSION)
    if not versions or versions[0]["version"] < _WITH_ALERTS:
        return {"alerts": [], "undelivered": []}
    return {
        "alerts": [dict(row) for row in ask(_ALERTS)],
        "undelivered": [dict(row) for row in ask(_UNDELIVERED)],
    }


def _number(fact: str | None) -> int | None:
    return int(fact) if fact and fact.isdigit() else None


def _named(table: str, value: str) -> str:
    return f"SELECT name, {value} FROM {table} WHERE profile = :profile ORDER BY name"


def _last(ask: Ask, statuses: str) -> dict[str, str]:
    """When each flow last came through; a plan moves nothing and does not count."""
    rows = ask(_LAST.format(statuses=statuses, writeless=_WRITELESS))
    return {row["flow"]: row["at"] for row in rows}


def _counts(ask: Ask, table: str) -> dict[str, int]:
    rows = ask(
        f"SELECT flow, count(*) AS count FROM {table} "
        "WHERE profile = :profile AND status = 'open' GROUP BY flow ORDER BY flow"
    )
    return {row["flow"]: row["count"] for row in rows}


def _connection(
    facts: Mapping[str, str], secret_names: Collection[str]
) -> dict[str, Any]:
    state = facts.get("salesforce.authorisation", "ok")
    has_token = "salesforce.refresh_token" in secret_names
    return {
        "salesforce": {
            "authorised": has_token and state == "ok",
            "cause": None if state == "ok" else state,
            **{key: facts.get(name) for key, name in _FACTS.items()},
        },
        "haihai": {"token_stored": "haihai.api_token" in secret_names},
    }


def _running(home: Home, profile: str) -> dict[str, Any] | None:
    holder = holder_of(home, profile)
    if holder is None:
        return None
    return {
        "run_id": holder.run_id,
        "host": holder.host,
        "pid": holder.pid,
        "started_at": holder.started_at,
    }


def _read_until(cursors: Mapping[str, str]) -> dict[str, str]:
    """Where each flow reads on: the least far of the objects that it reads."""
    found: dict[str, str] = {}
    for name, at in cursors.items():
        if not _MOMENT.match(at):
            continue  # beside the times lies which fields they stand for
        flow = name.partition(".")[0]
        found[flow] = min(found.get(flow, at), at)
    return found


def _duration(run: Mapping[str, Any]) -> float | None:
    if run["finished_at"] is None:
        return None
    passed = moment_of(run["finished_at"]) - moment_of(run["started_at"])
    return passed.total_seconds()


def _last_runs(ask: Ask, limit: int, which: str = "") -> list[dict[str, Any]]:
    numbers: dict[str, dict[str, Any]] = {}
    for row in ask(_RUN_FLOWS.format(limit=limit, which=which)):
        flow = dict(row)
        run = numbers.setdefault(flow.pop("run_id"), {})
        flow["api_calls"] = {
            "salesforce": flow.pop("salesforce_calls"),
            "haihai": flow.pop("haihai_calls"),
        }
        run[flow.pop("flow")] = flow
    return [
        {
            **row,
            "duration_s": _duration(row),
            "flows": {
                flow: numbers.get(row["run_id"], {}).get(flow)
                for flow in json.loads(row["flows"])
            },
        }
        for row in ask(_RUNS.format(limit=limit, which=which))
    ]


# ------------------------------------------------------------------ asking


@contextmanager
def _asking(home: Home, profile: str, store_url: str) -> Iterator[Ask]:
    if store_url:
        with _asking_server(home, profile, store_url) as ask:
            yield ask
    elif not home.database.exists() or home.database.stat().st_size == 0:
        yield lambda _query: []
    else:
        with _asking_file(home.database, profile) as ask:
            yield ask


@contextmanager
def _asking_file(path: Path, profile: str) -> Iterator[Ask]:
    require_private(path)
    try:
        with closing(_open(path)) as connection:
            version = connection.execute(_VERSION).fetchone()["version"]
            _require_known(version, str(path))
            yield lambda query: connection.execute(
                query, {"profile": profile}
            ).fetchall()
    except sqlite3.Error as error:
        known = translate(error, str(path))
        if known is None:
            raise
        raise known from error


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=_BUSY_S, isolation_level=None
    )
    connection.row_factory = lambda cursor, row: {
        column[0]: value for column, value in zip(cursor.description, row, strict=True)
    }
    connection.execute("PRAGMA query_only = 1")
    connection.execute("BEGIN")
    return connection


@contextmanager
def _asking_server(home: Home, profile: str, store_url: str) -> Iterator[Ask]:
    # Deferred: only a PostgreSQL store needs SQLAlchemy here.
    from sqlalchemy import text as sql

    from haihai_tui.services.store.database import open_database

    database = open_database(home, store_url)
    try:
        with database.read() as connection:
            yield lambda query: [
                dict(row)
                for row in connection.execute(
                    sql(query), {"profile": profile}
                ).mappings()
            ]
    finally:
        database.close()


def _require_known(version: int, place: str) -> None:
    if version > VERSION:
        raise newer(place, version, VERSION)
