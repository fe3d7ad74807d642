"""Members and views from a CSV that was exported on the service's screens.

A customer without the retrieval API still writes back by `--from-file`.  Exports
are made by hand, so encoding, column order and further columns are taken as they
come, while anything that cannot be read is an error with file and line: a row
that is left out in silence would be a stop that never reaches Salesforce.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from haihai_tui.errors import SettingsError, Text, text
from haihai_tui.services.haihai import rows as read
from haihai_tui.services.haihai.csvtext import (
    CsvText,
    Records,
    encoding_of,
    header_of,
    opened,
    read_table,
)
from haihai_tui.services.haihai.retrieval import member_table
from haihai_tui.services.haihai.wire import Wire
from haihai_tui.sync.ports import Member, MemberRow, View


def members_from_file(path: Path, wire: Wire) -> Iterator[Member]:
    """Members in an exported CSV with item names on line 1.

    Address and 配信状態 are needed; 配信停止日時, 配信停止方法 and ステータス may be
    missing.  Raises SettingsError naming file, line and column.
    """
    wanted, optional = read.member_columns(wire)

    def begin(records: Records) -> Iterator[Member]:
        where = _positions(path, records, wanted, optional)
        return read.members(records, where, wire, _failure(path))

    return read_table(_lines(path), begin)


def member_rows_from_file(
    path: Path, wire: Wire, items: Sequence[str]
) -> tuple[tuple[str, ...], Iterator[MemberRow]]:
    """As `members_from_file`, with the values of those `items` that are columns."""

    def find(
        records: Records, wanted: Sequence[str], optional: Sequence[str]
    ) -> list[int]:
        return _positions(path, records, wanted, optional)

    return member_table(_lines(path), items, wire, find, _failure(path))


def views_from_file(path: Path, wire: Wire) -> Iterator[View]:
    """Clicked or visited URLs in an exported CSV with item names on line 1.

    Address, URL and time are needed; kind (default: click) and user agent may be
    missing.  Raises SettingsError naming file, line and column.
    """
    wanted, optional = read.view_columns(wire)

    def begin(records: Records) -> Iterator[View]:
        where = _positions(path, records, wanted, optional)
        return read.views(records, where, wire, _failure(path))

    return read_table(_lines(path), begin)


def _lines(path: Path) -> CsvText:
    encoding = encoding_of(path)
    if encoding is None:
        raise SettingsError(
            text("{path} の文字コードを判別できません。", path=str(path)),
            text("CSV を UTF-8 または CP932（Shift_JIS）で保存し直してください。"),
        )
    return opened(path, encoding)


def _failure(path: Path) -> read.Fail:
    def fail(what: Text, *, damaged: bool = False) -> SettingsError:
        return SettingsError(
            text("{path}: {what}", path=str(path), what=what),
            text("配配メールの画面からもう一度エクスポートしてください。"),
        )

    return fail


def _positions(
    path: Path, records: Records, wanted: Sequence[str], optional: Sequence[str]
) -> list[int]:
    header = header_of(records)
    found = read.columns(header, wanted, optional)
    if found is None:
        raise _missing(path, header, wanted)
    return found


def _missing(path: Path, header: Sequence[str], wanted: Sequence[str]) -> SettingsError:
    return SettingsError(
        text(
            "{path} に必要な列がありません。見つかった列: {found}。"
            "必要な列: {wanted}。",
            path=str(path),
            found="、".join(name[:40] for name in header[:50]) or "-",
            wanted="、".join(wanted),
        ),
        text("1 行目に項目名を付けてエクスポートしてください（表示項目設定）。"),
    )
