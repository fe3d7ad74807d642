"""The wizard's questions, asked of both sandboxes over real HTTP."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from haihai_tui.doors import Doors, drafted, org_name_of, probe_of
from haihai_tui.errors import AuthorisationNeeded, ConnectorError, SettingsError
from haihai_tui.services import audience
from haihai_tui.services.authorisation import Person, explain, renew
from haihai_tui.services.checks.model import Status
from haihai_tui.services.findings import Found
from haihai_tui.services.live_checks import LiveChecks
from haihai_tui.services.roles import Operator, Role
from haihai_tui.services.runs import Stopper
from haihai_tui.services.salesforce.authorise import Milestone
from haihai_tui.services.salesforce.listviews import AudienceReader
from haihai_tui.services.salesforce.new_fields import create_field
from haihai_tui.services.settings_schema import FieldMapping, Settings
from haihai_tui.services.store.facts import Facts
from haihai_tui.services.target_check import STATE
from haihai_tui.services.token_state import token_state
from haihai_tui.services.tokens import StoredTokens
from haihai_tui.wiring import Workplace, oauth_of, open_workplace
from tests.e2e.browser import Browser
from tests.e2e.stage import AUDIENCE, Stage, staged


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("home"), customers=60) as made:
        yield made


@pytest.fixture
def place(stage: Stage) -> Iterator[Workplace]:
    from haihai_tui.services.paths import home_at

    with open_workplace(home_at(stage.folder), "default", {}) as opened:
        yield opened


def checks(place: Workplace, settings: Settings | None = None) -> LiveChecks:
    used = settings or place.settings
    return LiveChecks(Doors(replace(place, settings=used), Stopper()), used)


def by_name(found: Sequence[Found]) -> dict[str, Found]:
    return {one.check: one for one in found}


# ----------------------------------------------------------------- HaiHai Mail


def test_the_connection_lists_the_groups(place: Workplace) -> None:
    asked = checks(place)
    found = by_name(list(asked.haihai()))
    assert found["haihai.connection"].status is Status.OK
    assert found["haihai.group"].what.params["name"] == "メルマガ会員"
    assert asked.seen.groups is not None and len(asked.seen.groups) == 2


def test_a_group_that_is_not_there_and_none_at_all(place: Workplace) -> None:
    for group, status in (("99", Status.FAIL), ("", Status.WARN)):
        haihai = replace(place.settings.haihai, group_id=group)
        asked = checks(place, replace(place.settings, haihai=haihai))
        assert by_name(list(asked.haihai()))["haihai.group"].status is status


def test_a_token_is_tried_before_it_is_stored(place: Workplace) -> None:
    draft = drafted(place, place.settings, {"haihai.api_token": "wrong"}, os.environ)
    found = list(LiveChecks(Doors(draft, Stopper()), place.settings).haihai())
    assert [one.code for one in found] == ["haihai_token_invalid"]
    assert found[0].remedy
    assert next(checks(place).haihai()).status is Status.OK


# ------------------------------------------------------------------ Salesforce


def test_the_login_host_accepts_key_and_callback(place: Workplace) -> None:
    assert [one.status for one in checks(place).login()] == [Status.OK]


@pytest.mark.parametrize(
    ("key", "callback", "code"),
    [
        ("3MVG9unknown", None, "invalid_client_id"),
        (None, "http://localhost:1/other", "redirect_uri_mismatch"),
    ],
)
def test_the_login_host_tells_what_is_wrong_before_a_login(
    place: Workplace, key: str | None, callback: str | None, code: str
) -> None:
    salesforce = place.settings.salesforce
    if callback:
        salesforce = replace(salesforce, callback_url=callback)
    settings = replace(place.settings, salesforce=salesforce)
    secrets = {"salesforce.consumer_key": key} if key else {}
    draft = drafted(place, settings, secrets, {})
    found = list(LiveChecks(Doors(draft, Stopper()), settings).login())
    assert [one.code for one in found] == [code]


def test_the_token_and_the_rights_of_its_user(place: Workplace, stage: Stage) -> None:
    found = by_name(list(checks(place).token()))
    assert {one.status for one in found.values()} == {Status.OK}
    rights = {"user_permissions": {"PermissionsViewEncryptedData": False}}
    stage.salesforce_control("switches", rights, "PUT")
    try:
        asked = checks(place)
        found = by_name(list(asked.token()))
        assert found["salesforce.rights"].code == "no_encrypted_data_permission"
        assert not asked.seen.sees_encrypted
    finally:
        stage.salesforce_control("switches", {"user_permissions": {}}, "PUT")


# ------------------------------------------------------------------- customers


def test_the_preview_counts_and_shows_the_audience(
    place: Workplace, stage: Stage
) -> None:
    asked = checks(place)
    found = by_name(list(asked.customers()))
    assert all(one.status is Status.OK for one in found.values()), found
    seen = asked.seen.preview
    assert seen is not None
    assert seen.total == len(stage.audience()) == 60
    assert seen.columns[:3] == ("Email", "LastName", "FirstName")
    assert len(seen.sample) == audience.SAMPLE
    assert all("@example." in row[0] for row in seen.sample)
    assert [row.type for row in asked.seen.rows][:3] == ["string"] * 3


@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ("HasOptedOutOfEmail = ", Status.FAIL),
        ("Nobody__c = 1", Status.FAIL),
        ("LastName = 'nobody'", Status.WARN),
        ("", Status.WARN),
    ],
)
def test_a_condition_is_judged_by_the_org_itself(
    place: Workplace, condition: str, status: Status
) -> None:
    customers = replace(place.settings.customers, audience=condition)
    asked = checks(place, replace(place.settings, customers=customers))
    found = by_name(list(asked.customers()))
    assert found["customers.audience"].status is status


def test_an_unknown_object_and_field_are_named(place: Workplace) -> None:
    customers = replace(place.settings.customers, object="Nobody__c")
    found = list(
        checks(place, replace(place.settings, customers=customers)).customers()
    )
    assert [one.code for one in found] == ["missing_object"]
    fields = (*place.settings.customers.fields, FieldMapping("Nobody__c", "誰"))
    customers = replace(place.settings.customers, fields=fields)
    asked = checks(place, replace(place.settings, customers=customers))
    found = list(asked.customers())
    about_rows = [one for one in found if one.check == "customers.fields"]
    assert [one.code for one in about_rows] == ["missing_field", ""]
    assert about_rows[0].title.params["field"] == "Nobody__c"
    assert by_name(found)["customers.audience"].status is Status.OK
    assert asked.seen.rows[-1].status is Status.FAIL


def test_list_view_and_campaign_give_conditions_that_count(place: Workplace) -> None:
    with Doors(place, Stopper()).salesforce() as client:
        reader = AudienceReader(client.session)
        views = {one.label: one for one in reader.list_views("Contact")}
        condition = audience.list_view_condition(
            reader, "Contact", views["配信対象"].id
        )
        assert condition == AUDIENCE
        everybody = views["すべての取引先責任者"].id
        assert audience.list_view_condition(reader, "Contact", everybody) == ""
        (campaign,) = audience.campaigns(reader, "Contact")
        members = audience.campaign_condition("Contact", campaign.id)
        listed = reader.query(
            "SELECT ContactId FROM CampaignMember WHERE ContactId != null "
            f"AND CampaignId = '{campaign.id}'"
        )
        assert reader.count("Contact", members) == listed.total > 0
        assert audience.campaigns(reader, "Account") == ()


# ------------------------------------------------------------------ write-back


def test_targets_are_checked_object_by_object(place: Workplace) -> None:
    asked = checks(place)
    found = list(asked.write_back())
    assert len(found) == len(asked.seen.targets) == 10
    assert {one.status for one in found} == {Status.OK}


def test_a_missing_field_is_created_and_can_then_be_written(
    place: Workplace, stage: Stage
) -> None:
    suppressions = replace(
        place.settings.suppressions, objects=("Lead",), state_field="Neu__c"
    )
    settings = replace(place.settings, suppressions=suppressions)
    asked = checks(place, settings)
    list(asked.write_back())
    (missing,) = [one for one in asked.seen.targets if one.status is Status.FAIL]
    assert missing.creatable
    with Doors(place, Stopper()).salesforce() as client:
        target = missing.target
        made = create_field(
            client.session, target.sobject, target.field, target.purpose.metadata
        )
        assert made
        again = create_field(
            client.session, target.sobject, target.field, STATE.metadata
        )
        assert not again
    asked = checks(place, settings)
    assert {one.status for one in asked.write_back()} == {Status.OK}
    lead = stage.query("SELECT Id FROM Lead LIMIT 1")[0]["Id"]
    stage.update(lead, Neu__c="配信停止")


def test_without_the_right_to_customise_the_remedy_is_told(
    place: Workplace, stage: Stage
) -> None:
    rights = {"user_permissions": {"PermissionsCustomizeApplication": False}}
    stage.salesforce_control("switches", rights, "PUT")
    try:
        with (
            Doors(place, Stopper()).salesforce() as client,
            pytest.raises(SettingsError) as caught,
        ):
            create_field(client.session, "Lead", "Nie__c", STATE.metadata)
    finally:
        stage.salesforce_control("switches", {"user_permissions": {}}, "PUT")
    assert caught.value.cause == "no_edit_permission"


# --------------------------------------------------------------- authorisation

ADMIN = Operator("kanri", Role.ADMINISTRATOR, False, False, None, "", "")


def _renew(
    place: Workplace, browser: Browser, actor: Operator = ADMIN
) -> tuple[dict[str, str], list[Milestone]]:
    passed: list[Milestone] = []
    with ExitStack() as stack:
        person = Person(show=browser.open, on_milestone=passed.append, timeout_s=15)
        facts = renew(
            place,
            oauth_of(place, stack),
            actor,
            person,
            probe=probe_of(place, stack, Stopper()),
            org_name=org_name_of(place, Stopper()),
        )
    return facts, passed


def test_the_stages_come_in_order_and_the_state_is_known_afterwards(
    place: Workplace, stage: Stage
) -> None:
    facts, passed = _renew(place, Browser(stage))
    assert passed == list(Milestone)
    assert facts["org_id"] == stage.world.salesforce.org_id
    assert facts["username"] == stage.world.salesforce.admin_username
    assert facts["org_name"]
    noted = Facts(place.database, "default").all()
    state = token_state(StoredTokens(place.secrets), noted)
    assert state.stored and state.can_refresh and not state.cause
    assert state.org_name == facts["org_name"]
    assert state.scopes == ("api", "refresh_token")
    assert state.authorised_at is not None and state.issued_at is not None
    assert state.refreshed_at is None
    assert json.dumps(facts)


def test_a_refusal_is_explained_at_once(place: Workplace, stage: Stage) -> None:
    browser = Browser(stage, deny=True)
    with pytest.raises(AuthorisationNeeded) as caught:
        _renew(place, browser)
    causes = explain(caught.value, browser.answer)
    assert causes[0].code == "access_denied"
    assert causes[0].remedy


def test_a_wrong_key_is_told_before_anybody_opens_a_browser(
    place: Workplace, stage: Stage
) -> None:
    draft = drafted(
        place, place.settings, {"salesforce.consumer_key": "3MVG9unknown"}, {}
    )
    browser = Browser(stage)
    with pytest.raises(ConnectorError) as caught:
        _renew(draft, browser)
    assert caught.value.cause == "invalid_client_id"
    assert browser.answer == ""


def test_only_an_administrator_may_renew(place: Workplace, stage: Stage) -> None:
    browser = Browser(stage)
    with pytest.raises(SettingsError):
        _renew(place, browser, replace(ADMIN, role=Role.OPERATOR))
    assert browser.answer == ""


def test_no_token_is_a_state_of_its_own(tmp_path: Path, place: Workplace) -> None:
    class Empty(StoredTokens):
        def read(self) -> None:
            return None

    assert not token_state(Empty(place.secrets), {}).stored
