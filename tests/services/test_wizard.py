"""The wizard's answers, judgement and progress, without a screen."""

from __future__ import annotations

from typing import Any

import pytest

from haihai_tui.errors import SettingsError
from haihai_tui.services.paths import Home
from haihai_tui.services.roles import Operator, Role
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings import load_profile
from haihai_tui.services.settings_schema import FieldMapping
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import Database
from haihai_tui.services.wizard import Wizard, fold_condition
from haihai_tui.services.wizard_questions import QUESTIONS, TITLES, Step, question


def operator(role: Role = Role.ADMINISTRATOR) -> Operator:
    return Operator("kanri", role, False, False, None, "", "")


@pytest.fixture
def wizard(home: Home, secret_store: SecretStore, database: Database) -> Wizard:
    return Wizard(home, "default", secret_store, database, operator())


ACCOUNT: dict[str, Any] = {
    "haihai.contract_id": "a01-24",
    "haihai.login_id": "renkei",
    "haihai.api_token": "TOKEN0123456789",
    "haihai.group_id": "1",
}


def test_every_step_has_a_title_and_asks_only_for_what_a_profile_holds() -> None:
    assert set(TITLES) == set(QUESTIONS) == set(Step)
    assert question("haihai.contract_id").label.msgid == "契約 ID"


def test_a_new_profile_starts_at_the_first_open_step(wizard: Wizard) -> None:
    states = {each.step: each for each in wizard.states()}
    assert states[Step.BASICS].state == "done"
    assert states[Step.HAIHAI].state == "open"
    assert "haihai.api_token" in states[Step.HAIHAI].missing
    assert wizard.resume_at() is Step.HAIHAI


def test_saving_writes_the_profile_and_keeps_secrets_out_of_it(
    wizard: Wizard, home: Home, secret_store: SecretStore, database: Database
) -> None:
    changes = wizard.save(Step.HAIHAI, wizard.judge(Step.HAIHAI, ACCOUNT))
    assert {change.key for change in changes} == set(ACCOUNT)
    assert load_profile(home, "default").haihai.contract_id == "a01-24"
    assert "TOKEN0123456789" not in home.profile_file("default").read_text("utf-8")
    stored = secret_store.get("haihai.api_token")
    assert stored is not None and stored.reveal() == "TOKEN0123456789"
    logged = audit.entries(database, profile="default")
    assert {entry.subject for entry in logged} == set(ACCOUNT)
    assert all(entry.actor == "kanri" for entry in logged)
    assert "TOKEN0123456789" not in str(logged)
    assert wizard.resume_at() is Step.SALESFORCE


def test_a_saved_secret_is_asked_for_no_more_and_never_shown(wizard: Wizard) -> None:
    wizard.save(Step.HAIHAI, wizard.judge(Step.HAIHAI, ACCOUNT))
    assert wizard.answers(Step.HAIHAI)["haihai.api_token"] == ""
    again = wizard.judge(Step.HAIHAI, wizard.answers(Step.HAIHAI))
    assert not again.errors
    assert wizard.save(Step.HAIHAI, again) == ()


def test_what_was_typed_waits_for_the_way_back(
    wizard: Wizard, home: Home, secret_store: SecretStore, database: Database
) -> None:
    wizard.note(Step.HAIHAI, {**ACCOUNT, "haihai.contract_id": "まだ途中"})
    wizard.keep(Step.HAIHAI)
    later = Wizard(home, "default", secret_store, database, operator())
    assert later.resume_at() is Step.HAIHAI
    answers = later.answers(Step.HAIHAI)
    assert answers["haihai.contract_id"] == "まだ途中"
    assert answers["haihai.api_token"] == ""
    states = {each.step: each.state for each in later.states()}
    assert states[Step.HAIHAI] == "draft"
    later.forget(Step.HAIHAI)
    assert later.answers(Step.HAIHAI)["haihai.contract_id"] == ""


@pytest.mark.parametrize(
    ("entered", "meant"),
    [
        ("ａ０１－２４", "a01-24"),
        (" a01-24 ", "a01-24"),
        ("a01-24\u200b", "a01-24"),
    ],
)
def test_full_width_ids_are_folded_with_a_word_about_it(
    wizard: Wizard, entered: str, meant: str
) -> None:
    judged = wizard.judge(Step.HAIHAI, {**ACCOUNT, "haihai.contract_id": entered})
    assert judged.values["haihai.contract_id"] == meant
    assert ("haihai.contract_id" in judged.notes) == (entered.strip() != meant)


@pytest.mark.parametrize(
    ("key", "entered"),
    [
        ("haihai.contract_id", "24"),
        ("haihai.contract_id", ""),
        ("haihai.group_id", "メルマガ"),
        ("haihai.api_token", "two words"),
        ("haihai.api_token", "秘密"),
        ("haihai.api_token", ""),
    ],
)
def test_a_wrong_answer_is_told_at_its_own_line(
    wizard: Wizard, key: str, entered: str
) -> None:
    judged = wizard.judge(Step.HAIHAI, {**ACCOUNT, key: entered})
    assert set(judged.errors) == {key}
    with pytest.raises(SettingsError):
        wizard.save(Step.HAIHAI, judged)


def test_group_and_plan_exclude_each_other(wizard: Wizard) -> None:
    judged = wizard.judge(Step.HAIHAI, {**ACCOUNT, "haihai.plan_id": "3"})
    assert judged.errors


@pytest.mark.parametrize(
    ("entered", "meant"),
    [
        (
            "https://example.lightning.force.com/lightning/page/home",
            "https://example.my.salesforce.com",
        ),
        (
            "ｅｘａｍｐｌｅ．ｍｙ．ｓａｌｅｓｆｏｒｃｅ．ｃｏｍ",
            "https://example.my.salesforce.com",
        ),
    ],
)
def test_the_salesforce_url_is_normalised_and_the_reason_told(
    wizard: Wizard, entered: str, meant: str
) -> None:
    judged = wizard.judge(Step.SALESFORCE, {"salesforce.url": entered})
    assert judged.values["salesforce.url"] == meant
    assert "salesforce.url" in judged.notes


def test_a_foreign_url_is_refused(wizard: Wizard) -> None:
    judged = wizard.judge(Step.SALESFORCE, {"salesforce.url": "https://example.com"})
    assert "salesforce.url" in judged.errors


def test_the_mapping_and_the_rollup_survive_the_way_through_the_file(
    wizard: Wizard, home: Home
) -> None:
    row = {"salesforce": "LastName", "haihai": "姓", "blank": "overwrite"}
    rows = [{**row, "type": "string"}]
    judged = wizard.judge(Step.CUSTOMERS, {"customers.fields": rows})
    wizard.save(Step.CUSTOMERS, judged)
    stored = load_profile(home, "default").customers.fields
    assert stored == (FieldMapping("LastName", "姓", "overwrite", "string"),)
    assert wizard.answers(Step.CUSTOMERS)["customers.fields"] == rows

    entered = {"suppressions.rollup": "１、2", "suppressions.objects": "Contact"}
    wizard.save(Step.WRITE_BACK, wizard.judge(Step.WRITE_BACK, entered))
    settings = load_profile(home, "default").suppressions
    assert settings.rollup == ("1", "2")
    assert settings.objects == ("Contact",)
    assert wizard.answers(Step.WRITE_BACK)["suppressions.rollup"] == "1,2"


def test_the_same_item_cannot_be_fed_twice(wizard: Wizard) -> None:
    row = {"salesforce": "LastName", "haihai": "姓", "blank": "keep"}
    judged = wizard.judge(Step.CUSTOMERS, {"customers.fields": [row, row]})
    assert "customers.fields" in judged.errors


def test_a_condition_is_folded_outside_its_quotes_only() -> None:
    plain, note = fold_condition("ＭａｉｌｉｎｇＣｉｔｙ　＝ '千代田区　１'")
    assert plain == "MailingCity = '千代田区　１'"
    assert note is not None
    assert fold_condition("A = 'ｘ'") == ("A = 'ｘ'", None)


def test_only_an_administrator_may_save(
    home: Home, secret_store: SecretStore, database: Database
) -> None:
    viewer = Wizard(home, "default", secret_store, database, operator(Role.OPERATOR))
    judged = viewer.judge(Step.HAIHAI, ACCOUNT)
    with pytest.raises(SettingsError):
        viewer.save(Step.HAIHAI, judged)
    assert not home.profile_file("default").exists()
