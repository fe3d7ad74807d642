"""Salesforce in memory: records, SystemModstamp, recycle bin, pages.

A change can stay invisible for some minutes while it carries the older stamp, as
long transactions do; rows can come in any order; pages are cut anywhere and may be
compressed; single records refuse to be written.
"""

from __future__ import annotations

import csv
import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from haihai_tui.sync.ports import (
    Field,
    PageFile,
    RowFailure,
    SObject,
    UpdateOutcome,
)
from tests.sync.property.clock import Clock
from tests.sync.property.faults import Gate
from tests.sync.property.soql import Query, parse

PREFIXES = {"Contact": "003", "Lead": "00Q", "Account": "001"}
STATES = ("配信可能", "配信停止", "配信禁止")
_WRITABLE = {
    "State__c": Field("State__c", "picklist", restricted=True, picklist=STATES),
    "Stopped__c": Field("Stopped__c", "boolean"),
    "StateAt__c": Field("StateAt__c", "datetime"),
    "Status__c": Field("Status__c", "string", length=20),
    "Url__c": Field("Url__c", "string", length=30),
    "ViewedAt__c": Field("ViewedAt__c", "datetime"),
    "Count__c": Field("Count__c", "double"),
}
_READ = {
    "Id": Field("Id", "id", length=18),
    "Email": Field("Email", "email", length=80),
    "LastName": Field("LastName", "string", length=80),
    "Title": Field("Title", "string", length=128),
    "HasOptedOutOfEmail": Field("HasOptedOutOfEmail", "boolean"),
    "SystemModstamp": Field("SystemModstamp", "datetime"),
}
_ACCOUNT = Field(
    "AccountId", "reference", reference_to=("Account",), relationship="Account"
)


@dataclass(frozen=True, slots=True)
class Record:
    """One version of a record; values as CSV text, null is empty."""

    record_id: str
    sobject: str
    values: dict[str, str]
    stamp: str
    deleted: bool = False

    def get(self, name: str) -> str:
        if name == "Id":
            return self.record_id
        if name == "SystemModstamp":
            return self.stamp
        if name == "IsDeleted":
            return "true" if self.deleted else "false"
        return self.values.get(name, "")


@dataclass(slots=True)
class Row:
    """A record with the version that readers still see while a change is late."""

    now: Record
    seen: Record | None = None
    late_until: datetime | None = None


@dataclass
class SalesforceFake:
    """Implements `ports.Salesforce`; the other methods are the world's hands."""

    clock: Clock
    gate: Gate
    page_rows: int = 3
    packed: bool = False
    disorder: int = 0
    rows: dict[str, Row] = field(default_factory=dict)
    refusing: set[str] = field(default_factory=set)
    locked: set[str] = field(default_factory=set)
    writes: int = 0
    made: int = 0
    asked: int = 0
    made_pages: int = 0
    handed_out: dict[str, str] = field(default_factory=dict)
    _versions: dict[str, list[Record]] = field(default_factory=dict)

    # ------------------------------------------------------- the world's hands

    def create(self, sobject: str, values: dict[str, str], late: float = 0) -> str:
        self.made += 1
        # Neither ascending nor random: new records sort between the old ones.
        number = self.made * 7_919 % 10_007
        one = f"{PREFIXES[sobject]}{number:012d}AAA"
        self._put(Record(one, sobject, dict(values), self.clock.stamp()), late)
        return one

    def change(self, one: str, values: dict[str, str], late: float = 0) -> None:
        old = self.rows[one].now
        stamp = self.clock.stamp()
        self._put(replace(old, values=old.values | values, stamp=stamp), late)

    def set_deleted(self, one: str, deleted: bool) -> None:
        old = self.rows[one].now
        self._put(replace(old, deleted=deleted, stamp=self.clock.stamp()), 0)

    def _put(self, record: Record, late: float) -> None:
        row = self.rows.get(record.record_id)
        seen = self.visible(record.record_id)
        if row is None:
            row = self.rows[record.record_id] = Row(record)
        row.now = record
        row.seen, row.late_until = None, None
        if late:
            row.seen = seen
            row.late_until = self.clock.now + timedelta(seconds=late)
        if seen is not None:
            self._versions.setdefault(record.record_id, []).append(seen)

    # ------------------------------------------------------ for the checks

    def visible(self, one: str) -> Record | None:
        """What a reader sees of a record at this moment, deleted or not."""
        row = self.rows.get(one)
        if row is None:
            return None
        if row.late_until is not None and self.clock.now < row.late_until:
            return row.seen
        return row.now

    def records(self, sobject: str) -> Iterator[Record]:
        for one in sorted(self.rows):
            record = self.visible(one)
            if record is not None and record.sobject == sobject:
                yield record

    def value(self, record: Record, path: str) -> str:
        if "." not in path:
            return record.get(path)
        parent = self.visible(record.get("AccountId"))
        return parent.get(path.split(".", 1)[1]) if parent else ""

    def forget_versions(self) -> None:
        """From now on `versions` tells of what a new run may have read, and
        `handed_out` of the addresses that it was given with a customer's values."""
        self.handed_out = {}
        self._versions = {
            one: [seen] for one in self.rows if (seen := self.visible(one)) is not None
        }

    def versions(self, one: str) -> list[Record]:
        now = self.visible(one)
        return self._versions.get(one, []) + ([now] if now else [])

    # ------------------------------------------------------- ports.Salesforce

    def describe(self, sobject: str) -> SObject:
        self.gate.before("salesforce")
        fields = dict(_READ)
        if sobject == "Account":
            fields["Name"] = Field("Name", "string", length=255)
        if sobject == "Contact":
            fields["AccountId"] = _ACCOUNT
        for name, known in _WRITABLE.items():
            fields[name] = replace(known, updateable=name not in self.locked)
        self.gate.after("salesforce")
        keyed = {name.lower(): known for name, known in fields.items()}
        return SObject(sobject, sobject, PREFIXES[sobject], keyed)

    def count(self, sobject: str, condition: str) -> int:
        query = parse(f"SELECT Id FROM {sobject} WHERE {condition or 'Id != null'}")
        return len(self._answer(query, include_deleted=False))

    def extract(
        self,
        soql: str,
        folder: Path,
        *,
        include_deleted: bool = False,
        expect_many: bool = False,
    ) -> ExtractFake:
        self.gate.before("salesforce")
        self.clock.tick()
        query = parse(soql)
        rows = self._answer(query, include_deleted=include_deleted)
        table = [[self.value(row, name) for name in query.columns] for row in rows]
        self.asked += 1
        if "LastName" in query.columns:
            self.handed_out |= {row.record_id: row.get("Email") for row in rows}
        self.gate.after("salesforce")
        return ExtractFake(self, query.columns, self.clock.now, table, folder)

    def _answer(self, query: Query, *, include_deleted: bool) -> list[Record]:
        rows = [
            record
            for record in self.records(query.sobject)
            if (include_deleted or not record.deleted)
            and query.test(partial(self.value, record))
        ]
        if query.order:
            rows.sort(key=lambda row: tuple(row.get(name) for name in query.order))
        elif self.disorder:
            random.Random(self.disorder).shuffle(rows)
        return rows[: query.limit]

    def update(
        self, sobject: str, table: Path, rows: int, folder: Path
    ) -> UpdateOutcome:
        failures: list[RowFailure] = []
        with table.open(encoding="utf-8", newline="") as file:
            header, *lines = list(csv.reader(file))
        assert len(lines) == rows, (len(lines), rows)
        for number, cells in enumerate(lines):
            if number % 2 == 0:
                self.gate.before("salesforce")
            values = dict(zip(header, cells, strict=True))
            failure = self._update(sobject, values)
            if failure is not None:
                failures.append(failure)
            if number % 2 == 1 or number == len(lines) - 1:
                self.gate.after("salesforce")
        return UpdateOutcome(len(lines) - len(failures), failures)

    def _update(self, sobject: str, values: dict[str, str]) -> RowFailure | None:
        one = values.pop("Id")
        record = self.visible(one)
        assert record is not None
        assert record.sobject == sobject
        assert not self.locked.intersection(values), values
        if record.deleted:
            return RowFailure(one, "ENTITY_IS_DELETED", "entity is deleted")
        if one in self.refusing:
            return RowFailure(one, "FIELD_CUSTOM_VALIDATION_EXCEPTION", "承認中です")
        told = {name: value for name, value in values.items() if value}
        nulls = {name: "" for name, value in told.items() if value == "#N/A"}
        self.clock.tick()
        self.writes += 1
        self.change(one, told | nulls)
        return None

    def may_view_encrypted(self) -> bool:
        return True

    def report_ids(self, report: str, described: SObject) -> list[str]:
        raise AssertionError("no history is told of a report")

    def calls(self) -> int:
        return self.asked


@dataclass
class ExtractFake:
    """Implements `ports.Extract`; page files are written as they are asked for."""

    service: SalesforceFake
    columns: tuple[str, ...]
    as_of: datetime
    table: list[list[str]]
    folder: Path

    def pages(self) -> Iterator[PageFile]:
        size, packed = self.service.page_rows, self.service.packed
        for first in range(0, max(len(self.table), 1), size):
            rows = self.table[first : first + size]
            self.service.gate.before("salesforce")
            self.service.made_pages = number = self.service.made_pages + 1
            path = self.folder / f"page{number}"
            content = "".join(map(csv_record, [list(self.columns), *rows])).encode()
            path.write_bytes(gzip.compress(content, 1) if packed else content)
            self.service.gate.after("salesforce")
            yield PageFile(path, len(rows), packed)


def csv_record(values: list[str]) -> str:
    """As Bulk 2.0 gives it: every value quoted, LF."""
    return ",".join('"' + value.replace('"', '""') + '"' for value in values) + "\n"
