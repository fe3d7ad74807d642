"""What `customers` reads from Salesforce, and in which order.

An incremental read asks first which records moved at all (deleted ones too), then
for those of them that are in the audience.  In this order a record that changes
between the two questions is read twice rather than taken for one that left.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from haihai_tui.errors import ServiceUnreachable, text
from haihai_tui.sync.ports import Extract, PageFile, Salesforce
from haihai_tui.sync.tables.records import (
    ID_WIDTH,
    record_batches,
    record_id,
    require_record,
)
from haihai_tui.sync.tables.sorting import sort_records

IDS_A_QUERY = 350
"""Ids in one IN list: the URL stays below Salesforce's 16,384 bytes."""


_QUOTED = re.compile(r"'(?:\\.|[^'\\])*'")
_PARENT = re.compile(r"\b[A-Za-z]\w*\.[A-Za-z]\w*")
_SILENT = re.compile(
    r"""\(\s*SELECT\b
    |\b(?:TODAY|YESTERDAY|TOMORROW)\b
    |\b(?:LAST|THIS|NEXT)_(?:WEEK|MONTH|QUARTER|YEAR|FISCAL_\w+|90_DAYS|N_\w+)\b
    |\bN_\w+_AGO\b
    |\b[A-Za-z]\w*\.[A-Za-z]\w*\.[A-Za-z]""",
    re.IGNORECASE | re.VERBOSE,
)


class OutOfOrder(Exception):
    """The service gave records in another order than by Id."""


@dataclass(frozen=True, slots=True)
class AudienceQuery:
    """SOQL for the records that `customers` maps."""

    sobject: str
    audience: str
    select: tuple[str, ...]
    merges: bool = False
    """Whether the object's records can be merged (it has MasterRecordId)."""

    @property
    def parents(self) -> tuple[str, ...]:
        """Relationships whose records' changes matter too: `Account`, …"""
        named = (*self.select, *_PARENT.findall(_QUOTED.sub("''", self.audience)))
        found = {name.split(".")[0] for name in named if "." in name}
        return tuple(sorted(found))

    @property
    def is_silent(self) -> bool:
        """Whether records join or leave the audience without being changed.

        So it is with members of a campaign, dates that move with today, and what
        lies more than one parent away: only a complete read notices.
        """
        return _SILENT.search(_QUOTED.sub("''", self.audience)) is not None

    def all(self) -> str:
        return _soql(self.select, self.sobject, [_bracketed(self.audience)])

    def moved_since(self, moment: str) -> str:
        conditions = [_bracketed(self.audience), self._since(moment)]
        order = " ORDER BY SystemModstamp, Id"
        return _soql(self.select, self.sobject, conditions) + order

    def scan_since(self, moment: str) -> str:
        columns = ("Id", "IsDeleted", *(("MasterRecordId",) if self.merges else ()))
        order = " ORDER BY SystemModstamp, Id"
        return _soql(columns, self.sobject, [self._since(moment)]) + order

    def in_recycle_bin(self) -> str:
        return _soql(("Id",), self.sobject, ["IsDeleted = true"])

    def merged_away(self) -> str:
        conditions = ["IsDeleted = true", "MasterRecordId != null"]
        return _soql(("Id", "MasterRecordId"), self.sobject, conditions)

    def by_ids(self, ids: Iterable[str]) -> str:
        listed = ",".join(f"'{one}'" for one in ids)
        conditions = [_bracketed(self.audience), f"Id IN ({listed})"]
        return _soql(self.select, self.sobject, conditions)

    def _since(self, moment: str) -> str:
        stamps = ["SystemModstamp", *(f"{one}.SystemModstamp" for one in self.parents)]
        return "(" + " OR ".join(f"{stamp} >= {moment}" for stamp in stamps) + ")"


def _bracketed(condition: str) -> str:
    return f"({condition})" if condition.strip() else ""


def _soql(columns: Iterable[str], sobject: str, conditions: list[str]) -> str:
    where = " AND ".join(condition for condition in conditions if condition)
    soql = f"SELECT {', '.join(columns)} FROM {sobject}"
    return f"{soql} WHERE {where}" if where else soql


def literal(moment: datetime) -> str:
    """A SOQL date-time literal, in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_moment(written: str) -> datetime:
    moment = datetime.fromisoformat(written)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def overlapped(cursor: str, minutes: int) -> str:
    """Where the next read starts: late rows carry older stamps."""
    return literal(parse_moment(cursor) - timedelta(minutes=minutes))


class ArrivingPages:
    """The pages of an extract: worked on while further ones come, and walked again
    where the first walk shows that it must be."""

    def __init__(self, source: Iterator[PageFile]) -> None:
        self._source = source
        self._here: list[PageFile] = []
        self.rows = 0
        self.complete = False

    def __enter__(self) -> ArrivingPages:
        return self

    def __exit__(self, *ended: object) -> None:
        """Pages that are still under way are not waited for any longer."""
        if isinstance(self._source, Generator):
            self._source.close()

    def __iter__(self) -> Iterator[PageFile]:
        at = 0
        while at < len(self._here) or self._arrives():
            yield self._here[at]
            at += 1

    def _arrives(self) -> bool:
        page = next(self._source, None)
        if page is None:
            self.complete = True
            return False
        self._here.append(page)
        self.rows += page.rows
        return True


def records_of(pages: Iterable[PageFile]) -> Iterator[bytes]:
    for page in pages:
        for batch in record_batches(page):
            yield from batch


def in_id_order(pages: Iterable[PageFile]) -> Iterator[list[bytes]]:
    """The records of pages as they come; OutOfOrder as soon as Ids do not ascend."""
    last = b""
    for page in pages:
        for batch in record_batches(page):
            ids = [record[1 : 1 + ID_WIDTH] for record in batch]
            if ids[0] <= last or any(a >= b for a, b in pairwise(ids)):
                raise OutOfOrder
            last = ids[-1]
            yield batch


def sorted_by_id(
    records: Iterable[bytes], folder: Path, name: str, *, repeats: bool
) -> Iterator[bytes]:
    """Records in Id order.  Where `repeats` are expected the first one counts;
    elsewhere an Id that comes twice is a damaged read."""
    last = b""
    for record in sort_records(records, record_id, folder, name):
        current = record_id(record)
        if current != last:
            yield record
        elif not repeats:
            raise ServiceUnreachable(
                text("Salesforce の読み取り結果に同じレコードが 2 度現れました。"),
                text("時間をおいて再実行してください。"),
                cause="service_unavailable",
            )
        last = current


def in_batches(records: Iterable[bytes], size: int = 1000) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    for record in records:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def extract_by_ids(
    salesforce: Salesforce, query: AudienceQuery, ids: Iterable[str], folder: Path
) -> Iterator[PageFile]:
    """The audience's records among `ids`, a chunk a query."""
    chunk: list[str] = []
    for one in ids:
        chunk.append(one)
        if len(chunk) == IDS_A_QUERY:
            yield from salesforce.extract(query.by_ids(chunk), folder).pages()
            chunk = []
    if chunk:
        yield from salesforce.extract(query.by_ids(chunk), folder).pages()


class NamedRecords:
    """The audience's records among a report's; see `ports.Extract`.

    The service's time is that of a question asked before the report was read.
    """

    def __init__(
        self,
        salesforce: Salesforce,
        query: AudienceQuery,
        ids: Sequence[str],
        as_of: datetime,
        folder: Path,
    ) -> None:
        self._salesforce, self._query = salesforce, query
        self._ids, self._folder = ids, folder
        self.columns = query.select
        self.as_of = as_of

    def pages(self) -> Iterator[PageFile]:
        ids = self._ids
        return extract_by_ids(self._salesforce, self._query, ids, self._folder)


def scanned_ids(extract: Extract) -> Iterator[tuple[bytes, bytes]]:
    """`Id` and a flag (`d` deleted, `-` not) of a scan, 19 bytes each; and beside it
    the Id of the record that it was merged into, or nothing."""
    for record in records_of(extract.pages()):
        one, deleted, *master = require_record(record, len(extract.columns))
        flag = b"d" if deleted == "true" else b"-"
        yield one.encode() + flag, "".join(master).encode()
