"""Both sandboxes together: what a newcomer is told, and what a restart keeps."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from haihai_tui.sandbox.world import World

AUDIENCE = "HasOptedOutOfEmail = false AND Email != null"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World.start(customers=40) as started:
        yield started


def refresh(ready: dict[str, Any], token: str) -> httpx.Response:
    org = ready["salesforce"]
    form = {
        "grant_type": "refresh_token",
        "client_id": org["client_id"],
        "client_secret": org["client_secret"],
        "refresh_token": token,
    }
    return httpx.post(f"{org['login_url']}/services/oauth2/token", data=form)


def count(ready: dict[str, Any], token: str, soql: str) -> int:
    org = ready["salesforce"]
    answer = httpx.get(
        f"{org['login_url']}/services/data/v{org['api_version']}/query",
        params={"q": soql},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 200, answer.text
    total: int = answer.json()["totalSize"]
    return total


def test_ready_tells_exactly_what_is_promised(world: World) -> None:
    ready = json.loads(json.dumps(world.ready))
    assert list(ready) == ["event", "salesforce", "haihai"]
    assert ready["event"] == "sandbox_ready"
    assert list(ready["salesforce"]) == [
        "login_url",
        "client_id",
        "client_secret",
        "username",
        "password",
        "callback_url",
        "access_token",
        "org_id",
        "api_version",
    ]
    assert list(ready["haihai"]) == [
        "base_url",
        "contract_id",
        "login_id",
        "api_token",
        "group_id",
    ]
    org = ready["salesforce"]
    assert org["login_url"].startswith("http://localhost:")
    assert org["callback_url"].endswith("/sflogged")
    assert org["access_token"].startswith("00D")
    assert org["org_id"].startswith("00D") and len(org["org_id"]) == 18


def test_the_access_token_reads_the_default_audience(world: World) -> None:
    soql = f"SELECT COUNT() FROM Contact WHERE {AUDIENCE}"
    assert count(world.ready, world.access_token, soql) == 40


def test_the_refresh_token_gives_a_good_access_token(world: World) -> None:
    answer = refresh(world.ready, world.refresh_token)
    assert answer.status_code == 200, answer.text
    token = answer.json()["access_token"]
    assert count(world.ready, token, "SELECT COUNT() FROM Lead") > 0


def test_the_account_takes_an_import_with_what_ready_tells(world: World) -> None:
    told = world.ready["haihai"]
    answer = httpx.post(
        f"{told['base_url']}/?ac=ScheduleCsvImport",
        data={
            "aid": told["contract_id"].partition("-")[2],
            "loginid": told["login_id"],
            "transport_password": told["api_token"],
            "import_type": "0",
            "gid": told["group_id"],
        },
        files={"csvfile": "メールアドレス,SalesforceID\na@example.com,003\n".encode()},
    )
    assert answer.text.startswith("10200,"), answer.text
    world.haihai.queue.drain(5)
    assert list(world.haihai.account.customers) == ["a@example.com"]


def test_each_server_has_its_own_log_and_clock(world: World) -> None:
    for url in (world.salesforce_url, world.haihai_url):
        httpx.delete(f"{url}/_sandbox/requests")
    count(world.ready, world.access_token, "SELECT COUNT() FROM Contact")
    logs = [
        httpx.get(f"{url}/_sandbox/requests").json()
        for url in (world.salesforce_url, world.haihai_url)
    ]
    assert [len(log) for log in logs] == [1, 0]
    before = world.salesforce.clock.now()
    httpx.post(f"{world.haihai_url}/_sandbox/clock", json={"advance_s": 86_400})
    assert (world.salesforce.clock.now() - before).total_seconds() < 3600


def test_the_same_seed_gives_the_same_credentials_and_another_others() -> None:
    seen = []
    for seed in (7, 7, 8):
        with World.start(customers=1, seed=seed) as world:
            ready = world.ready
            keys = ("client_id", "client_secret", "username", "password", "org_id")
            seen.append(
                (
                    [ready["salesforce"][key] for key in keys],
                    ready["haihai"]["api_token"],
                )
            )
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]


def test_a_state_folder_keeps_records_customers_and_tokens(tmp_path: Path) -> None:
    with World.start(customers=5, seed=3, state=tmp_path / "state") as world:
        first, refresh_token = world.ready, world.refresh_token
        org = world.salesforce
        org.insert("Contact", {"LastName": "追加"}, org.admin_user_id)
        total = count(first, world.access_token, "SELECT COUNT() FROM Contact")
        httpx.post(
            f"{world.haihai_url}/_sandbox/groups/1/stop",
            json={"address": "a@example.com"},
        )
    with World.start(customers=999, seed=9, state=tmp_path / "state") as world:
        again = world.ready
        assert world.refresh_token == refresh_token
        assert refresh(again, refresh_token).status_code == 200
        contacts = "SELECT COUNT() FROM Contact"
        assert count(again, world.access_token, contacts) == total
        assert world.haihai.account.customers.keys() == {"a@example.com"}
        assert again["haihai"]["api_token"] == first["haihai"]["api_token"]
        for key in ("client_id", "client_secret", "org_id", "callback_url"):
            assert again["salesforce"][key] == first["salesforce"][key]


def test_a_taken_port_is_told_and_leaves_nothing_running() -> None:
    with World.start(customers=1) as world:
        taken = int(world.haihai_url.rpartition(":")[2])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            free = probe.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            World.start(customers=1, salesforce_port=free, haihai_port=taken)
    with World.start(customers=1, salesforce_port=free) as world:
        assert world.salesforce_url == f"http://localhost:{free}"
