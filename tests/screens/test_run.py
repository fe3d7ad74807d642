"""連携の実行, against both sandboxes: start, watch, stop, come back."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from haihai_tui.app import ConsoleApp
from haihai_tui.screens.run import RunScreen
from haihai_tui.screens.run_watch import RunFollowed
from haihai_tui.screens.widgets.bars import MessageBar
from haihai_tui.screens.widgets.forms import Tick
from haihai_tui.services.follow import Followed
from haihai_tui.services.roles import Role
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.store.runs import Runs
from tests.e2e.stage import Stage, staged
from tests.screens.conftest import Console, ConsolePilot, MovedClock, settle, until
from tests.screens.golden import composited
from tests.screens.runs import LAST, finished_run


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path / "home", customers=60) as made:
        yield made


def app_of(pilot: ConsolePilot) -> ConsoleApp:
    assert isinstance(pilot.app, ConsoleApp)
    return pilot.app


def shown(pilot: ConsolePilot) -> str:
    return composited(pilot.app)


async def ended(pilot: ConsolePilot) -> None:
    """The run that was started is over, and the screen has said so."""
    context = app_of(pilot).ctx

    def over() -> bool:
        attempt = context.runs.current()
        bar = pilot.app.screen.query_one(MessageBar)
        return attempt is not None and attempt.over and bar.level != "info"

    await until(pilot, over)
    await settle(pilot)


def test_plan_then_run(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await until(pilot, lambda: "まだ実行していません" in shown(pilot))
        await pilot.press("f6")
        await ended(pilot)
        assert not stage.customers()
        await until(pilot, lambda: "計画済み  新規 60" in shown(pilot))
        assert "正常終了" in shown(pilot)

        await pilot.press("f5")
        await until(pilot, lambda: "書き込み 60" in shown(pilot))
        assert len(stage.customers()) == 60
        await until(pilot, lambda: "顧客連携が完了しました" in shown(pilot))
        assert "API Salesforce" in shown(pilot)
        assert "/ 15,000" in shown(pilot)
        await pilot.press("f8")
        await settle(pilot)
        await until(pilot, lambda: "60 件を表示" in shown(pilot))

    console.drive(body, first="run", operator=Role.OPERATOR)


def test_a_key_pressed_before_the_profile_is_read_is_not_lost(
    console: Console, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        app = app_of(pilot)
        read, gate = app.ctx.settings, threading.Event()

        def slowly() -> Settings | None:
            gate.wait(20)
            return read()

        monkeypatch.setattr(app.ctx, "settings", slowly)
        app.go("run")
        await until(pilot, lambda: "全件を読み直す" in shown(pilot))
        await pilot.press("f6")
        await pilot.pause()
        assert app.ctx.runs.current() is None
        gate.set()
        await ended(pilot)
        run = Runs(app.ctx.database, "default").recent(limit=1)[0]
        assert (run.mode, len(run.flows)) == ("plan", 3)

    console.drive(body, operator=Role.OPERATOR)


def test_a_run_that_was_over_between_two_looks_is_told(
    console: Console, clock: MovedClock
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        screen = pilot.app.screen
        assert isinstance(screen, RunScreen)
        bar = screen.query_one(MessageBar)
        database = app_of(pilot).ctx.database
        assert bar.level == "info"
        screen._watch.stop()
        run = Runs(database, "default").get(LAST)
        assert run is not None
        over = replace(run, run_id="next")
        screen.post_message(RunFollowed(Followed(over, began=True), None))
        await until(pilot, lambda: bar.level == "warning")
        assert "一部エラー" in shown(pilot)
        killed = replace(run, run_id="later", status="running")
        screen.post_message(RunFollowed(Followed(killed, began=True), None))
        await until(pilot, lambda: bar.level == "error")
        assert "強制終了" in shown(pilot)

    finished_run(console.home, clock)
    console.drive(body, first="run", operator=Role.OPERATOR)


def test_only_the_chosen_flows_are_run(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        screen = pilot.app.screen
        screen.query_one("#flow-suppressions", Tick).value = False
        screen.query_one("#flow-page-views", Tick).value = False
        screen.query_one("#full", Tick).value = True
        await pilot.press("f5")
        await ended(pilot)
        run = Runs(app_of(pilot).ctx.database, "default").recent(limit=1)[0]
        assert run.flows == ("customers",)
        assert run.mode == "full"
        assert run.actor == "yamada"

    console.drive(body, first="run", operator=Role.OPERATOR)


def test_a_viewer_is_told_why_not(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await pilot.press("f5")
        await settle(pilot)
        assert "権限がありません" in shown(pilot)
        assert app_of(pilot).ctx.runs.current() is None

    console.drive(body, first="run", operator=Role.VIEWER)


def test_stop_ends_after_the_batch_and_says_so(console: Console, stage: Stage) -> None:
    stage.haihai_control("switches", {"import_hold": True}, "PUT")

    async def body(pilot: ConsolePilot) -> None:
        await pilot.press("f5")
        await until(pilot, lambda: bool(stage.imports()))
        await until(pilot, lambda: "実行中" in shown(pilot))
        await pilot.press("f5")
        await pilot.pause()
        assert "別の実行が終わるのを待つ" in shown(pilot)
        await pilot.press("f7")
        await until(pilot, lambda: "注意: 中断  実行を" in shown(pilot))
        run = Runs(app_of(pilot).ctx.database, "default").recent(limit=1)[0]
        assert run.status == "stopped"

    console.drive(body, first="run", operator=Role.OPERATOR)


def test_a_run_goes_on_when_its_screen_is_left_and_is_found_again(
    console: Console, stage: Stage
) -> None:
    stage.haihai_control("switches", {"import_hold": True}, "PUT")

    async def body(pilot: ConsolePilot) -> None:
        app = app_of(pilot)
        await pilot.press("f5")
        await until(pilot, lambda: bool(stage.imports()))
        app.go("history")
        await settle(pilot)
        assert app.ctx.work.is_active
        app.go("run")
        await until(pilot, lambda: "この画面の実行" in shown(pilot))
        stage.haihai_control("switches", {"import_hold": False}, "PUT")
        await until(pilot, lambda: "完了: 正常終了" in shown(pilot))
        assert len(stage.customers()) == 60

    console.drive(body, first="run", operator=Role.OPERATOR)


def test_a_run_of_cron_is_shown_live_and_can_be_stopped(
    console: Console, stage: Stage
) -> None:
    stage.haihai_control("switches", {"import_hold": True}, "PUT")

    async def body(pilot: ConsolePilot) -> None:
        process = stage.start("--run-sync", "--json")
        await until(pilot, lambda: f"プロセス {process.pid}" in shown(pilot))
        await until(pilot, lambda: "60 行を受け付けました" in shown(pilot))
        await pilot.press("f7")
        await until(pilot, lambda: "注意: 中断  実行を" in shown(pilot))
        process.communicate(timeout=20)
        assert process.returncode == 130

    console.drive(body, first="run", operator=Role.OPERATOR)


def test_what_could_not_begin_is_told(console: Console, stage: Stage) -> None:
    async def body(pilot: ConsolePilot) -> None:
        stage.set('flows.enabled=["customers"]')
        path = console.home.profile_file("default")
        path.write_text(path.read_text("utf-8") + "\n[nonsense]\n", "utf-8")
        await pilot.press("f5")
        await until(pilot, lambda: "エラー:" in shown(pilot))
        assert Runs(app_of(pilot).ctx.database, "default").recent() == []

    console.drive(body, first="run", operator=Role.OPERATOR)


@pytest.mark.parametrize("size", [(80, 24), (60, 16), (120, 40)])
def test_golden(console: Console, clock: MovedClock, size: tuple[int, int]) -> None:
    finished_run(console.home, clock)

    async def body(pilot: ConsolePilot) -> None:
        await until(pilot, lambda: "接続できません" in shown(pilot))
        await pilot.pause(0.2)
        assert isinstance(pilot.app.screen, RunScreen)
        await console.golden(pilot, "run")

    console.drive(body, first="run", operator=Role.OPERATOR, size=size)
