"""What a finished run, or the lack of one, says about each flow.

A condition belongs to a flow and not to a profile: a nightly flow that fails is not
well again because another one ran through at noon.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from haihai_tui.errors import ConnectorError, ExitCode, text
from haihai_tui.services.store.alerts import OK, Condition
from haihai_tui.services.store.runs import flow_status
from haihai_tui.services.store.times import moment_of
from haihai_tui.services.wording import WRITELESS_MODES

AUTHORISE = "authorise"
OVERDUE = "overdue"
_PREFIX = f"{OVERDUE}."

Found = dict[str, tuple[str, Mapping[str, Any]]]


def after_run(summary: Mapping[str, Any], error: BaseException | None) -> Found:
    """The conditions of the run's flows.

    None after a plan or comparison, after an interruption, or where blackout hours
    cut the run off: the next one goes on, as was wanted.
    """
    if summary["mode"] in WRITELESS_MODES or summary["status"] == "stopped":
        return {}
    if summary.get("reason"):
        return {}
    flows: Mapping[str, Mapping[str, Any]] = summary["flows"]
    found: Found = {}
    for flow in summary["requested"]:
        numbers = flows.get(flow) or {}
        state = _state(str(summary["status"]), int(summary["exit_code"]), numbers)
        found[flow] = (state, _detail(summary, numbers, error, state))
    return found


def _state(status: str, code: int, numbers: Mapping[str, Any]) -> str:
    state = flow_status(numbers, status)
    if state not in (OK, "partial") and code == ExitCode.AUTHORISE:
        return AUTHORISE
    return state


def _detail(
    summary: Mapping[str, Any],
    numbers: Mapping[str, Any],
    error: BaseException | None,
    state: str,
) -> dict[str, Any]:
    detail: dict[str, Any] = {
        "run_id": summary["run_id"],
        "exit_code": summary["exit_code"],
        "at": summary["finished_at"],
    }
    if state == "partial":
        detail["rejected"] = numbers.get("rejected") or 0
        detail["held"] = numbers.get("held") or 0
    if state != OK and isinstance(error, ConnectorError):
        detail |= {"cause": error.cause, "what": error.what, "remedy": error.remedy}
    elif state != OK and error is not None:
        detail["what"] = text(
            "プログラムの不具合です: {kind}", kind=type(error).__name__
        )
    return detail


def overdue(
    flows: Iterable[str],
    completed: Mapping[str, str],
    known: Iterable[Condition],
    hours: int,
    now: datetime,
) -> Found:
    """Whether each enabled flow came through within `hours` (0: not asked).

    `completed` tells when each last did.  A flow that never did is counted from the
    moment that it was first looked at.
    """
    watched = {one.name: one for one in known}
    found: Found = {}
    for flow in flows:
        name = _PREFIX + flow
        before = watched.get(name)
        last = completed.get(flow)
        begun = last or (_first_look(before) if before else None)
        detail = {"last": last, "watched_since": _first_look(before) or now.isoformat()}
        late = (
            hours > 0
            and begun is not None
            and now - moment_of(begun) > timedelta(hours=hours)
        )
        found[name] = (OVERDUE if late else OK, detail | {"hours": hours})
    return found


def _first_look(condition: Condition | None) -> str | None:
    if condition is None:
        return None
    found = condition.detail.get("watched_since")
    return str(found) if found else condition.since
