"""The data plane against its plain reference: the same findings for any data, any
cut into pages and blocks, any order; and what it leaves undone when little changed."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haihai_tui.sync.config import Blank, CustomersConfig, FieldMapping
from haihai_tui.sync.draft import Draft, compare_all
from haihai_tui.sync.field_check import check_fields
from haihai_tui.sync.mapping import Mapper
from haihai_tui.sync.ports import Field, PageFile, SObject
from haihai_tui.sync.reading import (
    OutOfOrder,
    in_batches,
    in_id_order,
    records_of,
    sorted_by_id,
)
from haihai_tui.sync.tables import records
from haihai_tui.sync.tables.changes import Change, read_changes, read_new
from haihai_tui.sync.tables.csvlines import split_line
from haihai_tui.sync.tables.lines import LineChange
from haihai_tui.sync.tables.snapshot import (
    ACTIVE,
    VALUES_AT,
    Snapshot,
    SnapshotHead,
    line_flag,
    write_first_snapshot,
    write_snapshot,
)
from tests.sync import reference
from tests.sync.reference import Known, compared

Record = tuple[str, ...]

HEAD = SnapshotHead(reference.ITEMS, "mapping", "audience")

cells = st.one_of(
    st.sampled_from(["", "山田", "O'Brien", "東京都", "x" * 901, "é", "\u0085", "\t"]),
    st.text(alphabet=st.sampled_from(list('",\n\r髙aé \x1f\x7f')), max_size=8),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
)
addresses = st.one_of(
    st.integers(0, 40).map(lambda n: f"user{n}@example.com"),
    st.sampled_from(
        [
            *("", "A.B@Example.COM", "ｕｓｅｒ@example.com", " pad@example.com "),
            *("a..b@example.jp", "no address", "x@y", "a@b@example.com", '"q"@e.com'),
            *(f"{'l' * 64}@example.com", f"{'l' * 65}@example.com"),
            *(f"a@{'d' * 60}.{'d' * 60}.{'d' * 60}.{'d' * 60}.{'d' * 20}.com",),
        ]
    ),
)
tidy = st.sampled_from(["", "山田", "髙橋", "03-0000-0000"])
tables = st.one_of(
    st.dictionaries(st.integers(1, 60), st.tuples(addresses, cells, cells, cells)),
    st.dictionaries(st.integers(1, 60), st.tuples(addresses, tidy, tidy, tidy)),
)
ways = st.fixed_dictionaries(
    {
        "block": st.sampled_from([1, 7, 60, 400, 1 << 18]),
        "pages": st.lists(st.integers(1, 12), max_size=6),
        "packed": st.booleans(),
        "order": st.sampled_from(["ascending", "descending", "as they come"]),
    }
)


def an_id(number: int) -> str:
    return f"003{number:015}"


def mapper(encoding: str, blank: Blank) -> Mapper:
    names = reference.COLUMNS
    fields = {name.lower(): Field(name, "string") for name in names}
    wanted = tuple(
        FieldMapping(name, item, blank)
        for name, item in zip(names[2:], reference.ITEMS[1:], strict=True)
    )
    config = CustomersConfig("Contact", "", "Email", wanted, "1")
    described = SObject("Contact", "Contact", "003", fields)
    checked = check_fields(config, described, {}, {}, lambda: True)
    return Mapper(config, checked, encoding)


class Plane:
    """One group's life on the real data plane, run after run."""

    def __init__(self, folder: Path, encoding: str, blank: Blank) -> None:
        self.folder = folder
        self.mapper = mapper(encoding, blank)
        self.snapshot: Path | None = None
        self.runs = 0

    def run(self, table: list[Record], way: dict[str, Any]) -> Draft:
        """Read pages cut in some way, compare, and take all changes over."""
        self.runs += 1
        scratch = self.folder / f"run{self.runs}"
        scratch.mkdir()
        pages = self._pages(scratch, table, way)
        old = Snapshot(self.snapshot) if self.snapshot else None
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(records, "BLOCK", way["block"])
            try:
                draft = self._compared(in_id_order(pages), old, scratch / "a")
            except OutOfOrder:
                found = sorted_by_id(
                    records_of(pages), scratch, "sorting", repeats=False
                )
                draft = self._compared(in_batches(found, 3), old, scratch / "b")
        self._commit(draft, old, scratch / "snapshot")
        return draft

    def _pages(
        self, scratch: Path, table: list[Record], way: dict[str, Any]
    ) -> list[PageFile]:
        left, pages = list(table), list[PageFile]()
        for size in [*way["pages"], max(1, len(left))]:
            if not left:
                break
            part, left = left[:size], left[size:]
            path = scratch / f"page{len(pages)}"
            content = reference.written(part).encode()
            path.write_bytes(gzip.compress(content) if way["packed"] else content)
            pages.append(PageFile(path, len(part), way["packed"]))
        return pages

    def _compared(self, batches: Any, old: Snapshot | None, folder: Path) -> Draft:
        folder.mkdir()
        draft = Draft(self.mapper, folder)
        lines = old.lines() if old else iter(())
        try:
            nobody = iter(())
            compare_all(batches, lines, nobody, nobody, nobody, draft, read_anew=False)
        finally:
            draft.close()
        return draft

    def _commit(self, draft: Draft, old: Snapshot | None, target: Path) -> None:
        path, count = draft.changes.path, draft.changes.count
        if old is None:
            new = ([line for _, line in block] for block in read_new(path, set()))
            write_first_snapshot(target, HEAD, new)
        else:
            changes = (
                LineChange(one.record_id, one.old, one.new)
                for one in read_changes(path)
            )
            write_snapshot(target, HEAD, old, changes, count)
            old.close()
        self.snapshot = target

    def known(self) -> dict[str, tuple[tuple[str, ...], bool]]:
        assert self.snapshot is not None
        snapshot = Snapshot(self.snapshot)
        try:
            lines = list(snapshot.lines())
            assert snapshot.count == len(lines)
            assert snapshot.active == sum(line_flag(line) == ACTIVE for line in lines)
            return {
                line[:18].decode(): (
                    tuple(split_line(line[VALUES_AT:].decode())),
                    line_flag(line) == ACTIVE,
                )
                for line in lines
            }
        finally:
            snapshot.close()


def arranged(table: dict[int, Record], order: str) -> list[Record]:
    found = [(an_id(number), *body) for number, body in table.items()]
    if order == "as they come":
        return found
    return sorted(found, reverse=order == "descending")


def sent(change: Change) -> tuple[str, ...]:
    return tuple(split_line(change.row.decode()))


@settings(max_examples=150, deadline=None)
@given(
    st.lists(tables, min_size=1, max_size=3),
    st.lists(ways, min_size=3, max_size=3),
    st.sampled_from(["cp932", "utf-8-sig"]),
    st.sampled_from(["keep", "overwrite"]),
)
def test_the_same_is_found_as_by_reading_everything_plainly(
    nights: list[dict[int, Record]],
    way: list[dict[str, Any]],
    encoding: str,
    blank: Blank,
) -> None:
    known: dict[str, Known] = {}
    with TemporaryDirectory() as folder:
        plane = Plane(Path(folder), encoding, blank)
        for table, cut in zip(nights, way, strict=False):
            rows = arranged(table, cut["order"])
            draft = plane.run(rows, cut)
            expected = compared(
                reference.written(rows), known, encoding, keeps_blank=blank == "keep"
            )
            changes = list(read_changes(draft.changes.path))
            kinds = {one.record_id.decode(): one.kind.decode() for one in changes}
            assert kinds == expected.kinds
            assert [one.record_id for one in changes] == sorted(
                one.record_id for one in changes
            )
            rows_sent = {
                one.record_id.decode(): sent(one)
                for one in changes
                if one.kind in (b"C", b"R", b"A", b"U")
            }
            assert rows_sent == expected.rows
            assert draft.counts.unchanged == len(expected.unchanged)
            assert set(draft.rejects.records()) == expected.refused
            known = expected.known
            assert plane.known() == {
                one: (record.values, record.active) for one, record in known.items()
            }


# ------------------------------------------------------------ what is left undone

WHOLE = {"block": 1 << 18, "pages": [], "packed": False, "order": "ascending"}


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many records were cut into values, call by call."""
    seen: list[int] = []

    def counted(name: str, count: Callable[[Any], int]) -> None:
        real = getattr(Mapper, name)

        def wrapper(self: Mapper, given: Any) -> Any:
            seen.append(count(given))
            return real(self, given)

        monkeypatch.setattr(Mapper, name, wrapper)

    counted("map", lambda record: 1)
    counted("map_ordinary", len)
    return seen


def people(count: int, phone: str = "03-0000-0000") -> list[Record]:
    return [
        (an_id(number), f"user{number}@example.com", "山田", f"太郎{number}", phone)
        for number in range(count)
    ]


def test_a_quiet_run_parses_no_record_and_writes_nothing(
    tmp_path: Path, parsed: list[int]
) -> None:
    plane = Plane(tmp_path, "cp932", "keep")
    first = plane.run(people(3000), WHOLE)
    assert first.counts.created == 3000
    assert sum(parsed) == 3000
    parsed.clear()
    quiet = plane.run(people(3000), WHOLE)
    assert parsed == []
    assert quiet.counts.unchanged == 3000
    assert quiet.changes.count == 0
    for spool in (quiet.changes, quiet.events, quiet.rejects):
        assert spool.path.stat().st_size == 0


def test_only_what_moved_is_parsed_and_written(
    tmp_path: Path, parsed: list[int]
) -> None:
    plane = Plane(tmp_path, "cp932", "keep")
    plane.run(people(3000), WHOLE)
    assert plane.snapshot is not None
    before = plane.snapshot.stat().st_size
    changed = people(3000)
    for at in (5, 1500, 2999):
        changed[at] = (*changed[at][:4], "03-1111-1111")
    parsed.clear()
    draft = plane.run(changed, WHOLE)
    assert parsed == [1, 1, 1]
    assert (draft.counts.updated, draft.counts.unchanged) == (3, 2997)
    # A change is two snapshot lines and its frame; the snapshot keeps its size.
    line = before / 3000
    assert draft.changes.path.stat().st_size < 3 * (2 * line + 60)
    assert plane.snapshot.stat().st_size == before


def test_one_odd_record_leaves_its_neighbours_to_the_fast_way(
    tmp_path: Path, parsed: list[int]
) -> None:
    table = people(3000)
    table[1234] = (*table[1234][:2], 'Say "hello"', *table[1234][3:])
    draft = Plane(tmp_path, "cp932", "keep").run(table, WHOLE)
    assert draft.counts.created == 3000
    assert parsed.count(1) <= 64
