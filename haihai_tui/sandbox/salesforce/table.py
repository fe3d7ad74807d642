"""The records of one object, column by column.

A million contacts have to fit: a column exists only once one record has a value
other than its default there, and a record is a slot number.  Ids are given out in
ascending order, so a record is found by bisection and no index of ids is kept.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, MutableSequence, Sequence
from typing import Any

from haihai_tui.sandbox.salesforce import ids
from haihai_tui.sandbox.salesforce.journal import Journal

Slots = Sequence[int]
STAMPS = ("CreatedDate", "LastModifiedDate", "SystemModstamp")


class Table:
    """Slots in order of creation; deleted and purged ones keep their place."""

    def __init__(
        self,
        key_prefix: str,
        instance: str,
        defaults: Mapping[str, Any],
        journal: Journal | None = None,
    ) -> None:
        self._journal = journal or Journal()
        self.key_prefix = key_prefix
        self.instance = instance
        self.defaults = dict(defaults)
        self.ids: list[str] = []
        self.columns: dict[str, MutableSequence[Any]] = {
            name: array("q") for name in STAMPS
        }
        self.deleted: dict[int, int] = {}  # slot -> when, in the recycle bin
        self.purged: set[int] = set()
        self.hide_ids = False  # rows of OauthToken say that they have no id
        self._lookups: dict[str, dict[str, list[int]]] = {}
        self.changes = 0  # moves with every write, so that results can be kept

    def __len__(self) -> int:
        return len(self.ids)

    # ------------------------------------------------------------------ reading

    def slot(self, record_id: str) -> int | None:
        """The slot of an 18-character id, also of a deleted record."""
        place = bisect_left(self.ids, record_id)
        if place == len(self.ids) or self.ids[place] != record_id:
            return None
        return None if place in self.purged else place

    def slots(self, *, include_deleted: bool = False) -> Slots:
        """The living records, or all that have not been purged."""
        gone = self.purged if include_deleted else self.purged | self.deleted.keys()
        everything = range(len(self.ids))
        return [s for s in everything if s not in gone] if gone else everything

    def value(self, slot: int, name: str) -> Any:
        return self.getter(name)(slot)

    def getter(self, name: str) -> Callable[[int], Any]:
        """`slot -> value`, looked up once for many slots."""
        if name == "Id" and self.hide_ids:
            return lambda slot: None
        if name == "Id":
            return self.ids.__getitem__
        if name == "IsDeleted":
            return self.deleted.__contains__
        column = self.columns.get(name)
        if column is None:
            default = self.defaults.get(name)
            return lambda slot: default
        return column.__getitem__

    def lookup(self, name: str) -> Mapping[str, list[int]]:
        """Slots by lower-case text; built at the first use, then kept up to date."""
        found = self._lookups.get(name)
        if found is None:
            found = {}
            column = self.columns.get(name, ())
            for slot, value in enumerate(column):
                if value is not None:
                    found.setdefault(str(value).lower(), []).append(slot)
            self._lookups[name] = found
        return found

    # ------------------------------------------------------------------ writing

    def append(self, values: Mapping[str, Any]) -> int:
        """A new record with the next id; `values` has all three stamps."""
        slot = len(self.ids)
        self.changes += 1
        if self._journal.recording:
            self._journal.note(lambda: self._drop_last(slot))
        self.ids.append(ids.make_id(self.key_prefix, self.instance, slot + 1))
        for name, column in self.columns.items():
            if len(column) == slot:
                column.append(values.get(name, self.defaults.get(name)))
        for name, value in values.items():
            if name not in self.columns and name != "Id":
                self.write(slot, name, value)
            elif name in self._lookups:
                self._index(slot, name, value)
        return slot

    def write(self, slot: int, name: str, value: Any) -> None:
        """Set one value; a column comes to be with its first other value."""
        self.changes += 1
        column = self.columns.get(name)
        if column is None:
            if value == self.defaults.get(name):
                return
            column = [self.defaults.get(name)] * len(self.ids)
            self.columns[name] = column
        if self._journal.recording and slot < len(column):
            old, held = column[slot], column
            self._journal.note(lambda: self._put_back(held, slot, old))
        column[slot] = value
        if name in self._lookups:
            self._index(slot, name, value)

    def _drop_last(self, slot: int) -> None:
        self.changes += 1
        del self.ids[slot:]
        for column in self.columns.values():
            del column[slot:]
        self._lookups.clear()

    def _put_back(self, column: MutableSequence[Any], slot: int, value: Any) -> None:
        self.changes += 1
        column[slot] = value
        self._lookups.clear()

    def bin(self, slot: int, when: int) -> None:
        """Move a record to the recycle bin."""
        self.deleted[slot] = when

        def undo() -> None:
            self.deleted.pop(slot, None)

        self._journal.note(undo)

    def unbin(self, slot: int) -> int:
        """Take a record out of the recycle bin; when it was deleted."""
        when = self.deleted.pop(slot)

        def undo() -> None:
            self.deleted[slot] = when

        self._journal.note(undo)
        return when

    def purge(self, slot: int) -> None:
        """Remove a deleted record for good."""
        self.changes += 1
        self.purged.add(slot)
        self._journal.note(lambda: self.purged.discard(slot))

    def _index(self, slot: int, name: str, value: Any) -> None:
        # An entry of the old value stays; whoever looks up compares again.
        if value is None:
            return
        slots = self._lookups[name].setdefault(str(value).lower(), [])
        if slot not in slots:
            slots.append(slot)

    def extend(self, count: int, columns: Mapping[str, Iterable[Any]]) -> None:
        """`count` new records from whole columns (seeding): no record is built."""
        start = len(self.ids)
        self.changes += 1
        self.ids.extend(ids.make_ids(self.key_prefix, self.instance, start + 1, count))
        for name, values in columns.items():
            if name not in self.columns:
                self.columns[name] = [self.defaults.get(name)] * start
            self.columns[name].extend(values)
        for name, column in self.columns.items():
            missing = len(self.ids) - len(column)
            column.extend([self.defaults.get(name)] * missing)
        self._lookups.clear()

    # -------------------------------------------------------------------- state

    def dump(self) -> dict[str, Any]:
        """Everything but the columns, as JSON values."""
        return {
            "count": len(self.ids),
            "key_prefix": self.key_prefix,
            "deleted": [[slot, when] for slot, when in self.deleted.items()],
            "purged": sorted(self.purged),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `dump` gave; the columns follow."""
        self.changes += 1
        self.ids = list(
            ids.make_ids(self.key_prefix, self.instance, 1, int(state["count"]))
        )
        self.deleted = dict(state["deleted"])
        self.purged = set(state["purged"])
        self._lookups.clear()

    def restore_column(self, name: str, values: Sequence[Any]) -> None:
        """One column; equal texts become one object, to save memory."""
        if name in STAMPS:
            self.columns[name] = array("q", values)
            return
        same: dict[Any, Any] = {}
        self.columns[name] = [same.setdefault(value, value) for value in values]
