from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haihai_tui.errors import ConnectorError, SettingsError
from haihai_tui.services.haihai.csvfile import PackedFile, pack, unencodable

COLUMNS = ("メールアドレス", "姓")


def packed(
    folder: Path,
    lines: list[str],
    *,
    encoding: str = "cp932",
    max_rows: int = 10_000,
    max_bytes: int = 3_000_000,
    line_break: str = "\n",
) -> list[PackedFile]:
    files = pack(
        COLUMNS,
        lines,
        folder,
        encoding=encoding,
        max_rows=max_rows,
        max_bytes=max_bytes,
        line_break=line_break,
    )
    return list(files)


def row(number: int) -> str:
    return f'"user{number}@example.jp","山田"'


def test_a_file_is_cp932_quoted_with_crlf_and_a_header(tmp_path: Path) -> None:
    [file] = packed(tmp_path, ['"a@example.jp","髙﨑"'])
    expected = '"メールアドレス","姓"\r\n"a@example.jp","髙﨑"\r\n'
    assert file.path.read_bytes() == expected.encode("cp932")
    assert (file.first_row, file.rows, file.size) == (
        0,
        1,
        len(expected.encode("cp932")),
    )


def test_a_line_break_inside_a_value_is_written_as_asked(tmp_path: Path) -> None:
    [file] = packed(tmp_path, ['"a@example.jp","東京\x1e港区"'], line_break="\r\n")
    assert file.path.read_bytes().endswith('"東京\r\n港区"\r\n'.encode("cp932"))


def test_files_are_full_to_the_row_limit(tmp_path: Path) -> None:
    files = packed(tmp_path, [row(n) for n in range(2_501)], max_rows=1_200)
    assert [(f.first_row, f.rows) for f in files] == [
        (0, 1_200),
        (1_200, 1_200),
        (2_400, 101),
    ]


def test_files_are_full_to_the_byte_limit(tmp_path: Path) -> None:
    lines = [row(n) for n in range(1_000, 9_000)]
    header = len('"メールアドレス","姓"\r\n'.encode("cp932"))
    each = len(lines[0].encode("cp932")) + 2
    limit = header + 1_500 * each + 1
    files = packed(tmp_path, lines, max_bytes=limit)
    assert [f.rows for f in files] == [1_500] * 5 + [500]
    assert max(f.path.stat().st_size for f in files) == limit - 1


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(0, 2_500),
    max_rows=st.integers(1, 1_300),
    max_bytes=st.integers(120, 30_000),
)
def test_every_row_once_in_order_within_both_limits(
    tmp_path_factory: pytest.TempPathFactory, count: int, max_rows: int, max_bytes: int
) -> None:
    folder = tmp_path_factory.mktemp("packed")
    lines = [f'"{"x" * (n % 37)}{n}","山"' for n in range(count)]
    files = packed(folder, lines, max_rows=max_rows, max_bytes=max_bytes)
    seen: list[str] = []
    for file in files:
        content = file.path.read_bytes()
        assert len(content) == file.size <= max_bytes
        rows = content.decode("cp932").split("\r\n")[1:-1]
        assert len(rows) == file.rows <= max_rows
        assert file.first_row == len(seen)
        seen += rows
    assert seen == lines


def test_packing_is_lazy(tmp_path: Path) -> None:
    taken: list[int] = []

    def lines() -> object:
        for number in range(100_000):
            taken.append(number)
            yield row(number)

    files = pack(
        COLUMNS,
        lines(),  # type: ignore[arg-type]
        tmp_path,
        encoding="cp932",
        max_rows=2_000,
        max_bytes=3_000_000,
    )
    next(files)
    assert len(taken) <= 3_000


def test_the_same_rows_have_the_same_name(tmp_path: Path) -> None:
    [first] = packed(tmp_path, [row(1)])
    [again] = packed(tmp_path, [row(1)])
    [other] = packed(tmp_path, [row(2)])
    assert first.path == again.path != other.path
    assert not list(tmp_path.glob("*.part"))


def test_nothing_to_pack_makes_no_file(tmp_path: Path) -> None:
    assert packed(tmp_path, []) == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("bad", ["😀", "\ud800", "é"])
def test_a_character_outside_the_encoding_is_never_replaced(
    tmp_path: Path, bad: str
) -> None:
    lines = [row(n) for n in range(1_500)]
    lines[1_234] = f'"a@example.jp","{bad}"'
    with pytest.raises(ConnectorError, match=f"1235 .*U\\+{ord(bad):04X}") as caught:
        packed(tmp_path, lines)
    assert bad not in str(caught.value)
    assert not list(tmp_path.glob("*.csv"))


def test_utf8_carries_everything(tmp_path: Path) -> None:
    [file] = packed(tmp_path, ['"a@example.jp","😀"'], encoding="utf-8")
    assert "😀" in file.path.read_text("utf-8")


def test_a_byte_order_mark_stands_once(tmp_path: Path) -> None:
    lines = [row(n) for n in range(3_000)]
    [file] = packed(tmp_path, lines, encoding="utf-8-sig")
    content = file.path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\xef\xbb\xbf") == 1


def test_a_row_larger_than_a_file_is_a_settings_error(tmp_path: Path) -> None:
    lines = [row(1), '"a@example.jp","' + "x" * 500 + '"']
    with pytest.raises(SettingsError, match="2 行目"):
        packed(tmp_path, lines, max_bytes=200)


@pytest.mark.parametrize(
    ("value", "found"),
    [("山田髙﨑", None), ("a😀b", "😀"), ("café", "é"), ("\udc80", "\udc80")],
)
def test_unencodable_names_the_first_character(value: str, found: str | None) -> None:
    assert unencodable(value, "cp932") == found


def test_a_full_disk_names_path_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "haihai.part").symlink_to("/dev/full")
    with pytest.raises(SettingsError, match=r"haihai\.part.*\d+ バイト"):
        packed(tmp_path, [row(1)])


def test_a_folder_that_is_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="nowhere"):
        packed(tmp_path / "nowhere", [row(1)])
