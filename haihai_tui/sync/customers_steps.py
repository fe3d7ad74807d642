"""Which change takes part in which import, and in which order they are sent.

The order is the safety: states that an address must have come first, then
registering and blanking, then our own bars, then leaving.  Where only newly mapped
items differ, only those are sent: the service may hold more than we know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from haihai_tui.errors import Text, text
from haihai_tui.sync import batches
from haihai_tui.sync.config import CustomersConfig
from haihai_tui.sync.customers import CustomersPlan
from haihai_tui.sync.cut_off import NOBODY
from haihai_tui.sync.matching import rank, stronger
from haihai_tui.sync.ports import Batch, Receipt
from haihai_tui.sync.tables.changes import (
    ADDRESS,
    CREATE,
    DELETE,
    DEPARTING,
    LEAVE,
    RETURN,
    SENDING,
    UPDATE,
    Change,
)
from haihai_tui.sync.tables.csvlines import csv_line, split_line
from haihai_tui.sync.tables.records import HASH_WIDTH, ID_WIDTH
from haihai_tui.sync.tables.snapshot import (
    ACTIVE,
    BARRED,
    FLAG_AT,
    VALUES_AT,
    line_address,
    snapshot_line,
)

END = b"\xff" * ID_WIDTH
"""Behind every Id: a step with this mark was accepted to its end."""


@dataclass(slots=True)
class Step:
    """One kind of import: who takes part, and up to which Id it was accepted.

    `possible` is false where nobody can take part: no need to look at each change.
    `awaited`: nothing that comes after may be sent for those of whom it is not known
    that this step went well.  `source` gives the changes where they are not the plan's.
    `handed` is the last Id that was given away to be packed and sent.
    """

    name: str
    takes: Callable[[Change], bool]
    batch: Callable[[Iterator[Change]], Batch]
    possible: bool = True
    awaited: bool = False
    source: Callable[[], Iterator[Change]] | None = None
    through: bytes = b""
    handed: bytes = b""
    rows: Path = Path()
    receipts: list[Receipt] = field(default_factory=list)

    @property
    def has_begun(self) -> bool:
        return bool(self.handed)

    def may_have_sent(self, change: Change) -> bool:
        return change.record_id <= self.handed and self.takes(change)

    def done(self, change: Change) -> bool:
        return not self.takes(change) or change.record_id <= self.through


class CustomersSteps:
    """The imports of one plan."""

    def __init__(self, config: CustomersConfig, plan: CustomersPlan) -> None:
        self._config = config
        self._plan = plan
        self._decisions = plan.decisions
        self._added = _added_columns(plan)
        self._sent_again = _ids_in(plan.forced) if self._added else frozenset()
        self.refused: set[bytes] = set()

    def make(self) -> list[Step]:
        group, columns = self._config.group, self._plan.draft.mapper.columns
        counts, decisions = self._plan.counts, self._decisions
        states_first = decisions.sets_states
        departures = counts.moved + counts.left + counts.deleted > 0
        return [
            Step(
                "stop",
                lambda change: self.state_first(change) == b"s",
                lambda changes: batches.stop(group, map(new_address, changes)),
                states_first,
                awaited=True,
            ),
            Step(
                "bar_first",
                lambda change: self.state_first(change) == b"b",
                lambda changes: batches.bar(group, map(new_address, changes)),
                states_first,
                awaited=True,
            ),
            Step("fill", self.fills, self._fill_batch, bool(self._added)),
            Step(
                "register",
                lambda change: self.registers(change) and not self.fills(change),
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
                self.undoes_bar,
                lambda changes: batches.undo_own_bar(
                    group, map(self._proof_of_own_bar, changes)
                ),
                counts.returned > 0,
            ),
            Step(
                "bar",
                self.bars,
                lambda changes: batches.bar(group, map(old_address, changes)),
                counts.deleted > 0,
            ),
            Step(
                "leave",
                self.leaves,
                lambda changes: batches.leave(group, map(old_address, changes)),
                departures,
            ),
            Step(
                "take_out",
                _is_nobodys,
                lambda changes: batches.leave(group, map(old_address, changes)),
                bool(decisions.unowned),
                source=self.unowned,
            ),
        ]

    def unowned(self) -> Iterator[Change]:
        """A departure for each address that an earlier run may have put in the group
        and that nobody owns any more."""
        last = b""
        for key, _, address in self._plan.left_over.lines():
            if key != last and key in self._decisions.unowned:
                values = csv_line([address]).encode()
                line = snapshot_line(NOBODY, b"-" * HASH_WIDTH, ACTIVE, values)
                yield Change(LEAVE, NOBODY, line, None)
            last = key

    def goes(self, change: Change) -> bool:
        one, decisions = change.record_id, self._decisions
        return (
            one not in decisions.held
            and one not in decisions.unknown
            and one not in self.refused
            and not self.waits(change)
        )

    def takes_part(self, change: Change) -> bool:
        return change.kind not in SENDING or self.goes(change)

    def waits(self, change: Change) -> bool:
        """Whether it cannot be told yet if a bar of our own stands: its import, or
        that of its undoing, may still be waiting at the service."""
        return (
            not self._decisions.settled
            and change.kind == RETURN
            and _flag(change) == BARRED
        )

    def registers(self, change: Change) -> bool:
        return change.kind in SENDING and self.goes(change)

    def fills(self, change: Change) -> bool:
        """Whether only newly mapped items differ: then nothing else is sent."""
        if not self._added or change.kind != UPDATE or not self.goes(change):
            return False
        if change.old is None or change.record_id in self._sent_again:
            return False
        new, old = split_line(change.row.decode()), _values(change.old)
        return all(
            now == was
            for at, (now, was) in enumerate(zip(new, old, strict=True))
            if at not in self._added
        )

    def _fill_batch(self, changes: Iterator[Change]) -> Batch:
        columns, at = self._plan.draft.mapper.columns, [0, *self._added]
        names = tuple(columns[number] for number in at)
        lines = (_picked(change.row.decode(), at) for change in changes)
        return batches.register(self._config.group, names, lines)

    def state_first(self, change: Change) -> bytes | None:
        """The state that an address must have before anything is registered there."""
        if not self.registers(change):
            return None
        one = change.record_id
        restored = self._decisions.restore.get(one)
        wanted = stronger(restored, self._carried(change))
        present = self._decisions.states.get(one, b"")
        return wanted if wanted and rank(wanted) > rank(present) else None

    def _carried(self, change: Change) -> bytes:
        """The state of the address that is given up; our own bar stays with it."""
        state = self._decisions.left_behind.get(change.record_id, b"")
        if change.kind in (ADDRESS, RETURN):
            left = self._decisions.silent.get(change.record_id, b"")
            state = stronger(state, left) or b""
        return b"" if state == b"b" and _flag(change) == BARRED else state

    def _blanks(self, change: Change) -> bool:
        """Whether blank cells have to overwrite what the service may hold."""
        keeps, linked = self._plan.draft.mapper.keeps_blank, self._decisions.linked
        if all(keeps) or not self.registers(change) or b'""' not in change.row:
            return False
        if self.fills(change):
            return False
        if change.kind == CREATE and self._plan.old is None and not linked:
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

    def undoes_bar(self, change: Change) -> bool:
        return (
            change.kind == RETURN
            and change.record_id not in self._decisions.given_up
            and self.goes(change)
            and _flag(change) == BARRED
            and self._decisions.states.get(change.record_id) == b"b"
            and old_address(change) == new_address(change)
        )

    def _proof_of_own_bar(self, change: Change) -> tuple[str, bytes, bytes]:
        state = self._decisions.states.get(change.record_id, b"")
        return new_address(change), _flag(change), state

    def _departs(self, change: Change) -> bool:
        one = change.record_id
        return (
            change.kind in DEPARTING
            and one not in self.refused
            and one not in self._decisions.held
            and one not in self._decisions.shared
            and one not in self._decisions.absent
        )

    def bars(self, change: Change) -> bool:
        return (
            change.kind == DELETE
            and self._config.on_delete == "bar"
            and self._departs(change)
            and change.record_id not in self._decisions.silent
        )

    def leaves(self, change: Change) -> bool:
        """A stopped person stays in the group: nothing is mailed to them there, and
        with the membership the service would forget the stop."""
        if not self._departs(change) or self.bars(change):
            return False
        return change.kind == ADDRESS or change.record_id not in self._decisions.silent


def _is_nobodys(change: Change) -> bool:
    return change.record_id == NOBODY


STEP_NAMES: dict[str, Text] = {
    "stop": text("停止の引き継ぎ"),
    "bar_first": text("禁止の引き継ぎ"),
    "fill": text("追加した項目の反映"),
    "register": text("登録"),
    "blank": text("空白の反映"),
    "undo_bar": text("本ツールによる禁止の解除"),
    "bar": text("配信禁止"),
    "leave": text("配信グループからの除外"),
    "take_out": text("配信グループからの除外"),
}


def _added_columns(plan: CustomersPlan) -> list[int]:
    """Places of the items that the last complete run did not send."""
    columns = plan.draft.mapper.columns
    if plan.old is None or columns == plan.old.meaning.columns:
        return []
    known = plan.old.meaning.columns
    return [at for at, name in enumerate(columns) if name not in known]


def _ids_in(path: Path) -> frozenset[bytes]:
    with path.open("rb") as stream:
        return frozenset(iter(lambda: stream.read(ID_WIDTH), b""))


def _values(line: bytes) -> list[str]:
    return split_line(line[VALUES_AT:].decode())


def new_address(change: Change) -> str:
    return line_address(change.new or change.old or b"")


def old_address(change: Change) -> str:
    return line_address(change.old or b"")


def _flag(change: Change) -> bytes:
    return (change.old or b"")[FLAG_AT : FLAG_AT + 1]


def _picked(line: str, at: list[int]) -> str:
    values = split_line(line)
    return csv_line([values[number] for number in at])
