"""The account in a folder: one JSON file, and one line a customer beside it.

Written whole and renamed, so that a sandbox that was killed keeps its last state.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from haihai_tui.sandbox.haihai.account import (
    ALLOWED,
    Account,
    Audience,
    Membership,
    ViewEvent,
)
from haihai_tui.sandbox.haihai.imports import ImportRequest, RowNote, Tally
from haihai_tui.sandbox.haihai.jobs import Job, JobQueue
from haihai_tui.sandbox.haihai.limits import DailyCalls

_ACCOUNT = "haihai-account.json"
_CUSTOMERS = "haihai-customers.ndjson"


def save(folder: Path, account: Account, queue: JobQueue, calls: DailyCalls) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with account.lock:
        _write(folder / _CUSTOMERS, lambda: _customer_lines(account))
        _write(folder / _ACCOUNT, lambda: iter([_account_text(account, queue, calls)]))


def load(folder: Path, account: Account, queue: JobQueue, calls: DailyCalls) -> None:
    """Replace what `account` holds; a folder without files changes nothing."""
    if not (folder / _ACCOUNT).exists():
        return
    values = json.loads((folder / _ACCOUNT).read_text("utf-8"))
    account.items = tuple(values["items"])
    account.groups = {no: Audience(no, name) for no, name in values["groups"].items()}
    account.plans = {no: Audience(no, name) for no, name in values["plans"].items()}
    account.views = [_view(row) for row in values["views"]]
    queue.restore([_job(row) for row in values["jobs"]])
    calls.load(values["calls"])
    with (folder / _CUSTOMERS).open(encoding="utf-8", newline="\n") as lines:
        for line in lines:
            _take_customer(account, json.loads(line))


def _write(path: Path, lines: Callable[[], Iterator[str]]) -> None:
    temporary = path.with_suffix(".new")
    with temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(lines())
    temporary.replace(path)


def _customer_lines(account: Account) -> Iterator[str]:
    for key, packed in account.customers.items():
        row = {
            "key": key,
            "values": account.unpack(packed),
            "error": key in account.in_error,
            "groups": account.memberships(key, account.groups),
            "plans": account.memberships(key, account.plans),
        }
        yield json.dumps(row, ensure_ascii=False) + "\n"


def _take_customer(account: Account, row: dict[str, Any]) -> None:
    key = row["key"]
    account.customers[key] = account.pack(row["values"][0], row["values"][1:])
    if row["error"]:
        account.in_error.add(key)
    for audiences, name in ((account.groups, "groups"), (account.plans, "plans")):
        for number, member in row[name].items():
            kept = ALLOWED if member[0] == "allowed" else Membership(*member)
            audiences[number].members[key] = kept


def _account_text(account: Account, queue: JobQueue, calls: DailyCalls) -> str:
    values = {
        "items": account.items,
        "groups": {no: audience.name for no, audience in account.groups.items()},
        "plans": {no: audience.name for no, audience in account.plans.items()},
        "views": [(e.at.isoformat(), *e[1:]) for e in account.views],
        "jobs": [_job_values(job) for job in queue.jobs()],
        "calls": calls.dump(),
    }
    return json.dumps(values, ensure_ascii=False, default=_as_text)


def _as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    assert isinstance(value, bytes)
    return base64.b64encode(value).decode()


def _job_values(job: Job) -> dict[str, Any]:
    values = {**asdict(job), "notes": job.tally.notes}
    values["tally"].pop("notes")
    return values


def _job(values: dict[str, Any]) -> Job:
    request = values["request"]
    if request is not None:
        request = ImportRequest(
            **{**request, "file": base64.b64decode(request["file"])}
        )
    finished = values["finished_at"]
    notes = [RowNote(*note) for note in values.pop("notes")]
    return Job(
        **{
            **values,
            "request": request,
            "accepted_at": datetime.fromisoformat(values["accepted_at"]),
            "finished_at": datetime.fromisoformat(finished) if finished else None,
            "tally": Tally(**values["tally"], notes=notes),
        }
    )


def _view(row: list[str]) -> ViewEvent:
    at, address, url, kind, user_agent = row
    return ViewEvent(
        datetime.fromisoformat(at),
        address,
        url,
        "visit" if kind == "visit" else "click",
        user_agent,
    )
