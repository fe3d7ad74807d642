"""The flat files against plain Python: same answers for any data."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haihai_tui.sync.ports import PageFile
from haihai_tui.sync.tables import records, sorting
from haihai_tui.sync.tables.csvlines import csv_line, split_line
from haihai_tui.sync.tables.fixed import (
    REMOVED,
    FixedTable,
    TableDamaged,
    patch_fixed,
)
from haihai_tui.sync.tables.lines import LineChange, LineTable, write_lines
from haihai_tui.sync.tables.records import parse_record, record_batches

cells = st.text(
    alphabet=st.one_of(
        st.sampled_from(list('",\n\r髙a')), st.characters(exclude_categories=["Cs"])
    ),
    max_size=12,
)
rows = st.lists(st.lists(cells, min_size=3, max_size=3), max_size=30)


def quoted(values: list[str]) -> str:
    return ",".join('"' + value.replace('"', '""') + '"' for value in values)


@given(rows, st.integers(min_value=1, max_value=40), st.booleans())
def test_records_are_cut_where_csv_cuts_them(
    table: list[list[str]], block: int, packed: bool
) -> None:
    content = "\n".join([quoted(["Id", "A", "B"]), *map(quoted, table)]) + "\n"
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "BLOCK", block)
        path = Path(folder, "page")
        raw = content.encode()
        path.write_bytes(gzip.compress(raw) if packed else raw)
        page = PageFile(path, len(table), packed)
        found = [one for batch in record_batches(page) for one in batch]
    assert [one.decode() for one in found] == [quoted(row) for row in table]
    reference = list(csv.reader(io.StringIO(content, newline="")))[1:]
    assert [parse_record(one, 3) for one in found] == reference


@given(st.lists(cells, min_size=1, max_size=6))
def test_a_csv_line_can_be_split_again(values: list[str]) -> None:
    assert split_line(csv_line(values)) == values


@given(st.lists(st.binary(min_size=5, max_size=5), max_size=300))
def test_fixed_records_are_sorted_in_buckets_and_in_memory(found: list[bytes]) -> None:
    for bucket in (16, 1 << 20):
        with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr(sorting, "BUCKET_BYTES", bucket)
            source, target = Path(folder, "in"), Path(folder, "out")
            source.write_bytes(b"".join(found))
            sorting.sort_fixed(source, 5, target)
            assert target.read_bytes() == b"".join(sorted(found))


@given(st.lists(st.binary(max_size=40), max_size=200))
def test_long_records_are_sorted_in_runs_and_in_memory(found: list[bytes]) -> None:
    for chunk in (200, 1 << 20):
        with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            patch.setattr(sorting, "CHUNK_BYTES", chunk)
            result = list(
                sorting.sort_records(found, lambda one: one[:2], Path(folder), "t")
            )
            assert result == sorted(found, key=lambda one: one[:2])
            assert not list(Path(folder).iterdir())


keys = st.integers(min_value=0, max_value=400).map(lambda n: n.to_bytes(2, "big"))


@given(st.dictionaries(keys, st.sampled_from(b"AXK"), max_size=300), st.data())
def test_a_fixed_table_is_patched_and_searched_like_a_dict(
    before: dict[bytes, int], data: st.DataObject
) -> None:
    delta = data.draw(
        st.dictionaries(keys, st.sampled_from(b"AX-"), max_size=40), label="delta"
    )
    with TemporaryDirectory() as folder:
        old_path, new_path = Path(folder, "old"), Path(folder, "new")
        old_path.write_bytes(_fixed(before))
        changes = [key + bytes([delta[key]]) for key in sorted(delta)]
        for expected in (0, len(before) + 1):  # copied by range; merged one by one
            with FixedTable(old_path, 3, 2) as old:
                patch_fixed(old, iter(changes), expected, new_path)
            after = {**before, **delta}
            kept = {key: flag for key, flag in after.items() if flag != REMOVED[0]}
            assert new_path.read_bytes() == _fixed(kept)
        asked = sorted(data.draw(st.sets(keys, max_size=50), label="asked"))
        with FixedTable(new_path, 3, 2) as new:
            found = {key: new.find(key) for key in asked}
        assert found == {
            key: [key + bytes([kept[key]])] if key in kept else [] for key in asked
        }


def _fixed(table: dict[bytes, int]) -> bytes:
    return b"".join(key + bytes([table[key]]) for key in sorted(table))


ids = st.integers(min_value=0, max_value=999).map(lambda n: b"%03d" % n)
values = st.binary(max_size=9).map(lambda raw: raw.hex().encode())


@given(st.dictionaries(ids, values, max_size=200), st.data())
def test_a_line_table_is_patched_and_searched_like_a_dict(
    before: dict[bytes, bytes], data: st.DataObject
) -> None:
    delta = data.draw(
        st.dictionaries(ids, st.none() | values, max_size=30), label="delta"
    )
    asked = sorted(data.draw(st.sets(ids, max_size=40), label="asked"))
    head = {"what": LineTable.what}
    with TemporaryDirectory() as folder:
        first, second = Path(folder, "1"), Path(folder, "2")
        whole = [LineChange(key, None, key + before[key]) for key in sorted(before)]
        write_lines(first, head, None, whole, len(whole), len)
        for expected in (0, 10_000):
            old = LineTable(first, 3)
            changes = [
                LineChange(
                    key,
                    key + before[key] if key in before else None,
                    None if (new := delta[key]) is None else key + new,
                )
                for key in sorted(delta)
            ]
            write_lines(second, head, old, changes, expected, len)
            old.close()
            merged = {**before, **delta}
            kept = {key: value for key, value in merged.items() if value is not None}
            new_table = LineTable(second, 3)
            lines = [key + kept[key] for key in sorted(kept)]
            assert list(new_table.lines()) == lines
            assert new_table.count == len(lines)
            assert new_table.weight == sum(map(len, lines))
            new_table.rewind()
            for key in asked:
                wanted = key + kept[key] if key in kept else None
                assert new_table.find(key) == wanted
            new_table.close()


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_a_torn_table_is_noticed_when_it_is_opened(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "table"
    changes = [LineChange(b"%03d" % n, None, b"%03dvalue" % n) for n in range(50)]
    write_lines(path, {"what": LineTable.what}, None, changes, 50)
    whole = path.read_bytes()
    path.write_bytes(whole[:-cut])
    with pytest.raises(TableDamaged):
        LineTable(path, 3)


def test_a_fixed_table_of_odd_length_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "table"
    path.write_bytes(b"abcd")
    with pytest.raises(TableDamaged):
        FixedTable(path, 3, 2)
