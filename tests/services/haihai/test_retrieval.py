from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from pytest_httpx import HTTPXMock, IteratorStream

from haihai_tui.errors import (
    BudgetUsedUp,
    ConnectorError,
    ServiceUnreachable,
    SettingsError,
)
from haihai_tui.services.haihai.client import HaihaiClient
from haihai_tui.services.haihai.wire import Wire
from haihai_tui.sync.ports import Group
from tests.services.haihai.conftest import MakeClient, action

MEMBERS = action("GroupMemberList")
VIEWS = action("ViewedUrlList")
GROUPS = action("GroupList")

HEADER = "メールアドレス,配信状態,配信停止日時,配信停止方法,ステータス\r\n"
VIEW_HEADER = "メールアドレス,URL,日時,種別,ユーザーエージェント\r\n"
DATE = {"Date": "Mon, 05 Jan 2026 01:02:03 GMT", "Content-Type": "text/csv"}


def test_members_become_tuples_in_utc(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(
        url=MEMBERS,
        headers=DATE,
        text=HEADER
        + "a@example.jp,配信可能,,,OK\r\n"
        + "b@example.jp,配信停止,2026/01/05 08:30:00,配信停止フォーム,OK\r\n"
        + '"""c d""@example.jp",配信禁止,2026/01/05 09:00:00,管理者,エラー\r\n',
    )
    assert list(client.members("1", folder)) == [
        ("a@example.jp", "allowed", "", "", False),
        (
            "b@example.jp",
            "stopped",
            "2026-01-04T23:30:00Z",
            "配信停止フォーム",
            False,
        ),
        ('"c d"@example.jp', "barred", "2026-01-05T00:00:00Z", "管理者", True),
    ]
    request = httpx_mock.get_requests()[0]
    sent = dict(pair.split("=") for pair in request.read().decode().split("&"))
    assert sent["gid"] == "1"
    assert sent["charset"] == "utf-8"
    assert sent["return_format"] == "csv"
    assert request.headers["Accept-Encoding"] == "identity"
    assert list(folder.iterdir()) == []


def test_an_empty_group_has_no_members(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(url=MEMBERS, text=HEADER)
    assert list(client.members("1", folder)) == []


def test_members_in_cp932_and_another_column_order(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    body = "ステータス,姓,配信状態,メールアドレス\r\nOK,髙橋,配信停止,a@example.jp\r\n"
    httpx_mock.add_response(url=MEMBERS, content=body.encode("cp932"))
    expected = ("a@example.jp", "stopped", "", "", False)
    assert list(client.members("1", folder)) == [expected]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>maintenance</body></html>",
        (HEADER + "a@example.jp,配信可能,,,O").encode(),
        (HEADER + "a@example.jp,配信可能,,").encode(),
        b"10200,OK,nothing to say\r\n",
        b"81503,NG,busy\r\n",
    ],
)
def test_a_damaged_table_is_read_again(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock, body: bytes
) -> None:
    httpx_mock.add_response(url=MEMBERS, content=body)
    httpx_mock.add_response(url=MEMBERS, text=HEADER + "a@example.jp,配信可能,,,OK\r\n")
    assert len(list(client.members("1", folder))) == 1
    assert client.calls() == 1


def test_a_connection_cut_in_the_middle_is_read_again(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    def cut() -> object:
        yield HEADER.encode()
        raise httpx.RemoteProtocolError("peer closed connection")

    httpx_mock.add_response(url=MEMBERS, stream=IteratorStream(cut()))  # type: ignore[arg-type]
    httpx_mock.add_response(url=MEMBERS, text=HEADER + "a@example.jp,配信可能,,,OK\r\n")
    assert len(list(client.members("1", folder))) == 1


def test_a_page_with_html_type_is_no_table(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(url=MEMBERS, html="please log in", is_reusable=True)
    with pytest.raises(ServiceUnreachable, match="配配メール"):
        client.members("1", folder)
    assert len(httpx_mock.get_requests()) == 3


def test_compression_that_was_not_asked_for_is_refused(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(
        url=MEMBERS,
        content=HEADER.encode(),
        headers={"Content-Encoding": "identity, gzip"},
        is_reusable=True,
    )
    with pytest.raises(ServiceUnreachable):
        client.members("1", folder)


def test_a_missing_column_names_found_and_wanted(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(url=MEMBERS, text="アドレス,状態\r\na@example.jp,x\r\n")
    with pytest.raises(
        SettingsError, match=r"アドレス、状態.*メールアドレス、配信状態"
    ):
        client.members("1", folder)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("a@example.jp,停止中,,,OK", "停止中"),
        ("a@example.jp,配信可能,,,NG", "NG"),
        ("a@example.jp,配信停止,先週,,OK", "先週"),
        ("a@example.jp,配信停止,2026/13/05 00:00:00,,OK", "2026/13/05"),
        ("a@example.jp,配信停止,0001/01/01 00:00:00,,OK", "0001/01/01"),
        ("a@example.jp,配信停止", "2 行目"),
        ('"a@example.jp,配信停止,,,OK', "2 行目"),
    ],
)
def test_what_cannot_be_read_is_named_and_never_guessed(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock, row: str, told: str
) -> None:
    httpx_mock.add_response(url=MEMBERS, text=HEADER + row + "\r\n")
    with pytest.raises(ConnectorError, match=told):
        list(client.members("1", folder))


def test_the_daily_limit_is_named(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(url=MEMBERS, text="81404,NG,too many calls\r\n")
    with pytest.raises(BudgetUsedUp) as caught:
        client.members("1", folder)
    assert caught.value.cause == "haihai_limit"


def test_a_full_disk_is_told_and_not_retried(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    (folder / "members-1.csv").symlink_to("/dev/full")
    httpx_mock.add_response(url=MEMBERS, text=HEADER + "a@example.jp,配信可能,,,OK\r\n")
    with pytest.raises(SettingsError, match=r"members-1\.csv"):
        client.members("1", folder)


@pytest.mark.parametrize("offered", [True, False])
def test_without_the_option_the_way_out_is_a_file(
    make_client: MakeClient, folder: Path, httpx_mock: HTTPXMock, offered: bool
) -> None:
    if offered:
        httpx_mock.add_response(url=MEMBERS, text="81405,NG,unknown action")
    wire = Wire() if offered else Wire.from_table({"members_action": ""})
    with pytest.raises(SettingsError, match="--from-file"):
        make_client(wire).members("1", folder)


# --------------------------------------------------------------------- views


def test_views_come_with_the_time_of_the_service(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(
        url=VIEWS,
        headers=DATE,
        text=VIEW_HEADER
        + "a@example.jp,https://example.jp/x,2026/01/05 09:00:00,クリック,"
        + "Mozilla/5.0\r\n"
        + "a@example.jp,https://example.jp/y,2026/01/05 09:01:00,来訪,\r\n",
    )
    since = datetime(2026, 1, 4, 15, 0, tzinfo=UTC)
    at, found = client.views(since, folder)
    assert at == datetime(2026, 1, 5, 1, 2, 3, tzinfo=UTC)
    assert list(found) == [
        (
            "a@example.jp",
            "https://example.jp/x",
            "2026-01-05T00:00:00Z",
            "click",
            "Mozilla/5.0",
        ),
        ("a@example.jp", "https://example.jp/y", "2026-01-05T00:01:00Z", "visit", ""),
    ]
    body = httpx_mock.get_requests()[0].read().decode()
    assert "from=2026%2F01%2F05+00%3A00%3A00" in body


def test_views_from_the_beginning_name_no_start(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(url=VIEWS, headers=DATE, text=VIEW_HEADER)
    _, found = client.views(None, folder)
    assert list(found) == []
    assert "from=" not in httpx_mock.get_requests()[0].read().decode()


def test_views_without_a_time_of_the_service_are_refused(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(url=VIEWS, text=VIEW_HEADER)
    with pytest.raises(ServiceUnreachable, match="Date"):
        client.views(None, folder)


# -------------------------------------------------------------------- groups


def test_groups(client: HaihaiClient, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(
        url=GROUPS, text="グループID,グループ名\r\n1,メルマガ会員\r\n2,セミナー\r\n"
    )
    assert client.groups() == (Group("1", "メルマガ会員"), Group("2", "セミナー"))


def test_groups_that_cannot_be_listed(
    make_client: MakeClient, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(url=GROUPS, text="81405,NG,unknown action")
    assert make_client().groups() is None
    assert make_client(Wire.from_table({"groups_action": ""})).groups() is None
