"""HaiHai Mail → Salesforce: one way of writing back for both flows.

A source says for each address what its records should hold.  Candidates are the
records that share an address whose answer changed, those linked to it, those that
moved in Salesforce themselves and those refused before.  They are sorted by
address, joined with the source's ledger and compared with what Salesforce holds;
only differences are written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO
from urllib.parse import quote

from haihai_tui.errors import Text, text
from haihai_tui.sync import guard
from haihai_tui.sync.addresses import KEY_BYTES, address_key, fold_address
from haihai_tui.sync.customers import INDEX
from haihai_tui.sync.draft import RejectSpool
from haihai_tui.sync.events import Event
from haihai_tui.sync.mapping import Problem
from haihai_tui.sync.matching import EVENT_WIDTH
from haihai_tui.sync.outcome import FlowOutcome
from haihai_tui.sync.ports import Field, RowFailure, SObject, Transaction
from haihai_tui.sync.reading import literal, overlapped, records_of
from haihai_tui.sync.services import FieldChange, PlanEntry, Services
from haihai_tui.sync.tables.csvlines import csv_line, split_line
from haihai_tui.sync.tables.fixed import FixedTable
from haihai_tui.sync.tables.records import ID_WIDTH, parse_record
from haihai_tui.sync.tables.sorting import sort_fixed, sort_records

NULL = "#N/A"
"""Sets a field to null in an update table (as in Bulk 2.0)."""

LOOK_UP_LIMIT = 3_000
"""Up to so many changed addresses are asked for by name; above, all are read."""

FILTER_LIMIT = 200_000
"""Up to so many changed addresses are kept in memory to filter a whole read."""

URL_BUDGET = 11_000
"""Percent-encoded bytes of one IN list; the whole URL may have 16,384."""

_SEPARATOR = b"\x1f"
_KEY_HEX = 2 * KEY_BYTES


@dataclass(slots=True)
class Target:
    """One object's fields that a flow writes, as the user may see and edit them."""

    described: SObject
    address_field: str
    fields: tuple[Field, ...]
    linked: bool

    @property
    def name(self) -> str:
        return self.described.name

    @property
    def columns(self) -> tuple[str, ...]:
        return ("Id", self.address_field, *(field.name for field in self.fields))

    def select(self, *conditions: str) -> str:
        wanted = [f"{self.address_field} != null", *conditions]
        where = " AND ".join(condition for condition in wanted if condition)
        return f"SELECT {', '.join(self.columns)} FROM {self.name} WHERE {where}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one record should hold: new values by field name; problems beside it."""

    values: Mapping[str, str]
    problems: tuple[Problem, ...] = ()
    silences: bool = False


class Source(ABC):
    """What the two flows differ in."""

    flow: str

    def __init__(self, services: Services) -> None:
        self.services = services
        self.folder = services.scratch / self.flow
        self.folder.mkdir(parents=True, exist_ok=True)
        self.read = 0
        self.changed = 0

    @property
    @abstractmethod
    def sobjects(self) -> tuple[str, ...]: ...

    @property
    @abstractmethod
    def field_names(self) -> tuple[str, ...]:
        """The configured target fields, the empty ones left out."""

    @abstractmethod
    def types_for(self, field_name: str) -> frozenset[str]:
        """The field types that can take what this source writes there."""

    @property
    @abstractmethod
    def had_ledger(self) -> bool:
        """Whether earlier runs have kept anything; known after `collect`."""

    @abstractmethod
    def collect(self, changed: IO[bytes]) -> None:
        """Read the service, build the next ledger, write changed addresses.

        One line each: the address's key in hex, a tab, the folded address;
        ascending.
        """

    @abstractmethod
    def rewind(self) -> None:
        """The next `wanted` asks from the lowest key again."""

    @abstractmethod
    def wanted(
        self, key: bytes, target: Target, current: Mapping[str, str]
    ) -> Wanted | None:
        """What a record with this address should hold; keys come ascending."""

    @abstractmethod
    def weight(self, stopped: int) -> guard.Weight: ...

    @abstractmethod
    def keep(self, transaction: Transaction) -> None:
        """Make the next ledger current."""

    @abstractmethod
    def done(self) -> None:
        """After the commit: drop what was superseded."""

    @abstractmethod
    def close(self) -> None:
        """Close what is open, whether or not there was a commit."""


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
        self._set_aside = 0
        self._signatures: dict[str, str] = {}
        self.written = 0
        self._refused: list[str] = []

    # -------------------------------------------------------------------- plan

    def plan(self) -> WriteBackPlan:
        targets = list(self._targets())
        cursors = self._read_times(targets)
        changed = self._folder / "changed"
        with changed.open("wb") as out:
            self._source.collect(out)
        self.retried = list(self._services.state.open_rejects(self._source.flow))
        plan = self._new_plan(targets)
        plan.cursors = cursors
        for table in plan.tables:
            self._fill(plan, table, self._candidates(table.target, changed))
        plan.rejects.close()
        self._sort_concerned(plan)
        self._plan = plan
        return plan

    def _new_plan(self, targets: list[Target]) -> WriteBackPlan:
        return WriteBackPlan(
            tables=[
                _Table(target, self._folder / f"update.{target.name}.csv")
                for target in targets
            ],
            rejects=RejectSpool(self._folder / "rejects"),
            entries=self._folder / "entries",
            concerned=self._folder / "concerned",
            set_aside=self._set_aside,
        )

    def _targets(self) -> Iterator[Target]:
        customers = self._services.config.customers
        for name in self._source.sobjects:
            described = self._services.salesforce.describe(name)
            linked = name == customers.sobject
            address_field = customers.address_field if linked else "Email"
            fields = tuple(self._usable(described))
            self._signatures[name] = ",".join(field.name for field in fields)
            if fields and described.fields.get(address_field.lower()):
                yield Target(described, address_field, fields, linked)

    def _usable(self, described: SObject) -> Iterator[Field]:
        for name in self._source.field_names:
            found = described.fields.get(name.lower())
            cause = _unusable(found, self._source.types_for(name))
            if cause is None and found is not None:
                yield found
                continue
            self._set_aside += 1
            self._tell_unusable(described, name, cause or "missing_field")

    def _tell_unusable(self, described: SObject, name: str, cause: str) -> None:
        wording = text(
            "{sobject}.{field} には書き戻せません: {why}",
            sobject=described.name,
            field=name,
            why=_WHY_UNUSABLE[cause],
        )
        data = {"object": described.name, "field": name, "cause": cause}
        event = Event("field_set_aside", self._source.flow, wording, "warning", data)
        self._services.listener(event)

    def _must_read_all(self, target: Target) -> bool:
        """Whether other fields are written than in the last run: one that came back,
        a new object.  Then every address of the ledger is looked up again."""
        before = self._services.state.cursor(self._signature_name(target.name))
        return self._source.had_ledger and before != self._signatures[target.name]

    def _signature_name(self, sobject: str) -> str:
        return f"{self._source.flow}.{sobject}.fields"

    def _cursor_name(self, target: Target) -> str:
        return f"{self._source.flow}.{target.name}"

    def _read_times(self, targets: list[Target]) -> dict[str, str]:
        """The service's time before anything is read, per object.

        A first run has no window to read; it asks for one row to learn the time.
        """
        self._scans: dict[str, Path] = {}
        cursors = {}
        for target in targets:
            name = self._cursor_name(target)
            cursor = self._services.state.cursor(name)
            if cursor is None:
                soql = f"SELECT Id FROM {target.name} LIMIT 1"
            else:
                since = overlapped(
                    cursor, self._services.config.customers.overlap_minutes
                )
                soql = target.select(f"SystemModstamp >= {since}")
                soql += " ORDER BY SystemModstamp, Id"
            extract = self._services.salesforce.extract(soql, self._folder)
            spool = self._folder / f"scan.{target.name}"
            with spool.open("wb") as out:
                for record in records_of(extract.pages()):
                    if cursor is not None:
                        _spool(record, target, out)
            self._scans[target.name] = spool
            cursors[name] = literal(extract.as_of)
        return cursors

    # -------------------------------------------------------------- candidates

    def _candidates(self, target: Target, changed: Path) -> Iterator[bytes]:
        """Lines of key (hex), Id and current values, ascending, without repeats."""
        spool = self._scans[target.name]
        with spool.open("ab") as out:
            self._look_up(target, changed, out)
            self._look_up_retried(target, out)
        with spool.open("rb") as stream:
            lines = (line[:-1] for line in stream)
            last = b""
            for line in sort_records(lines, _whole, self._folder, target.name):
                head = line[: _KEY_HEX + 1 + ID_WIDTH]
                if head != last:
                    yield line
                last = head

    def _look_up(self, target: Target, changed: Path, out: IO[bytes]) -> None:
        if self._must_read_all(target):
            self._look_up_all(target, None, out)
        elif self._source.changed == 0:
            return
        elif self._source.changed <= LOOK_UP_LIMIT:
            self._look_up_by_name(target, changed, out)
        else:
            self._look_up_all(target, changed, out)

    def _look_up_by_name(self, target: Target, changed: Path, out: IO[bytes]) -> None:
        with self._index(target) as index:
            emails: list[str] = []
            ids: dict[str, bytes] = {}
            size = 0
            for key, address in _changed_lines(changed):
                linked = [
                    one[KEY_BYTES:-1].decode() for one in index.find(bytes.fromhex(key))
                ]
                ids |= dict.fromkeys(linked, key.encode())
                emails.append(_quoted(address))
                size += len(quote(emails[-1])) + 27 * len(linked) + 3
                if size >= URL_BUDGET:
                    self._ask(target, emails, ids, out)
                    emails, ids, size = [], {}, 0
            if emails:
                self._ask(target, emails, ids, out)

    def _index(self, target: Target) -> FixedTable:
        path = self._services.table(INDEX, EVENT_WIDTH) if target.linked else None
        return FixedTable(path, EVENT_WIDTH, KEY_BYTES)

    def _ask(
        self, target: Target, emails: list[str], ids: dict[str, bytes], out: IO[bytes]
    ) -> None:
        condition = f"{target.address_field} IN ({','.join(emails)})"
        if ids:
            listed = ",".join(f"'{one}'" for one in ids)
            condition = f"({condition} OR Id IN ({listed}))"
        asked = {fold_address(_unquoted(one)) for one in emails}
        extract = self._services.salesforce.extract(
            target.select(condition), self._folder
        )
        for record in records_of(extract.pages()):
            self._services.pacer.check()
            _spool(record, target, out, linked=ids, asked=asked)

    def _look_up_all(
        self, target: Target, changed: Path | None, out: IO[bytes]
    ) -> None:
        """Read all records; keep those of `changed` addresses (None: of any)."""
        keys: set[str] | None = None
        linked: dict[str, bytes] = {}
        if changed is not None and self._source.changed <= FILTER_LIMIT:
            keys = {key for key, _ in _changed_lines(changed)}
            linked = self._linked_ids(target, changed)
        extract = self._services.salesforce.extract(
            target.select(), self._folder, expect_many=True
        )
        done = 0
        for page in extract.pages():
            self._services.pacer.check()
            for record in records_of([page]):
                _spool(record, target, out, linked=linked, only=keys)
            page.path.unlink(missing_ok=True)
            done += page.rows
            self._tell_progress(target, done)

    def _linked_ids(self, target: Target, changed: Path) -> dict[str, bytes]:
        with self._index(target) as index:
            return {
                record[KEY_BYTES:-1].decode(): key.encode()
                for key, _ in _changed_lines(changed)
                for record in index.find(bytes.fromhex(key))
            }

    def _tell_progress(self, target: Target, done: int) -> None:
        wording = text("{sobject} を照合中: {done} 件", sobject=target.name, done=done)
        data = {"stage": "match", "object": target.name, "done": done}
        self._services.listener(
            Event("progress", self._source.flow, wording, "debug", data)
        )

    def _look_up_retried(self, target: Target, out: IO[bytes]) -> None:
        prefix = target.described.key_prefix
        ids = [one for one in self.retried if one.startswith(prefix)]
        for at in range(0, len(ids), 300):
            listed = ",".join(f"'{one}'" for one in ids[at : at + 300])
            extract = self._services.salesforce.extract(
                target.select(f"Id IN ({listed})"), self._folder
            )
            for record in records_of(extract.pages()):
                _spool(record, target, out)

    # ------------------------------------------------------------ what to write

    def _fill(
        self, plan: WriteBackPlan, table: _Table, candidates: Iterator[bytes]
    ) -> None:
        names = [field.name for field in table.target.fields]
        self._source.rewind()
        with (
            table.path.open("w", encoding="utf-8", newline="") as rows,
            plan.entries.open("a", encoding="utf-8") as entries,
            plan.concerned.open("ab") as concerned,
        ):
            rows.write(csv_line(["Id", *names]) + "\n")
            for line in candidates:
                key, one, values = line.split(_SEPARATOR, 2)
                current = dict(zip(names, split_line(values.decode()), strict=True))
                wanted = self._source.wanted(
                    bytes.fromhex(key.decode()), table.target, current
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
        """Only after every write was acknowledged: ledger, cursors, rejects."""
        again = set(self._plan.rejects.records())
        settled = (one for one in self.retried if one not in again)
        run_id = self._services.run_id
        with self._services.state.transaction() as transaction:
            for name, cursor in self._plan.cursors.items():
                transaction.set_cursor(name, cursor)
            for sobject, signature in self._signatures.items():
                transaction.set_cursor(self._signature_name(sobject), signature)
            transaction.resolve_rejects(self._source.flow, settled)
            transaction.put_rejects(run_id, self._plan.rejects.read(self._source.flow))
            self._source.keep(transaction)
        self._source.done()

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
            set_aside=plan.set_aside,
            cursor=min(plan.cursors.values(), default=None),
        )


_WHY_UNUSABLE: dict[str, Text] = {
    "missing_field": text(
        "項目が見つかりません。項目の作成、または参照権限の付与が必要です。"
    ),
    "no_edit_permission": text(
        "編集する権限がありません。連携ユーザーに編集権限を付与してください。"
    ),
    "field_type_mismatch": text(
        "項目の型が合いません。型を戻すか、別の項目を指定してください。"
    ),
}


def _unusable(field: Field | None, types: frozenset[str]) -> str | None:
    """The cause's code where a field cannot be written, else None."""
    if field is None:
        return "missing_field"
    if not field.updateable:
        return "no_edit_permission"
    return None if field.type in types else "field_type_mismatch"


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


def _changed_lines(path: Path) -> Iterator[tuple[str, str]]:
    with path.open(encoding="utf-8") as stream:
        for line in stream:
            key, address = line.rstrip("\n").split("\t")
            yield key, address


def _spool(
    record: bytes,
    target: Target,
    out: IO[bytes],
    *,
    linked: Mapping[str, bytes] | None = None,
    asked: set[str | None] | None = None,
    only: set[str] | None = None,
) -> None:
    """Write a candidate line: under the record's own address where that was asked
    for, else under the address that it is linked to."""
    one, written, *values = parse_record(record, len(target.columns))
    folded = fold_address(written)
    key = address_key(folded).hex() if folded else ""
    own = bool(key) and (only is None or key in only)
    if asked is not None:
        own = folded in asked
    if not own:
        link = (linked or {}).get(one)
        if link is None:
            return
        key = link.decode()
    if not key:
        return
    cells = csv_line([value.replace("\n", " ") for value in values])
    out.write(_SEPARATOR.join((key.encode(), one.encode(), cells.encode())) + b"\n")


def _quoted(address: str) -> str:
    escaped = address.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _unquoted(literal_text: str) -> str:
    return literal_text[1:-1].replace("\\'", "'").replace("\\\\", "\\")


def _whole(line: bytes) -> bytes:
    return line


def write_changed(out: IO[bytes], changed: Iterable[tuple[bytes, str]]) -> int:
    """Write changed addresses as `Source.collect` has to; their number."""
    count = 0
    for key, address in changed:
        out.write(f"{key.hex()}\t{address}\n".encode())
        count += 1
    return count
