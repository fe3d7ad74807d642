"""Works off the rows of one ingest job and writes its result files.

Runs in a worker thread; each row goes through the org's own writes, so that Bulk
and REST refuse the same rows for the same reasons.
"""

from __future__ import annotations

import csv
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from haihai_tui.sandbox.salesforce import ids
from haihai_tui.sandbox.salesforce.bulk_csv import CsvError, CsvReader
from haihai_tui.sandbox.salesforce.errors import RowError

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.org import Org
    from haihai_tui.sandbox.salesforce.schema import Schema

NULL = "#N/A"
DELETES = ("delete", "hardDelete")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Order:
    """What to do with the rows; `external_id` is set for an upsert."""

    operation: str
    sobject: str
    external_id: str
    user_id: str


class Load:
    """One job's rows on their way into the org; counts may be read meanwhile.

    `taken` rows have left the upload, `failed` of them were refused.
    """

    def __init__(
        self,
        org: Org,
        order: Order,
        reader: CsvReader,
        folder: Path,
        delimiter: str,
        line_ending: str,
    ) -> None:
        self._org = org
        self._order = order
        self._reader = reader
        self._dialect: dict[str, Any] = {
            "delimiter": delimiter,
            "lineterminator": line_ending,
            "quoting": csv.QUOTE_ALL,
        }
        self.successful = folder / "successful.csv"
        self.failed_rows = folder / "failed.csv"
        self._unprocessed = folder / "unprocessed.csv"
        self.taken = 0
        self.failed = 0
        self._stop = threading.Event()

    def stop(self) -> None:
        """Take no further row."""
        self._stop.set()

    def run(self) -> str:
        """Work off all rows; the error that failed the job, or ""."""
        with (
            self.successful.open("w", encoding="utf-8", newline="") as good,
            self.failed_rows.open("w", encoding="utf-8", newline="") as bad,
        ):
            try:
                self._run(good, bad)
            except CsvError as error:
                return str(error)
        return ""

    def _run(self, good: TextIO, bad: TextIO) -> None:
        columns = self._reader.header()
        good_rows = csv.writer(good, **self._dialect)
        bad_rows = csv.writer(bad, **self._dialect)
        good_rows.writerow(["sf__Id", "sf__Created", *columns])
        bad_rows.writerow(["sf__Id", "sf__Error", *columns])
        names = self._names(columns)
        for values in self._reader.rows():
            if self._stop.is_set():
                return
            row = dict(zip(names, values, strict=True))
            try:
                record_id, created = self._write(row)
            except RowError as error:
                self.failed += 1
                bad_rows.writerow([self._id_of(row), error.bulk(), *values])
            else:
                told = "true" if created else "false"
                good_rows.writerow([record_id, told, *values])
            self.taken += 1

    # ----------------------------------------------------------------- columns

    def _names(self, columns: Sequence[str]) -> list[str]:
        """Field names as described; CsvError for a column that is no field."""
        schema = self._org.schema(self._order.sobject, self._order.user_id)
        names = [self._name(schema, column) for column in columns]
        if len(set(names)) != len(names):
            double = next(name for name in names if names.count(name) > 1)
            raise CsvError(f"InvalidBatch : Duplicate field name found : {double}")
        if self._order.operation in DELETES and names != ["Id"]:
            raise CsvError(
                "InvalidBatch : The 'delete/hard_delete' batch must contain only ids"
            )
        needed = {"update": "Id", "upsert": self._order.external_id}
        key = needed.get(self._order.operation)
        if key is not None and key not in names:
            raise CsvError(f"InvalidBatch : Field name not found : {key}")
        return names

    @staticmethod
    def _name(schema: Schema, column: str) -> str:
        relation, _, key = column.partition(".")
        if key:
            if schema.parent(relation.rpartition(":")[2]) is not None:
                return column
        else:
            found = schema.find(column)
            if found is not None:
                return found.name
        raise CsvError(f"InvalidBatch : Field name not found : {column}")

    # -------------------------------------------------------------------- rows

    def _write(self, row: Row) -> tuple[str, bool]:
        """The record's id and whether it is new; RowError."""
        order, org = self._order, self._org
        values = {
            name: None if value == NULL else value
            for name, value in row.items()
            if value != ""
        }
        if order.operation == "upsert":
            return self._upsert(values)
        if order.operation == "insert":
            return org.insert(order.sobject, values, order.user_id), True
        record_id = values.pop("Id", None)
        if not record_id:
            message = f"Id not specified in {_an(order.operation)} call"
            raise RowError("MISSING_ARGUMENT", message, ["Id"])
        record_id = str(record_id)
        if order.operation == "update":
            org.update(order.sobject, record_id, values, order.user_id)
        elif order.operation == "delete":
            org.delete(order.sobject, record_id, order.user_id)
        else:
            org.hard_delete(order.sobject, record_id, order.user_id)
        return ids.normalise(record_id) or record_id, False

    def _upsert(self, values: Row) -> tuple[str, bool]:
        order, org = self._order, self._org
        key = values.pop(order.external_id, None)
        if order.external_id == "Id" and key is None:
            return org.insert(order.sobject, values, order.user_id), True
        return org.upsert(order.sobject, order.external_id, key, values, order.user_id)

    @staticmethod
    def _id_of(row: Row) -> str:
        given = row.get("Id", "")
        return ids.normalise(given) or "" if given else ""

    # ----------------------------------------------------------------- results

    def unprocessed(self) -> Path:
        """The rows that were never taken, as their own file with the header."""
        with self._unprocessed.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, **self._dialect)
            try:
                writer.writerow(self._reader.header())
                writer.writerows(self._left())
            except CsvError:
                pass  # what cannot be read cannot be given back either
        return self._unprocessed

    def _left(self) -> Iterator[list[str]]:
        for place, values in enumerate(self._reader.rows()):
            if place >= self.taken:
                yield values


def _an(operation: str) -> str:
    return f"an {operation}" if operation[0] in "aeiou" else f"a {operation}"
