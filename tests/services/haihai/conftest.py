"""A client on an account that only pytest-httpx answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import stamina

from haihai_tui.services.haihai.client import SERVICE, HaihaiClient
from haihai_tui.services.haihai.connection import OnCall, account_of
from haihai_tui.services.haihai.wire import Wire
from haihai_tui.services.http import Channel, new_client
from haihai_tui.services.secret import Secret

MakeClient = Callable[..., HaihaiClient]

IMPORT = "https://haihai.example.com/?ac=ScheduleCsvImport"


def action(name: str) -> str:
    return f"https://haihai.example.com/?ac={name}"


@pytest.fixture(autouse=True)
def three_attempts() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@pytest.fixture
def make_client() -> Iterator[MakeClient]:
    with new_client() as http:

        def make(
            wire: Wire | None = None,
            *,
            on_call: OnCall | None = None,
            plan_id: str = "",
        ) -> HaihaiClient:
            wire = wire or Wire()
            account = account_of(
                wire,
                contract_id="a01-24",
                base_url="https://haihai.example.com/",
                login_id="api-user",
                token=Secret("token-for-tests"),
                plan_id=plan_id,
            )
            channel = Channel(http, SERVICE)
            return HaihaiClient(channel, account, wire, on_call=on_call)

        yield make


@pytest.fixture
def client(make_client: MakeClient) -> HaihaiClient:
    return make_client()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "run"
    made.mkdir()
    return made
