"""What an incremental read has to look at, by the audience's condition."""

from __future__ import annotations

import pytest

from haihai_tui.sync.reading import AudienceQuery


def query(audience: str, *select: str) -> AudienceQuery:
    return AudienceQuery("Contact", audience, ("Id", *select))


@pytest.mark.parametrize(
    "audience",
    [
        "Id IN (SELECT ContactId FROM CampaignMember WHERE CampaignId = '701')",
        "Id NOT IN ( select ContactId FROM CampaignMember)",
        "CreatedDate = LAST_N_DAYS:30",
        "CreatedDate > yesterday",
        "Birthdate = THIS_FISCAL_QUARTER",
        "CreatedDate < N_MONTHS_AGO:3",
        "Account.Owner.IsActive = true",
    ],
)
def test_who_belongs_can_change_without_a_record_that_moves(audience: str) -> None:
    assert query(audience).is_silent


@pytest.mark.parametrize(
    "audience",
    [
        "",
        "HasOptedOutOfEmail = false AND Email != null",
        "LastName = 'TODAY (SELECT a.b.c'",
        "Last_Week__c = true",
        "CreatedDate > 2026-01-01T00:00:00.000Z",
        "Account.Type = 'Customer'",
    ],
)
def test_a_changed_record_tells_of_itself(audience: str) -> None:
    assert not query(audience).is_silent


def test_parents_in_the_condition_are_watched_like_those_that_are_read() -> None:
    watched = query("Account.Type = 'a.b' AND Owner.IsActive = true", "Account.Name")
    assert watched.parents == ("Account", "Owner")
    assert "Owner.SystemModstamp >= " in watched.scan_since("2026-01-01T00:00:00Z")
