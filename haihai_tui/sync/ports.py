"""What the sync needs from outside, as Protocols and plain values.

The sync knows no HTTP, no database and no clock: wiring hands it objects of
these shapes.  Tables of any size cross this border as files or iterators,
never as lists, so that memory does not grow with the number of customers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from pathlib import Path
from typing import Literal, Protocol

from haihai_tui.errors import Text

# --------------------------------------------------------------- Salesforce


@dataclass(frozen=True, slots=True)
class Field:
    """One field as the running user may see it (REST describe).

    `length` is in characters (0 where the type has none).  `picklist` holds the
    active values; `restricted` says that no other value is accepted.
    """

    name: str
    type: str
    label: str = ""
    length: int = 0
    precision: int = 0
    scale: int = 0
    nillable: bool = True
    createable: bool = False
    updateable: bool = False
    encrypted: bool = False
    restricted: bool = False
    picklist: tuple[str, ...] = ()
    reference_to: tuple[str, ...] = ()
    relationship: str = ""


@dataclass(frozen=True, slots=True)
class SObject:
    """An object's description; `fields` is keyed by lower-case field name."""

    name: str
    label: str
    key_prefix: str
    fields: Mapping[str, Field]


@dataclass(frozen=True, slots=True)
class PageFile:
    """One verified result page on disk: CSV as Bulk 2.0 gives it.

    UTF-8, LF, a header line, every value quoted, null as an empty value.
    `rows` counts the records without the header.  `gzip` tells whether the file
    is compressed.  The reader may delete the file after use.
    """

    path: Path
    rows: int
    gzip: bool


class Extract(Protocol):
    """The answer to one query, arriving page by page."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Column names in SELECT order; parent fields as `Account.Name`."""

    @property
    def as_of(self) -> datetime:
        """The service's own time when the read began (UTC, aware)."""

    def pages(self) -> Iterator[PageFile]:
        """Each page once, after it was checked as complete."""


@dataclass(frozen=True, slots=True)
class RowFailure:
    """A row that Salesforce refused."""

    record_id: str
    code: str
    message: str
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class UpdateOutcome:
    """`failures` is read once; it may stream from a result file."""

    succeeded: int
    failures: Iterable[RowFailure]


class Salesforce(Protocol):
    """The Salesforce client, authorised, for one profile.

    Every method may raise ServiceUnreachable, AuthorisationNeeded,
    BudgetUsedUp, SettingsError or Interrupted.
    """

    def describe(self, sobject: str) -> SObject: ...

    def count(self, sobject: str, condition: str) -> int:
        """Rows that meet a SOQL condition (empty: all), by one COUNT() query."""

    def extract(
        self,
        soql: str,
        folder: Path,
        *,
        include_deleted: bool = False,
        expect_many: bool = False,
    ) -> Extract:
        """Stream a query's result into `folder`.

        REST below the threshold, Bulk 2.0 above; `expect_many` goes to Bulk at
        once.  `include_deleted` reads the recycle bin too (queryAll).
        """

    def update(
        self, sobject: str, table: Path, rows: int, folder: Path
    ) -> UpdateOutcome:
        """Update records from a CSV file.

        `table` is UTF-8 with LF and a header line whose first column is `Id`;
        `#N/A` sets null.  Collections below the threshold, Bulk ingest above.
        """

    def may_view_encrypted(self) -> bool:
        """Whether the user reads encrypted fields in clear (else masked); true where
        the org does not tell."""

    def report_ids(self, report: str, described: SObject) -> Sequence[str]:
        """The records of an object that a report shows: 18-character Ids, ascending.

        All of them (at most 42,000) or none: SettingsError where the report cannot be
        read to its end.
        """

    def calls(self) -> int:
        """API calls made so far by this client."""


# -------------------------------------------------------------- HaiHai Mail


class ImportKind(IntEnum):
    """`import_type` of the CSV import (spec: HaiHai Mail, CSV API)."""

    REGISTER = 0
    LEAVE = 1
    STOP = 2
    BAR = 3
    ALLOW = 5


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows for one kind of CSV import into one delivery group or step plan.

    `columns` are item names, `メールアドレス` among them.  `lines` are CSV
    records as text without line end, every value quoted, in column order; a line
    break inside a value is written as `\\x1e`.  Only `sync.batches` builds these.
    """

    kind: ImportKind
    group: str
    columns: tuple[str, ...]
    lines: Iterable[str]
    blank: Literal["keep", "overwrite"] = "keep"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One accepted import file: rows `first_row` … `first_row + rows - 1` (from 0)
    of its batch.  `job` is the service's number of the import, "" if it told none.
    """

    job: str
    kind: ImportKind
    file_name: str
    first_row: int
    rows: int


@dataclass(frozen=True, slots=True)
class ImportFailure:
    """A row that the import refused; `row` counts from 0 within its file."""

    row: int
    address: str
    reason: str


@dataclass(frozen=True, slots=True)
class ImportResult:
    """`unavailable`: this service does not tell results; `pending`: not yet."""

    state: Literal["done", "pending", "unavailable"]
    failures: tuple[ImportFailure, ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """A delivery group (配信グループ)."""

    gid: str
    name: str


DeliveryState = Literal["allowed", "stopped", "barred"]

Member = tuple[str, DeliveryState, str, str, bool]
"""address, 配信状態, 配信停止日時 (RFC 3339 UTC or ""), 配信停止方法, in ステータス
エラー."""

MemberRow = tuple[Member, list[str]]
"""A member and the values of the items that were asked for, "" where blank."""

View = tuple[str, str, str, str, str]
"""address, URL, time (RFC 3339 UTC), kind (`click` or `visit`), user agent or ""."""


class Haihai(Protocol):
    """The HaiHai Mail client for one profile; errors as for Salesforce."""

    @property
    def encoding(self) -> str:
        """The Python codec of import files (default cp932)."""

    def groups(self) -> tuple[Group, ...] | None:
        """All delivery groups, or None where the service cannot list them."""

    def members(self, group: str, folder: Path) -> Iterator[Member]:
        """Members of a group; downloaded whole before the first is yielded."""

    def member_rows(
        self, group: str, items: Sequence[str], folder: Path
    ) -> tuple[tuple[str, ...], Iterator[MemberRow]]:
        """Members with their values: those of `items` that the service tells (maybe
        none), and the rows with the values in that order; downloaded like `members`.
        """

    def views(
        self, since: datetime | None, folder: Path
    ) -> tuple[datetime, Iterator[View]]:
        """Clicks and visits from `since` on; and the service's time of the read."""

    def submit(self, batch: Batch, folder: Path) -> Iterator[Receipt]:
        """Pack, upload and have accepted one file after another.

        Lazily: the next file is packed when the next receipt is asked for.
        """

    def result(self, receipt: Receipt) -> ImportResult: ...

    def calls(self) -> int: ...


# -------------------------------------------------------------------- state


@dataclass(frozen=True, slots=True)
class Reject:
    """A record that one side or our own checks refused.

    `record` is the Salesforce Id, or the address where there is none.  `value` is
    masked before it is stored.
    """

    flow: str
    record: str
    field: str
    value: str
    cause: Text
    remedy: Text
    address: str = ""


@dataclass(frozen=True, slots=True)
class Review:
    """A question that only a person can answer: who is behind this address?

    `candidates` are Salesforce Ids.
    """

    flow: str
    key: str
    address: str
    reason: Text
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """A person's answer to a review: `chosen` is one of the candidates, or "-"."""

    key: str
    chosen: str
    candidates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PendingImport:
    """An import that was accepted, with no result yet.  `rows_file` names the kept
    list of Salesforce Ids in file order."""

    flow: str
    receipt: Receipt
    rows_file: str


class Transaction(Protocol):
    """All or nothing; left by an exception, nothing of it remains."""

    def set_cursor(self, name: str, value: str) -> None: ...
    def set_snapshot(self, name: str, file_name: str) -> None: ...
    def put_rejects(self, run_id: str, rejects: Iterable[Reject]) -> int:
        """Store or count up (tries + 1) open rejects; returns how many."""

    def resolve_rejects(self, flow: str, records: Iterable[str]) -> int: ...
    def put_reviews(self, run_id: str, reviews: Iterable[Review]) -> int: ...
    def close_reviews(self, flow: str, keys: Iterable[str]) -> int: ...
    def put_pending(self, imports: Iterable[PendingImport]) -> None: ...
    def drop_pending(self, flow: str, jobs: Iterable[str]) -> None: ...


class State(Protocol):
    """The control plane of one profile in the state database."""

    def transaction(self) -> AbstractContextManager[Transaction]: ...
    def cursor(self, name: str) -> str | None: ...
    def snapshot(self, name: str) -> str | None: ...
    def open_rejects(self, flow: str) -> Iterator[str]:
        """Records with an open reject, in ascending order, streamed."""

    def count_rejects(self, flow: str) -> int: ...
    def answers(self, flow: str) -> Iterator[Answer]:
        """What people have answered, in ascending order of `key`."""

    def open_reviews(self, flow: str) -> Iterator[Review]:
        """Reviews that nobody has answered yet, in ascending order of `key`."""

    def pending(self, flow: str) -> Sequence[PendingImport]: ...
