"""The client over real HTTP, against the sandbox, which shares no code with it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from haihai_tui.errors import (
    AuthorisationNeeded,
    BudgetUsedUp,
    ConnectorError,
    ServiceUnreachable,
    SettingsError,
)
from haihai_tui.sandbox.haihai.app import Service
from haihai_tui.sandbox.haihai.gate import Credentials
from haihai_tui.sandbox.serve import Served
from haihai_tui.services.haihai.client import SERVICE, HaihaiClient
from haihai_tui.services.haihai.connection import account_of
from haihai_tui.services.haihai.wire import Wire
from haihai_tui.services.http import Channel, RetryPolicy, new_client
from haihai_tui.services.secret import Secret
from haihai_tui.sync.ports import Batch, Group, ImportKind, ImportResult, Receipt

WIRES = {
    "defaults": Wire(),
    "utf-8, token in the form, rows from 1": Wire.from_table(
        {
            "encoding": "utf-8",
            "charset_value": "Shift_JIS",
            "token_place": "form",
            "result_first_row": 1,
            "blank_part": "kuuran",
            "members_action": "Kaiin",
        }
    ),
}


@dataclass
class World:
    """A sandbox, a client for it, and its control interface."""

    client: HaihaiClient
    control: httpx.Client
    connect: Callable[..., HaihaiClient]

    def customers(self) -> dict[str, Mapping[str, Any]]:
        lines = self.control.get("/_sandbox/customers").text.splitlines()
        return {row["address"]: row for row in map(json.loads, lines)}

    def fault(self, match: str, do: str, **more: object) -> None:
        faults = [{"match": match, "do": do, **more}]
        self.control.post("/_sandbox/faults", json=faults).raise_for_status()

    def switch(self, **values: object) -> None:
        self.control.put("/_sandbox/switches", json=values).raise_for_status()

    def imports(self) -> list[Mapping[str, Any]]:
        jobs = self.control.get("/_sandbox/jobs").json()
        assert isinstance(jobs, list)
        return jobs

    def settled(self, receipt: Receipt) -> ImportResult:
        """The result once the asynchronous import was worked off."""
        until = time.monotonic() + 10
        while (result := self.client.result(receipt)).state == "pending":
            assert time.monotonic() < until
            time.sleep(0.02)
        return result


@pytest.fixture(params=WIRES)
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    wire = WIRES[request.param]
    service = Service(Credentials("a01-24", "api-user", "right-token"), wire=wire)
    service.start()
    with (
        Served(service.app) as served,
        new_client() as http,
        httpx.Client(base_url=served.url) as control,
    ):

        def connect(token: str = "right-token", url: str = "") -> HaihaiClient:
            account = account_of(
                wire,
                contract_id="a01-24",
                base_url=url or served.url,
                login_id="api-user",
                token=Secret(token),
            )
            policy = RetryPolicy(
                attempts=3, total_s=5, first_wait_s=0.01, max_wait_s=0.02, jitter_s=0
            )
            return HaihaiClient(Channel(http, SERVICE, policy=policy), account, wire)

        for gid, name in (("1", "メルマガ会員"), ("2", "セミナー")):
            control.post("/_sandbox/groups", json={"gid": gid, "name": name})
        yield World(connect(), control, connect)
    service.stop()


def batch(
    kind: ImportKind, *addresses: str, group: str = "1", name: str | None = None
) -> Batch:
    if name is None:
        return Batch(kind, group, ("メールアドレス",), [f'"{a}"' for a in addresses])
    lines = [f'"{address}","{name}"' for address in addresses]
    return Batch(kind, group, ("メールアドレス", "姓"), lines)


def send(world: World, folder: Path, sent: Batch) -> ImportResult:
    [receipt] = world.client.submit(sent, folder)
    return world.settled(receipt)


def states(world: World, group: str, folder: Path) -> dict[str, str]:
    return {m[0]: m[1] for m in world.client.members(group, folder)}


def test_all_five_kinds(world: World, folder: Path) -> None:
    three = ("a@example.jp", "b@example.jp", "c@example.jp")
    result = send(world, folder, batch(ImportKind.REGISTER, *three, name="髙橋"))
    assert result == ImportResult("done")
    assert states(world, "1", folder) == dict.fromkeys(three, "allowed")

    send(world, folder, batch(ImportKind.STOP, "a@example.jp"))
    send(world, folder, batch(ImportKind.BAR, "b@example.jp"))
    send(world, folder, batch(ImportKind.LEAVE, "c@example.jp"))
    assert states(world, "1", folder) == {
        "a@example.jp": "stopped",
        "b@example.jp": "barred",
    }
    send(world, folder, batch(ImportKind.ALLOW, "b@example.jp"))
    send(world, folder, batch(ImportKind.REGISTER, *three, name="山田\x1e太郎"))
    assert states(world, "1", folder) == {
        "a@example.jp": "stopped",
        "b@example.jp": "allowed",
        "c@example.jp": "allowed",
    }
    customers = world.customers()
    assert set(customers) == set(three)
    assert customers["a@example.jp"]["items"]["姓"].splitlines() == ["山田", "太郎"]


def test_a_blank_keeps_or_overwrites(world: World, folder: Path) -> None:
    def register(name: str, blank: str) -> str:
        lines = [f'"a@example.jp","{name}"']
        columns = ("メールアドレス", "姓")
        kind = ImportKind.REGISTER
        send(world, folder, Batch(kind, "1", columns, lines, blank))  # type: ignore[arg-type]
        return str(world.customers()["a@example.jp"]["items"]["姓"])

    assert register("山田", "keep") == "山田"
    assert register("", "keep") == "山田"
    assert register("", "overwrite") == ""


def test_rejected_rows_come_back_with_row_address_and_reason(
    world: World, folder: Path
) -> None:
    sent = batch(ImportKind.REGISTER, "a@example.jp", "not an address", "b@example.jp")
    result = send(world, folder, sent)
    assert result.state == "done"
    [failure] = result.failures
    assert (failure.row, failure.address) == (1, "not an address")
    assert failure.reason
    assert set(states(world, "1", folder)) == {"a@example.jp", "b@example.jp"}


def test_an_import_that_waits_is_pending(world: World, folder: Path) -> None:
    world.switch(import_hold=True)
    [receipt] = world.client.submit(batch(ImportKind.REGISTER, "a@example.jp"), folder)
    assert world.client.result(receipt).state == "pending"
    world.switch(import_hold=False)
    assert world.settled(receipt).state == "done"


def test_an_import_that_fails_as_a_whole(world: World, folder: Path) -> None:
    world.switch(import_fail=1)
    result = send(world, folder, batch(ImportKind.REGISTER, "a@example.jp"))
    assert [failure.row for failure in result.failures] == [0]


def test_twenty_thousand_rows_go_in_two_files(world: World, folder: Path) -> None:
    addresses = [f"user{n}@example.jp" for n in range(20_000)]
    receipts = list(world.client.submit(batch(ImportKind.REGISTER, *addresses), folder))
    assert [(r.first_row, r.rows) for r in receipts] == [(0, 10_000), (10_000, 10_000)]
    assert world.client.calls() == 2
    for receipt in receipts:
        assert world.settled(receipt) == ImportResult("done")
    assert set(states(world, "1", folder)) == set(addresses)


def test_a_lost_answer_repeats_the_import_without_harm(
    world: World, folder: Path
) -> None:
    world.fault("POST ScheduleCsvImport", "lose_reply")
    sent = batch(ImportKind.REGISTER, "a@example.jp", name="山田")
    [receipt] = world.client.submit(sent, folder)
    assert world.client.calls() == 1
    assert world.settled(receipt) == ImportResult("done")
    assert [job["rows"] for job in world.imports()] == [1, 1]
    assert list(world.customers()) == ["a@example.jp"]


@pytest.mark.parametrize(
    ("do", "body"),
    [
        ("status:503", None),
        ("status:429", None),
        ("status:200", ""),
        ("status:200", "<html>maintenance</html>"),
        ("status:200", "Hello"),
        ("reset", None),
        ("error:81503", None),
    ],
)
def test_trouble_passes_or_ends_as_unreachable(
    world: World, folder: Path, do: str, body: str | None
) -> None:
    dressed = {} if body is None else {"body": body}
    world.fault("POST ScheduleCsvImport", do, times=2, **dressed)
    sent = batch(ImportKind.REGISTER, "a@example.jp")
    assert len(list(world.client.submit(sent, folder))) == 1
    world.fault("POST ScheduleCsvImport", do, times=None, **dressed)
    with pytest.raises(ServiceUnreachable, match="配配メール"):
        list(world.client.submit(sent, folder))


@pytest.mark.parametrize("size", [0, 30, 300])
def test_a_table_that_is_cut_is_read_again(
    world: World, folder: Path, size: int
) -> None:
    addresses = [f"user{n}@example.jp" for n in range(50)]
    send(world, folder, batch(ImportKind.REGISTER, *addresses))
    world.fault("POST ac=(GroupMemberList|Kaiin)", f"truncate:{size}", times=2)
    assert len(list(world.client.members("1", folder))) == 50


def test_the_daily_limit(world: World, folder: Path) -> None:
    world.switch(daily_calls=1)
    sent = batch(ImportKind.REGISTER, "a@example.jp")
    list(world.client.submit(sent, folder))
    with pytest.raises(BudgetUsedUp) as caught:
        list(world.client.submit(sent, folder))
    assert caught.value.cause == "haihai_limit"


def test_a_wrong_token(world: World, folder: Path) -> None:
    client = world.connect(token="wrong")
    with pytest.raises(AuthorisationNeeded) as caught:
        list(client.submit(batch(ImportKind.REGISTER, "a@example.jp"), folder))
    assert caught.value.cause == "haihai_token_invalid"
    with pytest.raises(AuthorisationNeeded):
        client.members("1", folder)


def test_an_address_that_is_not_allowed(world: World, folder: Path) -> None:
    world.switch(allowed_addresses=["192.0.2.1"])
    with pytest.raises(AuthorisationNeeded) as caught:
        world.client.groups()
    assert caught.value.cause == "haihai_ip_denied"


@pytest.mark.parametrize(
    ("columns", "group", "cause"),
    [
        (("メールアドレス", "姓"), "99", "haihai_group_unknown"),
        (("メールアドレス", "役職"), "1", "haihai_item_unknown"),
    ],
)
def test_what_the_account_does_not_have(
    world: World, folder: Path, columns: tuple[str, ...], group: str, cause: str
) -> None:
    sent = Batch(ImportKind.REGISTER, group, columns, ['"a@example.jp","x"'])
    with pytest.raises(SettingsError) as caught:
        list(world.client.submit(sent, folder))
    assert caught.value.cause == cause


def test_members_with_state_time_and_status(world: World, folder: Path) -> None:
    send(world, folder, batch(ImportKind.REGISTER, "a@example.jp", "b@example.jp"))
    before = datetime.now(UTC).replace(microsecond=0)
    stop = {"address": "a@example.jp"}
    world.control.post("/_sandbox/groups/1/stop", json=stop).raise_for_status()
    failing = {"address": "b@example.jp", "status": "エラー"}
    world.control.post("/_sandbox/status", json=failing).raise_for_status()
    members = {member[0]: member for member in world.client.members("1", folder)}
    _, state, stopped_at, method, is_error = members["a@example.jp"]
    assert (state, method, is_error) == ("stopped", "配信停止フォーム", False)
    at = datetime.fromisoformat(stopped_at)
    assert before <= at <= before + timedelta(seconds=30)
    assert members["b@example.jp"] == ("b@example.jp", "allowed", "", "", True)
    assert states(world, "2", folder) == {}


def test_views_since_a_time(world: World, folder: Path) -> None:
    events = [
        {
            "address": "a@example.jp",
            "url": "https://example.jp/?q=髙,1",
            "at": "2026-01-05T00:00:00+00:00",
            "kind": "click",
            "user_agent": "Mozilla/5.0",
        },
        {
            "address": "a@example.jp",
            "url": "https://example.jp/b",
            "at": "2026-01-06T00:00:00+00:00",
            "kind": "visit",
        },
    ]
    world.control.post("/_sandbox/views", json=events).raise_for_status()
    at, found = world.client.views(None, folder)
    assert abs(datetime.now(UTC) - at) < timedelta(seconds=30)
    first, second = list(found)
    assert first == (
        "a@example.jp",
        "https://example.jp/?q=髙,1",
        "2026-01-05T00:00:00Z",
        "click",
        "Mozilla/5.0",
    )
    assert second[2:] == ("2026-01-06T00:00:00Z", "visit", "")
    _, later = world.client.views(datetime(2026, 1, 5, 12, tzinfo=UTC), folder)
    assert list(later) == [second]


def test_the_time_of_views_is_the_clock_of_the_service(
    world: World, folder: Path
) -> None:
    world.control.post("/_sandbox/clock", json={"advance_s": 7200}).raise_for_status()
    at, _ = world.client.views(None, folder)
    assert at - datetime.now(UTC) > timedelta(seconds=7000)


def test_groups(world: World) -> None:
    assert world.client.groups() == (
        Group("1", "メルマガ会員"),
        Group("2", "セミナー"),
    )


def test_an_account_without_retrievals(world: World, folder: Path) -> None:
    world.switch(groups_api=False, members_api=False, result_api=False)
    assert world.client.groups() is None
    with pytest.raises(SettingsError, match="--from-file"):
        world.client.members("1", folder)
    [receipt] = world.client.submit(batch(ImportKind.REGISTER, "a@example.jp"), folder)
    calls = world.client.calls()
    assert world.client.result(receipt).state == "unavailable"
    assert world.client.result(receipt).state == "unavailable"
    assert world.client.calls() == calls + 1


def test_nothing_listens(world: World, folder: Path) -> None:
    client = world.connect(url="http://localhost:1")
    with pytest.raises(ConnectorError) as caught:
        client.groups()
    assert caught.value.cause == "service_unavailable"


def test_poisoned_values_arrive_intact(world: World, folder: Path) -> None:
    values = ["=cmd()", 'a"b,c', "﨑", "\x1b[31m", "x" * 900, " 空白 ", "'; DROP"]
    for value in values:
        quoted = value.replace('"', '""')
        lines = [f'"a@example.jp","{quoted}"']
        columns = ("メールアドレス", "姓")
        send(world, folder, Batch(ImportKind.REGISTER, "1", columns, lines))
        assert world.customers()["a@example.jp"]["items"]["姓"] == value
