"""Sign-in, first administrator, password change, lock: what services then know."""

from __future__ import annotations

import pytest

from haihai_tui.app import ConsoleApp
from haihai_tui.screens.login import LoginScreen
from haihai_tui.screens.widgets.bars import MessageBar
from haihai_tui.screens.widgets.forms import Deed, Entry
from haihai_tui.screens.widgets.words import Words
from haihai_tui.services.operators import Operators
from haihai_tui.services.roles import Role
from haihai_tui.services.store.database import open_database
from tests.screens.conftest import PASSWORD, Console, ConsolePilot, settle, until

OTHER = "hidamari-9-roketto-umi"


def told(pilot: ConsolePilot) -> str:
    """What the message bar says."""
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    return app.t(app.screen.query_one(MessageBar).message)


def front(pilot: ConsolePilot) -> str:
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    assert app.front is not None
    return app.front.NAME


async def typed(pilot: ConsolePilot, **values: str) -> None:
    """Fill in inputs by their ids, and let what was typed be judged."""
    for identifier, value in values.items():
        pilot.app.screen.query_one(f"#{identifier}", Entry).value = value
    await pilot.pause(0.2)
    await settle(pilot)


async def press(pilot: ConsolePilot, *keys: str) -> None:
    await pilot.press(*keys)
    await settle(pilot)


# ------------------------------------------------------------------- sign-in


def test_signing_in_leads_home(console: Console) -> None:
    console.add_operator("yamada")

    async def body(pilot: ConsolePilot) -> None:
        await typed(pilot, name=" yamada ", password=PASSWORD)
        await press(pilot, "f5")
        assert front(pilot) == "home"

    app = console.drive(body)
    assert app.ctx.operator is not None
    assert app.ctx.operator.name == "yamada"


def test_enter_goes_on_from_the_name_and_signs_in_from_the_password(
    console: Console,
) -> None:
    console.add_operator("yamada")

    async def body(pilot: ConsolePilot) -> None:
        await press(pilot, *"yamada", "enter", *PASSWORD, "enter")
        assert front(pilot) == "home"

    console.drive(body)


@pytest.mark.parametrize("name", ["yamada", "nobody"])
def test_what_was_wrong_is_not_told(console: Console, name: str) -> None:
    console.add_operator("yamada")

    async def body(pilot: ConsolePilot) -> None:
        await typed(pilot, name=name, password="wrong")
        await press(pilot, "f5")
        assert told(pilot).startswith(
            "エラー: 利用者名またはパスワードが違います"
        ) or told(pilot).startswith("利用者名またはパスワードが違います")
        assert pilot.app.screen.query_one("#password", Entry).value == ""
        assert pilot.app.focused is pilot.app.screen.query_one("#password")
        assert front(pilot) == "login"

    assert console.drive(body).ctx.operator is None


def test_the_time_that_failures_cost_is_counted_down(console: Console) -> None:
    console.add_operator("yamada")

    async def body(pilot: ConsolePilot) -> None:
        submit = pilot.app.screen.query_one("#submit", Deed)
        wait = pilot.app.screen.query_one("#wait", Words)
        for _ in range(3):
            assert not submit.disabled
            await typed(pilot, name="yamada", password="wrong")
            await press(pilot, "f5")
        assert submit.disabled
        assert "あと 1 秒は受け付けません" in str(wait.message)
        await typed(pilot, password=PASSWORD)
        await press(pilot, "f5")
        assert "受け付けません" in told(pilot)
        await until(pilot, lambda: not submit.disabled)
        assert str(wait.message) == ""

    console.drive(body)


def test_a_lock_shows_its_minutes(console: Console) -> None:
    console.add_operator("yamada")
    database = open_database(console.home)
    operators = Operators(database, clock=console.clock)
    for _ in range(9):
        operators._count_failure("yamada")
    database.close()
    console.clock.advance(3600)

    async def body(pilot: ConsolePilot) -> None:
        await typed(pilot, name="yamada", password="wrong")
        await press(pilot, "f5")
        wait = pilot.app.screen.query_one("#wait", Words)
        assert "あと 15 分 00 秒は受け付けません" in str(wait.message)
        await console.golden(pilot, "login-locked")

    console.drive(body)


def test_empty_fields_are_asked_for(console: Console) -> None:
    console.add_operator("yamada")

    async def body(pilot: ConsolePilot) -> None:
        await press(pilot, "f5")
        assert "利用者名を入力してください" in told(pilot)
        await press(pilot, *"yamada", "f5")
        assert "パスワードを入力してください" in told(pilot)

    console.drive(body)


def test_a_damaged_database_is_told_on_the_login_form(console: Console) -> None:
    console.add_operator("yamada")
    console.home.database.write_bytes(b"not a database at all" * 400)

    async def body(pilot: ConsolePilot) -> None:
        assert str(console.home.database) in told(pilot)
        assert isinstance(pilot.app.screen, LoginScreen)

    console.drive(body)


def test_a_name_in_full_width_is_folded_with_a_word_about_it(console: Console) -> None:
    console.add_operator("yamada")

    async def body(pilot: ConsolePilot) -> None:
        await typed(pilot, name="ｙａｍａｄａ", password=PASSWORD)
        await press(pilot, "f5")
        assert front(pilot) == "home"
        assert "半角にして「yamada」" in told(pilot)

    console.drive(body)


# --------------------------------------------------------- first administrator


def test_the_first_administrator_is_made_and_signed_in(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await typed(pilot, name="山田", new=PASSWORD, repeat=PASSWORD)
        await press(pilot, "f5")
        assert front(pilot) == "home"

    app = console.drive(body, first="first_run")
    assert app.ctx.operator is not None
    assert (app.ctx.operator.name, app.ctx.operator.role) == (
        "山田",
        Role.ADMINISTRATOR,
    )


def test_requirements_are_ticked_off_while_typing(console: Console) -> None:
    def rules(pilot: ConsolePilot) -> list[str]:
        return [
            str(pilot.app.screen.query_one(f"#rule-{name}", Words).message)[:3]
            for name in ("length", "words", "strength", "same")
        ]

    async def body(pilot: ConsolePilot) -> None:
        assert rules(pilot) == ["[ ]"] * 4
        await typed(pilot, name="yamada", new="haihai-yamada")
        assert rules(pilot)[:2] == ["[x]", "[ ]"]
        await typed(pilot, new="aaaaaaaaaaaaa", repeat="aaaaaaaaaaaaa")
        assert rules(pilot) == ["[x]", "[x]", "[ ]", "[x]"]
        await press(pilot, "f5")
        assert "条件を満たしていません" in told(pilot)
        await typed(pilot, new=PASSWORD, repeat=OTHER)
        assert rules(pilot) == ["[x]", "[x]", "[x]", "[ ]"]
        await press(pilot, "f5")
        assert "2 回の入力が異なります" in told(pilot)
        assert not console.home.database.exists()

    console.drive(body, first="first_run")


def test_a_second_first_administrator_is_refused(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await typed(pilot, name="suzuki", new=OTHER, repeat=OTHER)
        console.add_operator("yamada")
        await press(pilot, "f5")
        assert "すでに登録されています" in told(pilot)
        assert front(pilot) == "first_run"

    assert console.drive(body, first="first_run").ctx.operator is None


def test_a_password_is_shown_on_demand_and_hidden_by_plain_stars(
    console: Console,
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await typed(pilot, new=PASSWORD)
        await console.golden(pilot, "first_run-typed")
        assert pilot.app.screen.query_one("#new", Entry).password
        await press(pilot, "f6")
        assert not pilot.app.screen.query_one("#new", Entry).password

    console.drive(body, first="first_run")


# ------------------------------------------------------------ password change


def add_with_initial_password(console: Console) -> str:
    database = open_database(console.home)
    try:
        return Operators(database, clock=console.clock).add("suzuki", "test@example")
    finally:
        database.close()


def test_an_initial_password_must_be_changed_before_anything_else(
    console: Console,
) -> None:
    initial = add_with_initial_password(console)

    async def body(pilot: ConsolePilot) -> None:
        await typed(pilot, name="suzuki", password=initial)
        await press(pilot, "f5")
        assert front(pilot) == "password"
        assert not pilot.app.screen.query("#current")
        for key in ("f2", "escape", "ctrl+p"):
            await press(pilot, key)
            assert front(pilot) == "password"
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        app.go("home")
        app.open("home")
        await settle(pilot)
        assert front(pilot) == "password"
        await typed(pilot, new=initial, repeat=initial)
        await press(pilot, "f5")
        assert "以前に使ったパスワード" in told(pilot)
        await typed(pilot, new=OTHER, repeat=OTHER)
        await press(pilot, "f5")
        assert front(pilot) == "home"
        assert "パスワードを変更しました" in told(pilot)

    app = console.drive(body)
    assert app.ctx.operator is not None
    assert not app.ctx.operator.must_change


def test_changing_it_of_ones_own_accord_asks_for_the_present_one(
    console: Console,
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await typed(pilot, new=OTHER, repeat=OTHER)
        await press(pilot, "f5")
        assert "現在のパスワードを入力してください" in told(pilot)
        await typed(pilot, current="wrong")
        await press(pilot, "f5")
        assert "違います" in told(pilot)
        await typed(pilot, current=PASSWORD)
        await press(pilot, "f5")
        assert front(pilot) == "home"

    console.drive(body, first="password", operator=Role.VIEWER)


# ---------------------------------------------------------------- lock, logout


def test_after_idle_time_the_screen_is_locked_until_the_password_is_given(
    console: Console,
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        await press(pilot, "f1")
        app.idle.begin(1e-9)
        app._lock_when_idle()
        await settle(pilot)
        app.idle.begin(0)
        assert front(pilot) == "lock"
        for key in ("f2", "escape", "ctrl+p", "f12"):
            await press(pilot, key)
            assert front(pilot) == "lock"
        app.go("home")
        app.open("password")
        await settle(pilot)
        assert front(pilot) == "lock"
        await console.golden(pilot, "lock")
        await typed(pilot, password="wrong")
        await press(pilot, "f5")
        assert front(pilot) == "lock"
        await typed(pilot, password=PASSWORD)
        await press(pilot, "f5")
        assert front(pilot) == "help"

    console.drive(body, first="home", operator=Role.OPERATOR)


def test_the_help_of_the_lock_uncovers_nothing(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await press(pilot, "f12", "f1")
        assert front(pilot) == "help"
        await press(pilot, "f2")
        assert front(pilot) == "help"
        await press(pilot, "escape")
        assert front(pilot) == "lock"

    console.drive(body, first="home", operator=Role.OPERATOR)


def test_a_logout_closes_everything(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await press(pilot, "f1", "ctrl+l")
        app = pilot.app
        assert isinstance(app, ConsoleApp)
        assert front(pilot) == "login"
        assert len(app.screen_stack) == 1
        assert app.ctx.operator is None
        for key in ("f2", "ctrl+p", "ctrl+l", "f12"):
            await press(pilot, key)
        app.go("home")
        await settle(pilot)
        assert front(pilot) == "login"

    console.drive(body, first="home", operator=Role.OPERATOR)
