from __future__ import annotations

from pathlib import Path

import pytest

from haihai_tui.errors import SettingsError
from haihai_tui.services.haihai.fromfile import members_from_file, views_from_file
from haihai_tui.services.haihai.wire import Wire

WIRE = Wire()

MEMBERS = (
    "姓,配信状態,メールアドレス,配信停止日時,ステータス\r\n"
    "髙橋,配信停止,a@example.jp,2026/1/5 9:30,OK\r\n"
    "山田,配信可能,b@example.jp,,エラー\r\n"
)


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    return tmp_path / "export.csv"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
@pytest.mark.parametrize("line_end", ["\r\n", "\n"])
def test_members_in_any_encoding_order_and_line_end(
    exported: Path, encoding: str, line_end: str
) -> None:
    exported.write_bytes(MEMBERS.replace("\r\n", line_end).encode(encoding))
    assert list(members_from_file(exported, WIRE)) == [
        ("a@example.jp", "stopped", "2026-01-05T00:30:00Z", "", False),
        ("b@example.jp", "allowed", "", "", True),
    ]
    assert exported.exists()


def test_quotes_line_breaks_and_blank_lines(exported: Path) -> None:
    exported.write_text(
        '"メールアドレス","住所","配信状態"\n\n'
        '"""x y""@example.jp","東京\n港","配信禁止"\n',
        encoding="utf-8",
    )
    [member] = members_from_file(exported, WIRE)
    assert member == ('"x y"@example.jp', "barred", "", "", False)


def test_views_without_kind_are_clicks(exported: Path) -> None:
    exported.write_text(
        "メールアドレス,URL,日時\n"
        "a@example.jp,https://example.jp/,2026-01-05 09:00:00\n",
        encoding="utf-8",
    )
    expected = (
        "a@example.jp",
        "https://example.jp/",
        "2026-01-05T00:00:00Z",
        "click",
        "",
    )
    assert list(views_from_file(exported, WIRE)) == [expected]


def test_a_missing_column_names_file_found_and_wanted(exported: Path) -> None:
    exported.write_text("メールアドレス,姓\na@example.jp,x\n", encoding="cp932")
    with pytest.raises(SettingsError, match=r"メールアドレス、姓.*配信状態") as caught:
        members_from_file(exported, WIRE)
    assert str(exported) in str(caught.value)


def test_a_file_without_item_names_is_refused(exported: Path) -> None:
    exported.write_text("a@example.jp,配信停止\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="1 行目"):
        members_from_file(exported, WIRE)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("x,停止,a@example.jp,,OK", "4 行目.*停止"),
        ("x,配信停止,a@example.jp,きのう,OK", "4 行目.*きのう"),
        ("x,配信停止,a@example.jp,,不明", "4 行目.*不明"),
        ("x", "4 行目"),
    ],
)
def test_a_bad_row_is_named_with_its_line(exported: Path, row: str, told: str) -> None:
    exported.write_text(MEMBERS + row + "\r\n", encoding="utf-8", newline="")
    members = members_from_file(exported, WIRE)
    next(members)
    next(members)
    with pytest.raises(SettingsError, match=told) as caught:
        next(members)
    assert str(exported) in str(caught.value)


def test_bytes_that_are_no_text_are_refused(exported: Path) -> None:
    exported.write_bytes(b"\xff\xfe\x00\xd8\x81")
    with pytest.raises(SettingsError, match="文字コード"):
        members_from_file(exported, WIRE)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"none\.csv"):
        members_from_file(tmp_path / "none.csv", WIRE)


def test_words_and_time_come_from_the_table(exported: Path) -> None:
    wire = Wire.from_table(
        {
            "state_stopped": "停止",
            "time_format": "%d.%m.%Y %H:%M",
            "time_zone": "+00:00",
        }
    )
    exported.write_text(
        "メールアドレス,配信状態,配信停止日時\na@example.jp,停止,01.02.2026 03:04\n",
        encoding="utf-8",
    )
    [member] = members_from_file(exported, wire)
    assert member[1:3] == ("stopped", "2026-02-01T03:04:00Z")
