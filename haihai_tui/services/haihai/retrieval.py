"""Reading from HaiHai Mail: groups, members of a group, viewed URLs.

A table is downloaded whole and checked before its first row is handed on, so a
broken answer is noticed while nothing has been written from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import blake2b
from io import StringIO
from pathlib import Path

from haihai_tui.errors import (
    ConnectorError,
    NotOffered,
    ServiceUnreachable,
    SettingsError,
    Text,
    text,
)
from haihai_tui.services.haihai import answers, csvtext
from haihai_tui.services.haihai import rows as read
from haihai_tui.services.haihai.connection import Connection, Download
from haihai_tui.services.haihai.csvtext import (
    CsvText,
    Records,
    encoding_of,
    opened,
    read_table,
)
from haihai_tui.services.haihai.wire import Wire
from haihai_tui.sync.ports import Group, Member, MemberRow, View


def groups(connection: Connection) -> tuple[Group, ...] | None:
    """All delivery groups; None where the service cannot list them."""
    wire = connection.wire
    if not wire.groups_action:
        return None
    try:
        body = connection.fetch(wire.groups_action, {})
    except NotOffered:
        return None
    if body is None:
        raise failure(text("グループ一覧がまだ用意されていません。"), damaged=True)
    records = csvtext.records(StringIO(body, newline=""))
    wanted = (wire.group_id_column, wire.group_name_column)
    gid, name = positions(records, wanted, ())
    return tuple(
        Group(row[gid], row[name]) for row in records if len(row) > max(gid, name)
    )


def members(connection: Connection, group: str, folder: Path) -> Iterator[Member]:
    """Members of a group or plan, in the service's order."""
    wire = connection.wire
    table = _download(
        connection,
        wire.members_action,
        connection.target(group),
        folder / f"members-{_safe(group)}.csv",
    )
    wanted, optional = read.member_columns(wire)
    return read_table(
        _lines(table),
        lambda records: read.members(
            records, positions(records, wanted, optional), wire, failure
        ),
    )


def member_rows(
    connection: Connection, group: str, items: Sequence[str], folder: Path
) -> tuple[tuple[str, ...], Iterator[MemberRow]]:
    """Members with the values of those `items` that the service tells."""
    wire = connection.wire
    table = _download(
        connection,
        wire.members_action,
        {**connection.target(group), wire.member_items_part: ",".join(items)},
        folder / f"values-{_safe(group)}.csv",
    )
    return member_table(_lines(table), items, wire, positions, failure)


def member_table(
    lines: CsvText,
    items: Sequence[str],
    wire: Wire,
    find: Callable[[Records, Sequence[str], Sequence[str]], list[int]],
    fail: read.Fail,
) -> tuple[tuple[str, ...], Iterator[MemberRow]]:
    """A table of members whose further columns may be items of theirs.

    `find` gives positions as `positions` does; a missing column's is behind the last.
    """
    told: list[str] = []
    wanted, optional = read.member_columns(wire)

    def begin(records: Records) -> Iterator[MemberRow]:
        header: list[str] = []

        def remembered() -> Iterator[list[str]]:
            for row in records:
                header[:] = header or row
                yield row

        found = find(remembered(), wanted, (*optional, *items))
        usual = len(wanted) + len(optional)
        further = zip(items, found[usual:], strict=True)
        here = [(name, at) for name, at in further if at < len(header)]
        told.extend(name for name, _ in here)
        places = [at for _, at in here]
        return read.member_rows(records, found[:usual], places, wire, fail)

    rows = read_table(lines, begin)
    return tuple(told), rows


def views(
    connection: Connection, since: datetime | None, folder: Path
) -> tuple[datetime, Iterator[View]]:
    """Clicks and visits from `since` on, and the service's time of the read.

    The time is that of the answer's Date header; a read without one cannot be
    continued safely and is refused (ServiceUnreachable).
    """
    wire = connection.wire
    fields = {}
    if since is not None:
        local = since.astimezone(wire.zone)
        fields[wire.views_since_part] = local.strftime(wire.time_format)
    table = _download(connection, wire.views_action, fields, folder / "views.csv")
    if table.at is None:
        raise ServiceUnreachable(
            text("配配メールの応答に時刻（Date ヘッダ）がありません。"),
            text("途中のプロキシが応答を書き換えていないか確認してください。"),
            cause="service_unavailable",
        )
    wanted, optional = read.view_columns(wire)
    return table.at.astimezone(UTC), read_table(
        _lines(table),
        lambda records: read.views(
            records, positions(records, wanted, optional), wire, failure
        ),
    )


def _download(
    connection: Connection, action: str, fields: Mapping[str, str], path: Path
) -> Download:
    remedy = text("画面からエクスポートした CSV があれば --from-file で連携できます。")
    if not action:
        raise NotOffered(text("この取得 API は提供なしと設定されています。"), remedy)
    try:
        return connection.download(action, fields, path)
    except NotOffered as error:
        raise NotOffered(error.what, remedy) from error


def _lines(table: Download) -> CsvText:
    """Lines of a downloaded table, which is deleted when it has been read."""
    encoding = encoding_of(table.path)
    if encoding is None:
        raise failure(text("文字コードを判別できません。"), damaged=True)
    return opened(table.path, encoding, delete=True)


def positions(
    records: Iterator[list[str]], wanted: Sequence[str], optional: Sequence[str]
) -> list[int]:
    """Where the columns are, by the header line; SettingsError if one is missing."""
    header = csvtext.header_of(records)
    found = read.columns(header, wanted, optional)
    if found is None:
        raise SettingsError(
            text(
                "配配メールの応答に必要な列がありません。見つかった列: {found}。"
                "必要な列: {wanted}。",
                found="、".join(answers.shown(name)[:40] for name in header[:50]),
                wanted="、".join(wanted),
            ),
            text("[haihai.wire] の列名を仕様書と照合してください。"),
        )
    return found


def failure(what: Text, *, damaged: bool = False) -> ConnectorError:
    """The error for a row: a damaged answer, or one that the table misreads."""
    if damaged:
        return ServiceUnreachable(
            text("配配メールの応答が壊れています: {what}", what=what),
            text("しばらく待ってから、もう一度実行してください。"),
            cause="service_unavailable",
        )
    return SettingsError(
        text("配配メールの応答を解釈できません: {what}", what=what),
        text("[haihai.wire] の語と書式を仕様書と照合してください。"),
    )


def _safe(group: str) -> str:
    """A file name's part for any group; its own text where that is plain."""
    if group.isascii() and group.isalnum():
        return group
    return blake2b(group.encode(), digest_size=8).hexdigest()
