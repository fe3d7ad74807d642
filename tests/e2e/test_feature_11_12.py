"""Features 11 and 12: an address that changes; records that go and come back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.scenes import contact
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.e2e


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=100) as made:
        yield made


@pytest.fixture
def synced(stage: Stage) -> Stage:
    first = stage.run()
    assert first.code == 0, first.err
    stage.forget_requests()
    return stage


def test_feature_11_a_new_address_has_the_old_ones_stop_before_it_is_registered(
    synced: Stage,
) -> None:
    one, address = contact(synced)
    synced.stop(address)
    synced.update(one, Email="moved@example.com")
    run = synced.run()
    assert run.code == 0, run.err
    assert [kind for kind, _ in synced.imports()] == [2, 0, 1]
    members = synced.members()
    assert members["moved@example.com"] == "配信停止"
    assert address not in members
    assert address in synced.customers()


def test_feature_11_two_people_swap_their_addresses(synced: Stage) -> None:
    (one, first), (other, second) = contact(synced), contact(synced, 1)
    synced.update(one, Email="between@example.com")
    synced.update(other, Email=first)
    synced.update(one, Email=second)
    assert synced.run().code == 0
    assert not synced.difference()
    assert "between@example.com" not in synced.customers()


@pytest.mark.parametrize("on_delete", ["exclude", "bar"])
def test_feature_12_delete_and_undelete_leave_no_trace(
    synced: Stage, on_delete: str
) -> None:
    synced.set(f'customers.on_delete="{on_delete}"')
    one, address = contact(synced)
    synced.delete(one)
    assert synced.run().code == 0
    expected = None if on_delete == "exclude" else "配信禁止"
    assert synced.members().get(address) == expected
    assert address in synced.customers()
    synced.salesforce_control(
        "records", {"object": "Contact", "operation": "undelete", "id": one}
    )
    assert synced.run().code == 0
    assert synced.members()[address] == "配信可能"


@pytest.mark.parametrize("on_delete", ["exclude", "bar"])
def test_feature_12_undelete_does_not_undo_a_stop(
    synced: Stage, on_delete: str
) -> None:
    synced.set(f'customers.on_delete="{on_delete}"')
    one, address = contact(synced)
    synced.delete(one)
    assert synced.run().code == 0
    synced.stop(address)
    synced.salesforce_control(
        "records", {"object": "Contact", "operation": "undelete", "id": one}
    )
    assert synced.run().code == 0
    assert synced.members()[address] == "配信停止"


def test_feature_12_a_gap_beyond_the_recycle_bin_reads_everything(
    synced: Stage,
) -> None:
    synced.salesforce_control("clock", {"advance_s": 16 * 86_400})
    run = synced.run("customers")
    assert run.code == 0
    assert run.numbers("customers", "read", "unchanged") == (100, 100)
