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
from haihai_tui.sync.addresses import KEY_BYTES, address_key, fold_address
from haihai_tui.sync.batches import register
from haihai_tui.sync.config import CustomersConfig
from haihai_tui.sync.customers import CURSOR, INDEX, SNAPSHOT, CustomersPlan
from haihai_tui.sync.customers_begin import MEANWHILE, conclude, leave_off, prepare
from haihai_tui.sync.customers_steps import (
    END,
    STEP_NAMES,
    CustomersSteps,
    Step,
    new_address,
    old_address,
)
from haihai_tui.sync.customers_tables import CustomersTables
from haihai_tui.sync.cut_off import NOBODY, drop_superseded, named_files
from haihai_tui.sync.draft import FLOW
from haihai_tui.sync.events import Event
from haihai_tui.sync.field_check import TYPES
from haihai_tui.sync.imports import (
    OnFailure,
    follow,
    not_confirmed,
    refused_by_haihai,
)
from haihai_tui.sync.mapping import Problem
from haihai_tui.sync.matching import EVENT_WIDTH, SILENT, STATE_WIDTH
from haihai_tui.sync.membership import UNCONFIRMED, read_members
from haihai_tui.sync.ports import (
    Batch,
    ImportFailure,
    PendingImport,
    Receipt,
    Review,
)
from haihai_tui.sync.relinked import RELINKED, note_relinked
from haihai_tui.sync.services import Services
from haihai_tui.sync.tables.changes import (
    ADDRESS,
    ARRIVING,
    RETURN,
    SENDING,
    TOUCH,
    Change,
    read_changes,
    read_new,
)
from haihai_tui.sync.tables.fixed import FixedTable
from haihai_tui.sync.tables.records import ID_WIDTH
from haihai_tui.sync.tables.snapshot import (
    VALUES_AT,
    SnapshotHead,
)


class CustomersRun:
    """Executes one plan; `commit` must follow, also after an exception."""

    def __init__(self, services: Services, plan: CustomersPlan) -> None:
        self._services = services
        self._config: CustomersConfig = services.config.customers
        self._plan = plan
        self._folder = services.scratch / FLOW
        self._decisions = plan.decisions
        self._refused_late: set[bytes] = set()
        self._still_there: list[str] = []
        self._registered = False
        self._untold = False
        self._untold_steps: set[str] = set()
        self._pending: list[PendingImport] = []
        self.written = 0
        self.unconfirmed = 0
        self.rules = CustomersSteps(self._config, plan)
        self._refused = self.rules.refused
        self._steps = self.rules.make()
        self._unfinished: list[Step] = []

    # --------------------------------------------------------------- execution

    def begin(self) -> None:
        """Keep what must outlive this run, however it ends."""
        prepare(self._services, self._plan, self.rules)

    def execute(self) -> None:
        self._put_off_who_waits()
        for step in self._steps:
            if step.possible and self._anyone(step):
                self._upload(step)
            if step.awaited:
                self._await(step)
            if step.name == "register":
                self._registered = True
            step.through = step.handed = END
        for step in self._steps:
            self._follow(step)

    def _changes(self) -> Iterator[Change]:
        return read_changes(self._plan.draft.changes.path)

    def _anyone(self, step: Step) -> bool:
        return any(map(step.takes, self._changes_for(step)))

    def _changes_for(self, step: Step) -> Iterator[Change]:
        return step.source() if step.source else self._changes()

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
            left_out = {*decisions.held, *decisions.unknown, *self._refused}
            new = read_new(plan.draft.changes.path, left_out)
            columns = plan.draft.mapper.columns
            return register(self._config.group, columns, _new_rows(step, new, rows))
        return step.batch(
            _noted(step, filter(step.takes, self._changes_for(step)), rows)
        )

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

    def _follow(self, step: Step) -> list[tuple[Receipt, bool]]:
        """Learn what became of a step's imports; those of which nothing is known, and
        whether that can still be had."""
        deadline = self._services.pacer.seconds() + self._config.result_wait_s
        asked = list(step.receipts)
        unknown = list(follow(self._services, asked, deadline, self._refuser(step)))
        for receipt, is_pending in unknown:
            self._keep_pending(step, receipt)
            if not is_pending:
                self._untold = True
                self._untold_steps.add(step.name)
        step.receipts.clear()
        return unknown

    def _refuser(self, step: Step) -> OnFailure:
        def refuse(receipt: Receipt, failure: ImportFailure) -> None:
            one = _row(step.rows, receipt.first_row + failure.row)
            if one == NOBODY:
                if (address := fold_address(failure.address)) is not None:
                    self._still_there.append(address)
                return
            self._refuse(one, refused_by_haihai(failure.address, failure.reason))

        return refuse

    def _refuse(self, one: bytes, problem: Problem) -> None:
        self._refused.add(one)
        if self._registered:
            self._refused_late.add(one)
        self._plan.draft.rejects.append(one, problem)

    # ---------------------------------------------------------- what has to wait

    def _put_off_who_waits(self) -> None:
        if self._decisions.settled or not self._plan.counts.returned:
            return
        for change in list(filter(self.rules.waits, self._changes())):
            self._refuse(change.record_id, not_confirmed(new_address(change)))

    def _await(self, step: Step) -> None:
        """Whoever's stop may not have arrived is registered by a later run."""
        unknown = self._follow(step)
        doubtful = {
            _row(step.rows, receipt.first_row + number)
            for receipt, _ in unknown
            for number in range(receipt.rows)
        }
        if not doubtful:
            return
        asked = [one for one in self._changes() if one.record_id in doubtful]
        if not any(is_pending for _, is_pending in unknown):
            asked = self._not_silent(asked)
        for change in asked:
            self._refuse(change.record_id, not_confirmed(new_address(change)))

    def _not_silent(self, asked: list[Change]) -> list[Change]:
        """Those whose state is not what was just sent, by the service's own list.
        Where it has none, the order of acceptance has to do."""
        table = read_members(self._services, self._folder)
        if table is None:
            return []
        by_key = {address_key(new_address(change)): change for change in asked}
        with FixedTable(table, STATE_WIDTH, KEY_BYTES) as members:
            return [
                change
                for key, change in sorted(by_key.items())
                if not any(found[-1:] in SILENT for found in members.find(key))
            ]

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
                self._untold = True
        self._unfinished = [
            step for step in self._steps if step.possible and step.through != END
        ]
        complete = not self._unfinished
        changed = self._changed(complete)
        snapshot, index = services.next_table(SNAPSHOT), services.next_table(INDEX)
        relinked = self._relinked()
        before = named_files(services, SNAPSHOT, INDEX, RELINKED, *MEANWHILE)
        if changed:
            tables = CustomersTables(
                plan, self.rules, self._applied, self._folder, complete=complete
            )
            tables.write(snapshot, index, self._head(complete))
        with services.state.transaction() as transaction:
            if changed:
                transaction.set_snapshot(SNAPSHOT, snapshot.name)
                transaction.set_snapshot(INDEX, index.name)
            if relinked is not None:
                transaction.set_snapshot(RELINKED, relinked.name)
            if self._untold != bool(services.state.cursor(UNCONFIRMED)):
                transaction.set_cursor(UNCONFIRMED, "1" if self._untold else "")
            if complete:
                conclude(services, transaction, self._left())
                transaction.set_cursor(CURSOR, plan.cursor)
                transaction.set_cursor(TYPES, plan.types)
                transaction.resolve_rejects(FLOW, self._settled())
                transaction.close_reviews(FLOW, self._answered_themselves())
                transaction.put_reviews(services.run_id, self._reviews())
            else:
                leave_off(
                    services,
                    transaction,
                    self._perhaps_sent(nothing_kept=not changed),
                    undid_bars=self._step("undo_bar").has_begun,
                )
            transaction.put_rejects(services.run_id, plan.draft.rejects.read())
            transaction.put_pending(self._pending)
        if plan.old:
            plan.old.close()
        drop_superseded(services, before)

    def _relinked(self) -> Path | None:
        counts = self._plan.counts
        if not (counts.moved or counts.returned):
            return None
        moved = (
            change
            for change in self._changes()
            if change.kind in (ADDRESS, RETURN) and self._applied(change)
        )
        return note_relinked(self._services, moved, self._folder)

    def _step(self, name: str) -> Step:
        return next(step for step in self._steps if step.name == name)

    def _perhaps_sent(self, *, nothing_kept: bool) -> Iterator[Change]:
        """Changes that were sent in part, or perhaps, and must be sent again."""
        for change in self._changes():
            if change.kind == TOUCH:
                continue
            if self._applied(change) and not nothing_kept:
                continue
            is_late = change.record_id in self._refused_late
            if is_late or any(step.may_have_sent(change) for step in self._steps):
                yield change

    def _left(self) -> list[tuple[bytes, str]]:
        """Addresses that were sent for a record which keeps its old one, and those
        that could not be taken out."""
        late = self._refused_late
        arrived = [
            (change.record_id, new_address(change))
            for change in (self._changes() if late else ())
            if change.record_id in late and change.kind in ARRIVING
        ]
        gone = self._still_there + list(self._perhaps_still_there())
        return [(NOBODY, address) for address in gone] + arrived

    def _perhaps_still_there(self) -> Iterator[str]:
        """Addresses that were taken out or barred by an import whose result nobody
        tells: the next run sees by the list of members whether it went well."""
        for step in self._steps:
            if step.name in self._untold_steps & {"leave", "bar", "take_out"}:
                yield from map(old_address, filter(step.takes, self._changes_for(step)))

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


def _noted(step: Step, changes: Iterator[Change], rows: IO[bytes]) -> Iterator[Change]:
    for change in changes:
        rows.write(change.record_id)
        step.handed = change.record_id
        yield change


def _new_rows(
    step: Step, new: Iterator[list[tuple[bytes, bytes]]], rows: IO[bytes]
) -> Iterator[str]:
    for block in filter(None, new):
        rows.write(b"".join([one for one, _ in block]))
        step.handed = block[-1][0]
        # No line has a line feed in it: decoded together, taken apart again.
        text = b"\n".join([line[VALUES_AT:] for _, line in block]).decode()
        yield from text.split("\n")


def _row(rows: Path, number: int) -> bytes:
    with rows.open("rb") as stream:
        stream.seek(number * ID_WIDTH)
        return stream.read(ID_WIDTH)
