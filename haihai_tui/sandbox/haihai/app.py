"""The HaiHai Mail sandbox as an ASGI app: one path, actions told apart by `ac`.

`Service` holds an account, its queue and its control interface together; every
name, code and word that goes over the wire is read from the wire table.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from haihai_tui.sandbox.control import Clock, Control, Switches
from haihai_tui.sandbox.haihai import retrieval, store
from haihai_tui.sandbox.haihai.account import Account, Audience
from haihai_tui.sandbox.haihai.answers import (
    CONTENT_TYPE,
    Refusal,
    answer,
    answer_text,
    known_message,
)
from haihai_tui.sandbox.haihai.control_routes import control_routes
from haihai_tui.sandbox.haihai.forms import parse_form
from haihai_tui.sandbox.haihai.gate import Credentials, Gate
from haihai_tui.sandbox.haihai.jobs import JobQueue
from haihai_tui.sandbox.haihai.limits import IMPORT, RETRIEVAL, DailyCalls
from haihai_tui.sandbox.haihai.upload import Uploads
from haihai_tui.services.haihai.wire import Wire

_CODECS = {"utf-8": "utf-8", "utf8": "utf-8", "shift_jis": "cp932", "sjis": "cp932"}


def default_switches(wire: Wire) -> dict[str, object]:
    """Behaviours of this sandbox, with their defaults.

    import_delay_s: seconds from acceptance to processing; import_hold: holds the
    queue; import_fail: the next n jobs fail as a whole; header_check: unknown items
    are refused at once (`upload`) or fail the job (`job`); answer_header: column
    names above `CODE,STATUS,MESSAGE`; daily_calls and count_failed_calls: limits of
    each API; allowed_addresses: allow-list, empty for all; token_place: `header`,
    `form` or `both` (either will do); state_sync: 配信状態の同期設定; result_api,
    members_api, views_api, groups_api: whether the retrieval is offered;
    members_tell_items: whether members come with the items that were asked for.
    """
    return {
        "import_delay_s": 0.05,
        "import_hold": False,
        "import_fail": 0,
        "header_check": "upload",
        "answer_header": False,
        "daily_calls": wire.calls_per_day,
        "count_failed_calls": wire.failed_calls_count,
        "allowed_addresses": [],
        "token_place": "both",
        "state_sync": False,
        "result_api": True,
        "members_api": True,
        "members_tell_items": True,
        "views_api": True,
        "groups_api": True,
    }


CHOICES = {
    "header_check": ("upload", "job"),
    "token_place": ("both", "header", "form"),
}


class Service:
    """One HaiHai Mail account behind one ASGI app.

    `app` serves it between `start` and `stop`; with `state` the account is read
    from and written to files in that folder.
    """

    def __init__(
        self,
        credentials: Credentials,
        *,
        wire: Wire | None = None,
        clock: Clock | None = None,
        state: Path | None = None,
    ) -> None:
        self.wire = wire = wire or Wire()
        self.credentials = credentials
        self.account = Account()
        self.control = Control(
            clock=clock or Clock(),
            switches=Switches(default_switches(wire), CHOICES),
            error_body=self._error_body,
        )
        self.calls = DailyCalls(wire)
        self._state = state
        self.queue = JobQueue(
            self.account,
            self.control.clock,
            self.control.switches,
            address_column=wire.address_column,
            item_max_chars=wire.item_max_chars,
            save=self.save if state is not None else None,
        )
        self._gate = Gate(wire, credentials, self.control, self.calls)
        self._uploads = Uploads(wire, self.account, self.queue, self.control)
        self._import_target = urlsplit(wire.import_path)
        self.app: ASGIApp = self.control.wrap(self._starlette())

    def start(self) -> Service:
        if self._state is not None:
            store.load(self._state, self.account, self.queue, self.calls)
        self.queue.start()
        return self

    def stop(self) -> None:
        self.queue.stop()
        if self._state is not None:
            self.save()

    def save(self) -> None:
        assert self._state is not None
        store.save(self._state, self.account, self.queue, self.calls)

    # ------------------------------------------------------------- routes

    def _starlette(self) -> Starlette:
        routes = [
            *self.control.routes(),
            *control_routes(self.account, self.queue, self.control, self.wire),
            Route("/{path:path}", self._call, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def _call(self, request: Request) -> Response:
        form = parse_form(request.headers.get("content-type", ""), await request.body())
        api = IMPORT if self._is_import(request) else RETRIEVAL
        try:
            self._gate.check(request, form, api)
            response = self._dispatch(request, form, api)
        except Refusal as refusal:
            if self.control.switches["count_failed_calls"]:
                self.calls.count(api, self.control.clock.now())
            return self._answer(refusal.code, refusal.message)
        self.calls.count(api, self.control.clock.now())
        return response

    def _is_import(self, request: Request) -> bool:
        wanted = dict(parse_qsl(self._import_target.query))
        given = request.query_params
        return request.url.path == (self._import_target.path or "/") and all(
            given.get(name) == value for name, value in wanted.items()
        )

    def _dispatch(
        self, request: Request, form: Mapping[str, bytes], api: str
    ) -> Response:
        if api == IMPORT:
            job = self._uploads.accept(request, form)
            message = f"accepted (job {job.number})"
            return self._answer(self.wire.success_codes[0], message)
        words = {name: value.decode("utf-8", "replace") for name, value in form.items()}
        return self._csv(
            self._retrieve(request.query_params.get("ac", ""), words), words
        )

    def _retrieve(self, action: str, form: Mapping[str, str]) -> Iterator[str]:
        wire, switches = self.wire, self.control.switches
        offered = {
            wire.members_action: ("members_api", self._members),
            wire.views_action: ("views_api", self._views),
            wire.groups_action: ("groups_api", self._groups),
            wire.result_action: ("result_api", self._result),
        }
        switch, retrieve = offered.get(action, ("", None))
        if not action or retrieve is None or not switches[switch]:
            raise Refusal(wire.unknown_action_codes[0], f"unknown action: {action}")
        return retrieve(form)

    def _members(self, form: Mapping[str, str]) -> Iterator[str]:
        audience = self._audience(form)
        asked = form.get(self.wire.member_items_part, "")
        if not asked or not self.control.switches["members_tell_items"]:
            return retrieval.members(self.wire, self.account, audience)
        items = [name for name in asked.split(",") if name in self.account.items]
        return retrieval.members_with_items(self.wire, self.account, audience, items)

    def _audience(self, form: Mapping[str, str]) -> Audience:
        group = form.get(self.wire.group_part, "")
        plan = form.get(self.wire.plan_part, "")
        found = (
            self.account.groups.get(group) if group else self.account.plans.get(plan)
        )
        if found is None:
            raise Refusal(
                self.wire.unknown_group_codes[0], f"unknown group: {group or plan}"
            )
        return found

    def _views(self, form: Mapping[str, str]) -> Iterator[str]:
        since = form.get(self.wire.views_since_part, "")
        try:
            start = retrieval.parse_local_time(self.wire, since) if since else None
        except ValueError:
            raise Refusal(self.wire.invalid_codes[0], f"bad time: {since}") from None
        return retrieval.views(self.wire, self.account, start)

    def _groups(self, form: Mapping[str, str]) -> Iterator[str]:
        return retrieval.groups(self.wire, self.account)

    def _result(self, form: Mapping[str, str]) -> Iterator[str]:
        number = form.get(self.wire.result_job_part, "")
        job = self.queue.find(number)
        if job is None:
            raise Refusal(self.wire.unknown_job_codes[0], f"unknown job: {number}")
        if job.state == "waiting":
            raise Refusal(self.wire.pending_codes[0], "processing")
        return retrieval.result(self.wire, job)

    # ------------------------------------------------------------ answers

    def _csv(self, chunks: Iterator[str], form: Mapping[str, str]) -> Response:
        charset = form.get(self.wire.charset_part, "utf-8").lower()
        codec = _CODECS.get(charset, "utf-8")
        label = "Shift_JIS" if codec == "cp932" else "UTF-8"
        encoded = (chunk.encode(codec, "replace") for chunk in chunks)
        return StreamingResponse(
            _one_by_one(encoded), headers={"content-type": f"text/csv; charset={label}"}
        )

    def _answer(self, code: str, message: str) -> Response:
        header = bool(self.control.switches["answer_header"])
        return answer(self.wire, code, message, header=header)

    def _error_body(self, code: str) -> tuple[int, str, bytes]:
        header = bool(self.control.switches["answer_header"])
        message = known_message(self.wire, code)
        body = answer_text(self.wire, code, message, header=header)
        return 200, CONTENT_TYPE, body.encode()


async def _one_by_one(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Asynchronous, so that chunks are made without a change of thread for each."""
    for chunk in chunks:
        yield chunk
