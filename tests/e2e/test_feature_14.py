"""Feature 14: the audience from a condition, a list view, a report or a campaign;
what the preview counts is what is synced."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from haihai_tui.doors import Doors
from haihai_tui.services.audience import (
    Preview,
    campaign_condition,
    list_view_condition,
)
from haihai_tui.services.live_checks import LiveChecks
from haihai_tui.services.paths import home_at
from haihai_tui.services.runs import Stopper
from haihai_tui.services.salesforce.listviews import AudienceReader
from haihai_tui.services.salesforce.reports import Reports
from haihai_tui.wiring import open_workplace
from tests.e2e.stage import AUDIENCE, Stage, staged

pytestmark = pytest.mark.e2e


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=60) as made:
        yield made


def report(stage: Stage, where: str, **more: Any) -> str:
    body = {"object": "Contact", "name": "Audience", "where": where, **more}
    made = stage.salesforce_control("reports", body)
    return str(made["id"])


def choose(stage: Stage, condition: str, named: str = "") -> None:
    stage.set(
        f'customers.audience="{condition}"',
        f'customers.audience_report="{named}"',
        "guard.max_excluded_share=1.0",
        "guard.max_excluded=1000",
    )


def previewed(stage: Stage) -> Preview:
    """What 連携設定 shows for the profile as it stands."""
    with open_workplace(home_at(stage.folder), "default", {}) as place:
        checks = LiveChecks(Doors(place, Stopper()), place.settings)
        told = list(checks.customers())
        assert checks.seen.preview is not None, told
        return checks.seen.preview


def addresses(stage: Stage, where: str) -> set[str]:
    rows = stage.query(f"SELECT Email FROM Contact WHERE Email != null AND ({where})")
    return {row["Email"] for row in rows}


@pytest.mark.parametrize("source", ["condition", "list view", "campaign", "report"])
def test_feature_14_the_previews_count_equals_the_rows_synced(
    stage: Stage, source: str
) -> None:
    condition, named = AUDIENCE, ""
    with ExitStack() as stack:
        home = home_at(stage.folder)
        place = stack.enter_context(open_workplace(home, "default", {}))
        client = stack.enter_context(Doors(place, Stopper()).salesforce())
        reader = AudienceReader(client.session)
        if source == "list view":
            views = {one.label: one.id for one in reader.list_views("Contact")}
            condition = list_view_condition(reader, "Contact", views["配信対象"])
        elif source == "campaign":
            campaign = stage.query("SELECT Id FROM Campaign")[0]["Id"]
            condition = f"Email != null AND {campaign_condition('Contact', campaign)}"
        elif source == "report":
            condition = ""
            named = Reports(client.session).offered()[0].id
    choose(stage, condition, named)
    shown = previewed(stage)
    run = stage.run("customers")
    assert run.code == 0, run.err
    assert run.numbers("customers", "read", "created") == (shown.total, shown.total)
    members = stage.members()
    assert len(members) == shown.total > 0
    place_of = shown.columns.index("Email")
    assert {row[place_of] for row in shown.sample} <= set(members)


def test_feature_14_who_joins_and_leaves_a_report_is_followed(stage: Stage) -> None:
    named = report(stage, "Email != null AND LastName = '佐藤'")
    choose(stage, AUDIENCE, named)
    assert stage.run("customers").code == 0
    assert set(stage.members()) == addresses(stage, f"{AUDIENCE} AND LastName = '佐藤'")
    new = stage.query(f"SELECT Id FROM Contact WHERE {AUDIENCE} LIMIT 1")[0]["Id"]
    stage.update(new, LastName="佐藤")
    assert stage.run("customers").code == 0
    stage.update(new, LastName="山田")
    assert stage.run("customers").code == 0
    assert set(stage.members()) == addresses(stage, f"{AUDIENCE} AND LastName = '佐藤'")
    stage.forget_requests()
    assert stage.run("customers").code == 0
    assert not stage.imports()


def test_feature_14_a_report_of_more_rows_than_the_service_shows_is_read_whole(
    stage: Stage,
) -> None:
    operations = [
        {
            "object": "Contact",
            "operation": "insert",
            "values": {"LastName": f"多{at:04d}", "Email": f"m{at}@example.com"},
        }
        for at in range(4_100)
    ]
    stage.salesforce_control("records", operations)
    own = {"column": "EMAIL", "operator": "contains", "value": "@example"}
    more = {"filters": [own, {**own, "operator": "notContain", "value": "@nowhere"}]}
    named = report(stage, "Email != null", boolean="1 OR 2", **more)
    choose(stage, "", named)
    shown = previewed(stage)
    wanted = addresses(stage, "Email != null")
    assert shown.total == len(wanted) > 4_100
    run = stage.run("customers")
    assert run.code == 0, run.err
    assert set(stage.members()) == wanted


def test_feature_14_a_grouped_report_counts_all_its_groups(stage: Stage) -> None:
    named = report(stage, AUDIENCE, group_by="LeadSource")
    choose(stage, "", named)
    assert stage.run("customers").code == 0
    assert set(stage.members()) == addresses(stage, AUDIENCE)


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"columns": ["LastName", "Email"]}, "ID"),
        ({"columns": ["AccountId", "Email"]}, "ID"),
        (None, "00O000000000001AAA"),
    ],
    ids=["no id column", "another object's id", "no report"],
)
def test_feature_14_a_report_that_cannot_be_an_audience_stops_before_any_write(
    stage: Stage, more: dict[str, Any] | None, named: str
) -> None:
    assert stage.run("customers").code == 0
    stage.forget_requests()
    choose(stage, "", report(stage, AUDIENCE, **more) if more else named)
    refused = stage.run("customers")
    assert refused.code == 2
    assert named in refused.out
    assert not stage.imports()
    checks = {
        row["check"]: row["status"]
        for row in stage.command("--check", "--json").events
        if row["check"] in ("audience_report", "audience")
    }
    assert checks == {"audience_report": "fail", "audience": "skipped"}


def test_feature_14_the_check_names_report_and_rows(stage: Stage) -> None:
    choose(stage, AUDIENCE, report(stage, AUDIENCE))
    found = {
        row["check"]: row
        for row in stage.command("--check", "--json").events
        if row["check"] in ("audience_report", "audience")
    }
    assert found["audience_report"]["status"] == "ok"
    assert "Audience" in found["audience_report"]["what"]
    assert "60" in found["audience"]["what"]


def test_feature_14_a_wrong_report_id_is_refused(stage: Stage) -> None:
    refused = stage.command("--set", 'customers.audience_report="Members"')
    assert refused.code == 2
    assert "00O" in refused.err
    with open_workplace(home_at(stage.folder), "default", {}) as place:
        assert place.settings.customers.audience_report == ""
