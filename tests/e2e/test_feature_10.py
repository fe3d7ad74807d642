"""Feature 10: an address that two people claim waits for a person's answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from haihai_tui.services.paths import home_at
from haihai_tui.services.store.database import open_database
from haihai_tui.services.store.reviews import Reviews
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


def test_feature_10_two_contacts_with_one_address_wait_for_a_person(
    synced: Stage,
) -> None:
    for name in ("山田", "佐藤"):
        synced.create("Contact", LastName=name, Email="both@example.com")
    run = synced.run()
    assert run.code == 1
    assert run.numbers("customers", "held", "written") == (2, 0)
    assert not synced.imports()
    status = synced.command("--status", "--json").events[0]
    assert sum(status["reviews"].values()) == 1


def test_feature_10_update_only_registers_nobody_new(stage: Stage) -> None:
    _, address = contact(stage)
    stage.haihai_control("groups/1/allow", {"address": address})
    stage.set("customers.create=false")
    run = stage.run()
    assert run.code == 0, run.err
    assert run.numbers("customers", "created", "linked", "skipped") == (0, 1, 99)
    assert set(stage.members()) == {address}


def answer(stage: Stage, chosen: str) -> None:
    """What the console does when a person answers the one open question."""
    home = home_at(stage.folder)
    database = open_database(home)
    reviews = Reviews(database, "default")
    (question,) = reviews.open("customers")
    reviews.decide(question.id, chosen, "tester")
    database.close()


def both(stage: Stage) -> list[str]:
    return [
        stage.create("Contact", LastName=name, Email="both@example.com")
        for name in ("山田", "佐藤")
    ]


def test_feature_10_the_chosen_one_gets_the_address_and_nobody_is_asked_again(
    synced: Stage,
) -> None:
    _, chosen = both(synced)
    assert synced.run().code == 1
    answer(synced, chosen)
    run = synced.run()
    assert run.code == 0, run.err
    assert synced.customers()["both@example.com"]["items"]["姓"] == "佐藤"
    synced.forget_requests()
    for arguments in ((), ("--full",)):
        assert synced.run(*arguments).code == 0
    assert not synced.imports()


def test_feature_10_nobody_may_be_the_answer(synced: Stage) -> None:
    both(synced)
    assert synced.run().code == 1
    answer(synced, "-")
    assert synced.run().code == 0
    assert "both@example.com" not in synced.customers()


def test_feature_10_a_newcomer_can_take_over_a_linked_address(synced: Stage) -> None:
    one, address = contact(synced)
    other = synced.create("Contact", LastName="後任", Email=address)
    assert synced.run().code == 1
    synced.forget_requests()
    assert synced.run().code == 1
    assert not synced.imports()
    answer(synced, other)
    assert synced.run().code == 0
    assert synced.customers()[address]["items"]["SalesforceID"] == other
    assert synced.members()[address] == "配信可能"
    synced.update(one, LastName="前任者")
    synced.forget_requests()
    assert synced.run().code == 0
    assert not synced.imports()


def test_feature_10_a_third_claimant_is_a_new_question(synced: Stage) -> None:
    _, chosen = both(synced)
    synced.run()
    answer(synced, chosen)
    assert synced.run().code == 0
    synced.create("Contact", LastName="鈴木", Email="both@example.com")
    assert synced.run().code == 1


def test_feature_10_a_question_closes_itself_when_only_one_is_left(
    synced: Stage,
) -> None:
    first, _ = both(synced)
    assert synced.run().code == 1
    synced.update(first, Email="other@example.com")
    assert synced.run().code == 0
    assert not synced.difference()
