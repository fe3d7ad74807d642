"""顧客閲覧 URL 連携, HaiHai Mail → Salesforce.

An event is address, URL, time and kind, and counts once, however often it is read.
The ledger keeps all events of an address and what they come to: last URL, last time,
count.  What is written are those absolute values, so repeating is harmless.  An address
that nothing was measured of has no line, and its records stay empty: not measured is
not zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import IO
from urllib.parse import quote

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
from haihai_tui.sync.tables.fixed import TableDamaged
from haihai_tui.sync.tables.lines import LineChange, LineTable, write_lines
from haihai_tui.sync.tables.sorting import sort_records
from haihai_tui.sync.views import BotRule, Viewed, ViewEvent, marked_in
from haihai_tui.sync.writeback_source import (
    NULL,
    Source,
    Target,
    Wanted,
    write_changed,
)

FLOW = "page-views"
LEDGER = "page-views.ledger"
CURSOR = "page-views"
_KEY_HEX = 2 * KEY_BYTES
_SEPARATOR = b"\x1f"
_CONTROL = dict.fromkeys([*range(32), 127])
_RULE = "rule"


class ViewTable(LineTable):
    """Per address (key in hex): what it comes to and all events, a `Viewed` each."""

    what = "haihai-viewed"


class PageViews(Source):
    """Clicks and visits as the source of a write-back."""

    flow = FLOW

    def __init__(
        self, services: Services, views_from_file: Iterator[View] | None = None
    ) -> None:
        super().__init__(services)
        self._config: PageViewsConfig = services.config.page_views
        self._rule = BotRule(
            self._config.bot_urls, self._config.bot_seconds, self._config.bot_agents
        )
        self._from_file = views_from_file
        self._next_ledger = services.next_table(LEDGER)
        self._cursor: str | None = None
        self._superseded: Path | None = None
        self._ledger: ViewTable | None = None

    @property
    def sobjects(self) -> tuple[str, ...]:
        return self._config.sobjects

    @property
    def field_names(self) -> tuple[str, ...]:
        config = self._config
        names = (
            config.url_field,
            config.viewed_at_field,
            config.count_field,
            config.log_field,
            config.record_url_field,
        )
        return tuple(name for name in names if name)

    def types_for(self, field_name: str) -> frozenset[str]:
        if field_name == self._config.viewed_at_field:
            return MOMENT_TYPES
        if field_name == self._config.count_field:
            return frozenset(("double", "int", "long", "currency", *TEXT_TYPES))
        if field_name == self._config.log_field:
            return TEXT_TYPES
        return frozenset(("url", *TEXT_TYPES))

    @property
    def had_ledger(self) -> bool:
        return self._superseded is not None

    @property
    def marked(self) -> int:
        return self._ledger.weight if self._ledger else 0

    # ----------------------------------------------------------------- reading

    def _views(self) -> Iterator[View]:
        if self._from_file is not None:
            return self._from_file
        cursor = self.services.state.cursor(CURSOR) if self._superseded else None
        # The service may tell an old event late; each counts once all the same.
        overlap = timedelta(days=self._config.overlap_days)
        since = parse_moment(cursor) - overlap if cursor else None
        as_of, views = self.services.haihai.views(since, self.folder)
        self._cursor = literal(as_of)
        return views

    def collect(self, changed: IO[bytes]) -> None:
        old = self._open_ledger()
        events = sort_records(self._keyed(), _key_of, self.folder, "views")
        touched = self.folder / "ledger.changes"
        try:
            with touched.open("wb") as out:
                self.changed = write_changed(changed, self._moved(events, old, out))
            self._write_ledger(old, touched)
        finally:
            if old:
                old.close()

    def _keyed(self) -> Iterator[bytes]:
        for address, url, at, kind, agent in self._views():
            self.read += 1
            folded = fold_address(address)
            if folded is None:
                continue
            parts = (
                address_key(folded).hex(),
                folded,
                to_the_second(at),
                *(one.translate(_CONTROL) for one in (url, kind, agent)),
            )
            yield _SEPARATOR.join(part.encode("utf-8", "replace") for part in parts)

    def _moved(
        self, lines: Iterator[bytes], old: ViewTable | None, out: IO[bytes]
    ) -> Iterator[tuple[bytes, str]]:
        """Addresses whose line changes.  With another rule than before, every line
        that is known is judged anew."""
        groups: Groups = (
            (key, list(group)) for key, group in groupby(lines, key=_key_of)
        )
        if old is not None and old.head.get(_RULE) != self._rule.written:
            groups = _with_all(groups, old)
        for key, group in groups:
            line = old.find(key) if old else None
            known = Viewed.read(line) if line else None
            events = [*(known.events if known else ()), *map(_event, group)]
            address = known.address if known else _address(group[0])
            new = Viewed.judged(address, events, self._rule)
            if new == known:
                continue
            written = new.line(key)
            out.write(_SEPARATOR.join((key, line or b"", written)) + b"\n")
            yield bytes.fromhex(key.decode()), address

    def _open_ledger(self) -> ViewTable | None:
        """The last ledger; where it is damaged it is made anew from what the service
        still tells."""
        path = self.services.table(LEDGER)
        if path is None:
            return None
        try:
            table = ViewTable(path, _KEY_HEX)
        except TableDamaged:
            return None
        self._superseded = path
        return table

    def _write_ledger(self, old: ViewTable | None, touched: Path) -> None:
        head = {"what": ViewTable.what, _RULE: self._rule.written}
        with touched.open("rb") as stream:
            changes = (_line_change(line) for line in stream)
            target = self._next_ledger
            write_lines(target, head, old, changes, self.changed, marked_in)
        self._ledger = ViewTable(self._next_ledger, _KEY_HEX)

    # ----------------------------------------------------------------- writing

    def rewind(self) -> None:
        if self._ledger:
            self._ledger.rewind()

    def link(self, links: Mapping[bytes, bytes]) -> None:
        """Views are counted by address, not by person."""

    def wanted(
        self, key: bytes, one: bytes, target: Target, current: Mapping[str, str]
    ) -> Wanted | None:
        line = self._ledger.find(key.hex().encode()) if self._ledger else None
        if line is None:
            return None
        found, config = Viewed.read(line), self._config
        fields = {field.name: field for field in target.fields}
        values: dict[str, str] = {}
        if field := fields.get(config.url_field):
            shown = self._fitting(field, found.url)
            if shown is not None and shown != current[field.name]:
                values[field.name] = shown or NULL
        if field := fields.get(config.viewed_at_field):
            moment = field_moment(field, found.at)
            if moment != normal_moment(field, current[field.name]):
                values[field.name] = moment or NULL
        field = fields.get(config.count_field)
        if field and _number(current[field.name]) != found.count:
            values[field.name] = str(found.count)
        if field := fields.get(config.log_field):
            log = found.log(self._rule, field.length)
            if log.replace("\n", " ") != current[field.name].replace("\r", ""):
                values[field.name] = log or NULL
        if field := fields.get(config.record_url_field):
            link = self._fitting(field, self._record_url(found.address))
            if link and link != current[field.name]:
                values[field.name] = link
        return Wanted(values)

    def _record_url(self, address: str) -> str:
        quoted = quote(address, safe="")
        return self._config.record_url_template.replace("{address}", quoted)

    def _fitting(self, field: Field, url: str) -> str | None:
        if not field.length or len(url) <= field.length:
            return url
        return url[: field.length] if self._config.too_long == "truncate" else None

    def weight(self, stopped: int) -> guard.Weight:
        return guard.Weight(FLOW, total=self.read)

    def keep(self, transaction: Transaction) -> None:
        transaction.set_snapshot(LEDGER, self._next_ledger.name)
        if self._cursor:
            transaction.set_cursor(CURSOR, self._cursor)

    def done(self) -> None:
        self.close()
        if self._superseded:
            self._superseded.unlink(missing_ok=True)

    def close(self) -> None:
        if self._ledger:
            self._ledger.close()


Groups = Iterator[tuple[bytes, list[bytes]]]


def _with_all(groups: Groups, old: ViewTable) -> Groups:
    """The groups, and an empty one for each other line that is known; ascending."""
    known = (_key_of(line) for line in old.lines())
    group, key = next(groups, None), next(known, None)
    while group is not None or key is not None:
        if group is not None and (key is None or group[0] <= key):
            if group[0] == key:
                key = next(known, None)
            yield group
            group = next(groups, None)
        elif key is not None:
            yield key, []
            key = next(known, None)


def _key_of(line: bytes) -> bytes:
    return line[:_KEY_HEX]


def _address(line: bytes) -> str:
    return line.split(_SEPARATOR, 2)[1].decode()


def _event(line: bytes) -> ViewEvent:
    _, _, moment, url, kind, agent = line.decode().split("\x1f")
    return ViewEvent(moment, url, kind, agent)


def _line_change(line: bytes) -> LineChange:
    key, old, new = line[:-1].split(_SEPARATOR)
    return LineChange(key, old or None, new)


def _number(written: str) -> float | None:
    try:
        return float(written)
    except ValueError:
        return None
