"""顧客閲覧 URL 連携, HaiHai Mail → Salesforce.

Every click or visit has a key made of address, URL, time and kind, and counts
once, however often it is read.  The ledger holds last URL, last time and count per
address; what is written are those absolute values, so repeating is harmless.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import IO

from haihai_tui.sync import guard
from haihai_tui.sync.addresses import KEY_BYTES, address_key, fold_address
from haihai_tui.sync.config import PageViewsConfig
from haihai_tui.sync.moments import (
    MOMENT_TYPES,
    TEXT_TYPES,
    field_moment,
    normal_moment,
    to_the_second,
)
from haihai_tui.sync.ports import Field, Transaction, View
from haihai_tui.sync.reading import literal, parse_moment
from haihai_tui.sync.services import Services
from haihai_tui.sync.tables.fixed import FixedTable, TableDamaged, patch_fixed
from haihai_tui.sync.tables.lines import LineChange, LineTable, write_lines
from haihai_tui.sync.tables.sorting import sort_records
from haihai_tui.sync.writeback_source import Source, Target, Wanted, write_changed

FLOW = "page-views"
LEDGER = "page-views.ledger"
SEEN = "page-views.seen"
CURSOR = "page-views"
SEEN_WIDTH = KEY_BYTES + 1
_KEY_HEX = 2 * KEY_BYTES
_SEPARATOR = b"\x1f"
_CONTROL = dict.fromkeys([*range(32), 127])


class ViewTable(LineTable):
    """Per address (key in hex): count, last time, last URL."""

    what = "haihai-page-views"


class PageViews(Source):
    """Clicks and visits as the source of a write-back."""

    flow = FLOW

    def __init__(
        self, services: Services, views_from_file: Iterator[View] | None = None
    ) -> None:
        super().__init__(services)
        self._config: PageViewsConfig = services.config.page_views
        self._from_file = views_from_file
        self._next_ledger = services.next_table(LEDGER)
        self._next_seen = services.next_table(SEEN)
        self._cursor: str | None = None
        self._whole = False
        self._superseded: list[Path] = []
        self._ledger: ViewTable | None = None

    @property
    def sobjects(self) -> tuple[str, ...]:
        return self._config.sobjects

    @property
    def field_names(self) -> tuple[str, ...]:
        config = self._config
        names = (config.url_field, config.viewed_at_field, config.count_field)
        return tuple(name for name in names if name)

    def types_for(self, field_name: str) -> frozenset[str]:
        if field_name == self._config.viewed_at_field:
            return MOMENT_TYPES
        if field_name == self._config.count_field:
            return frozenset(("double", "int", "long", "currency", *TEXT_TYPES))
        return frozenset(("url", *TEXT_TYPES))

    @property
    def had_ledger(self) -> bool:
        return self._whole

    # ----------------------------------------------------------------- reading

    def _views(self) -> Iterator[View]:
        if self._from_file is not None:
            return self._from_file
        cursor = self.services.state.cursor(CURSOR) if self._whole else None
        # The service may tell an old event late; each counts once all the same.
        overlap = timedelta(days=self._config.overlap_days)
        since = parse_moment(cursor) - overlap if cursor else None
        as_of, views = self.services.haihai.views(since, self.folder)
        self._cursor = literal(as_of)
        return views

    def collect(self, changed: IO[bytes]) -> None:
        self._whole = self._tables_are_whole()
        events = sort_records(self._keyed(), _whole, self.folder, "views")
        fresh = self._fresh(events)
        by_address = sort_records(fresh, _whole, self.folder, "fresh")
        old = self._open_ledger()
        touched = self.folder / "ledger.changes"
        with touched.open("wb") as out:
            moved = self._moved(by_address, old, out)
            self.changed = write_changed(changed, moved)
        self._write_ledger(old, touched)
        self._write_seen()
        if old:
            old.close()

    def _keyed(self) -> Iterator[bytes]:
        for address, url, at, kind, _ in self._views():
            self.read += 1
            folded = fold_address(address)
            if folded is None:
                continue
            moment = to_the_second(at)
            told = f"{folded}\x00{url}\x00{moment}\x00{kind}".encode()
            event = blake2b(told, digest_size=KEY_BYTES).hexdigest().encode()
            key = address_key(folded).hex().encode()
            clean = url.translate(_CONTROL).encode()
            yield _SEPARATOR.join((event, key, moment.encode(), clean, folded.encode()))

    def _fresh(self, events: Iterator[bytes]) -> Iterator[bytes]:
        """Each event that no run has counted yet, once; notes its key."""
        self._delta = self.folder / "seen.delta"
        last = b""
        with (
            FixedTable(self._table(SEEN), SEEN_WIDTH, KEY_BYTES) as seen,
            self._delta.open("wb") as out,
        ):
            for line in events:
                event = line[:_KEY_HEX]
                if event == last:
                    continue
                last = event
                key = bytes.fromhex(event.decode())
                if seen.find(key):
                    continue
                out.write(key + b"v")
                yield line[_KEY_HEX + 1 :]

    def _moved(
        self, lines: Iterator[bytes], old: ViewTable | None, out: IO[bytes]
    ) -> Iterator[tuple[bytes, str]]:
        for key, group in groupby(lines, key=_key_of):
            count, at, url = 0, b"", b""
            known = old.find(key) if old else None
            if known is not None:
                count, at, url = _split(known)
            address = b""
            for line in group:
                _, moment, viewed, address = line.split(_SEPARATOR)
                count += 1
                if moment >= at:
                    at, url = moment, viewed
            new = b"\t".join((key, str(count).encode(), at, url))
            out.write(_SEPARATOR.join((key, known or b"", new)) + b"\n")
            yield bytes.fromhex(key.decode()), address.decode()

    def _table(self, name: str) -> Path | None:
        return self.services.table(name) if self._whole else None

    def _tables_are_whole(self) -> bool:
        """Ledger and seen events belong together: one without the other would count
        twice or never, so both are made anew from what the service still tells."""
        ledger = self.services.table(LEDGER)
        if ledger is None or self.services.table(SEEN, SEEN_WIDTH) is None:
            return False
        try:
            ViewTable(ledger, _KEY_HEX).close()
        except TableDamaged:
            return False
        return True

    def _open_ledger(self) -> ViewTable | None:
        path = self._table(LEDGER)
        return ViewTable(path, _KEY_HEX) if path else None

    def _write_ledger(self, old: ViewTable | None, touched: Path) -> None:
        with touched.open("rb") as stream:
            changes = (_line_change(line) for line in stream)
            head = {"what": ViewTable.what}
            write_lines(self._next_ledger, head, old, changes, self.changed)
        self._ledger = ViewTable(self._next_ledger, _KEY_HEX)

    def _write_seen(self) -> None:
        with (
            FixedTable(self._table(SEEN), SEEN_WIDTH, KEY_BYTES) as old,
            FixedTable(self._delta, SEEN_WIDTH, KEY_BYTES) as new,
        ):
            patch_fixed(old, new, new.count, self._next_seen)

    # ----------------------------------------------------------------- writing

    def rewind(self) -> None:
        if self._ledger:
            self._ledger.rewind()

    def wanted(
        self, key: bytes, target: Target, current: Mapping[str, str]
    ) -> Wanted | None:
        found = self._ledger.find(key.hex().encode()) if self._ledger else None
        if found is None:
            return None
        count, at, url = _split(found)
        fields = {field.name: field for field in target.fields}
        values: dict[str, str] = {}
        if field := fields.get(self._config.url_field):
            shown = self._fitting(field, url.decode())
            if shown is not None and shown != current[field.name]:
                values[field.name] = shown
        if field := fields.get(self._config.viewed_at_field):
            moment = field_moment(field, at.decode())
            if moment != normal_moment(field, current[field.name]):
                values[field.name] = moment
        field = fields.get(self._config.count_field)
        if field and _number(current[field.name]) != count:
            values[field.name] = str(count)
        return Wanted(values)

    def _fitting(self, field: Field, url: str) -> str | None:
        if not field.length or len(url) <= field.length:
            return url
        return url[: field.length] if self._config.too_long == "truncate" else None

    def weight(self, stopped: int) -> guard.Weight:
        return guard.Weight(FLOW, total=self.read)

    def keep(self, transaction: Transaction) -> None:
        self._superseded = [
            path for path in (self._table(LEDGER), self._table(SEEN)) if path
        ]
        transaction.set_snapshot(LEDGER, self._next_ledger.name)
        transaction.set_snapshot(SEEN, self._next_seen.name)
        if self._cursor:
            transaction.set_cursor(CURSOR, self._cursor)

    def done(self) -> None:
        self.close()
        for path in self._superseded:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        if self._ledger:
            self._ledger.close()


def _whole(line: bytes) -> bytes:
    return line


def _key_of(line: bytes) -> bytes:
    return line[:_KEY_HEX]


def _split(line: bytes) -> tuple[int, bytes, bytes]:
    _, count, at, url = line.split(b"\t", 3)
    return int(count), at, url


def _line_change(line: bytes) -> LineChange:
    key, old, new = line[:-1].split(_SEPARATOR)
    return LineChange(key, old or None, new)


def _number(written: str) -> float | None:
    try:
        return float(written)
    except ValueError:
        return None
