"""連携設定, driven by keys against both sandboxes."""

from __future__ import annotations

import asyncio
import time
import tomllib
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from textual import events
from textual.widgets import Input

from haihai_tui.app import ConsoleApp
from haihai_tui.screens.authorise import AuthoriseScreen
from haihai_tui.screens.authorise_qr import Link
from haihai_tui.screens.settings import SettingsScreen
from haihai_tui.screens.settings_mapping import MappingRowScreen, MappingTable
from haihai_tui.screens.settings_pick import PickScreen
from haihai_tui.screens.settings_review import Review
from haihai_tui.screens.widgets.bars import MessageBar
from haihai_tui.services.checks.model import Status
from haihai_tui.services.roles import Role
from haihai_tui.services.settings import load_profile
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import open_database
from haihai_tui.services.store.facts import Facts
from haihai_tui.services.store.runs import Runs
from haihai_tui.services.wizard_questions import Step
from tests.e2e.browser import Browser
from tests.e2e.stage import Stage, staged
from tests.screens.conftest import Console, ConsolePilot, settle
from tests.screens.golden import composited

Body = Callable[[ConsolePilot], Awaitable[None]]


@pytest.fixture
def stage(console: Console) -> Iterator[Stage]:
    with staged(console.home.config, customers=20) as made:
        yield made


def shown(pilot: ConsolePilot) -> str:
    return composited(pilot.app)


def said(pilot: ConsolePilot) -> str:
    assert isinstance(pilot.app, ConsoleApp)
    return pilot.app.t(pilot.app.screen.query_one(MessageBar).message)


def entry(pilot: ConsolePilot, key: str) -> Input:
    return pilot.app.screen.query_one(f"#q-{key.replace('.', '-')} Input", Input)


def current(pilot: ConsolePilot) -> Step:
    screen = pilot.app.screen
    assert isinstance(screen, SettingsScreen)
    return screen._step


async def press(pilot: ConsolePilot, *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


async def at_step(pilot: ConsolePilot, step: Step) -> None:
    while current(pilot) < step:
        await press(pilot, "f4")
    while current(pilot) > step:
        await press(pilot, "f3")


def drive(
    console: Console,
    body: Body,
    role: Role = Role.ADMINISTRATOR,
    size: tuple[int, int] = (80, 24),
) -> None:
    console.drive(body, first="settings", operator=role, size=size)


def stored(console: Console) -> dict[str, Any]:
    return tomllib.loads(console.home.profile_file("default").read_text("utf-8"))


# ------------------------------------------------------------- from nothing


def test_from_nothing_to_an_authorised_profile(console: Console) -> None:
    """The whole way, typed as an operator would."""
    stage_home = console.home.config.parent / "other"
    with staged(stage_home, customers=20) as stage:
        ready = stage.world.ready

        async def body(pilot: ConsolePilot) -> None:
            assert current(pilot) is Step.HAIHAI
            await at_step(pilot, Step.BASICS)
            await press(pilot, "f5")
            assert current(pilot) is Step.HAIHAI
            haihai = ready["haihai"]
            entry(pilot, "haihai.contract_id").value = "ａ０１－２４"
            entry(pilot, "haihai.login_id").value = haihai["login_id"]
            entry(pilot, "haihai.api_token").value = haihai["api_token"]
            entry(pilot, "haihai.base_url").value = haihai["base_url"]
            await settle(pilot)
            assert "全角文字を半角に直しました: a01-24" in shown(pilot)
            entry(pilot, "haihai.group_id").focus()
            await press(pilot, "f6")
            assert isinstance(pilot.app.screen, PickScreen)
            assert "メルマガ会員" in shown(pilot)
            await press(pilot, *"セミナー", "enter")
            assert entry(pilot, "haihai.group_id").value == "2"
            await press(pilot, "f5")
            assert "すべて正常" in said(pilot)
            assert current(pilot) is Step.SALESFORCE
            salesforce = ready["salesforce"]
            entry(pilot, "salesforce.url").value = salesforce["login_url"]
            entry(pilot, "salesforce.consumer_key").value = salesforce["client_id"]
            secret = entry(pilot, "salesforce.consumer_secret")
            secret.value = salesforce["client_secret"]
            callback = entry(pilot, "salesforce.callback_url")
            callback.value = salesforce["callback_url"]
            await pilot.press("f5")
            deadline = time.monotonic() + 10
            while not isinstance(pilot.app.screen, AuthoriseScreen):
                assert time.monotonic() < deadline
                await pilot.pause(0.02)
            while not (url := pilot.app.screen.query_one("#url", Link).url):
                assert time.monotonic() < deadline
                await pilot.pause(0.02)
            answer = await asyncio.to_thread(Browser(stage).answer_of, url)
            pilot.app.screen.query_one("#paste", Input).value = answer
            await press(pilot, "enter")
            assert "保管しました" in said(pilot)
            await press(pilot, "escape")
            assert current(pilot) is Step.SALESFORCE
            assert "3Salesforce:済" in shown(pilot)
            await press(pilot, "f5")
            assert current(pilot) is Step.CUSTOMERS

        drive(console, body)
    table = stored(console)
    assert table["haihai"]["contract_id"] == "a01-24"
    assert table["haihai"]["group_id"] == "2"
    assert table["salesforce"]["org_id"].startswith("00D")
    assert ready["haihai"]["api_token"] not in str(table)


# ---------------------------------------------------------- live judgements


def test_a_wrong_token_is_refused_before_it_is_stored(
    console: Console, stage: Stage
) -> None:
    before = console.context().secrets().get("haihai.api_token")

    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.HAIHAI)
        entry(pilot, "haihai.api_token").value = "wrongwrong"
        await press(pilot, "f5")
        assert current(pilot) is Step.HAIHAI
        assert "問題が見つかりました" in said(pilot)
        assert "haihai_token_invalid" in shown(pilot)
        assert console.context().secrets().get("haihai.api_token") == before
        await press(pilot, "f7")
        assert current(pilot) is Step.SALESFORCE

    drive(console, body)
    kept = console.context().secrets().get("haihai.api_token")
    assert kept is not None and kept.reveal() == "wrongwrong"


def test_without_a_refusal_there_is_nothing_to_force(
    console: Console, stage: Stage
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await press(pilot, "f7")
        assert "F5 の確認で" in said(pilot)

    drive(console, body)


def test_the_salesforce_url_is_normalised_while_it_is_typed(
    console: Console, stage: Stage
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.SALESFORCE)
        url = entry(pilot, "salesforce.url")
        url.value = ""
        url.focus()
        await press(pilot, *"example.lightning.force.com/lightning/setup")
        flat = "".join(shown(pilot).split())
        assert "example.my.salesforce.comに置き換えました" in flat
        url.value = "https://example.com"
        await settle(pilot)
        assert "SalesforceのURLではありません" in "".join(shown(pilot).split())
        await press(pilot, "f5")
        assert current(pilot) is Step.SALESFORCE
        assert "入力を直してください" in said(pilot)

    drive(console, body)


def test_a_wrong_callback_is_told_by_the_login_host(
    console: Console, stage: Stage
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.SALESFORCE)
        entry(pilot, "salesforce.callback_url").value = "http://localhost:1/other"
        await press(pilot, "f5")
        assert "redirect_uri_mismatch" in shown(pilot)

    drive(console, body)


def test_the_audience_is_counted_and_shown(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.CUSTOMERS)
        await press(pilot, "f5")
        assert "20 件のうち最初の 5 件" in shown(pilot)
        assert shown(pilot).count("@example.") == 5
        assert "正常" in shown(pilot)
        audience = entry(pilot, "customers.audience")
        audience.value = "HasOptedOutOfEmail ="
        await press(pilot, "f5")
        assert "条件を Salesforce が受け付けません" in shown(pilot)
        assert "unexpected token" in shown(pilot)

    drive(console, body)
    assert stored(console)["customers"]["audience"].endswith("!= null")


@pytest.mark.parametrize(
    ("typed", "condition", "told"),
    [
        ("配信対象", "HasOptedOutOfEmail = false AND Email != null", "追随しません"),
        ("展示会", "Id IN (SELECT ContactId FROM CampaignMember", "メンバーを対象に"),
    ],
)
def test_a_condition_is_taken_from_a_list_view_or_a_campaign(
    console: Console, stage: Stage, typed: str, condition: str, told: str
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.CUSTOMERS)
        audience = entry(pilot, "customers.audience")
        audience.value = ""
        audience.focus()
        await press(pilot, "f6")
        await press(pilot, *typed, "enter")
        assert entry(pilot, "customers.audience").value.startswith(condition)
        assert told in said(pilot)
        await press(pilot, "f5")
        assert "件のうち最初の 5 件" in shown(pilot)

    drive(console, body)


def test_a_report_is_chosen_from_the_list_counted_and_saved(
    console: Console, stage: Stage
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.CUSTOMERS)
        report = entry(pilot, "customers.audience_report")
        report.focus()
        await press(pilot, "f6")
        await press(pilot, *"配信対象")
        await press(pilot, "enter")
        assert entry(pilot, "customers.audience_report").value.startswith("00O")
        await press(pilot, "f5")
        assert "20 件のうち最初の 5 件" in shown(pilot)

    drive(console, body)
    assert stored(console)["customers"]["audience_report"].startswith("00O")


def test_rows_of_the_mapping_are_added_edited_and_removed(
    console: Console, stage: Stage
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.CUSTOMERS)
        table = pilot.app.screen.query_one(MappingTable)
        table.focus()
        await press(pilot, "a")
        assert isinstance(pilot.app.screen, MappingRowScreen)
        await press(pilot, *"Title")
        assert "128 文字" in shown(pilot)
        await press(pilot, "f6", *"Department", "enter")
        assert isinstance(pilot.app.screen, MappingRowScreen)
        await press(pilot, *"部署", "tab", "right", "space", "f5")
        assert table.mapping[-1] == {
            "salesforce": "Department",
            "haihai": "部署",
            "blank": "overwrite",
            "type": "string",
        }
        table.move_cursor(row=0)
        await press(pilot, "enter")
        assert pilot.app.screen.query_one("#salesforce", Input).value == "LastName"
        await press(pilot, "escape")
        table.move_cursor(row=4)
        await press(pilot, "d")
        assert [row["salesforce"] for row in table.mapping] == [
            "LastName",
            "FirstName",
            "Account.Name",
            "Phone",
            "Department",
        ]
        await press(pilot, "f5")
        assert "保存しました" in said(pilot)

    drive(console, body)
    rows = stored(console)["customers"]["fields"]
    assert rows[-1] == {
        "salesforce": "Department",
        "haihai": "部署",
        "blank": "overwrite",
        "type": "string",
    }
    assert len(rows) == 5


def test_a_broken_row_is_named_in_the_table(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.CUSTOMERS)
        table = pilot.app.screen.query_one(MappingTable)
        table.put(None, {"salesforce": "Nobody__c", "haihai": "誰", "blank": "keep"})
        await press(pilot, "f5")
        flat = "".join(shown(pilot).split())
        assert "[問題]項目の対応Nobody__c:項目が見つからない" in flat
        assert "missing_field" in flat
        assert table._checks["nobody__c"].status is Status.FAIL

    drive(console, body)


def fields_of(stage: Stage) -> set[str]:
    fields = stage.world.salesforce.schema("Contact", None).fields
    return {name.lower() for name in fields}


def test_a_value_wider_than_its_field_is_still_seen(
    console: Console, stage: Stage
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.SALESFORCE)
        fields = [one for one in pilot.app.screen.query(Input) if one.password]
        assert len(fields) == 2
        for field in fields:
            field.focus()
            await pilot.press(*("k" * 85))
            await settle(pilot)
        seen = shown(pilot).splitlines()
        assert sum("*" * 40 in line for line in seen) == 2

    drive(console, body)


def test_missing_fields_are_offered_as_a_plan_and_then_made(
    console: Console, stage: Stage
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.WRITE_BACK)
        entry(pilot, "suppressions.objects").value = "Contact"
        entry(pilot, "suppressions.state_field").value = "NewState__c"
        await press(pilot, "f5")
        assert "作成できます" in shown(pilot)
        await pilot.click("#make-fields")
        await settle(pilot)
        assert "Contact.NewState__c: 選択リスト「配信状態」" in shown(pilot)
        await console.golden(pilot, "settings-make-fields")
        await pilot.press("escape")
        await settle(pilot)
        assert "newstate__c" not in fields_of(stage)
        assert "作成できます" in shown(pilot)
        await pilot.click("#make-fields")
        await settle(pilot)
        await pilot.click("#panel-yes")
        await settle(pilot)
        await settle(pilot)
        assert current(pilot) is Step.REVIEW
        assert "保存しました" in said(pilot)

    drive(console, body)
    assert "newstate__c" in fields_of(stage)
    database = open_database(console.home)
    try:
        entries = audit.entries(database, profile="default")
    finally:
        database.close()
    (created,) = [one for one in entries if one.action == "field_created"]
    assert created.subject == "Contact.NewState__c"
    assert (created.actor, created.after) == ("yamada", "Picklist")
    assert load_profile(console.home, "default").suppressions.state_field == (
        "NewState__c"
    )


# ------------------------------------------------------------ leave and return


def test_what_was_typed_waits_for_the_way_back(console: Console, stage: Stage) -> None:
    async def leave(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.HAIHAI)
        entry(pilot, "haihai.login_id").value = "halfway"
        entry(pilot, "haihai.api_token").value = "SECRETSECRET"
        await press(pilot, "f4", "f3")
        assert entry(pilot, "haihai.login_id").value == "halfway"
        assert "2配配メール:途中" in shown(pilot)
        entry(pilot, "haihai.login_id").value = "halfway2"
        await pilot.pause()
        pilot.app.go("home")  # type: ignore[attr-defined]
        await settle(pilot)

    drive(console, leave)
    assert load_profile(console.home, "default").haihai.login_id != "halfway"
    database = open_database(console.home)
    try:
        assert "SECRETSECRET" not in str(Facts(database, "default").all())
    finally:
        database.close()

    async def come_back(pilot: ConsolePilot) -> None:
        assert current(pilot) is Step.HAIHAI
        assert entry(pilot, "haihai.login_id").value == "halfway2"
        assert entry(pilot, "haihai.api_token").value == ""
        await press(pilot, "f8")
        assert entry(pilot, "haihai.login_id").value.startswith("renkei")
        assert "途中" not in shown(pilot)

    context = console.context()
    context.operator = None
    again(console, come_back)


def again(console: Console, body: Body) -> None:
    """The console once more; the operator of the first time is signed in."""
    context = console.context()
    context.operator = context.operators().listed()[0]
    app = ConsoleApp(context, first="settings")

    async def run() -> None:
        async with app.run_test(size=(80, 24)) as pilot:
            await settle(pilot)
            await body(pilot)

    try:
        asyncio.run(run())
    finally:
        context.close()


def test_another_profile_is_made_and_opened(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.BASICS)
        entry(pilot, "profile").value = "honten"
        await press(pilot, "f5")
        await settle(pilot)
        assert pilot.app.ctx.profile == "honten"  # type: ignore[attr-defined]
        assert "「honten」の設定" in said(pilot)
        assert "2配配メール:未" in shown(pilot)
        entry(pilot, "profile").focus()
        await press(pilot, "f6")
        await press(pilot, *"default", "enter", "f5")
        await settle(pilot)
        assert pilot.app.ctx.profile == "default"  # type: ignore[attr-defined]

    drive(console, body)
    assert load_profile(console.home, "honten").haihai.contract_id == ""


def test_flows_are_chosen_by_space(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.BASICS)
        pilot.app.screen.query_one("#tick-page-views").focus()
        await press(pilot, "space", "f5")
        assert current(pilot) is Step.HAIHAI

    drive(console, body)
    assert load_profile(console.home, "default").flows.enabled == (
        "customers",
        "suppressions",
    )


def test_who_may_only_look_is_told_so_and_changes_nothing(
    console: Console, stage: Stage
) -> None:
    before = console.home.profile_file("default").read_bytes()

    async def body(pilot: ConsolePilot) -> None:
        assert "表示だけできます" in said(pilot)
        await at_step(pilot, Step.HAIHAI)
        entry(pilot, "haihai.login_id").value = "other"
        await press(pilot, "f5")
        assert "権限がありません" in said(pilot)
        await press(pilot, "f4")

    drive(console, body, Role.VIEWER)
    assert console.home.profile_file("default").read_bytes() == before


# ------------------------------------------------------------------- review


def test_all_checks_and_then_a_plan(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.REVIEW)
        assert "未実施" in shown(pilot)
        await press(pilot, "f5")
        assert not pilot.app.screen.query_one(Review).failed
        assert "連携を始められます" in said(pilot)
        await press(pilot, "enter")
        deadline = time.monotonic() + 20
        while pilot.app.ctx.work.is_active:  # type: ignore[attr-defined]
            assert time.monotonic() < deadline
            await pilot.pause(0.05)
        await settle(pilot)

    drive(console, body)
    database = open_database(console.home)
    try:
        (run,) = Runs(database, "default").recent()
        assert (run.mode, run.status) == ("plan", "ok")
    finally:
        database.close()


def test_a_failed_check_is_told_with_its_remedy(console: Console, stage: Stage) -> None:
    console.context().secrets().set("haihai.api_token", "wrong")

    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.REVIEW)
        await press(pilot, "f5")
        assert pilot.app.screen.query_one(Review).failed
        assert "問題があります" in said(pilot)

    drive(console, body)


# ------------------------------------------------------------------- goldens


@pytest.mark.parametrize("size", [(80, 24), (60, 16)])
@pytest.mark.parametrize("step", list(Step))
def test_golden(
    console: Console, stage: Stage, step: Step, size: tuple[int, int]
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, step)
        for widget in pilot.app.screen.query(Input):
            # Ports are any free ones.
            if widget.value.startswith("http://localhost"):
                with widget.prevent(Input.Changed):
                    widget.value = "http://localhost:8711"
        await settle(pilot)
        await console.golden(pilot, f"settings-{int(step)}")

    drive(console, body, size=size)


def test_a_page_pasted_by_mistake_does_no_harm(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.SALESFORCE)
        url = entry(pilot, "salesforce.url")
        url.value = ""
        started = time.monotonic()
        url.post_message(events.Paste("<html>" + "あ" * 100_000))
        await settle(pilot)
        assert len(url.value) <= 10_000
        await press(pilot, "f5")
        assert current(pilot) is Step.SALESFORCE
        assert time.monotonic() - started < 5

    drive(console, body)


def test_the_language_is_switched_in_the_middle(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await at_step(pilot, Step.CUSTOMERS)
        await press(pilot, "f9")
        assert isinstance(pilot.app.screen, SettingsScreen)
        await press(pilot, "f9")
        assert "対象オブジェクト" in shown(pilot)

    drive(console, body)
