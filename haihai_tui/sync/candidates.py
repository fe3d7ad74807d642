"""The Salesforce records that a write-back flow has to look at.

Those that share an address whose answer changed, those linked to it, those that moved
in Salesforce themselves, and those refused before; sorted by address, each once.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Set
from itertools import islice
from pathlib import Path
from typing import IO
from urllib.parse import quote

from haihai_tui.errors import text
from haihai_tui.sync.addresses import KEY_BYTES, address_key, fold_address
from haihai_tui.sync.customers import INDEX
from haihai_tui.sync.events import Event
from haihai_tui.sync.linked_elsewhere import KEY_HEX, linked_elsewhere, links_of
from haihai_tui.sync.matching import EVENT_WIDTH
from haihai_tui.sync.reading import IDS_A_QUERY, literal, overlapped, records_of
from haihai_tui.sync.services import Services
from haihai_tui.sync.sieve import sieve
from haihai_tui.sync.tables.csvlines import csv_line
from haihai_tui.sync.tables.fixed import FixedTable
from haihai_tui.sync.tables.records import ID_WIDTH, require_record
from haihai_tui.sync.tables.sorting import sort_records
from haihai_tui.sync.writeback_source import Changed, Source, Target

LOOK_UP_LIMIT = 3_000
"""Up to so many changed addresses are asked for by name; above, all are read."""

FILTER_LIMIT = 200_000
"""Up to so many changed addresses are kept in memory to filter a whole read."""

URL_BUDGET = 11_000
"""Percent-encoded bytes of one IN list; the whole URL may have 16,384."""

LEAD_AND_CONTACT = ("Lead", "Contact")

NO_ADDRESS = b" " * KEY_HEX
"""Stands for the key of a record that has no address of its own any more."""

SEPARATOR = b"\x1f"
"""Between key (hex), Id and current values (CSV) of a candidate line."""


class Candidates:
    """Reads the candidates of one run, object by object."""

    def __init__(self, services: Services, source: Source, retried: list[str]) -> None:
        """`retried` holds the Ids of records refused by earlier runs."""
        self._services = services
        self._source = source
        self._folder = source.folder
        self._retried = retried
        self._scans: dict[str, Path] = {}

    def _cursor_name(self, target: Target) -> str:
        return f"{self._source.flow}.{target.name}"

    def read_times(self, targets: list[Target]) -> dict[str, str]:
        """The service's time before anything is read, per object.

        A first run has no window to read; it asks for one row to learn the time.
        """
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
                soql = target.select(
                    f"SystemModstamp >= {since}", addressed=not target.linked
                )
                soql += " ORDER BY SystemModstamp, Id"
            extract = self._services.salesforce.extract(soql, self._folder)
            spool = self._folder / f"scan.{target.name}"
            with spool.open("wb") as out:
                for record in records_of(extract.pages()):
                    if cursor is not None:
                        self._spool(record, target, out)
            self._scans[target.name] = spool
            cursors[name] = literal(extract.as_of)
        return cursors

    def of(
        self, target: Target, changed: Changed, *, everyone: bool
    ) -> Iterator[bytes]:
        """Lines of key (hex), Id and current values, ascending, without repeats."""
        spool = self._scans[target.name]
        with spool.open("ab") as out:
            self._look_up(target, changed, out, everyone=everyone)
            self._look_up_retried(target, out)
        yield from self._linked(target, self._sorted(spool, target.name))

    def _sorted(self, spool: Path, name: str) -> Iterator[bytes]:
        with spool.open("rb") as stream:
            lines = (line[:-1] for line in stream)
            last = b""
            for line in sort_records(lines, _whole, self._folder, name):
                head = line[: KEY_HEX + 1 + ID_WIDTH]
                if head != last:
                    yield line
                last = head

    def _linked(self, target: Target, lines: Iterator[bytes]) -> Iterator[bytes]:
        """Tell the source of those who are linked to another address; whoever has no
        address is looked at by that one alone."""
        if not target.linked and not self._inherits(target):
            self._source.link({})
            yield from lines
            return
        ordered = self._folder / f"ordered.{target.name}"
        with ordered.open("wb") as out:
            out.writelines(line + b"\n" for line in lines)
        if target.linked:
            with ordered.open("rb") as stream:
                links = linked_elsewhere(self._services, stream, self._folder)
        else:
            links = self._inherited_links(ordered)
        self._source.link(links)
        placed = sorted(_placed(ordered, links))
        yield from heapq.merge(placed, _addressed(ordered))

    def _look_up(
        self, target: Target, changed: Changed, out: IO[bytes], *, everyone: bool
    ) -> None:
        if everyone:
            self._look_up_all(target, None, out)
        elif changed.count == 0:
            return
        elif changed.count <= LOOK_UP_LIMIT:
            self._look_up_by_name(target, changed, out)
        else:
            self._look_up_all(target, changed, out)

    def _look_up_by_name(
        self, target: Target, changed: Changed, out: IO[bytes]
    ) -> None:
        heirs = self._heirs(target, changed)
        with self._index(target) as index:
            emails: list[str] = []
            ids: set[str] = set()
            size = 0
            for key, address in changed.lines():
                linked = [
                    one[KEY_BYTES:-1].decode() for one in index.find(bytes.fromhex(key))
                ]
                linked += heirs.get(key, [])
                ids.update(linked)
                emails.append(_quoted(address))
                size += len(quote(emails[-1])) + 27 * len(linked) + 3
                if size >= URL_BUDGET:
                    self._ask(target, emails, ids, out)
                    emails, ids, size = [], set(), 0
            if emails:
                self._ask(target, emails, ids, out)

    def _index(self, target: Target) -> FixedTable:
        path = self._services.table(INDEX, EVENT_WIDTH) if target.linked else None
        return FixedTable(path, EVENT_WIDTH, KEY_BYTES)

    def _ask(
        self, target: Target, emails: list[str], ids: set[str], out: IO[bytes]
    ) -> None:
        condition = f"{target.address_field} IN ({','.join(emails)})"
        if ids:
            listed = ",".join(f"'{one}'" for one in sorted(ids))
            condition = f"({condition} OR Id IN ({listed}))"
        extract = self._services.salesforce.extract(
            target.select(condition, addressed=False), self._folder
        )
        for record in records_of(extract.pages()):
            self._services.pacer.check()
            self._spool(record, target, out)

    def _look_up_all(
        self, target: Target, changed: Changed | None, out: IO[bytes]
    ) -> None:
        """Read all records; keep those of `changed` addresses (None: of any)."""
        keys: set[str] | None = None
        linked: set[str] = set()
        if changed is not None and changed.count <= FILTER_LIMIT:
            keys = {key for key, _ in changed.lines()}
            linked = self._linked_ids(target, changed)
        extract = self._services.salesforce.extract(
            target.select(addressed=not target.linked),
            self._folder,
            expect_many=True,
        )
        passes = sieve(keys, linked) if keys is not None else None
        done = 0
        for page in extract.pages():
            self._services.pacer.check()
            for record in filter(passes, records_of([page])):
                self._spool(record, target, out, linked=linked, only=keys)
            page.path.unlink(missing_ok=True)
            done += page.rows
            self._tell_progress(target, done)

    def _linked_ids(self, target: Target, changed: Changed) -> set[str]:
        heirs = self._heirs(target, changed)
        linked = {one for contacts in heirs.values() for one in contacts}
        with self._index(target) as index:
            for key, _ in changed.lines():
                for record in index.find(bytes.fromhex(key)):
                    linked.add(record[KEY_BYTES:-1].decode())
        return linked

    def _heirs(self, target: Target, changed: Changed) -> dict[str, list[str]]:
        """By key (hex) the contacts into which linked leads were converted: the lead's
        link is theirs, whatever address they have by now."""
        if not self._inherits(target):
            return {}
        keys: dict[str, str] = {}
        path = self._services.table(INDEX, EVENT_WIDTH)
        with FixedTable(path, EVENT_WIDTH, KEY_BYTES) as index:
            for key, _ in changed.lines():
                for record in index.find(bytes.fromhex(key)):
                    keys[record[KEY_BYTES:-1].decode()] = key
        heirs: dict[str, list[str]] = {}
        for lead, contact in self._conversions("Id", sorted(keys)):
            heirs.setdefault(keys[lead], []).append(contact)
        return heirs

    def _inherits(self, target: Target) -> bool:
        sobject = self._services.config.customers.sobject
        return (sobject, target.name) == LEAD_AND_CONTACT

    def _conversions(
        self, name: str, ids: list[str] | None
    ) -> Iterator[tuple[str, str]]:
        """Lead and contact of each conversion; of those alone whose field `name` is
        among `ids` (None: of all)."""
        asked = [""]
        if ids is not None:
            asked = [
                f" AND {name} IN ({','.join(map(_quoted, ids[at : at + IDS_A_QUERY]))})"
                for at in range(0, len(ids), IDS_A_QUERY)
            ]
        for condition in asked:
            extract = self._services.salesforce.extract(
                "SELECT Id, ConvertedContactId FROM Lead WHERE IsConverted = true "
                f"AND ConvertedContactId != null{condition}",
                self._folder,
                expect_many=ids is None,
            )
            for record in records_of(extract.pages()):
                lead, contact = require_record(record, 2)
                yield lead, contact

    def _inherited_links(self, ordered: Path) -> dict[bytes, bytes]:
        """The links that candidates have by the leads that they come from."""
        ids: list[str] = []
        with ordered.open("rb") as stream:
            for line in islice(stream, LOOK_UP_LIMIT + 1):
                ids.append(line.split(SEPARATOR, 2)[1].decode())
        asked = None if len(ids) > LOOK_UP_LIMIT else sorted(set(ids))
        found = {
            lead.encode(): contact.encode()
            for lead, contact in self._conversions("ConvertedContactId", asked)
        }
        links = links_of(self._services, sorted(found))
        return {found[lead]: key for lead, key in links}

    def _tell_progress(self, target: Target, done: int) -> None:
        wording = text("{sobject} を照合中: {done} 件", sobject=target.name, done=done)
        data = {"stage": "match", "object": target.name, "done": done}
        self._services.listener(
            Event("progress", self._source.flow, wording, "debug", data)
        )

    def _look_up_retried(self, target: Target, out: IO[bytes]) -> None:
        prefix = target.described.key_prefix
        ids = [one for one in self._retried if one.startswith(prefix)]
        for at in range(0, len(ids), 300):
            listed = ",".join(f"'{one}'" for one in ids[at : at + 300])
            extract = self._services.salesforce.extract(
                target.select(f"Id IN ({listed})", addressed=False), self._folder
            )
            for record in records_of(extract.pages()):
                self._spool(record, target, out)

    def _spool(
        self,
        record: bytes,
        target: Target,
        out: IO[bytes],
        *,
        linked: Set[str] = frozenset(),
        only: set[str] | None = None,
    ) -> None:
        """Write a candidate line under the record's own address.

        Where just some are wanted: `only` their keys, or those `linked` to them.
        """
        one, written, *values = require_record(record, len(target.columns))
        folded = fold_address(written)
        key = address_key(folded).hex() if folded else ""
        if only is not None and key not in only and one not in linked:
            return
        if not key and not target.linked:
            return
        cells = csv_line([value.replace("\n", " ") for value in values])
        parts = (key.encode() or NO_ADDRESS, one.encode(), cells.encode())
        out.write(SEPARATOR.join(parts) + b"\n")


def _addressed(ordered: Path) -> Iterator[bytes]:
    """The lines of records that have an address."""
    with ordered.open("rb") as stream:
        for line in stream:
            if not line.startswith(NO_ADDRESS):
                yield line[:-1]


def _placed(ordered: Path, links: Mapping[bytes, bytes]) -> Iterator[bytes]:
    """The lines of those without one, under the address that they are linked to."""
    with ordered.open("rb") as stream:
        for line in stream:
            if not line.startswith(NO_ADDRESS):
                return
            _, one, cells = line[:-1].split(SEPARATOR, 2)
            if one in links:
                yield SEPARATOR.join((links[one], one, cells))


def _quoted(address: str) -> str:
    escaped = address.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _whole(line: bytes) -> bytes:
    return line
