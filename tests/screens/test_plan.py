"""計画: pages, filters, search, and the confirmation of a halted run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from haihai_tui.screens.plan import PlanScreen
from haihai_tui.screens.widgets.forms import Entry
from haihai_tui.screens.widgets.row_view import RowView
from haihai_tui.services.plans import PlanFilter
from haihai_tui.services.roles import Role
from haihai_tui.services.store.runs import Runs
from haihai_tui.sync.services import Options
from tests.e2e.stage import Stage, staged
from tests.screens.conftest import Console, ConsolePilot, MovedClock, settle, until
from tests.screens.runs import HALTED, planned_run
from tests.screens.test_run import app_of, shown


def screen_of(pilot: ConsolePilot) -> PlanScreen:
    assert isinstance(pilot.app.screen, PlanScreen)
    return pilot.app.screen


def test_no_plan_says_what_comes_next(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        assert "保存された計画はありません" in shown(pilot)
        await pilot.press("f6")
        await pilot.pause()
        assert "表示する計画がありません" in shown(pilot)

    console.drive(body, first="plan", operator=Role.OPERATOR)


def test_old_and_new_are_shown_for_the_row_at_hand(
    console: Console, clock: MovedClock
) -> None:
    planned_run(console.home, clock)

    async def body(pilot: ConsolePilot) -> None:
        assert "40 件を表示" in shown(pilot)
        assert "姓: 山田 -> 山田0" in shown(pilot)
        await pilot.press("down")
        await pilot.pause()
        detail = shown(pilot).splitlines()[-8:]
        assert any("会社名: 佐藤 -> 株式会社サンプル" in row for row in detail)
        await pilot.press("end")
        await pilot.pause()
        assert "out39@example.jp" in shown(pilot)

    console.drive(body, first="plan", operator=Role.OPERATOR)


def test_filters_and_search(console: Console, clock: MovedClock) -> None:
    planned_run(console.home, clock)

    async def body(pilot: ConsolePilot) -> None:
        await pilot.press("f7", "f7")
        await settle(pilot)
        assert screen_of(pilot)._wanted == PlanFilter(action="create")
        assert "8 件を表示" in shown(pilot)
        await pilot.press("f7", "f7")
        await settle(pilot)
        await pilot.press("f3", *"PERSON7@", "enter")
        await settle(pilot)
        assert "1 件を表示" in shown(pilot)
        assert "person7@example.com" in shown(pilot)
        await pilot.press("slash", "escape")
        await pilot.pause()
        assert isinstance(pilot.app.focused, RowView)
        assert "1 件を表示" in shown(pilot)

    console.drive(body, first="plan", operator=Role.OPERATOR)


def test_a_large_plan_reads_only_what_is_in_sight(
    console: Console, clock: MovedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    from haihai_tui.services.plans import Plan

    planned_run(console.home, clock, 30_000)
    read: list[int] = []
    page = Plan.page

    def counted(self: Plan, start: int, count: int) -> list[object]:
        read.append(count)
        return page(self, start, count)  # type: ignore[return-value]

    monkeypatch.setattr(Plan, "page", counted)

    async def body(pilot: ConsolePilot) -> None:
        assert "30,000 件を表示" in shown(pilot)
        await pilot.press("end")
        await pilot.pause()
        assert "out29999@example.jp" in shown(pilot)
        await pilot.press("home")
        await pilot.pause()
        assert sum(read) <= 1_000
        assert len(screen_of(pilot)._pages) <= 8

    console.drive(body, first="plan", operator=Role.OPERATOR)


def test_a_wrong_word_confirms_nothing(console: Console, clock: MovedClock) -> None:
    planned_run(console.home, clock)

    async def body(pilot: ConsolePilot) -> None:
        screen_of(pilot).query_one("#typed", Entry).focus()
        await pilot.press(*"20260216", "enter")
        await settle(pilot)
        assert "実行番号と一致しません" in shown(pilot)
        run = Runs(app_of(pilot).ctx.database, "default").get(HALTED)
        assert run is not None
        assert run.confirmed_at is None
        assert app_of(pilot).ctx.runs.current() is None

    console.drive(body, first="plan", operator=Role.OPERATOR)


def test_a_viewer_cannot_confirm(console: Console, clock: MovedClock) -> None:
    planned_run(console.home, clock)

    async def body(pilot: ConsolePilot) -> None:
        screen_of(pilot).query_one("#typed", Entry).value = HALTED
        await pilot.press("f5")
        await settle(pilot)
        assert "権限がありません" in shown(pilot)

    console.drive(body, first="plan", operator=Role.VIEWER)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path / "home", customers=30) as made:
        yield made


def test_the_typed_number_lets_a_halted_run_go_on(
    console: Console, stage: Stage
) -> None:
    assert stage.run("customers").code == 0
    stage.set("customers.audience=\"LastName = 'nobody has this name'\"")
    halted = stage.run("customers")
    assert halted.code == 7
    run_id = halted.summary["run_id"]

    async def body(pilot: ConsolePilot) -> None:
        assert "安全停止しました" in shown(pilot)
        assert "除外 30" in shown(pilot)
        screen_of(pilot).query_one("#typed", Entry).focus()
        await pilot.press(*run_id, "enter")
        await until(pilot, lambda: "完了: 正常終了" in shown(pilot))
        assert not stage.members()
        run = Runs(app_of(pilot).ctx.database, "default").get(run_id)
        assert run is not None
        assert run.confirmed_by == "yamada"

    console.drive(body, first="plan", operator=Role.OPERATOR)


def test_older_plans_in_a_circle(console: Console, stage: Stage) -> None:
    assert stage.run("customers").code == 0

    async def body(pilot: ConsolePilot) -> None:
        app = app_of(pilot)
        assert app.ctx.operator is not None
        assert "新規登録 30" in shown(pilot)
        await pilot.press("f8")
        await pilot.pause()
        assert "ほかに保存された計画はありません" in shown(pilot)
        stage.create("Contact", LastName="新人", Email="neu@example.jp")
        app.ctx.runs.start(("customers",), Options(plan=True), app.ctx.operator)
        await until(pilot, lambda: app.ctx.runs.current().over)  # type: ignore[union-attr]
        app.go("plan")
        await until(pilot, lambda: "新規登録 1" in shown(pilot))
        await pilot.press("f8")
        await until(pilot, lambda: "新規登録 30" in shown(pilot))
        await pilot.press("f8")
        await until(pilot, lambda: "新規登録 1" in shown(pilot))

    console.drive(body, first="plan", operator=Role.OPERATOR)


def test_differences_are_compared_shown_and_mended(
    console: Console, stage: Stage
) -> None:
    assert stage.run().code == 0
    address = min(stage.members())
    stage.import_by_hand(1, "メールアドレス", address)

    async def body(pilot: ConsolePilot) -> None:
        await until(pilot, lambda: "F4 (不一致を反映)" in shown(pilot))
        app_of(pilot).go("run")
        await until(pilot, lambda: "正常終了" in shown(pilot))
        await pilot.press("r")
        await until(pilot, lambda: "F8 で不一致を確かめられます" in shown(pilot))
        assert address not in stage.members()
        await pilot.press("f8")
        await until(pilot, lambda: "配配メールに未登録 1" in shown(pilot))
        await pilot.press("f4")
        await until(pilot, lambda: "完了: 正常終了" in shown(pilot))
        assert address in stage.members()

    console.drive(body, first="plan", operator=Role.OPERATOR, size=(120, 40))


@pytest.mark.parametrize("size", [(80, 24), (60, 16), (120, 40)])
def test_golden(console: Console, clock: MovedClock, size: tuple[int, int]) -> None:
    planned_run(console.home, clock)

    async def body(pilot: ConsolePilot) -> None:
        await pilot.press("down")
        await settle(pilot)
        await console.golden(pilot, "plan")

    console.drive(body, first="plan", operator=Role.OPERATOR, size=size)
