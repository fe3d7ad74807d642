"""実行履歴: the table, one run's numbers and log, charts."""

from __future__ import annotations

import pytest

from haihai_tui.screens.run_record import RunRecordScreen
from haihai_tui.screens.widgets.row_view import RowView
from haihai_tui.services.history import MEASURES, numbers_of
from haihai_tui.services.roles import Role
from haihai_tui.services.store.database import open_database
from haihai_tui.services.store.runs import Runs
from tests.screens.conftest import Console, ConsolePilot, MovedClock, settle, until
from tests.screens.golden import ambiguous
from tests.screens.runs import LAST, finished_run, later, planned_run
from tests.screens.test_run import app_of, shown


def many_runs(console: Console, clock: MovedClock, count: int) -> None:
    for number in range(count):
        finished_run(console.home, clock, f"20260216T{number:06d}-000000000")
        later(clock, 1)


def test_no_run_says_what_comes_next(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        assert "まだ実行していません" in shown(pilot)

    console.drive(body, first="history", operator=Role.VIEWER)


def test_every_number_follows_from_the_stored_run(
    console: Console, clock: MovedClock
) -> None:
    finished_run(console.home, clock)
    database = open_database(console.home)
    run = Runs(database, "default").get(LAST)
    database.close()
    assert run is not None
    numbers = numbers_of(run)
    assert {name: numbers.value(name) for name in MEASURES} == {
        "duration": 12,
        "read": 1200,
        "written": 46,
        "rejected": 3,
        "salesforce": 24,
        "haihai": 10,
    }


def test_a_run_is_opened_with_numbers_and_log(
    console: Console, clock: MovedClock
) -> None:
    finished_run(console.home, clock)

    async def body(pilot: ConsolePilot) -> None:
        await pilot.press("enter")
        await until(pilot, lambda: "接続できません" in shown(pilot))
        assert isinstance(pilot.app.screen, RunRecordScreen)
        assert "エラー 3" in shown(pilot)
        assert "12 秒" in shown(pilot)
        await pilot.press("slash", *"再試行", "enter")
        await pilot.pause()
        line = pilot.app.screen.log_pane.view.line
        assert line is not None and line.kind == "retry"
        await pilot.press("escape")
        await pilot.pause()
        assert app_of(pilot).front is not None
        assert app_of(pilot).front.NAME == "history"  # type: ignore[union-attr]

    console.drive(body, first="history", operator=Role.VIEWER)


def test_from_a_halted_run_to_its_plan(console: Console, clock: MovedClock) -> None:
    planned_run(console.home, clock)

    async def body(pilot: ConsolePilot) -> None:
        assert "安全停止" in shown(pilot)
        await pilot.press("enter")
        await settle(pilot)
        await pilot.press("f8")
        await settle(pilot)
        assert "40 件を表示" in shown(pilot)

    console.drive(body, first="history", operator=Role.VIEWER)


def test_page_after_page(console: Console, clock: MovedClock) -> None:
    many_runs(console, clock, 230)

    async def body(pilot: ConsolePilot) -> None:
        view = pilot.app.screen.query_one(RowView)
        assert view.count == 100
        for count in (200, 230):
            await pilot.press("end")
            await settle(pilot)
            assert view.count == count

    console.drive(body, first="history", operator=Role.VIEWER)


def test_charts_of_every_measure(console: Console, clock: MovedClock) -> None:
    many_runs(console, clock, 12)

    async def body(pilot: ConsolePilot) -> None:
        await pilot.press("f6")
        for measure in MEASURES.values():
            await until(pilot, lambda: "####" in shown(pilot))
            await pilot.pause(0.1)
            assert str(measure) in shown(pilot)
            assert not ambiguous(shown(pilot))
            await pilot.press("f7")
        await pilot.press("f6")
        await pilot.pause()
        assert "所要時間" in shown(pilot)
        assert "一部エラー" in shown(pilot)

    console.drive(body, first="history", operator=Role.VIEWER)


@pytest.mark.parametrize("size", [(80, 24), (60, 16), (120, 40)])
def test_golden(console: Console, clock: MovedClock, size: tuple[int, int]) -> None:
    many_runs(console, clock, 6)
    planned_run(console.home, clock)

    async def body(pilot: ConsolePilot) -> None:
        await console.golden(pilot, "history")
        await pilot.press("f6")
        await until(pilot, lambda: "####" in shown(pilot))
        await pilot.pause(0.1)
        await console.golden(pilot, "history-chart")
        await pilot.press("f6", "down", "enter")
        await until(pilot, lambda: "接続できません" in shown(pilot))
        await pilot.pause(0.2)
        await console.golden(pilot, "history-run")

    console.drive(body, first="history", operator=Role.VIEWER, size=size)
