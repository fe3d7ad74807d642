"""連携トークンの更新, driven by keys, with a browser at the sandbox's pages."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator

import pytest

from haihai_tui.screens.authorise import AuthoriseScreen
from haihai_tui.screens.authorise_qr import AuthoriseUrlScreen, Code, Link
from haihai_tui.screens.widgets.bars import MessageBar
from haihai_tui.screens.widgets.milestones import Milestones
from haihai_tui.screens.widgets.words import Words
from haihai_tui.services.roles import Role
from haihai_tui.services.settings import load_profile
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import open_database
from haihai_tui.services.tokens import StoredTokens
from tests.e2e.browser import Browser
from tests.e2e.stage import Stage, staged
from tests.screens.conftest import Console, ConsolePilot, settle
from tests.screens.golden import composited


@pytest.fixture
def stage(console: Console) -> Iterator[Stage]:
    console.environ["SSH_CONNECTION"] = "192.0.2.7 50000 192.0.2.9 2222"
    with staged(console.home.config, customers=20) as made:
        yield made


async def until(pilot: ConsolePilot, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not is_so():
        assert time.monotonic() < deadline, composited(pilot.app)
        await pilot.pause(0.02)


def url_of(pilot: ConsolePilot) -> str:
    return pilot.app.screen.query_one("#url", Link).url


def said(pilot: ConsolePilot) -> str:
    app = pilot.app
    return str(app.screen.query_one(MessageBar).message)


async def begun(pilot: ConsolePilot) -> None:
    await pilot.press("f5")
    await until(pilot, lambda: pilot.app.screen.query_one("#paste-field").display)
    await pilot.pause()


def shown(pilot: ConsolePilot) -> str:
    return composited(pilot.app)


def test_the_state_of_the_token_is_shown(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        assert stage.world.salesforce.org_id in shown(pilot)
        assert "api refresh_token" in shown(pilot)
        assert "[未]   1 認可 URL を作成" in shown(pilot)

    console.drive(body, first="authorise", operator=Role.ADMINISTRATOR)


def test_from_the_url_to_the_stored_token(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await begun(pilot)
        now = shown(pilot)
        assert "[済]   1" in now and "[中]   2" in now
        assert "残り 9:5" in now or "残り 10:00" in now
        port = (
            stage.world.ready["salesforce"]["callback_url"].split(":")[2].split("/")[0]
        )
        flat = "".join(now.split())
        assert f"ssh-N-L{port}:localhost:{port}-p2222" in flat
        assert "@192.0.2.9" in flat
        Browser(stage).open(url_of(pilot))
        await until(pilot, lambda: "保管しました" in said(pilot))
        await settle(pilot)
        assert all(f"[済]   {n}" in shown(pilot) for n in range(1, 7))
        assert stage.world.salesforce.admin_username in shown(pilot)
        assert not pilot.app.screen.query_one("#paste-field").display

    console.drive(body, first="authorise", operator=Role.ADMINISTRATOR)
    assert load_profile(console.home, "default").salesforce.org_id
    database = open_database(console.home)
    try:
        (entry,) = [
            one
            for one in audit.entries(database, profile="default")
            if one.action == "authorised"
        ]
        assert entry.actor == "yamada"
    finally:
        database.close()


def test_a_pasted_url_does_it_as_well(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await begun(pilot)
        answer = await asyncio.to_thread(Browser(stage).answer_of, url_of(pilot))
        paste = pilot.app.screen.query_one("#paste")
        assert pilot.app.focused is paste
        paste.value = f"  {answer}\n"  # type: ignore[attr-defined]
        await pilot.press("enter")
        await until(pilot, lambda: "保管しました" in said(pilot))

    console.drive(body, first="authorise", operator=Role.ADMINISTRATOR)


def test_a_refusal_shows_cause_and_remedy_and_one_key_tries_again(
    console: Console, stage: Stage
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await begun(pilot)
        Browser(stage, deny=True).open(url_of(pilot))
        await until(pilot, lambda: "やり直せます" in said(pilot))
        await settle(pilot)
        assert "access_denied" in shown(pilot)
        assert "> もう一度実施し" in shown(pilot)
        await console.golden(pilot, "authorise-refused")
        await begun(pilot)
        assert not pilot.app.screen.query_one("#causes").display
        Browser(stage).open(url_of(pilot))
        await until(pilot, lambda: "保管しました" in said(pilot))

    console.drive(body, first="authorise", operator=Role.ADMINISTRATOR)


def test_a_wrong_consumer_key_is_told_before_a_browser_is_needed(
    console: Console, stage: Stage
) -> None:
    console.context().secrets().set("salesforce.consumer_key", "3MVG9unknown")

    async def body(pilot: ConsolePilot) -> None:
        await pilot.press("f5")
        await until(pilot, lambda: "やり直せます" in said(pilot))
        await settle(pilot)
        assert "invalid_client_id" in shown(pilot)
        assert "[失敗] 2" in shown(pilot)

    console.drive(body, first="authorise", operator=Role.ADMINISTRATOR)


def test_waiting_can_be_given_up_and_frees_the_port(
    console: Console, stage: Stage
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        for _ in range(2):
            await begun(pilot)
            await pilot.press("f8")
            await until(pilot, lambda: "中止しました" in said(pilot))
        assert pilot.app.screen.query_one(Milestones).now == ""

    console.drive(body, first="authorise", operator=Role.ADMINISTRATOR)


def test_the_url_is_copied_and_shown_as_a_code(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        assert isinstance(pilot.app.screen, AuthoriseScreen)
        await pilot.press("f6")
        assert "先に F5" in said(pilot)
        await begun(pilot)
        url = url_of(pilot)
        await pilot.press("f6")
        assert pilot.app.clipboard == url
        strips = pilot.app.screen._compositor.render_strips()
        links = {
            segment.style.link for strip in strips for segment in strip if segment.style
        }
        assert url in links
        await pilot.press("f7")
        await pilot.pause()
        assert isinstance(pilot.app.screen, AuthoriseUrlScreen)
        assert url in "".join(shown(pilot).split())
        code = pilot.app.screen.query_one(Code)
        room = pilot.app.screen.query_one("#room", Words)
        assert "端末を" in str(room.message)
        large = code.needs
        await pilot.press("f7")
        assert code.needs.width * 2 == large.width
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, AuthoriseScreen)
        await pilot.press("f8")
        await until(pilot, lambda: "中止しました" in said(pilot))

    console.drive(body, first="authorise", operator=Role.ADMINISTRATOR)


def test_the_token_is_given_back_after_a_question(
    console: Console, stage: Stage
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await pilot.press("f4")
        await pilot.pause()
        assert stage.world.salesforce.org_id in shown(pilot)
        await console.golden(pilot, "authorise-revoke")
        await pilot.press("escape")
        await settle(pilot)
        assert "取り消す" not in shown(pilot)
        assert StoredTokens(console.context().secrets()).read() is not None
        await pilot.press("f4")
        await pilot.pause()
        await pilot.press("shift+tab", "enter")
        await until(pilot, lambda: "削除しました" in said(pilot))
        await settle(pilot)
        assert "まだありません" in shown(pilot)
        await pilot.press("f4")
        assert "保管された連携トークンはありません" in said(pilot)

    console.drive(body, first="authorise", operator=Role.ADMINISTRATOR)
    assert StoredTokens(console.context().secrets()).read() is None


def test_a_token_that_cannot_be_given_back_is_kept(
    console: Console, stage: Stage
) -> None:
    fault = {"match": "* /services/oauth2/revoke", "times": None, "do": "status:503"}
    stage.salesforce_control("faults", [fault])

    async def body(pilot: ConsolePilot) -> None:
        await pilot.press("f4")
        await pilot.pause()
        await pilot.press("shift+tab", "enter")
        await until(pilot, lambda: "保管したままです" in said(pilot))

    console.drive(body, first="authorise", operator=Role.ADMINISTRATOR)
    assert StoredTokens(console.context().secrets()).read() is not None


def test_who_may_not_is_told_why(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await pilot.press("f5")
        await settle(pilot)
        assert "権限がありません" in said(pilot)
        assert not pilot.app.screen.query_one("#paste-field").display

    console.drive(body, first="authorise", operator=Role.OPERATOR)


@pytest.mark.parametrize("size", [(80, 24), (60, 16)])
def test_golden(
    console: Console,
    stage: Stage,
    size: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("haihai_tui.screens.authorise._moment", lambda _: "2026-02-16")

    async def body(pilot: ConsolePilot) -> None:
        await console.golden(pilot, "authorise")

    console.drive(body, first="authorise", operator=Role.ADMINISTRATOR, size=size)


def test_without_a_profile_the_way_is_told(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        assert re.search("先に連携設定", shown(pilot))

    console.drive(body, first="authorise", operator=Role.ADMINISTRATOR)
