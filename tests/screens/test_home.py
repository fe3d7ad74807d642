"""The front page: what stands there, what comes first, where it leads."""

from __future__ import annotations

from datetime import timedelta

import pytest

from haihai_tui import screens
from haihai_tui.app import ConsoleApp
from haihai_tui.screens.home import ConnectionLine, HomeScreen
from haihai_tui.screens.widgets.flow_table import FlowTable
from haihai_tui.services.overview import Step, overview
from haihai_tui.services.roles import Role
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings import parse_profile
from haihai_tui.services.settings_edit import save_settings
from haihai_tui.services.store.database import open_database
from haihai_tui.services.store.runs import Runs
from haihai_tui.services.store.times import moment_of
from tests.screens.conftest import Console, ConsolePilot, settle

PROFILE: dict[str, object] = {
    "haihai": {"contract_id": "a01-24", "login_id": "renkei", "group_id": "1"},
    "salesforce": {"url": "https://example.my.salesforce.com"},
}


def set_up(console: Console, *, authorised: bool = True) -> None:
    home = console.home
    save_settings(home, parse_profile("default", PROFILE, "test"))
    secrets = SecretStore(home, "default", KeySource(home, {}))
    names = ["haihai.api_token"]
    names += ["salesforce.refresh_token"] if authorised else []
    secrets.set_many(dict.fromkeys(names, "x"))


def ran(
    console: Console, *statuses: str, mode: str = "sync", rejected: int = 0
) -> None:
    """Runs of `customers`, one an hour, the last of them now."""
    database = open_database(console.home)
    runs = Runs(database, "default", console.clock)
    begun = console.clock.now
    console.clock.now = begun - timedelta(hours=len(statuses) - 1)
    for status in statuses:
        run_id = runs.start(mode, ["customers"], actor="cron")
        numbers = {"read": 10, "rejected": rejected, "api_calls": {}}
        runs.finish(run_id, status, 0, {"flows": {"customers": numbers}})
        console.clock.advance(3600)
    console.clock.now = begun
    database.close()


def first_step(console: Console) -> Step:
    context = console.context()
    try:
        return overview(context).steps[0]
    finally:
        context.close()


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40)])
def test_a_new_home(console: Console, size: tuple[int, int]) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await console.golden(pilot, "home-new")

    console.drive(body, first="home", operator=Role.ADMINISTRATOR, size=size)


@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40)])
def test_a_home_with_a_history(console: Console, size: tuple[int, int]) -> None:
    set_up(console)
    ran(console, "ok", "ok", "failed", "halted", "paused", "stopped", "ok")
    console.clock.advance(3600)
    ran(console, "partial", rejected=3)
    console.clock.advance(5 * 3600 + 60)

    async def body(pilot: ConsolePilot) -> None:
        await console.golden(pilot, "home-history")

    console.drive(body, first="home", operator=Role.OPERATOR, size=size)


def test_the_most_urgent_thing_has_the_focus_and_leads_to_its_screen(
    console: Console,
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        assert pilot.app.focused is not None
        assert pilot.app.focused.id == "do-0"
        await pilot.press("enter")
        await settle(pilot)
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        assert app.front is not None
        assert app.front.NAME == "settings"
        await pilot.press("escape")
        await settle(pilot)
        assert isinstance(app.screen, HomeScreen)

    console.drive(body, first="home", operator=Role.ADMINISTRATOR)


def test_every_screen_of_the_menu_opens_by_its_number_and_closes(
    console: Console,
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        for number, entry in enumerate(screens.menu(), 1):
            if number > 9:
                break
            await pilot.press(str(number))
            await settle(pilot)
            assert app.front is not None
            assert entry.name == app.front.NAME
            await pilot.press("f2")
            await settle(pilot)
            assert app.front.NAME == "home"

    console.drive(body, first="home", operator=Role.ADMINISTRATOR)


# ------------------------------------------------------------ what comes first


def test_without_a_profile_the_set_up_comes_first(console: Console) -> None:
    assert first_step(console).screen == "settings"


def test_without_a_token_the_authorisation_comes_first(console: Console) -> None:
    set_up(console, authorised=False)
    assert first_step(console).screen == "authorise"


def test_before_the_first_run_the_plan_comes_first(console: Console) -> None:
    set_up(console)
    assert str(first_step(console).label) == "最初の計画を見る"


@pytest.mark.parametrize(
    ("status", "screen"),
    [("halted", "plan"), ("failed", "troubleshoot"), ("ok", "run"), ("paused", "run")],
)
def test_after_a_run_its_outcome_decides(
    console: Console, status: str, screen: str
) -> None:
    set_up(console)
    ran(console, "ok", status)
    assert first_step(console).screen == screen


# ---------------------------------------------------------------- the numbers


def test_a_plan_is_no_success_and_no_mark(console: Console) -> None:
    set_up(console)
    ran(console, "ok")
    console.clock.advance(7200)
    ran(console, "ok", mode="plan")
    context = console.context()
    flow = overview(context).flows[0]
    context.close()
    assert flow.picture == "o"
    assert flow.last_success is not None
    assert moment_of(flow.last_success) == console.clock.now - timedelta(hours=2)


def test_the_picture_shows_the_last_fourteen_and_the_newest_at_the_right(
    console: Console,
) -> None:
    set_up(console)
    ran(console, *["failed"] * 5, *["ok"] * 13, "halted")
    context = console.context()
    flow = overview(context).flows[0]
    context.close()
    assert flow.picture == "o" * 13 + "H"


def test_another_flows_rejects_do_not_spoil_this_one(console: Console) -> None:
    set_up(console)
    ran(console, "partial", rejected=0)
    context = console.context()
    flow = overview(context).flows[0]
    context.close()
    assert flow.picture == "o"


def test_a_front_page_at_rest_draws_nothing(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []
    for kind in (ConnectionLine, FlowTable):
        render = kind.render

        def counted(self: object, render: object = render) -> object:
            drawn.append(type(self).__name__)
            return render(self)  # type: ignore[operator]

        monkeypatch.setattr(kind, "render", counted)

    async def body(pilot: ConsolePilot) -> None:
        await settle(pilot)
        drawn.clear()
        screen = pilot.app.screen
        assert isinstance(screen, HomeScreen)
        screen._refresh_quietly()
        await settle(pilot)
        assert drawn == []

    console.drive(body, first="home", operator=Role.OPERATOR)
