"""Takes a CSV import: checks what is told at once, then hands it to the queue."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.requests import Request

from haihai_tui.sandbox.control import Control
from haihai_tui.sandbox.haihai.account import Account
from haihai_tui.sandbox.haihai.answers import Refusal
from haihai_tui.sandbox.haihai.csvtable import CsvTable
from haihai_tui.sandbox.haihai.imports import (
    KINDS,
    STATE_KINDS,
    ImportRequest,
    Presence,
)
from haihai_tui.sandbox.haihai.jobs import Job, JobQueue
from haihai_tui.services.haihai.wire import Wire


class Uploads:
    """The import action.  `accept` raises Refusal for what cannot be queued."""

    def __init__(
        self, wire: Wire, account: Account, queue: JobQueue, control: Control
    ) -> None:
        self._wire = wire
        self._account = account
        self._queue = queue
        self._control = control

    def accept(self, request: Request, form: Mapping[str, bytes]) -> Job:
        wanted = self._request(form)
        self._control.note(
            request,
            kind=wanted.kind,
            group=wanted.group,
            plan=wanted.plan,
            overwrite=wanted.overwrite,
            presence=wanted.presence,
        )
        self._check_target(wanted)
        if len(wanted.file) > self._wire.max_bytes:
            raise Refusal(self._wire.too_large_codes[0], "file too large")
        table = CsvTable(wanted.file)
        rows = table.count()
        self._control.note(request, rows=rows)
        self._check_table(table, rows)
        return self._queue.accept(wanted, rows)

    def _request(self, form: Mapping[str, bytes]) -> ImportRequest:
        wire = self._wire
        words = {
            name: value.decode("utf-8", "replace").strip()
            for name, value in form.items()
            if name != wire.file_part
        }
        kind = words.get(wire.kind_part, "")
        if not kind.isdecimal() or int(kind) not in KINDS:
            raise self._invalid(f"{wire.kind_part}: {kind}")
        if wire.file_part not in form:
            raise self._invalid(f"no {wire.file_part}")
        presence: dict[str, Presence] = {
            wire.presence_stop: "stop",
            wire.presence_allow: "allow",
            wire.presence_both: "both",
        }
        return ImportRequest(
            kind=int(kind),
            group=words.get(wire.group_part, ""),
            plan=words.get(wire.plan_part, ""),
            overwrite=words.get(wire.overwrite_part) == wire.overwrite_yes,
            blank_overwrite=words.get(wire.blank_part) == wire.blank_overwrite,
            presence=presence.get(words.get(wire.presence_part, ""), ""),
            file=form[wire.file_part],
        )

    def _check_target(self, wanted: ImportRequest) -> None:
        wire = self._wire
        if wanted.group and wanted.plan:
            raise self._invalid(f"both {wire.group_part} and {wire.plan_part}")
        if wanted.kind in STATE_KINDS and not (wanted.group or wanted.plan):
            raise self._invalid(f"{wire.group_part} or {wire.plan_part} is needed")
        unknown = (wanted.group and wanted.group not in self._account.groups) or (
            wanted.plan and wanted.plan not in self._account.plans
        )
        if unknown:
            raise Refusal(
                wire.unknown_group_codes[0],
                f"unknown group: {wanted.group or wanted.plan}",
            )

    def _check_table(self, table: CsvTable, rows: int) -> None:
        wire, header = self._wire, table.header
        if rows > wire.max_rows:
            raise Refusal(wire.too_large_codes[0], f"too many rows: {rows}")
        if wire.address_column not in header:
            raise self._invalid(f"no column {wire.address_column}")
        if len(set(header)) != len(header):
            raise self._invalid("a column stands twice")
        known = {wire.address_column, *self._account.items}
        unknown = [name for name in header if name not in known]
        if unknown and self._control.switches["header_check"] == "upload":
            raise Refusal(
                wire.unknown_item_codes[0], f"unknown item: {', '.join(unknown)}"
            )

    def _invalid(self, message: str) -> Refusal:
        return Refusal(self._wire.invalid_codes[0], message)
