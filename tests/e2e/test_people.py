"""What happens to a person, as docs/people.md tells it: merged, converted, come back.

The cases that the numbered promises do not show already.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.e2e

YEAR_S = 366 * 86_400


@pytest.fixture
def synced(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=60) as stage:
        first = stage.run()
        assert first.code == 0, first.err
        stage.forget_requests()
        yield stage


def people(stage: Stage, many: int, sobject: str = "Contact") -> list[tuple[str, str]]:
    """Id and address of records that have one."""
    where = "HasOptedOutOfEmail = false AND Email != null"
    rows = stage.query(
        f"SELECT Id, Email FROM {sobject} WHERE {where} ORDER BY Id LIMIT {many}"
    )
    return [(row["Id"], row["Email"]) for row in rows]


def state(stage: Stage, record: str) -> Any:
    sobject = "Lead" if record.startswith("00Q") else "Contact"
    soql = f"SELECT HaihaiState__c FROM {sobject} WHERE Id = '{record}'"
    return stage.query(soql)[0]["HaihaiState__c"]


def merge(stage: Stage, winner: str, *losers: str) -> None:
    stage.salesforce_control(
        "records",
        {
            "object": "Contact",
            "operation": "merge",
            "id": winner,
            "losers": list(losers),
        },
    )


def convert(stage: Stage, lead: str) -> str:
    """Convert a lead; the contact's Id."""
    made = stage.salesforce_control(
        "records", {"object": "Lead", "operation": "convert", "id": lead}
    )
    return str(made["contact_id"])


# ------------------------------------------------------------------------- merged


@pytest.mark.parametrize("arguments", [(), ("--full",)])
@pytest.mark.parametrize(("kind", "word"), [("stop", "配信停止"), ("bar", "配信禁止")])
def test_merged_the_winner_inherits_the_losers_stop(
    synced: Stage, arguments: tuple[str, ...], kind: str, word: str
) -> None:
    (winner, winners), (loser, losers) = people(synced, 2)
    synced.haihai_control(f"groups/1/{kind}", {"address": losers})
    merge(synced, winner, loser)
    run = synced.run(*arguments)
    assert run.code == 0, run.err
    # The state first, then registering.
    assert [one for one, _ in synced.imports()] == [2 if kind == "stop" else 3, 0]
    assert synced.members()[winners] == word
    assert synced.members()[losers] == word
    assert synced.run().code == 0
    assert state(synced, winner) == word
    synced.forget_requests()
    for again in ((), ("--full",)):
        assert synced.run(*again).code == 0
    assert not synced.imports()
    assert not synced.salesforce_writes()


def test_merged_what_the_winner_was_told_later_stands(synced: Stage) -> None:
    (winner, winners), (loser, losers) = people(synced, 2)
    synced.stop(losers)
    merge(synced, winner, loser)
    assert synced.run().code == 0
    synced.haihai_control("groups/1/allow", {"address": winners})
    for arguments in ((), ("--full",)):
        assert synced.run(*arguments).code == 0
        assert synced.members()[winners] == "配信可能"


def test_merged_a_barred_winner_is_not_merely_stopped(synced: Stage) -> None:
    (winner, winners), (loser, losers) = people(synced, 2)
    synced.stop(losers)
    synced.haihai_control("groups/1/bar", {"address": winners})
    merge(synced, winner, loser)
    assert synced.run().code == 0
    assert synced.members()[winners] == "配信禁止"


def test_merged_without_a_stop_the_loser_leaves_and_nothing_else(
    synced: Stage,
) -> None:
    (winner, winners), (loser, losers) = people(synced, 2)
    merge(synced, winner, loser)
    assert synced.run().code == 0
    assert synced.members()[winners] == "配信可能"
    assert losers not in synced.members()
    assert losers in synced.customers()
    assert [kind for kind, _ in synced.imports()] == [1]


def test_merged_with_the_losers_address_the_winner_is_still_stopped(
    synced: Stage,
) -> None:
    (winner, winners), (loser, losers) = people(synced, 2)
    synced.stop(losers)
    merge(synced, winner, loser)
    synced.update(winner, Email=losers)
    assert synced.run().code == 0
    assert synced.members()[losers] == "配信停止"
    assert winners not in synced.members()
    assert synced.customers()[losers]["items"]["SalesforceID"] == winner
    assert not synced.difference()


def test_merged_while_the_winner_is_out_it_comes_back_stopped(synced: Stage) -> None:
    (winner, winners), (loser, losers) = people(synced, 2)
    synced.stop(losers)
    synced.update(winner, HasOptedOutOfEmail=True)
    assert synced.run().code == 0
    assert winners not in synced.members()
    merge(synced, winner, loser)
    assert synced.run().code == 0
    synced.update(winner, HasOptedOutOfEmail=False)
    assert synced.run().code == 0
    assert synced.members()[winners] == "配信停止"


def test_merged_twice_the_last_winner_inherits(synced: Stage) -> None:
    (first, _), (second, seconds), (third, thirds) = people(synced, 3)
    synced.stop(thirds)
    merge(synced, second, third)
    merge(synced, first, second)
    assert synced.run().code == 0
    assert synced.members()[people(synced, 1)[0][1]] == "配信停止"
    assert seconds not in synced.members()


def test_merged_into_a_record_that_is_new_in_the_same_run(synced: Stage) -> None:
    ((loser, losers),) = people(synced, 1)
    synced.stop(losers)
    winner = synced.create("Contact", LastName="統合", Email="winner@example.com")
    merge(synced, winner, loser)
    assert synced.run().code == 0
    assert synced.members()["winner@example.com"] == "配信停止"


def test_merged_when_the_stop_was_seen_in_an_earlier_run(synced: Stage) -> None:
    """The loser is no member any more: what it was told is remembered."""
    (winner, winners), (loser, losers) = people(synced, 2)
    synced.stop(losers)
    assert synced.run().code == 0
    synced.import_by_hand(1, "メールアドレス", losers)
    merge(synced, winner, loser)
    assert synced.run().code == 0
    assert synced.members()[winners] == "配信停止"


# ---------------------------------------------------------------------- converted


def test_converted_the_contact_has_the_leads_stop(synced: Stage) -> None:
    lead = synced.create(
        "Lead", LastName="見込", Company="例", Email="lead@example.com"
    )
    synced.stop("lead@example.com")
    assert synced.run().code == 0
    assert state(synced, lead) == "配信停止"
    contact = convert(synced, lead)
    for _ in range(2):
        run = synced.run()
        assert run.code == 0, run.err
    assert synced.members()["lead@example.com"] == "配信停止"
    assert state(synced, contact) == "配信停止"
    # A converted lead cannot be changed any more; nobody tries to.
    synced.haihai_control("groups/1/allow", {"address": "lead@example.com"})
    run = synced.run()
    assert run.code == 0, run.err
    assert run.numbers("suppressions", "rejected") == (0,)
    assert state(synced, contact) == "配信可能"


def test_converted_the_leads_link_passes_to_the_contact(tmp_path: Path) -> None:
    with staged(tmp_path, customers=40) as stage:
        stage.set(
            'customers.object="Lead"',
            'customers.audience="IsConverted = false AND Email != null"',
            'customers.fields=[{salesforce="LastName", haihai="姓"}]',
        )
        lead = stage.create(
            "Lead", LastName="見込", Company="例", Email="lead@example.com"
        )
        assert stage.run().code == 0
        assert stage.members()["lead@example.com"] == "配信可能"
        contact = convert(stage, lead)
        stage.update(contact, Email="elsewhere@example.com")
        stage.stop("lead@example.com")
        run = stage.run()
        assert run.code == 0, run.err
        assert stage.members()["lead@example.com"] == "配信停止"
        assert state(stage, contact) == "配信停止"


# ------------------------------------------------------------- come back, exchanged


def test_an_address_that_returns_after_a_year_is_still_stopped(synced: Stage) -> None:
    ((one, address),) = people(synced, 1)
    synced.stop(address)
    assert synced.run().code == 0
    synced.delete(one)
    assert synced.run().code == 0
    synced.import_by_hand(1, "メールアドレス", address)
    assert synced.run().code == 0
    for base in (synced.salesforce_control, synced.haihai_control):
        base("clock", {"advance_s": YEAR_S})
    newcomer = {"LastName": "後年", "Email": address}
    synced.salesforce_control(
        "records", {"object": "Contact", "operation": "insert", "values": newcomer}
    )
    synced.forget_requests()
    run = synced.run()
    assert run.code == 0, run.err
    assert [kind for kind, _ in synced.imports()] == [2, 0]
    assert synced.members()[address] == "配信停止"


def test_an_address_given_up_keeps_its_stop_for_whoever_gets_it(synced: Stage) -> None:
    (one, address), (other, _) = people(synced, 2)
    synced.stop(address)
    synced.update(one, Email="moved@example.com")
    assert synced.run().code == 0
    synced.update(other, Email=address)
    assert synced.run().code == 0
    assert synced.members()["moved@example.com"] == "配信停止"
    assert synced.members()[address] == "配信停止"


def test_swapped_addresses_take_the_stop_along_and_lose_none(synced: Stage) -> None:
    (one, first), (other, second) = people(synced, 2)
    synced.stop(first)
    synced.update(one, Email="between@example.com")
    synced.update(other, Email=first)
    synced.update(one, Email=second)
    run = synced.run()
    assert run.code == 0, run.err
    assert [kind for kind, _ in synced.imports()] == [2, 0]
    members = synced.members()
    assert (members[first], members[second]) == ("配信停止", "配信停止")
    assert synced.customers()[second]["items"]["SalesforceID"] == one
    assert synced.customers()[first]["items"]["SalesforceID"] == other
    assert not synced.difference()


def test_deletes_beyond_the_recycle_bin_are_found_and_told(synced: Stage) -> None:
    ((one, address),) = people(synced, 1)
    synced.salesforce_control(
        "records", {"object": "Contact", "operation": "purge", "id": one}
    )
    synced.salesforce_control("clock", {"advance_s": 16 * 86_400})
    run = synced.run("customers")
    assert run.code == 0, run.err
    assert "gap" in {event["event"] for event in run.events}
    assert address not in synced.members()
    assert address in synced.customers()


def test_in_error_the_state_stays_apart(synced: Stage) -> None:
    for sobject in ("Contact", "Lead"):
        synced.salesforce_control(
            "fields",
            {"name": f"{sobject}.HaihaiStatus__c", "type": "Text", "length": 20},
        )
    synced.set('suppressions.status_field="HaihaiStatus__c"')
    ((one, address),) = people(synced, 1)
    synced.haihai_control("status", {"address": address, "status": "エラー"})
    assert synced.run().code == 0
    assert state(synced, one) is None
    soql = f"SELECT HaihaiStatus__c FROM Contact WHERE Id = '{one}'"
    assert synced.query(soql)[0]["HaihaiStatus__c"] == "エラー"
    assert synced.members()[address] == "配信可能"
    assert not synced.imports()
