"""The log pane: lines in, place kept, filters, search, one line's details."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

import pytest
from textual.app import ComposeResult
from textual.geometry import Size

from haihai_tui.app import ConsoleApp
from haihai_tui.errors import text
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.log_entry import LogEntryScreen
from haihai_tui.screens.widgets.log_pane import LogKeys, LogPane
from haihai_tui.screens.widgets.log_store import LineFilter, LogStore
from haihai_tui.screens.widgets.log_view import LogView, flush_interval
from haihai_tui.services.store.events import StoredEvent
from tests.screens.conftest import Console, ConsolePilot, settle
from tests.screens.golden import composited

AT = "2026-02-16T01:02:03.000000Z"
LEVELS = ("info", "debug", "warning", "error")
FLOWS = ("customers", "suppressions", "page-views", "")


def line(number: int, level: str = "info", flow: str = "customers") -> StoredEvent:
    wording = text("山田 花子 {n} 件目を登録しました。", n=number)
    return StoredEvent(number, "r", AT, "progress", flow, wording, level, {"n": number})


def lines(count: int, start: int = 0) -> list[StoredEvent]:
    return [line(number) for number in range(start, start + count)]


def mixed(count: int) -> list[StoredEvent]:
    return [line(n, LEVELS[n % 4], FLOWS[n // 4 % 4]) for n in range(count)]


# -------------------------------------------------------------------- the store


def test_rows_and_numbers_agree_when_the_oldest_go() -> None:
    store = LogStore(limit=1_000)
    store.use(LineFilter("debug"))
    went = sum(store.extend(lines(5_000, at))[1] for at in range(0, 25_000, 5_000))
    assert went == store.dropped > 0
    assert len(store) == store.kept <= 21_000
    assert store.number(0) == store.dropped
    assert store.at(0).seq == store.dropped
    assert store.at(store.row(24_000)).seq == 24_000
    # A line that is gone is found at its nearest living neighbour.
    assert store.row(0) == 0


@pytest.mark.parametrize(
    ("wanted", "passes"),
    [
        (LineFilter("debug"), lambda one: True),
        (LineFilter("info"), lambda one: one.level != "debug"),
        (LineFilter("warning"), lambda one: one.level in ("warning", "error")),
        (
            LineFilter("error", "suppressions"),
            lambda one: one.level == "error" and one.flow == "suppressions",
        ),
    ],
)
def test_the_filter_holds_before_and_after(
    wanted: LineFilter, passes: Callable[[StoredEvent], bool]
) -> None:
    all_lines = mixed(400)
    early, late = LogStore(), LogStore()
    early.use(wanted)
    for at in range(0, 400, 50):
        early.extend(all_lines[at : at + 50])
        late.extend(all_lines[at : at + 50])
    late.use(wanted)
    expected = [one.seq for one in all_lines if passes(one)]
    for store in (early, late):
        assert [store.at(row).seq for row in range(len(store))] == expected


def test_a_filtered_store_drops_its_oldest_too() -> None:
    store = LogStore(limit=100)
    store.use(LineFilter("error"))
    for at in range(0, 40_000, 1_000):
        store.extend([line(at + n, LEVELS[n % 4]) for n in range(1_000)])
    assert store.dropped > 0
    seqs = [store.at(row).seq for row in range(len(store))]
    assert seqs == [n for n in range(store.dropped, 40_000) if n % 4 == 3]


# --------------------------------------------------------------------- the pane


class Host(LogKeys, ConsoleScreen):
    """A screen with nothing but a pane."""

    NAME = "run"

    def body(self) -> ComposeResult:
        yield LogPane()

    def fill(self) -> None:
        self.query_one(LogView).focus()


class HostApp(ConsoleApp):
    def get_default_screen(self) -> Host:
        return Host()


Body = Callable[[ConsolePilot, LogPane], Awaitable[None]]


def drive(console: Console, body: Body, size: tuple[int, int] = (80, 24)) -> None:
    import asyncio

    async def run() -> None:
        app = HostApp(console.context())
        async with app.run_test(size=size) as pilot:
            await settle(pilot)
            await body(pilot, app.screen.query_one(LogPane))

    asyncio.run(run())


def shown(pilot: ConsolePilot) -> str:
    return composited(pilot.app)


async def fed(pilot: ConsolePilot, pane: LogPane, more: list[StoredEvent]) -> None:
    pane.feed(more)
    pane.view.flush()
    await pilot.pause()


def test_it_follows_and_then_keeps_the_place(console: Console) -> None:
    async def body(pilot: ConsolePilot, pane: LogPane) -> None:
        await fed(pilot, pane, lines(100))
        assert "99 件目" in shown(pilot)
        assert "末尾を表示中" in shown(pilot)

        await pilot.press("pageup")
        await pilot.press("pageup")
        kept = [row for row in shown(pilot).splitlines() if "件目" in row]
        await fed(pilot, pane, lines(1_234, 100))
        assert [row for row in shown(pilot).splitlines() if "件目" in row] == kept
        assert "1,234 件の新着" in shown(pilot)

        await pilot.press("end")
        assert "1333 件目" in shown(pilot)
        assert "新着" not in shown(pilot)
        await fed(pilot, pane, lines(1, 1_334))
        assert "1334 件目" in shown(pilot)

    drive(console, body)


def test_the_place_is_kept_while_the_oldest_go(console: Console) -> None:
    async def body(pilot: ConsolePilot, pane: LogPane) -> None:
        pane.view.store = LogStore(limit=30_000)
        await fed(pilot, pane, lines(30_000))
        for _ in range(3):
            await pilot.press("pageup")
        kept = [row for row in shown(pilot).splitlines() if "件目" in row]
        await fed(pilot, pane, lines(25_000, 30_000))
        assert pane.view.store.dropped == 25_000
        assert [row for row in shown(pilot).splitlines() if "件目" in row] == kept
        assert "古い 25,000 行は省略" in shown(pilot)

    drive(console, body, (120, 24))


def test_lines_arrive_by_themselves_and_an_idle_pane_sets_no_timer(
    console: Console,
) -> None:
    async def body(pilot: ConsolePilot, pane: LogPane) -> None:
        pane.feed(lines(3))
        deadline = time.monotonic() + 3
        while "2 件目" not in shown(pilot):
            assert time.monotonic() < deadline
            await pilot.pause(0.02)
        assert pane.view._timer is None

    drive(console, body)


def test_levels_and_flows_are_chosen_by_key(console: Console) -> None:
    async def body(pilot: ConsolePilot, pane: LogPane) -> None:
        await fed(pilot, pane, mixed(16))
        assert "詳細" not in shown(pilot)
        assert "情報以上" in shown(pilot)
        await pilot.press("v")
        assert pane.view.store.filter == LineFilter("warning")
        assert len(pane.view.store) == 8
        await pilot.press("v")
        await pilot.press("f")
        await pilot.press("f")
        await pilot.pause()
        assert pane.view.store.filter == LineFilter("error", "suppressions")
        rows = [row for row in shown(pilot).splitlines() if "件目" in row]
        assert len(rows) == 1
        assert "エラー" in rows[0] and "停止" in rows[0] and "7 件目" in rows[0]

    drive(console, body)


def test_search_goes_up_from_the_end_and_round(console: Console) -> None:
    async def body(pilot: ConsolePilot, pane: LogPane) -> None:
        await fed(pilot, pane, lines(5_000))
        await pilot.press("slash", *"花子 30 件", "enter")
        await pilot.pause()
        assert pane.view.line is not None and pane.view.line.seq == 30
        assert "30 件目" in shown(pilot)
        assert not pane.view.following
        await pilot.press("n")
        await pilot.pause()
        assert pane.view.line.seq == 30
        await pilot.press("slash", *"7 件目", "enter")
        await pilot.pause()
        assert pane.view.line.seq == 27
        await pilot.press("N")
        await pilot.pause()
        assert pane.view.line.seq == 17
        await pilot.press("n", "n")
        await pilot.pause()
        assert pane.view.line.seq == 37
        await pilot.press("slash", *"nowhere", "enter")
        await pilot.pause()
        assert "見つかりません" in shown(pilot)
        assert pane.view.line.seq == 37

    drive(console, body)


def test_escape_closes_the_search_and_not_the_screen(console: Console) -> None:
    async def body(pilot: ConsolePilot, pane: LogPane) -> None:
        await fed(pilot, pane, lines(3))
        await pilot.press("slash", "n", "escape")
        assert isinstance(pilot.app.screen, Host)
        assert pilot.app.focused is pane.view
        assert pane.view.search == ""

    drive(console, body)


def test_a_line_is_copied_and_opened(console: Console) -> None:
    async def body(pilot: ConsolePilot, pane: LogPane) -> None:
        await fed(pilot, pane, lines(3))
        await pilot.press("up", "c")
        assert pilot.app.clipboard == (
            "10:02:03 情報 顧客 山田 花子 1 件目を登録しました。"
        )
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, LogEntryScreen)
        assert "n: 1" in shown(pilot)
        assert "2026-02-16 10:02:03" in shown(pilot)
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, Host)

    drive(console, body)


def test_long_lines_are_shifted_not_wrapped(console: Console) -> None:
    async def body(pilot: ConsolePilot, pane: LogPane) -> None:
        wording = text("{a}終わり", a="長" * 60)
        await fed(
            pilot,
            pane,
            [StoredEvent(1, "r", AT, "k", "customers", wording, "info", {})],
        )
        assert "終わり" not in shown(pilot)
        for _ in range(6):
            await pilot.press("right")
        await pilot.pause()
        assert "終わり" in shown(pilot)

    drive(console, body, (60, 16))


def test_the_language_changes_the_lines_at_once(console: Console) -> None:
    async def body(pilot: ConsolePilot, pane: LogPane) -> None:
        await fed(pilot, pane, lines(2))
        assert "情報" in shown(pilot)
        await pilot.press("f9")
        await pilot.pause()
        assert "情報" not in shown(pilot)
        assert "Info" in shown(pilot)

    drive(console, body)


def test_200_000_lines_do_not_stutter(console: Console) -> None:
    async def body(pilot: ConsolePilot, pane: LogPane) -> None:
        started = time.perf_counter()
        many = lines(5_000)
        for _ in range(40):
            pane.feed(many)
            pane.view.flush()
        await pilot.pause()
        assert len(pane.view.store) == 200_000
        assert time.perf_counter() - started < 4
        for key in ("home", "end", "pageup", "v", "v", "v", "v"):
            started = time.perf_counter()
            await pilot.press(key)
            assert time.perf_counter() - started < 1.5, key

    drive(console, body)


@pytest.mark.parametrize(
    ("environ", "size", "seconds"),
    [
        ({}, Size(80, 24), 0.1),
        ({}, Size(200, 60), 0.586),
        ({"SSH_CONNECTION": "198.51.100.1 22"}, Size(80, 24), 0.25),
        ({"SSH_CONNECTION": "198.51.100.1 22"}, Size(200, 60), 0.586),
    ],
)
def test_over_ssh_and_on_large_screens_it_is_drawn_less_often(
    environ: Mapping[str, str], size: Size, seconds: float
) -> None:
    assert flush_interval(environ, size) == pytest.approx(seconds, rel=0.01)
