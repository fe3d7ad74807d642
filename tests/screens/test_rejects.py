"""エラー一覧: cause and remedy, links, retry, put aside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from haihai_tui.screens.widgets.row_view import RowView
from haihai_tui.services.links import haihai_link, salesforce_link
from haihai_tui.services.reject_desk import RejectDesk
from haihai_tui.services.roles import Role
from haihai_tui.services.settings_schema import (
    PageViewSettings,
    SalesforceSettings,
    Settings,
)
from haihai_tui.services.store import audit
from haihai_tui.services.store.runs import Runs
from tests.e2e.stage import Stage, staged
from tests.screens.conftest import Console, ConsolePilot, MovedClock, settle, until
from tests.screens.runs import rejects
from tests.screens.test_run import app_of, shown


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path / "home", customers=20) as made:
        yield made


def desk_of(pilot: ConsolePilot) -> RejectDesk:
    return RejectDesk(app_of(pilot).ctx.database, "default")


def test_nothing_to_mend_says_so(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        assert "エラーはありません" in shown(pilot)
        await pilot.press("f5")
        await pilot.pause()
        assert app_of(pilot).ctx.runs.current() is None

    console.drive(body, first="rejects", operator=Role.OPERATOR)


def test_what_was_refused_is_told_and_tried_again(
    console: Console, stage: Stage
) -> None:
    assert stage.run().code == 0
    one = stage.query("SELECT Id FROM Contact WHERE HasOptedOutOfEmail = false LIMIT 1")
    record = one[0]["Id"]
    stage.update(record, LastName="寿司🍣")
    assert stage.run().code == 1

    async def body(pilot: ConsolePilot) -> None:
        assert record in shown(pilot)
        assert "原因:" in shown(pilot) and "対処:" in shown(pilot)
        link = f"{stage.world.salesforce_url}/{record}"
        assert link in shown(pilot)
        await pilot.press("c")
        assert app_of(pilot).clipboard == link

        stage.update(record, LastName="寿司")
        await pilot.press("f5")
        await until(pilot, lambda: "完了: 正常終了" in shown(pilot))
        assert desk_of(pilot).counts() == {}
        run = Runs(app_of(pilot).ctx.database, "default").recent(limit=1)[0]
        assert (run.mode, run.flows) == ("retry", ("customers",))

    console.drive(body, first="rejects", operator=Role.OPERATOR)


def test_marked_ones_are_put_aside_after_a_second_press(
    console: Console, clock: MovedClock
) -> None:
    rejects(console.home, clock, 5)

    async def body(pilot: ConsolePilot) -> None:
        assert "エラー 5 件" in shown(pilot)
        await pilot.press("space", "space", "f6")
        await settle(pilot)
        assert "もう一度 F6" in shown(pilot)
        assert sum(desk_of(pilot).counts().values()) == 5
        await pilot.press("f6")
        await settle(pilot)
        assert "2 件を一覧から外しました" in shown(pilot)
        assert "エラー 3 件" in shown(pilot)
        logged = audit.entries(app_of(pilot).ctx.database)
        assert [
            (one.actor, one.after["count"])
            for one in logged
            if one.action == "rejects_dismissed"
        ] == [("yamada", 2)]

        await pilot.press("a", "f6", "f6")
        await settle(pilot)
        assert desk_of(pilot).counts() == {}
        assert "エラーはありません" in shown(pilot)

    console.drive(body, first="rejects", operator=Role.OPERATOR)


def test_a_viewer_looks_and_changes_nothing(
    console: Console, clock: MovedClock
) -> None:
    rejects(console.home, clock)

    async def body(pilot: ConsolePilot) -> None:
        for key in ("f5", "f6"):
            await pilot.press(key)
            await settle(pilot)
            assert "権限がありません" in shown(pilot)
        assert sum(desk_of(pilot).counts().values()) == 3

    console.drive(body, first="rejects", operator=Role.VIEWER)


def test_one_flow_and_page_after_page(console: Console, clock: MovedClock) -> None:
    rejects(console.home, clock, 650)

    async def body(pilot: ConsolePilot) -> None:
        view = pilot.app.screen.query_one(RowView)
        assert view.count == 200
        for pages in (400, 600, 650):
            await pilot.press("end")
            await settle(pilot)
            assert view.count == pages
        await pilot.press("f7", "f7")
        await settle(pilot)
        assert "連携: 配信停止禁止顧客連携" in shown(pilot)
        await pilot.press("end")
        await settle(pilot)
        assert view.count == 217

    console.drive(body, first="rejects", operator=Role.OPERATOR)


def test_links_lead_to_both_records() -> None:
    settings = Settings(
        salesforce=SalesforceSettings(url="https://example.my.salesforce.com/"),
        page_views=PageViewSettings(
            record_url_template="https://example.jp/customers?mail={address}"
        ),
    )
    record = "003pu000000000XAAQ"
    assert salesforce_link(settings, record) == (
        "https://example.my.salesforce.com/003pu000000000XAAQ"
    )
    assert salesforce_link(settings, "somebody@example.com") == ""
    assert haihai_link(settings, "a+b@example.com") == (
        "https://example.jp/customers?mail=a%2Bb%40example.com"
    )
    assert haihai_link(Settings(), "a@example.com") == ""


@pytest.mark.parametrize("size", [(80, 24), (60, 16), (120, 40)])
def test_golden(console: Console, clock: MovedClock, size: tuple[int, int]) -> None:
    rejects(console.home, clock, 4)

    async def body(pilot: ConsolePilot) -> None:
        await pilot.press("space")
        await settle(pilot)
        await console.golden(pilot, "rejects")

    console.drive(body, first="rejects", operator=Role.OPERATOR, size=size)
