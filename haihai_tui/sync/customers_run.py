"""顧客連携, Salesforce → HaiHai Mail: the plan carried out.

The order of imports is the safety: states come first, then registration, then
leaving.  What was accepted is remembered record by record, so a run that is cut
off anywhere is finished by the next one.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from haihai_tui.errors import text
from haihai_tui.sync.address_index import first_index, index_record
from haihai_tui.sync.addresses import address_key
from haihai_tui.sync.batches import register
from haihai_tui.sync.config import CustomersConfig
from haihai_tui.sync.customers import CURSOR, INDEX, SNAPSHOT, CustomersPlan
from haihai_tui.sync.customers_steps import (
    END,
    STEP_NAMES,
    CustomersSteps,
    Step,
    new_address,
)
from haihai_tui.sync.draft import FLOW
from haihai_tui.sync.events import Event
from haihai_tui.sync.field_check import TYPES
from haihai_tui.sync.imports import OnFailure, follow, refused_by_haihai
from haihai_tui.sync.matching import EVENT_WIDTH
from haihai_tui.sync.ports import (
    Batch,
    ImportFailure,
    PendingImport,
    Receipt,
    Review,
)
from haihai_tui.sync.services import Services
from haihai_tui.sync.suppression_ledger import LEDGER, LEDGER_WIDTH, remember_stops
from haihai_tui.sync.tables.changes import (
    DELETE,
    LEAVE,
    SENDING,
    Change,
    read_changes,
    read_new,
)
from haihai_tui.sync.tables.fixed import REMOVED, FixedTable, patch_fixed
from haihai_tui.sync.tables.lines import LineChange
from haihai_tui.sync.tables.records import ID_WIDTH
from haihai_tui.sync.tables.snapshot import (
    BARRED,
    FLAG_AT,
    KEPT,
    MERGED,
    VALUES_AT,
    SnapshotHead,
    line_address,
    write_first_snapshot,
    write_snapshot,
)
from haihai_tui.sync.tables.sorting import sort_fixed


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
        self.rules = CustomersSteps(self._config, plan)
        self._steps = self.rules.make()
        self._unfinished: list[Step] = []

    # --------------------------------------------------------------- execution

    def begin(self) -> None:
        """Keep what the service is about to forget: the stops of addresses that leave
        the group because their owner has another one now."""
        forgotten = (
            dict(
                self._decisions.forgotten[change.record_id]
                for change in self._changes()
                if change.record_id in self._decisions.forgotten
                and self.rules.leaves(change)
            )
            if self._decisions.forgotten
            else {}
        )
        forgotten |= self._inherited_elsewhere()
        if not forgotten:
            return
        services = self._services
        ledger = services.table(LEDGER, LEDGER_WIDTH)
        target = services.tables / f"{LEDGER}.{services.run_id}.left"
        if not remember_stops(ledger, forgotten, target):
            return
        with services.state.transaction() as transaction:
            transaction.set_snapshot(LEDGER, target.name)
        if ledger is not None:
            ledger.unlink(missing_ok=True)

    def _inherited_elsewhere(self) -> dict[bytes, bytes]:
        """What was inherited by records that nothing is sent for now: it comes first
        when they are registered.  By address key."""
        waiting = dict(self._plan.merges.inherited)
        kept: dict[bytes, bytes] = {}
        if not waiting:
            return kept
        for change in self._changes():
            state = waiting.get(change.record_id)
            if state and self.rules.registers(change):
                del waiting[change.record_id]
            elif state and change.new:
                kept[address_key(new_address(change))] = state
        old = self._plan.old
        assert old is not None  # no merge is known without it
        old.rewind()
        for one in sorted(waiting):
            line = old.find(one)
            if line is not None:
                kept.setdefault(address_key(line_address(line)), waiting[one])
        return kept

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
            receipts = self._services.haihai.submit(
                self._batch(step, rows), self._folder
            )
            for receipt in receipts:
                step.receipts.append(receipt)
                self.written += receipt.rows
                rows.flush()
                step.through = _row(step.rows, receipt.first_row + receipt.rows - 1)
                self._tell_accepted(step, receipt)
                self._services.pacer.check()

    def _batch(self, step: Step, rows: IO[bytes]) -> Batch:
        """The step's rows; the Ids of those that were taken are noted in `rows`."""
        plan = self._plan
        if step.name == "register" and plan.only_newcomers:
            decisions = self._decisions
            left_out = {*decisions.held, *decisions.unknown}
            new = read_new(plan.draft.changes.path, left_out)
            columns = plan.draft.mapper.columns
            return register(self._config.group, columns, _new_rows(new, rows))
        return step.batch(_noted(filter(step.takes, self._changes()), rows))

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
                transaction.set_cursor(TYPES, plan.types)
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
        findings = self._plan.findings
        if findings is not None and findings.relinked is not None:
            return True
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
        if change.kind in SENDING and not self.rules.goes(change):
            return False
        if change.record_id in self._refused or self._heir_waits(change.record_id):
            return False
        return all(step.done(change) for step in self._unfinished)

    def _heir_waits(self, loser: bytes) -> bool:
        """Whether what this record hands on has not surely been accepted."""
        winner = self._plan.merges.winners.get(loser)
        if winner not in self._plan.merges.inherited:
            return False
        return bool(self._unfinished) or winner in self._refused

    def _write_first_tables(
        self, snapshot: Path, index: Path, head: SnapshotHead
    ) -> None:
        """Everything in them is new: nothing to merge, and no key to make anew."""
        decisions = self._decisions
        left_out = {*decisions.held, *decisions.unknown, *self._refused}
        new = read_new(self._plan.draft.changes.path, left_out)
        blocks = ([line for _, line in block] for block in new)
        write_first_snapshot(snapshot, head, blocks)
        first_index(self._plan.events, left_out, index)

    def _write_tables(self, snapshot: Path, index: Path, head: SnapshotHead) -> None:
        plan = self._plan
        if plan.only_newcomers and not self._unfinished:
            self._write_first_tables(snapshot, index, head)
            return
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
        if self.rules.bars(change):
            return _flagged(line, BARRED)
        if one in self._plan.merges.winners:
            return _flagged(line, MERGED)
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


def _flagged(line: bytes, flag: bytes) -> bytes:
    return line[:FLAG_AT] + flag + line[FLAG_AT + 1 :]


def _noted(changes: Iterator[Change], rows: IO[bytes]) -> Iterator[Change]:
    for change in changes:
        rows.write(change.record_id)
        yield change


def _new_rows(
    new: Iterator[list[tuple[bytes, bytes]]], rows: IO[bytes]
) -> Iterator[str]:
    for block in filter(None, new):
        rows.write(b"".join([one for one, _ in block]))
        # No line has a line feed in it: decoded together, taken apart again.
        text = b"\n".join([line[VALUES_AT:] for _, line in block]).decode()
        yield from text.split("\n")


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
