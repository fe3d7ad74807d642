"""Damaged files of our own: repaired from what still stands, nothing lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.scenes import contact, field
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.e2e


@pytest.fixture
def synced(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=100) as stage:
        _, address = contact(stage, 3)
        assert stage.run().code == 0
        stage.stop(address)
        stage.view(address, "https://example.com/a", "2026-11-20T01:00:00Z")
        assert stage.run().code == 0
        stage.forget_requests()
        yield stage


def table(stage: Stage, name: str) -> Path:
    (found,) = (stage.folder / "state" / "default").glob(f"{name}.*")
    return found


@pytest.mark.parametrize("how", ["removed", "torn"])
@pytest.mark.parametrize(
    "name",
    [
        "customers.snapshot",
        "customers.addresses",
        "suppressions.ledger",
        "page-views.ledger",
    ],
)
def test_a_damaged_table_is_made_anew(synced: Stage, name: str, how: str) -> None:
    path = table(synced, name)
    if how == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-5])
    one, address = contact(synced, 3)
    synced.update(one, LastName="変更後")
    repaired = synced.run()
    assert repaired.code == 0, repaired.err
    assert not synced.difference()
    assert synced.members()[address] == "配信停止"
    assert field(synced, one, "HaihaiViewCount__c") == 1
    assert field(synced, one, "HaihaiState__c") == "配信停止"
    synced.forget_requests()
    assert synced.run().code == 0
    assert not synced.imports()
    assert not synced.salesforce_writes()


def test_without_the_member_list_the_sync_goes_on_and_says_so(tmp_path: Path) -> None:
    with staged(tmp_path, customers=50) as stage:
        stage.haihai_control("switches", {"members_api": False}, "PUT")
        run = stage.run("customers")
        assert run.code == 0, run.err
        assert any(event["event"] == "members_unknown" for event in run.events)
        assert not stage.difference()
