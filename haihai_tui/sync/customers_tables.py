"""The next snapshot and address index: what the service holds after a run.

Only changes whose every import was accepted are laid over the old tables, so that a
run that was cut off leaves the others for the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from haihai_tui.sync.address_index import first_index, index_record
from haihai_tui.sync.customers import CustomersPlan
from haihai_tui.sync.customers_steps import CustomersSteps
from haihai_tui.sync.matching import EVENT_WIDTH
from haihai_tui.sync.tables.changes import DELETE, LEAVE, Change, read_changes, read_new
from haihai_tui.sync.tables.fixed import REMOVED, FixedTable, patch_fixed
from haihai_tui.sync.tables.lines import LineChange
from haihai_tui.sync.tables.snapshot import (
    BARRED,
    FLAG_AT,
    KEPT,
    MERGED,
    SnapshotHead,
    write_first_snapshot,
    write_snapshot,
)
from haihai_tui.sync.tables.sorting import sort_fixed


class CustomersTables:
    """Lays a plan's changes over the tables that it was made from."""

    def __init__(
        self,
        plan: CustomersPlan,
        rules: CustomersSteps,
        applied: Callable[[Change], bool],
        folder: Path,
        *,
        complete: bool,
    ) -> None:
        """`applied` tells whether a change was accepted in all its parts; `complete`:
        all were, but for those who were held back or refused."""
        self._plan = plan
        self._rules = rules
        self._applied = applied
        self._folder = folder
        self._complete = complete

    def write(self, snapshot: Path, index: Path, head: SnapshotHead) -> None:
        plan = self._plan
        if plan.only_newcomers and self._complete:
            self._write_first(snapshot, index, head)
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

    def _write_first(self, snapshot: Path, index: Path, head: SnapshotHead) -> None:
        """Everything in them is new: nothing to merge, and no key to make anew."""
        plan, decisions = self._plan, self._plan.decisions
        left_out = {*decisions.held, *decisions.unknown, *self._rules.refused}
        new = read_new(plan.draft.changes.path, left_out)
        blocks = ([line for _, line in block] for block in new)
        write_first_snapshot(snapshot, head, blocks)
        first_index(plan.events, left_out, index)

    def _line_changes(self, delta: IO[bytes]) -> Iterator[LineChange]:
        for change in read_changes(self._plan.draft.changes.path):
            if not self._applied(change):
                continue
            new = self._final_line(change)
            _note_index_change(change.old, new, delta)
            yield LineChange(change.record_id, change.old, new)

    def _final_line(self, change: Change) -> bytes | None:
        line = change.new
        if line is None or change.kind not in (LEAVE, DELETE):
            return line
        one, decisions = change.record_id, self._plan.decisions
        if self._rules.bars(change):
            return _flagged(line, BARRED)
        if one in self._plan.merges.winners:
            return _flagged(line, MERGED)
        if one in decisions.silent and one not in decisions.shared:
            return _flagged(line, KEPT)
        return line


def _flagged(line: bytes, flag: bytes) -> bytes:
    return line[:FLAG_AT] + flag + line[FLAG_AT + 1 :]


def _note_index_change(old: bytes | None, new: bytes | None, delta: IO[bytes]) -> None:
    gone = index_record(old) if old else None
    come = index_record(new) if new else None
    if gone == come:
        return
    if gone and (come is None or gone[:-1] != come[:-1]):
        delta.write(gone[:-1] + REMOVED)
    if come:
        delta.write(come)
