"""HaiHai Mail in memory: customers, groups with 配信状態, imports in a queue.

Imports are accepted at once and worked off later, in the order of acceptance, row
by row.  Registering joins the group as 可能 and never touches a state; leaving drops
the membership together with its state; setting a state adds unknown members.
Every row that we sent is handed to the witness before and after it took effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal, Protocol

from haihai_tui.errors import ServiceUnreachable, text
from haihai_tui.sync.mapping import ADDRESS_ITEM, LINE_BREAK
from haihai_tui.sync.ports import (
    Batch,
    DeliveryState,
    Group,
    ImportFailure,
    ImportKind,
    ImportResult,
    Member,
    MemberRow,
    Receipt,
    View,
)
from haihai_tui.sync.tables.csvlines import split_line
from tests.sync.property.clock import Clock
from tests.sync.property.faults import Gate

GROUPS = ("1", "2")
STATE_OF: dict[ImportKind, DeliveryState] = {
    ImportKind.STOP: "stopped",
    ImportKind.BAR: "barred",
    ImportKind.ALLOW: "allowed",
}
Results = Literal["told", "untold"]


@dataclass(frozen=True, slots=True)
class Membership:
    state: DeliveryState
    at: str = ""


@dataclass(slots=True)
class Job:
    """An accepted file; `failures` is None until it was worked off.

    `carried` holds what the witness said of each row, `known_until` when our program
    began the run that sent it.
    """

    number: str
    batch: Batch
    rows: list[dict[str, str]]
    known_until: int
    carried: list[bool]
    fails_whole: bool = False
    failures: tuple[ImportFailure, ...] | None = None


class Witness(Protocol):
    """Sees every row of ours; `before` and `after` are the member's states."""

    def submitted(self, batch: Batch, row: dict[str, str]) -> bool: ...

    def worked_off(
        self,
        job: Job,
        number: int,
        before: DeliveryState | None,
        after: DeliveryState | None,
    ) -> None: ...

    def told(self, group: str, key: str, state: DeliveryState) -> None: ...


@dataclass
class HaihaiFake:
    """Implements `ports.Haihai`; the other methods are the world's hands.

    `held`: accepted imports wait until somebody lets them go.
    """

    clock: Clock
    gate: Gate
    witness: Witness
    file_rows: int = 3
    results: Results = "told"
    held: bool = False
    fail_next: int = 0
    known_until: int = 0
    customers: dict[str, dict[str, str]] = field(default_factory=dict)
    members_of: dict[str, dict[str, Membership]] = field(
        default_factory=lambda: {group: {} for group in GROUPS}
    )
    in_error: set[str] = field(default_factory=set)
    refusing: set[str] = field(default_factory=set)
    events: list[View] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)
    asked: int = 0

    encoding = "cp932"

    # ------------------------------------------------------- the world's hands

    def set_state(self, group: str, address: str, state: DeliveryState) -> None:
        """As an admin does it: an unknown customer is added."""
        key = self.ensure(address)
        moment = "" if state == "allowed" else self.clock.moment()
        self.members_of[group][key] = Membership(state, moment)

    def ensure(self, address: str) -> str:
        key = address.strip().lower()
        self.customers.setdefault(key, {ADDRESS_ITEM: address})
        return key

    def state(self, group: str, key: str) -> DeliveryState | None:
        member = self.members_of[group].get(key)
        return member.state if member else None

    def erase(self, key: str) -> None:
        """An admin deletes the customer: every state is forgotten."""
        self.customers.pop(key, None)
        self.in_error.discard(key)
        for members in self.members_of.values():
            members.pop(key, None)

    def work_off(self, files: int = 1_000_000) -> None:
        for job in self.jobs:
            if job.failures is None and files > 0:
                files -= 1
                self._run(job)

    @property
    def waiting(self) -> int:
        return sum(job.failures is None for job in self.jobs)

    # -------------------------------------------------------------- the queue

    def _run(self, job: Job) -> None:
        failures: list[ImportFailure] = []
        for number, row in enumerate(job.rows):
            address = row[ADDRESS_ITEM]
            key = address.strip().lower()
            if job.fails_whole or key in self.refusing:
                failures.append(ImportFailure(number, address, "登録できません"))
                continue
            before = self.state(job.batch.group, key)
            self._apply(job.batch, key, row)
            after = self.state(job.batch.group, key)
            self.witness.worked_off(job, number, before, after)
        job.failures = tuple(failures)

    def _apply(self, batch: Batch, key: str, row: dict[str, str]) -> None:
        members = self.members_of[batch.group]
        if batch.kind is ImportKind.LEAVE:
            members.pop(key, None)
            return
        customer = self.customers.setdefault(key, {ADDRESS_ITEM: row[ADDRESS_ITEM]})
        if batch.kind is ImportKind.REGISTER:
            for item, value in row.items():
                if value or batch.blank == "overwrite":
                    customer[item] = value
            members.setdefault(key, Membership("allowed"))
            return
        if self.state(batch.group, key) != STATE_OF[batch.kind]:
            self.set_state(batch.group, key, STATE_OF[batch.kind])

    # ----------------------------------------------------------- ports.Haihai

    def groups(self) -> tuple[Group, ...] | None:
        self.gate.before("haihai")
        self.gate.after("haihai")
        return tuple(Group(gid, gid) for gid in GROUPS)

    def members(self, group: str, folder: Path) -> Iterator[Member]:
        self.gate.before("haihai")
        self.asked += 1
        found: list[Member] = []
        for key, member in self.members_of[group].items():
            self.witness.told(group, key, member.state)
            address = self.customers[key][ADDRESS_ITEM]
            error = key in self.in_error
            found.append((address, member.state, member.at, "", error))
        self.gate.after("haihai")
        return iter(found)

    def member_rows(
        self, group: str, items: Sequence[str], folder: Path
    ) -> tuple[tuple[str, ...], Iterator[MemberRow]]:
        found = [
            (member, [self._value(member[0], item) for item in items])
            for member in self.members(group, folder)
        ]
        return tuple(items), iter(found)

    def _value(self, address: str, item: str) -> str:
        return self.customers[address.strip().lower()].get(item, "")

    def views(
        self, since: datetime | None, folder: Path
    ) -> tuple[datetime, Iterator[View]]:
        self.gate.before("haihai")
        edge = since.strftime("%Y-%m-%dT%H:%M:%SZ") if since else ""
        found = [event for event in self.events if event[2] >= edge]
        self.gate.after("haihai")
        return self.clock.now, iter(found)

    def submit(self, batch: Batch, folder: Path) -> Iterator[Receipt]:
        assert batch.group in GROUPS, "a batch without a group reaches everybody"
        first = 0
        rows: list[dict[str, str]] = []
        for line in batch.lines:
            line.encode(self.encoding)
            values = [value.replace(LINE_BREAK, "\r\n") for value in split_line(line)]
            rows.append(dict(zip(batch.columns, values, strict=True)))
            if len(rows) == self.file_rows:
                yield self._accept(batch, rows, first)
                first, rows = first + len(rows), []
        if rows:
            yield self._accept(batch, rows, first)

    def _accept(self, batch: Batch, rows: list[dict[str, str]], first: int) -> Receipt:
        self.gate.before("haihai")
        self.asked += 1
        self.clock.tick()
        carried = [self.witness.submitted(batch, row) for row in rows]
        number = str(len(self.jobs) + 1)
        fails = self.fail_next > 0
        self.fail_next -= fails
        job = Job(number, batch, rows, self.known_until, carried, fails)
        self.jobs.append(job)
        self.gate.after("haihai")
        name = f"{batch.kind.name}-{first}.csv"
        return Receipt(number, batch.kind, name, first, len(rows))

    def result(self, receipt: Receipt) -> ImportResult:
        self.gate.before("haihai")
        if not self.held:
            self.work_off()
        job = self.jobs[int(receipt.job) - 1]
        self.gate.after("haihai")
        if job.batch.kind is not receipt.kind:
            raise ServiceUnreachable(text("取り込み番号が一致しません。"))
        if self.results == "untold":
            return ImportResult("unavailable")
        if job.failures is None:
            return ImportResult("pending")
        return ImportResult("done", job.failures)

    def calls(self) -> int:
        return self.asked
