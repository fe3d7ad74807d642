"""顧客連携, Salesforce → HaiHai Mail: the plan carried out.

The order of imports is the safety: states come first, then registration, then
leaving.  What was accepted is remembered record by record, so a run that is cut
off anywhere is finished by the next one.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from haihai_tui.errors import Text, text
from haihai_tui.sync import batches
from haihai_tui.sync.address_index import index_record
from haihai_tui.sync.config import CustomersConfig
from haihai_tui.sync.customers import CURSOR, INDEX, SNAPSHOT, CustomersPlan
from haihai_tui.sync.draft import FLOW
from haihai_tui.sync.events import Event
from haihai_tui.sync.imports import OnFailure, follow, refused_by_haihai
from haihai_tui.sync.matching import EVENT_WIDTH, SILENT
from haihai_tui.sync.outcome import FlowOutcome
from haihai_tui.sync.ports import (
    Batch,
    ImportFailure,
    PendingImport,
    Receipt,
    Review,
)
from haihai_tui.sync.services import FieldChange, PlanEntry, Services
from haihai_tui.sync.tables.changes import (
    ADDRESS,
    ARRIVING,
    CREATE,
    DELETE,
    DEPARTING,
    LEAVE,
    RETURN,
    SENDING,
    TOUCH,
    UPDATE,
    Change,
    read_changes,
)
from haihai_tui.sync.tables.csvlines import csv_line, split_line
from haihai_tui.sync.tables.fixed import REMOVED, FixedTable, patch_fixed
from haihai_tui.sync.tables.lines import LineChange
from haihai_tui.sync.tables.records import ID_WIDTH
from haihai_tui.sync.tables.snapshot import (
    BARRED,
    FLAG_AT,
    KEPT,
    VALUES_AT,
    SnapshotHead,
    line_address,
    write_snapshot,
)
from haihai_tui.sync.tables.sorting import sort_fixed

END = b"\xff" * ID_WIDTH
"""Behind every Id: a step with this mark was accepted to its end."""


@dataclass(slots=True)
class Step:
    """One kind of import: who takes part, and up to which Id it was accepted.

    `possible` is false where nobody can take part: no need to look at each change.
    """

    name: str
    takes: Callable[[Change], bool]
    batch: Callable[[Iterator[Change]], Batch]
    possible: bool = True
    through: bytes = b""
    rows: Path = Path()
    receipts: list[Receipt] = field(default_factory=list)

    def done(self, change: Change) -> bool:
        return not self.takes(change) or change.record_id <= self.through


class CustomersRun:
    """Executes one plan; `commit` must follow, also after an exception."""

    def __init__(self, services: Services, plan: CustomersPlan) -> None:
        self._services = services
        self._config: CustomersConfig = services.config.customers
        self._plan = plan
        self._folder = services.scratch / FLOW
        self._decisions = plan.decisions
        self._refused: set[bytes] = set()
        self._pending: list[PendingImport] = []
        self.written = 0
        self.unconfirmed = 0
        self._steps = self._make_steps()
        self._unfinished: list[Step] = []

    # ------------------------------------------------------------------- steps

    def _make_steps(self) -> list[Step]:
        group, columns = self._config.group, self._plan.draft.mapper.columns
        counts, decisions = self._plan.counts, self._decisions
        states_first = bool(decisions.restore or decisions.silent)
        departures = counts.moved + counts.left + counts.deleted > 0
        return [
            Step(
                "stop",
                lambda change: self._state_first(change) == b"s",
                lambda changes: batches.stop(group, map(_new_address, changes)),
                states_first,
            ),
            Step(
                "bar_first",
                lambda change: self._state_first(change) == b"b",
                lambda changes: batches.bar(group, map(_new_address, changes)),
                states_first,
            ),
            Step(
                "register",
                self._registers,
                lambda changes: batches.register(
                    group, columns, (change.row.decode() for change in changes)
                ),
            ),
            Step(
                "blank",
                self._blanks,
                self._blank_batch,
                not all(self._plan.draft.mapper.keeps_blank),
            ),
            Step(
                "undo_bar",
                self._undoes_bar,
                lambda changes: batches.undo_own_bar(
                    group, ((_new_address(one), _flag(one), b"b") for one in changes)
                ),
                counts.returned > 0,
            ),
            Step(
                "bar",
                self._bars,
                lambda changes: batches.bar(group, map(_old_address, changes)),
                counts.deleted > 0,
            ),
            Step(
                "leave",
                self._leaves,
                lambda changes: batches.leave(group, map(_old_address, changes)),
                departures,
            ),
        ]

    def _goes(self, change: Change) -> bool:
        one = change.record_id
        return one not in self._decisions.held and one not in self._decisions.unknown

    def _registers(self, change: Change) -> bool:
        return change.kind in SENDING and self._goes(change)

    def _state_first(self, change: Change) -> bytes | None:
        """The state that an arriving address must have before it is registered."""
        if change.kind not in ARRIVING or not self._goes(change):
            return None
        one = change.record_id
        wanted = self._decisions.restore.get(one)
        if change.kind == ADDRESS:
            wanted = max(wanted or b"", self._decisions.silent.get(one, b""), key=_rank)
        present = self._decisions.states.get(one, b"")
        return wanted if wanted and _rank(wanted) > _rank(present) else None

    def _blanks(self, change: Change) -> bool:
        """Whether blank cells have to overwrite what the service may hold."""
        keeps = self._plan.draft.mapper.keeps_blank
        if all(keeps) or not self._registers(change) or b'""' not in change.row:
            return False
        if change.kind == CREATE and not self._decisions.linked:
            return False
        values = split_line(change.row.decode())[1:]
        return any(
            not value and not keep for value, keep in zip(values, keeps, strict=True)
        )

    def _blank_batch(self, changes: Iterator[Change]) -> Batch:
        mapper = self._plan.draft.mapper
        at = [0] + [
            number
            for number, keep in enumerate(mapper.keeps_blank, start=1)
            if not keep
        ]
        columns = tuple(mapper.columns[number] for number in at)
        lines = (_picked(change.row.decode(), at) for change in changes)
        return batches.blank_out(self._config.group, columns, lines)

    def _undoes_bar(self, change: Change) -> bool:
        return (
            change.kind == RETURN
            and self._goes(change)
            and _flag(change) == BARRED
            and self._decisions.states.get(change.record_id) == b"b"
            and _old_address(change) == _new_address(change)
        )

    def _departs(self, change: Change) -> bool:
        one = change.record_id
        return (
            change.kind in DEPARTING
            and one not in self._decisions.held
            and one not in self._decisions.shared
            and one not in self._decisions.absent
        )

    def _bars(self, change: Change) -> bool:
        return (
            change.kind == DELETE
            and self._config.on_delete == "bar"
            and self._departs(change)
            and change.record_id not in self._decisions.silent
        )

    def _leaves(self, change: Change) -> bool:
        """A stopped person stays in the group: nothing is mailed to them there, and
        with the membership the service would forget the stop."""
        if not self._departs(change) or self._bars(change):
            return False
        return change.kind == ADDRESS or change.record_id not in self._decisions.silent

    # --------------------------------------------------------------- execution

    def execute(self) -> None:
        for step in self._steps:
            if step.possible and self._anyone(step):
                self._upload(step)
            step.through = END
        for step in self._steps:
            self._follow(step)

    def _changes(self) -> Iterator[Change]:
        return read_changes(self._plan.draft.changes.path)

    def _anyone(self, step: Step) -> bool:
        return any(step.takes(change) for change in self._changes())

    def _upload(self, step: Step) -> None:
        step.rows = self._folder / f"rows.{step.name}"
        with step.rows.open("wb") as rows:
            changes = _noted(filter(step.takes, self._changes()), rows)
            receipts = self._services.haihai.submit(step.batch(changes), self._folder)
            for receipt in receipts:
                step.receipts.append(receipt)
                self.written += receipt.rows
                rows.flush()
                step.through = _row(step.rows, receipt.first_row + receipt.rows - 1)
                self._tell_accepted(step, receipt)
                self._services.pacer.check()

    def _tell_accepted(self, step: Step, receipt: Receipt) -> None:
        done = receipt.first_row + receipt.rows
        self._services.listener(
            Event(
                "import_accepted",
                FLOW,
                text(
                    "配配メールが {rows} 行を受け付けました ({what}、計 {done} 行)。",
                    rows=receipt.rows,
                    what=STEP_NAMES[step.name],
                    done=done,
                ),
                data={
                    "stage": step.name,
                    "rows": receipt.rows,
                    "done": done,
                    "job": receipt.job,
                },
            )
        )

    def _follow(self, step: Step) -> None:
        deadline = self._services.pacer.seconds() + self._config.result_wait_s
        for receipt in follow(
            self._services, list(step.receipts), deadline, self._refuser(step)
        ):
            self._keep_pending(step, receipt)
            step.receipts.remove(receipt)
        step.receipts.clear()

    def _refuser(self, step: Step) -> OnFailure:
        def refuse(receipt: Receipt, failure: ImportFailure) -> None:
            one = _row(step.rows, receipt.first_row + failure.row)
            self._refused.add(one)
            self._plan.draft.rejects.append(
                one, refused_by_haihai(failure.address, failure.reason)
            )

        return refuse

    def _keep_pending(self, step: Step, receipt: Receipt) -> None:
        self.unconfirmed += receipt.rows
        if not receipt.job:
            return
        kept = self._services.next_table(f"rows.{step.name}")
        if not kept.exists():
            shutil.copyfile(step.rows, kept)
        self._pending.append(PendingImport(FLOW, receipt, kept.name))

    # ------------------------------------------------------------------ commit

    def commit(self) -> None:
        """Remember what was accepted; the cursor moves only when all was."""
        services, plan = self._services, self._plan
        for step in self._steps:
            for receipt in step.receipts:
                self._keep_pending(step, receipt)
        self._unfinished = [
            step for step in self._steps if step.possible and step.through != END
        ]
        complete = not self._unfinished
        snapshot, index = services.next_table(SNAPSHOT), services.next_table(INDEX)
        superseded = [services.table(SNAPSHOT), services.table(INDEX)]
        changed = self._changed(complete)
        head = self._head(complete)
        if changed:
            self._write_tables(snapshot, index, head)
        with services.state.transaction() as transaction:
            if changed:
                transaction.set_snapshot(SNAPSHOT, snapshot.name)
                transaction.set_snapshot(INDEX, index.name)
            if complete:
                transaction.set_cursor(CURSOR, plan.cursor)
                transaction.resolve_rejects(FLOW, self._settled())
                transaction.close_reviews(FLOW, self._answered_themselves())
                transaction.put_reviews(services.run_id, self._reviews())
            transaction.put_rejects(services.run_id, plan.draft.rejects.read())
            transaction.put_pending(self._pending)
        if plan.old:
            plan.old.close()
        for path in superseded if changed else []:
            if path is not None:
                path.unlink(missing_ok=True)

    def _changed(self, complete: bool) -> bool:
        old, new = self._plan.old, self._plan.head
        if old is not None and self._services.table(INDEX, EVENT_WIDTH) is None:
            return True
        if not complete and old is not None and old.meaning.mapping != new.mapping:
            return False
        if complete and (old is None or old.meaning != new):
            return True
        return any(self._applied(change) for change in self._changes())

    def _head(self, complete: bool) -> SnapshotHead:
        """Cut off, the snapshot still claims the old audience: all is read again."""
        old = self._plan.old
        return self._plan.head if complete or old is None else old.meaning

    def _applied(self, change: Change) -> bool:
        if change.kind in SENDING and not self._goes(change):
            return False
        if change.record_id in self._refused:
            return False
        return all(step.done(change) for step in self._unfinished)

    def _write_tables(self, snapshot: Path, index: Path, head: SnapshotHead) -> None:
        plan = self._plan
        delta = self._folder / "index.delta"
        with delta.open("wb", buffering=1 << 18) as out:
            write_snapshot(
                snapshot,
                head,
                plan.old,
                self._line_changes(out),
                plan.draft.changes.count,
            )
        ordered = self._folder / "index.sorted"
        sort_fixed(delta, EVENT_WIDTH, ordered)
        changes = ordered.stat().st_size // EVENT_WIDTH
        with (
            FixedTable(plan.index, EVENT_WIDTH, EVENT_WIDTH - 1) as old,
            FixedTable(ordered, EVENT_WIDTH, EVENT_WIDTH - 1) as new,
        ):
            patch_fixed(old, new, changes, index)

    def _line_changes(self, delta: IO[bytes]) -> Iterator[LineChange]:
        for change in self._changes():
            if not self._applied(change):
                continue
            new = self._final_line(change)
            _note_index_change(change.old, new, delta)
            yield LineChange(change.record_id, change.old, new)

    def _final_line(self, change: Change) -> bytes | None:
        line = change.new
        if line is None or change.kind not in (LEAVE, DELETE):
            return line
        one = change.record_id
        if self._bars(change):
            return _flagged(line, BARRED)
        if one in self._decisions.silent and one not in self._decisions.shared:
            return _flagged(line, KEPT)
        return line

    def _settled(self) -> Iterator[str]:
        """Records that were tried again and met no new refusal."""
        again = set(self._plan.draft.rejects.records())
        with self._plan.forced.open("rb") as stream:
            while one := stream.read(ID_WIDTH):
                if one.decode() not in again:
                    yield one.decode()

    def _answered_themselves(self) -> list[str]:
        """Open questions whose address only one record claims by now."""
        held = {one.key.hex() for one in self._decisions.held.values()}
        asked = self._services.state.open_reviews(FLOW)
        return [review.key for review in asked if review.key not in held]

    def _reviews(self) -> Iterator[Review]:
        told: set[bytes] = set()
        for held in self._decisions.held.values():
            if held.key in told:
                continue
            told.add(held.key)
            yield Review(
                FLOW,
                held.key.hex(),
                "",
                text("同じメールアドレスを複数のレコードが使っています。"),
                tuple(one.decode() for one in held.candidates),
            )

    # ------------------------------------------------------------------ report

    def outcome(self) -> FlowOutcome:
        plan = self._plan
        counts, reduced = plan.counts, plan.reduced
        linked = self._decisions.linked
        created = counts.created + counts.returned - reduced(CREATE) - reduced(RETURN)
        return FlowOutcome(
            read=counts.read,
            unchanged=counts.unchanged + counts.touched,
            created=max(created - linked, 0),
            linked=min(linked, created),
            updated=counts.updated + counts.moved - reduced(ADDRESS),
            excluded=counts.left + counts.deleted,
            held=len(self._decisions.held),
            skipped=len(self._decisions.unknown) + counts.passed_over,
            rejected=plan.draft.rejects.count,
            written=self.written,
            unconfirmed=self.unconfirmed,
            set_aside=len(plan.draft.mapper.broken),
            cursor=plan.cursor,
        )

    def entries(self) -> Iterator[PlanEntry]:
        """The plan in words and values, in Id order."""
        columns = self._plan.draft.mapper.columns
        for change in self._changes():
            if change.kind == TOUCH:
                continue
            yield PlanEntry(
                FLOW,
                self._action(change),
                change.record_id.decode(),
                _new_address(change) if change.new else _old_address(change),
                _field_changes(change, columns),
            )

    def _action(self, change: Change) -> str:
        one = change.record_id
        if one in self._decisions.held:
            return "held"
        if one in self._decisions.unknown:
            return "skipped"
        if change.kind in (LEAVE, DELETE):
            if self._bars(change):
                return "bar"
            return "exclude" if self._leaves(change) else "unlink"
        return _ACTIONS[change.kind]


_ACTIONS = {CREATE: "create", RETURN: "return", UPDATE: "update", ADDRESS: "move"}

STEP_NAMES: dict[str, Text] = {
    "stop": text("停止の引き継ぎ"),
    "bar_first": text("禁止の引き継ぎ"),
    "register": text("登録"),
    "blank": text("空白の反映"),
    "undo_bar": text("本ツールによる禁止の解除"),
    "bar": text("配信禁止"),
    "leave": text("配信グループからの除外"),
}


def _rank(state: bytes) -> int:
    return {b"s": 1, b"b": 2}.get(state, 0) if state in SILENT else 0


def _new_address(change: Change) -> str:
    return line_address(change.new or change.old or b"")


def _old_address(change: Change) -> str:
    return line_address(change.old or b"")


def _flag(change: Change) -> bytes:
    return (change.old or b"")[FLAG_AT : FLAG_AT + 1]


def _flagged(line: bytes, flag: bytes) -> bytes:
    return line[:FLAG_AT] + flag + line[FLAG_AT + 1 :]


def _picked(line: str, at: list[int]) -> str:
    values = split_line(line)
    return csv_line([values[number] for number in at])


def _noted(changes: Iterator[Change], rows: IO[bytes]) -> Iterator[Change]:
    for change in changes:
        rows.write(change.record_id)
        yield change


def _row(rows: Path, number: int) -> bytes:
    with rows.open("rb") as stream:
        stream.seek(number * ID_WIDTH)
        return stream.read(ID_WIDTH)


def _note_index_change(old: bytes | None, new: bytes | None, delta: IO[bytes]) -> None:
    gone = index_record(old) if old else None
    come = index_record(new) if new else None
    if gone == come:
        return
    if gone and (come is None or gone[:-1] != come[:-1]):
        delta.write(gone[:-1] + REMOVED)
    if come:
        delta.write(come)


def _field_changes(change: Change, columns: tuple[str, ...]) -> tuple[FieldChange, ...]:
    if change.kind in (LEAVE, DELETE) or change.new is None:
        return ()
    new = split_line(change.new[VALUES_AT:].decode())
    old: list[str | None] = [None] * len(new)
    if change.old is not None:
        before = split_line(change.old[VALUES_AT:].decode())
        old = [*before, *([None] * len(new))][: len(new)]
    return tuple(
        FieldChange(name, was, now)
        for name, was, now in zip(columns, old, new, strict=True)
        if was != now
    )
