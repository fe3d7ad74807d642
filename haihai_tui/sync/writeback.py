"""HaiHai Mail → Salesforce: one way of writing back for both flows.

A source says for each address what its records should hold.  Candidates are joined
with the source's ledger and compared with what Salesforce holds; only differences are
written, as absolute values, so that repeating is harmless.

Before anything is written, the ledger is kept together with the list of addresses
whose records it may not agree with yet: what was seen is never forgotten, however a
run ends, and the next one goes on with the list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from haihai_tui.errors import Text, text
from haihai_tui.sync import guard
from haihai_tui.sync.candidates import SEPARATOR, Candidates
from haihai_tui.sync.draft import RejectSpool
from haihai_tui.sync.events import Event
from haihai_tui.sync.mapping import Problem
from haihai_tui.sync.outcome import FlowOutcome
from haihai_tui.sync.ports import RowFailure
from haihai_tui.sync.services import FieldChange, PlanEntry, Services
from haihai_tui.sync.tables.csvlines import csv_line, split_line
from haihai_tui.sync.tables.files import copy_durably
from haihai_tui.sync.tables.sorting import sort_fixed
from haihai_tui.sync.targets import Targets
from haihai_tui.sync.writeback_source import (
    NULL,
    Changed,
    Source,
    Target,
    Wanted,
    merge_changed,
    relinked_table,
)


@dataclass(slots=True)
class _Table:
    """The update table of one object, filled while planning."""

    target: Target
    path: Path
    rows: int = 0


@dataclass(slots=True)
class WriteBackPlan:
    tables: list[_Table]
    rejects: RejectSpool
    entries: Path
    concerned: Path
    cursors: dict[str, str] = field(default_factory=dict)
    updated: int = 0
    stopped: int = 0
    set_aside: int = 0


class WriteBack:
    """Plans and runs one write-back flow."""

    def __init__(self, services: Services, source: Source) -> None:
        self._services = services
        self._source = source
        self._folder = source.folder
        self._targets = Targets(services, source)
        self.written = 0
        self._refused: list[str] = []

    # -------------------------------------------------------------------- plan

    def plan(self) -> WriteBackPlan:
        targets = list(self._targets.find())
        self.retried = list(self._services.state.open_rejects(self._source.flow))
        candidates = Candidates(self._services, self._source, self.retried)
        cursors = candidates.read_times(targets)
        self._changed = self._collect()
        plan = self._new_plan(targets)
        plan.cursors = cursors
        for table in plan.tables:
            everyone = self._services.options.reconcile
            everyone = everyone or self._targets.must_read_all(table.target)
            found = candidates.of(table.target, self._changed, everyone=everyone)
            self._fill(plan, table, found)
        plan.rejects.close()
        self._sort_concerned(plan)
        self._plan = plan
        return plan

    def _collect(self) -> Changed:
        """The addresses whose answer changed, those of a run that was cut off, and
        those that records are linked to anew."""
        now, both = self._folder / "changed.now", self._folder / "changed"
        with now.open("wb") as out:
            self._source.collect(out)
        left = self._services.table(self._unwritten)
        self._relinked = self._services.table(relinked_table(self._source.flow))
        return merge_changed(both, now, left, self._relinked)

    @property
    def _unwritten(self) -> str:
        return f"{self._source.flow}.unwritten"

    def _new_plan(self, targets: list[Target]) -> WriteBackPlan:
        return WriteBackPlan(
            tables=[
                _Table(target, self._folder / f"update.{target.name}.csv")
                for target in targets
            ],
            rejects=RejectSpool(self._folder / "rejects"),
            entries=self._folder / "entries",
            concerned=self._folder / "concerned",
            set_aside=self._targets.set_aside,
        )

    # ------------------------------------------------------------ what to write

    def _fill(
        self, plan: WriteBackPlan, table: _Table, candidates: Iterator[bytes]
    ) -> None:
        names = [field.name for field in table.target.fields]
        with (
            table.path.open("w", encoding="utf-8", newline="") as rows,
            plan.entries.open("a", encoding="utf-8") as entries,
            plan.concerned.open("ab") as concerned,
        ):
            rows.write(csv_line(["Id", *names]) + "\n")
            self._source.rewind()
            for line in candidates:
                key, one, values = line.split(SEPARATOR, 2)
                current = dict(zip(names, split_line(values.decode()), strict=True))
                wanted = self._source.wanted(
                    bytes.fromhex(key.decode()), one, table.target, current
                )
                if wanted is None:
                    continue
                for problem in wanted.problems:
                    plan.rejects.write(one, problem)
                if not wanted.values:
                    continue
                cells = [wanted.values.get(name, "") for name in names]
                rows.write(csv_line([one.decode(), *cells]) + "\n")
                entries.write(_entry_line(table.target, one, current, wanted) + "\n")
                table.rows += 1
                plan.updated += 1
                if wanted.silences:
                    plan.stopped += 1
                    concerned.write(one + b"s")

    def _sort_concerned(self, plan: WriteBackPlan) -> None:
        unsorted = plan.concerned.with_suffix(".unsorted")
        if not plan.concerned.exists():
            plan.concerned.touch()
        plan.concerned.rename(unsorted)
        sort_fixed(unsorted, guard.CONCERN_WIDTH, plan.concerned)
        unsorted.unlink()

    def weight(self) -> guard.Weight:
        return self._source.weight(self._plan.stopped)

    def entries(self) -> Iterator[PlanEntry]:
        """The plan, record by record."""
        if not self._plan.entries.exists():
            return
        with self._plan.entries.open(encoding="utf-8") as stream:
            for line in stream:
                one, sobject, *cells = split_line(line[:-1])
                changes = tuple(
                    FieldChange(cells[at], cells[at + 1], _shown(cells[at + 2]))
                    for at in range(0, len(cells), 3)
                )
                yield PlanEntry(
                    self._source.flow, f"update {sobject}", one, "", changes
                )

    # --------------------------------------------------------------- execution

    def begin(self) -> None:
        """Keep what was seen, and whose records are about to be brought in line."""
        superseded = self._services.table(self._unwritten)
        kept = self._services.next_table(self._unwritten)
        if self._changed.count:
            copy_durably(self._changed.path, kept)
        with self._services.state.transaction() as transaction:
            self._source.keep(transaction)
            if self._relinked:
                transaction.set_snapshot(relinked_table(self._source.flow), "")
            if self._changed.count:
                transaction.set_snapshot(self._unwritten, kept.name)
        self._source.done()
        if self._relinked:
            self._relinked.unlink(missing_ok=True)
        if superseded and self._changed.count:
            superseded.unlink(missing_ok=True)

    def execute(self) -> None:
        for table in self._plan.tables:
            if table.rows:
                self._update(table)

    def _update(self, table: _Table) -> None:
        outcome = self._services.salesforce.update(
            table.target.name, table.path, table.rows, self._folder
        )
        self.written += outcome.succeeded
        for failure in outcome.failures:
            self._refused.append(failure.record_id)
            self._plan.rejects.append(
                failure.record_id.encode(), refused_by_salesforce(failure)
            )
        wording = text(
            "Salesforce の {sobject} を {count} 件更新しました。",
            sobject=table.target.name,
            count=outcome.succeeded,
        )
        data = {"object": table.target.name, "rows": outcome.succeeded}
        self._services.listener(
            Event("records_updated", self._source.flow, wording, data=data)
        )

    def commit(self) -> None:
        """Only after every write was acknowledged: cursors and rejects."""
        again = set(self._plan.rejects.records())
        settled = (one for one in self.retried if one not in again)
        run_id = self._services.run_id
        written = self._services.table(self._unwritten)
        with self._services.state.transaction() as transaction:
            for name, cursor in self._plan.cursors.items():
                transaction.set_cursor(name, cursor)
            for sobject, signature in self._targets.signatures.items():
                transaction.set_cursor(self._targets.signature_name(sobject), signature)
            transaction.resolve_rejects(self._source.flow, settled)
            transaction.put_rejects(run_id, self._plan.rejects.read(self._source.flow))
            if written:
                transaction.set_snapshot(self._unwritten, "")
        if written:
            written.unlink(missing_ok=True)

    def close(self) -> None:
        self._source.close()

    def outcome(self) -> FlowOutcome:
        source, plan = self._source, self._plan
        return FlowOutcome(
            read=source.read,
            unchanged=source.read - source.changed,
            updated=plan.updated - len(self._refused),
            rejected=plan.rejects.count,
            written=self.written,
            marked=source.marked,
            set_aside=plan.set_aside,
            cursor=min(plan.cursors.values(), default=None),
        )


def refused_by_salesforce(failure: RowFailure) -> Problem:
    cause: Text = text(
        "Salesforce が更新を受け付けませんでした: {code} {message}",
        code=failure.code,
        message=failure.message[:200],
    )
    remedy = text(
        "Salesforce 側のレコード、項目、入力規則を確認してください。"
        "以後の実行で自動的に再送します。"
    )
    return Problem(", ".join(failure.fields), "", cause, remedy)


def _entry_line(
    target: Target, one: bytes, current: Mapping[str, str], wanted: Wanted
) -> str:
    cells = [one.decode(), target.name]
    for name, value in wanted.values.items():
        cells += [name, current[name], value]
    return csv_line([cell.replace("\n", " ").replace("\r", " ") for cell in cells])


def _shown(value: str) -> str | None:
    return None if value == NULL else value
