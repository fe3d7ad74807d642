"""配信停止禁止顧客連携, HaiHai Mail → Salesforce.

The state of every member of every group is rolled up per address by the declared
rule; whoever is, or once was, other than 配信可能 stands in a ledger.  停止, 禁止 and
エラー stay apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path
from typing import IO

from haihai_tui.errors import text
from haihai_tui.sync import guard
from haihai_tui.sync.addresses import KEY_BYTES, address_key, fold_address
from haihai_tui.sync.events import Event
from haihai_tui.sync.mapping import Problem
from haihai_tui.sync.matching import SILENT, STATE_CODES
from haihai_tui.sync.membership import is_settled
from haihai_tui.sync.moments import (
    MOMENT_TYPES,
    TEXT_TYPES,
    field_moment,
    normal_moment,
    to_the_second,
)
from haihai_tui.sync.ports import Field, Member, Transaction
from haihai_tui.sync.services import Services
from haihai_tui.sync.suppression_ledger import (
    LEDGER,
    LEDGER_WIDTH,
    UNSEEN,
    Standing,
    standing_of,
    strength,
    together,
)
from haihai_tui.sync.tables.fixed import FixedTable, patch_fixed
from haihai_tui.sync.tables.sorting import sort_fixed, sort_records
from haihai_tui.sync.writeback_source import (
    NULL,
    Changed,
    Source,
    Target,
    Wanted,
    relinked_table,
    write_changed,
)

FLOW = "suppressions"
KNOWN_LIMIT = 500_000
"""Up to so many ledger keys are kept in memory to pass over plain members."""

STATE_WORDS = {b"a": "配信可能", b"s": "配信停止", b"b": "配信禁止"}
ERROR_WORDS = {True: "エラー", False: "OK"}

_SEPARATOR = b"\x1f"


class Suppressions(Source):
    """Members' 配信状態 as the source of a write-back."""

    flow = FLOW

    def __init__(
        self, services: Services, members_from_file: Iterator[Member] | None = None
    ) -> None:
        super().__init__(services)
        self._config = services.config.suppressions
        self._from_file = members_from_file
        self._next = services.next_table(LEDGER)
        self._ledger: FixedTable | None = None
        self._had = 0
        self._superseded: Path | None = None
        self._reconciles = services.options.reconcile
        self._plain: FixedTable | None = None
        self._plain_path: Path | None = None
        self._relinked = self._newly_linked()
        self._elsewhere: dict[bytes, Standing] = {}
        self._settled = is_settled(services)

    @property
    def sobjects(self) -> tuple[str, ...]:
        return self._config.sobjects

    @property
    def field_names(self) -> tuple[str, ...]:
        config = self._config
        names = (config.state_field, config.changed_at_field, config.status_field)
        return tuple(name for name in names if name)

    def types_for(self, field_name: str) -> frozenset[str]:
        if field_name == self._config.changed_at_field:
            return MOMENT_TYPES
        return frozenset(("picklist", "multipicklist", "combobox", *TEXT_TYPES)) | (
            {"boolean"} if field_name == self._config.state_field else set()
        )

    @property
    def had_ledger(self) -> bool:
        return self._had > 0

    # ----------------------------------------------------------------- reading

    def _groups(self) -> list[str]:
        if isinstance(self._config.rollup, tuple):
            return list(self._config.rollup)
        if self._config.groups:
            return list(self._config.groups)
        listed = self.services.haihai.groups()
        if listed is None:
            return [self.services.config.customers.group]
        return [group.gid for group in listed]

    def _members(self) -> Iterator[tuple[str, Member]]:
        if self._from_file is not None:
            for member in self._from_file:
                yield self.services.config.customers.group, member
            return
        for group in self._groups():
            for member in self.services.haihai.members(group, self.folder):
                yield group, member

    def collect(self, changed: IO[bytes]) -> None:
        with FixedTable(self._current(), LEDGER_WIDTH, KEY_BYTES) as known:
            self._had = known.count
            lines = sort_records(self._telling(known), _whole, self.folder, "standings")
            delta = self.folder / "ledger.delta"
            with (
                FixedTable(self._current(), LEDGER_WIDTH, KEY_BYTES) as before,
                delta.open("wb") as out,
            ):
                moved = self._moved(lines, before, out)
                self.changed = write_changed(changed, moved)
            with FixedTable(delta, LEDGER_WIDTH, KEY_BYTES) as new:
                patch_fixed(known, new, new.count, self._next)
        self._ledger = FixedTable(self._next, LEDGER_WIDTH, KEY_BYTES)

    def _all_members(self) -> Iterator[tuple[str, Member]]:
        """The members; comparing both sides, those who may be mailed are noted: a
        stop that Salesforce tells of them is one that is not."""
        if not self._reconciles:
            yield from self._members()
            return
        unsorted, plain = self.folder / "plain.unsorted", self.folder / "plain"
        with unsorted.open("wb", buffering=1 << 18) as out:
            for group, member in self._members():
                folded = fold_address(member[0])
                if member[1] == "allowed" and folded is not None:
                    out.write(address_key(folded))
                yield group, member
        sort_fixed(unsorted, KEY_BYTES, plain)
        unsorted.unlink()
        self._plain = FixedTable(plain, KEY_BYTES, KEY_BYTES)
        self._plain_path = plain

    def _current(self) -> Path | None:
        return self.services.table(LEDGER, LEDGER_WIDTH)

    def _telling(self, known: FixedTable) -> Iterator[bytes]:
        """A line for each membership that may matter: all but those 配信可能 people
        who were never anything else."""
        keys: set[bytes] | None = None
        if self._config.rollup != "all" and known.count <= KNOWN_LIMIT:
            keys = {record[:KEY_BYTES] for record in known}.union(self._relinked)
        yield from self._unseen()
        errors_matter = bool(self._config.status_field)
        for group, (address, state, at, _, in_error) in self._all_members():
            self.read += 1
            if self.read % 50_000 == 0:
                self._tell_progress()
            in_error = in_error and errors_matter
            plain = state == "allowed" and not in_error
            if plain and keys is not None and not keys:
                continue
            folded = fold_address(address)
            if folded is None:
                continue
            key = address_key(folded)
            if plain and keys is not None and key not in keys:
                continue
            yield _SEPARATOR.join(
                (
                    key.hex().encode(),
                    STATE_CODES[state],
                    b"e" if in_error else b"-",
                    at.encode(),
                    group.encode(),
                    folded.encode(),
                )
            )

    def _newly_linked(self) -> dict[bytes, str]:
        noted = self.services.table(relinked_table(FLOW))
        lines = Changed(noted, 0).lines() if noted else iter(())
        return {bytes.fromhex(key): address for key, address in lines}

    def _unseen(self) -> Iterator[bytes]:
        """A line for each address that a record was linked to anew: what the record
        shows came from another one, also where the new one was always 配信可能."""
        for key, address in self._relinked.items():
            parts = (key.hex().encode(), UNSEEN, b"-", b"", b"", address.encode())
            yield _SEPARATOR.join(parts)

    def _tell_progress(self) -> None:
        self.services.pacer.check()
        wording = text("配配メールから読み取り中: {done} 件", done=self.read)
        data = {"stage": "read", "done": self.read}
        self.services.listener(Event("progress", FLOW, wording, "debug", data))

    def _moved(
        self, lines: Iterator[bytes], before: FixedTable, out: IO[bytes]
    ) -> Iterator[tuple[bytes, str]]:
        """Addresses whose standing is another than in the ledger; fills the delta."""
        for key_hex, group in groupby(lines, key=_key_of):
            key = bytes.fromhex(key_hex.decode())
            rows = [line.split(_SEPARATOR) for line in group]
            known = before.find(key)
            told = [row for row in rows if row[1] != UNSEEN]
            if known and not told:
                continue
            standing = self._roll_up(told or rows, known)
            if not known and standing.is_plain and key not in self._relinked:
                continue
            record = standing.record(key)
            if known and known[0] == record:
                continue
            out.write(record)
            if told:
                yield key, rows[0][5].decode()

    def _roll_up(self, rows: list[list[bytes]], known: list[bytes]) -> Standing:
        states = [row[1] for row in rows]
        in_error = any(row[2] == b"e" for row in rows)
        strongest = max(states, key=strength)
        if self._config.rollup == "all":
            strongest = min(states, key=strength)
        moments = [row[3].decode() for row in rows if row[1] == strongest and row[3]]
        at = max(moments, default="") if strongest in SILENT else ""
        group = self.services.config.customers.group.encode()
        here = next((row[1] for row in rows if row[4] == group), None)
        if here is None:
            here = standing_of(known[0]).here if known else UNSEEN
        elif known and not self._settled:
            # What we asked for may still be waiting at the service.
            here = max(here, standing_of(known[0]).here, key=strength)
        return Standing(strongest, in_error, to_the_second(at), here)

    # ----------------------------------------------------------------- writing

    def rewind(self) -> None:
        for table in (self._ledger, self._plain):
            if table:
                table.rewind()

    def link(self, links: Mapping[bytes, bytes]) -> None:
        keys = sorted({bytes.fromhex(key.decode()) for key in links.values()})
        with (
            FixedTable(self._next, LEDGER_WIDTH, KEY_BYTES) as ledger,
            FixedTable(self._plain_path, KEY_BYTES, KEY_BYTES) as plain,
        ):
            found = {key: _standing(ledger, plain, key) for key in keys}
        self._elsewhere = {
            one: standing
            for one, key in links.items()
            if (standing := found[bytes.fromhex(key.decode())]) is not None
        }

    def wanted(
        self, key: bytes, one: bytes, target: Target, current: Mapping[str, str]
    ) -> Wanted | None:
        assert self._ledger is not None
        own = _standing(self._ledger, self._plain, key)
        standing = together(own, self._elsewhere.get(one))
        if standing is None:
            return None
        fields = {field.name: field for field in target.fields}
        values: dict[str, str] = {}
        state = fields.get(self._config.state_field)
        if state is not None:
            word, now = _state_value(state, standing.state), current[state.name]
            problem = _unfit(state, word)
            if problem and word != now:
                return Wanted({}, (problem,))
            # Nobody who was never told otherwise needs to be called 配信可能.
            if word != now and not (standing.state == b"a" and now == ""):
                values[state.name] = word
        silences = bool(values) and standing.state in SILENT
        self._add_moment(values, fields, standing, current)
        self._add_status(values, fields, standing, current)
        return Wanted(values, silences=silences)

    def _add_moment(
        self,
        values: dict[str, str],
        fields: Mapping[str, Field],
        standing: Standing,
        current: Mapping[str, str],
    ) -> None:
        field = fields.get(self._config.changed_at_field)
        if field is None:
            return
        moment = field_moment(field, standing.changed_at)
        if moment != normal_moment(field, current[field.name]):
            values[field.name] = moment or NULL

    def _add_status(
        self,
        values: dict[str, str],
        fields: Mapping[str, Field],
        standing: Standing,
        current: Mapping[str, str],
    ) -> None:
        field = fields.get(self._config.status_field)
        if field is None:
            return
        word, now = ERROR_WORDS[standing.in_error], current[field.name]
        if word != now and (standing.in_error or standing.state != b"a" or now):
            values[field.name] = word

    def weight(self, stopped: int) -> guard.Weight:
        return guard.Weight(
            FLOW,
            total=self.read,
            stopped=stopped,
            source_empty=self.read == 0 and self._had > 0 and self._from_file is None,
        )

    def keep(self, transaction: Transaction) -> None:
        self._superseded = self._current()
        transaction.set_snapshot(LEDGER, self._next.name)

    def done(self) -> None:
        self.close()
        if self._superseded:
            self._superseded.unlink(missing_ok=True)

    def close(self) -> None:
        for table in (self._ledger, self._plain):
            if table:
                table.close()


def _standing(
    ledger: FixedTable, plain: FixedTable | None, key: bytes
) -> Standing | None:
    """What the ledger knows; else whether the address may be mailed."""
    found = ledger.find(key)
    if found:
        return standing_of(found[0])
    if plain is not None and plain.find(key):
        return Standing(b"a", False, "")
    return None


def _whole(line: bytes) -> bytes:
    return line


def _key_of(line: bytes) -> bytes:
    return line[: 2 * KEY_BYTES]


def _state_value(field: Field, state: bytes) -> str:
    if field.type == "boolean":
        return "true" if state in SILENT else "false"
    return STATE_WORDS[state]


def _unfit(field: Field, word: str) -> Problem | None:
    if field.restricted and field.picklist and word not in field.picklist:
        return Problem(
            field.name,
            word,
            text(
                "選択リスト {field} に値「{word}」がありません。",
                field=field.name,
                word=word,
            ),
            text("選択リストに値を追加してください。"),
        )
    return None
