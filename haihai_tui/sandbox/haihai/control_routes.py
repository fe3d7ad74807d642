"""What the control interface adds for HaiHai Mail: look at the account, act as a
reader, an administrator or the mail system would."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from haihai_tui.sandbox.control import PREFIX, Control, answer_json
from haihai_tui.sandbox.haihai.account import (
    Account,
    Audience,
    Membership,
    State,
    ViewEvent,
    fold,
)
from haihai_tui.sandbox.haihai.imports import is_address
from haihai_tui.sandbox.haihai.jobs import JobQueue
from haihai_tui.services.haihai.wire import Wire

_CHUNK_ROWS = 2_000
# One encoder for all rows: json.dumps would make one for each.
_to_json = json.JSONEncoder(ensure_ascii=False).encode
_ACTIONS: dict[str, tuple[State, str]] = {
    "stop": ("stopped", "配信停止フォーム"),
    "bar": ("barred", "管理者"),
    "allow": ("allowed", "管理者"),
}


def control_routes(
    account: Account, queue: JobQueue, control: Control, wire: Wire
) -> list[BaseRoute]:
    """Routes under `/_sandbox/`; see each method of `_Routes`."""
    acts = _Routes(account, queue, control, wire)
    return [
        Route(f"{PREFIX}/customers", acts.customers, methods=["GET"]),
        Route(f"{PREFIX}/jobs", acts.jobs, methods=["GET"]),
        Route(f"{PREFIX}/groups", acts.add_group, methods=["POST"]),
        Route(f"{PREFIX}/plans", acts.add_plan, methods=["POST"]),
        Route(f"{PREFIX}/items", acts.add_items, methods=["POST"]),
        Route(f"{PREFIX}/groups/{{number}}/{{action}}", acts.group, methods=["POST"]),
        Route(f"{PREFIX}/plans/{{number}}/{{action}}", acts.plan, methods=["POST"]),
        Route(f"{PREFIX}/status", acts.status, methods=["POST"]),
        Route(f"{PREFIX}/views", acts.views, methods=["POST"]),
    ]


def customer_json(
    account: Account, key: str, words: Mapping[str, str]
) -> dict[str, object]:
    """Address, items, status, and state, stopped_at, method per group and plan."""
    address, *values = account.unpack(account.customers[key])
    return {
        "address": address,
        "items": dict(zip(account.items, values, strict=False)),
        "status": words["error" if key in account.in_error else "ok"],
        "groups": _states(account.memberships(key, account.groups), words),
        "plans": _states(account.memberships(key, account.plans), words),
    }


def state_words(wire: Wire) -> dict[str, str]:
    """Our names of states to the service's words."""
    return {
        "allowed": wire.state_allowed,
        "stopped": wire.state_stopped,
        "barred": wire.state_barred,
        "ok": wire.status_ok,
        "error": wire.status_error,
    }


def _states(
    memberships: Mapping[str, Membership], words: Mapping[str, str]
) -> dict[str, dict[str, str | None]]:
    return {
        number: {
            "state": words[member.state],
            "stopped_at": member.stopped_at or None,
            "method": member.method or None,
        }
        for number, member in memberships.items()
    }


class _Routes:
    def __init__(
        self, account: Account, queue: JobQueue, control: Control, wire: Wire
    ) -> None:
        self._account = account
        self._queue = queue
        self._control = control
        self._words = state_words(wire)

    async def customers(self, request: Request) -> Response:
        """NDJSON, in order of registration; `?address=` for one."""
        wanted = request.query_params.get("address")
        keys = list(self._account.customers) if wanted is None else [fold(wanted)]

        async def lines() -> AsyncIterator[bytes]:
            for start in range(0, len(keys), _CHUNK_ROWS):
                with self._account.lock:
                    chunk = [
                        customer_json(self._account, key, self._words)
                        for key in keys[start : start + _CHUNK_ROWS]
                        if key in self._account.customers
                    ]
                yield "".join(f"{_to_json(row)}\n" for row in chunk).encode()

        return StreamingResponse(lines(), media_type="application/x-ndjson")

    async def jobs(self, request: Request) -> Response:
        return JSONResponse([job.as_json() for job in self._queue.jobs()])

    async def group(self, request: Request) -> Response:
        return await self._change_state(request, self._account.groups)

    async def plan(self, request: Request) -> Response:
        return await self._change_state(request, self._account.plans)

    async def _change_state(
        self, request: Request, audiences: Mapping[str, Audience]
    ) -> Response:
        """`{"address"}` or `{"addresses": […]}`, and `method` where it matters.

        Whoever is unknown is added, as the service's bulk state change does.
        """
        audience = audiences.get(request.path_params["number"])
        action = _ACTIONS.get(request.path_params["action"])
        if audience is None or action is None:
            return JSONResponse({"error": "unknown group or action"}, 404)
        state, usual_method = action

        def act(values: Any) -> object:
            addresses = _addresses(values)
            method = str(values.get("method", usual_method))
            now = self._control.clock.now()
            sync = bool(self._control.switches["state_sync"])
            with self._account.lock:
                changed = sum(
                    self._account.set_state(
                        audience,
                        self._account.ensure(address),
                        state,
                        now,
                        method,
                        everywhere=sync,
                    )
                    for address in addresses
                )
            return {"changed": changed}

        return await answer_json(request, act)

    async def status(self, request: Request) -> Response:
        """`{"address" or "addresses", "status": "エラー" or "OK"}`."""

        def act(values: Any) -> object:
            status = str(values["status"])
            if status not in (self._words["ok"], self._words["error"]):
                raise ValueError(f"status: {self._words['ok']}, {self._words['error']}")
            keys = [fold(address) for address in _addresses(values)]
            unknown = [key for key in keys if key not in self._account.customers]
            if unknown:
                raise ValueError(f"unknown customers: {unknown[:5]}")
            with self._account.lock:
                if status == self._words["error"]:
                    self._account.in_error.update(keys)
                else:
                    self._account.in_error.difference_update(keys)
            return {"changed": len(keys)}

        return await answer_json(request, act)

    async def views(self, request: Request) -> Response:
        """A list of `{"address","url","at","kind"}`, `at` RFC 3339, `user_agent`."""

        def act(values: Any) -> object:
            events = [self._event(value) for value in _as_list(values)]
            for event in events:
                self._account.add_view(event)
            return {"added": len(events)}

        return await answer_json(request, act)

    def _event(self, value: Mapping[str, Any]) -> ViewEvent:
        kind = value.get("kind", "click")
        if kind not in ("click", "visit"):
            raise ValueError("kind: click, visit")
        at = value.get("at")
        return ViewEvent(
            at=_time(at) if at else self._control.clock.now(),
            address=_address(value["address"]),
            url=str(value["url"]),
            kind=kind,
            user_agent=str(value.get("user_agent", "")),
        )

    async def add_group(self, request: Request) -> Response:
        return await self._add_audience(request, self._account.groups, "gid")

    async def add_plan(self, request: Request) -> Response:
        return await self._add_audience(request, self._account.plans, "spid")

    async def _add_audience(
        self, request: Request, audiences: dict[str, Audience], name: str
    ) -> Response:
        """`{"gid" or "spid": "3", "name": …}`: a new group or plan, or a new name."""

        def act(values: Any) -> object:
            number = str(values[name])
            audience = audiences.setdefault(number, Audience(number, ""))
            audience.name = str(values.get("name", number))
            return {number: audience.name for number, audience in audiences.items()}

        return await answer_json(request, act)

    async def add_items(self, request: Request) -> Response:
        """A list of names of new database items."""

        def act(values: Any) -> object:
            with self._account.lock:
                for name in _as_list(values):
                    self._account.add_item(str(name))
            return list(self._account.items)

        return await answer_json(request, act)


def _as_list(values: Any) -> list[Any]:
    return values if isinstance(values, list) else [values]


def _addresses(values: Mapping[str, Any]) -> list[str]:
    if "addresses" in values:
        return [_address(value) for value in values["addresses"]]
    return [_address(values["address"])]


def _address(value: object) -> str:
    if not isinstance(value, str) or not is_address(value):
        raise ValueError(f"not an address: {value!r}")
    return value


def _time(value: str) -> datetime:
    parsed = datetime.fromisoformat(value)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
