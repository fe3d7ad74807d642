"""トラブルシューティング against both sandboxes: paste, checks, steps, archive."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from textual import events

from haihai_tui.app import ConsoleApp
from haihai_tui.screens.troubleshoot import TroubleshootScreen
from haihai_tui.screens.widgets.bars import MessageBar
from haihai_tui.screens.widgets.forms import Entry
from haihai_tui.screens.widgets.pastebox import PasteBox
from haihai_tui.screens.widgets.ticklist import Detail, TickList
from haihai_tui.services.paths import home_at
from haihai_tui.services.roles import Role
from tests.e2e.stage import Stage, staged
from tests.screens.conftest import Console, ConsolePilot, settle
from tests.screens.golden import composited

MISMATCH = (
    "https://login.salesforce.com/services/oauth2/authorize?"
    "error=redirect_uri_mismatch&error_description=redirect_uri%20must%20match"
)
SIZES = ((80, 24), (60, 16))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("world"), customers=20) as made:
        yield made


@pytest.fixture
def stage(world: Stage, tmp_path: Path, console: Console) -> Iterator[Stage]:
    stage = Stage(world.world, tmp_path)
    console.home = home_at(tmp_path)
    yield stage
    stage.salesforce_control(
        "switches", {"readonly_fields": [], "hidden_fields": []}, "PUT"
    )
    stage.http.close()


def read_only(stage: Stage) -> None:
    fields = ["Contact.HaihaiState__c"]
    stage.salesforce_control("switches", {"readonly_fields": fields}, "PUT")


async def opened(
    pilot: ConsolePilot, view: str = "diagnose", paste: str = ""
) -> TroubleshootScreen:
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    app.open("troubleshoot", view=view, paste=paste)
    await settle(pilot)
    screen = app.screen
    assert isinstance(screen, TroubleshootScreen)
    return screen


def said(screen: TroubleshootScreen) -> str:
    return screen.t(screen.query_one(MessageBar).message)


# ------------------------------------------------------------------- diagnosis


@pytest.mark.parametrize("size", SIZES)
def test_a_pasted_url_is_explained_with_what_is_true_now(
    console: Console, stage: Stage, size: tuple[int, int]
) -> None:
    stage.set('salesforce.callback_url="http://localhost:8799/sflogged"')

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot)
        screen.query_one(PasteBox).text = MISMATCH
        await pilot.press("f5")
        await settle(pilot)
        await settle(pilot)
        shown = screen.query_one("#answer", Detail).plain
        assert shown.startswith("1. コールバック URL が一致していません")
        assert "[問題] コールバック URL の登録" in shown
        assert "参照: マニュアル 1.2.3" in shown
        await console.golden(pilot, "troubleshoot-diagnosis")

    console.drive(body, operator=Role.VIEWER, size=size)


def test_another_screen_can_bring_the_text_along(
    console: Console, stage: Stage
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, paste="error=invalid_client_id")
        await settle(pilot)
        assert "(invalid_client_id" in screen.query_one("#answer", Detail).plain

    console.drive(body, operator=Role.VIEWER)


def test_nothing_pasted_is_told(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot)
        await pilot.press("f5")
        assert said(screen) == "貼り付けられたテキストが空です。"

    console.drive(body, operator=Role.VIEWER)


def test_a_paste_of_any_size_is_kept_whole_and_shown_short(
    console: Console, stage: Stage
) -> None:
    page = f"<html>{'x' * 200_000} error=redirect_uri_mismatch</html>"

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot)
        box = screen.query_one(PasteBox)
        box.post_message(events.Paste(page))
        await settle(pilot)
        assert len(box.text) < 1000
        assert box.whole == page
        await pilot.press("f5")
        await settle(pilot)
        shown = screen.query_one("#answer", Detail).plain
        assert "redirect_uri_mismatch" in shown
        # What is typed over the shortened text is meant as it stands.
        box.text = "error=access_denied"
        assert box.whole == "error=access_denied"

    console.drive(body, operator=Role.VIEWER)


# ---------------------------------------------------------------------- checks


@pytest.mark.parametrize("size", SIZES)
def test_the_list_ticks_itself_off_and_opens_to_what_was_answered(
    console: Console, stage: Stage, size: tuple[int, int]
) -> None:
    read_only(stage)

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot)
        await pilot.press("f4")
        listed = screen.query_one("#check-list", TickList)
        assert {screen.t(row.state) for row in listed.rows} == {"未実施"}
        await pilot.press("f5")
        await settle(pilot)
        for _ in range(600):
            if said(screen):
                break
            await pilot.pause(0.05)
        states = [screen.t(row.state) for row in listed.rows]
        assert states.count("問題") == 1
        assert states.count("正常") == len(states) - 1
        assert said(screen) == "問題が 1 件あります。F8 で次の問題に移ります。"
        await pilot.press("f8")
        chosen = listed.chosen
        assert chosen is not None
        assert chosen.id == "edit.suppressions"
        detail = listed.detail.plain
        assert "Contact.HaihaiState__c を編集する権限がありません。" in detail
        assert "調べたこと" in detail
        assert "1.2.8 (no_edit_permission)" in detail
        await console.golden(pilot, "troubleshoot-checks")

    console.drive(body, operator=Role.VIEWER, size=size)


def test_when_all_is_well_it_says_so(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, view="checks")
        await pilot.press("f5")
        await settle(pilot)
        assert said(screen) == "問題はありません。"
        await pilot.press("f8")
        assert said(screen) == "問題や注意の行はありません。"

    console.drive(body, operator=Role.VIEWER)


def test_without_a_profile_the_checks_still_answer(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, view="checks")
        await pilot.press("f5")
        await settle(pilot)
        listed = screen.query_one("#check-list", TickList)
        red = [row.id for row in listed.rows if row.level == "error"]
        assert red == ["profile"]

    console.drive(body, operator=Role.VIEWER)


def test_leaving_in_the_middle_does_no_harm(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await opened(pilot, view="checks")
        await pilot.press("f5", "escape")
        await settle(pilot)
        assert not isinstance(pilot.app.screen, TroubleshootScreen)

    console.drive(body, operator=Role.VIEWER)


# ----------------------------------------------------------------- preparation


@pytest.mark.parametrize("size", SIZES)
def test_the_preparation_is_proved_where_the_apis_allow(
    console: Console, stage: Stage, size: tuple[int, int]
) -> None:
    read_only(stage)

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, view="preparation")
        await pilot.press("f5")
        await settle(pilot)
        listed = screen.query_one("#step-list", TickList)
        states = {row.id: screen.t(row.state) for row in listed.rows}
        assert states == {
            "1.1.1": "確認済み",
            "1.2.2": "画面で確認",
            "1.2.3": "確認済み",
            "1.2.4": "確認済み",
            "1.2.5": "確認済み",
            "1.2.6": "確認済み",
            "1.2.7": "確認済み",
            "1.2.8": "未完了",
            "1.2.9": "確認済み",
        }
        listed.choose("1.2.4")
        await pilot.pause()
        assert "API では読めません" in listed.detail.plain
        listed.choose("1.2.8")
        await pilot.pause()
        await console.golden(pilot, "troubleshoot-preparation")

    console.drive(body, operator=Role.VIEWER, size=size)


# ---------------------------------------------------------------------- archive


def test_the_archive_is_written(console: Console, stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "support.zip"

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, view="bundle")
        screen.query_one("#file", Entry).value = str(path)
        await pilot.press("f5")
        await settle(pilot)
        assert said(screen).startswith(str(path))

    console.drive(body, operator=Role.OPERATOR)
    with zipfile.ZipFile(path) as archive:
        assert "checks.json" in archive.namelist()


def test_a_viewer_is_told_who_may_write_the_archive(
    console: Console, stage: Stage, tmp_path: Path
) -> None:
    path = tmp_path / "support.zip"

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, view="bundle")
        screen.query_one("#file", Entry).value = str(path)
        await pilot.press("f5")
        await settle(pilot)
        assert "権限がありません" in said(screen)

    console.drive(body, operator=Role.VIEWER)
    assert not path.exists()


def test_everything_is_worded_anew_in_english(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, view="preparation")
        listed = screen.query_one("#step-list", TickList)
        listed.choose("1.2.3")
        await pilot.press("f9")
        await settle(pilot)
        assert listed.chosen is not None
        assert listed.chosen.id == "1.2.3"
        assert screen.ctx.lang == "en"
        assert "(viewer)" in composited(pilot.app).splitlines()[0]

    console.drive(body, operator=Role.VIEWER)
