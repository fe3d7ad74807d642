"""What every screen has: keys from the table, help, palette, languages, themes."""

from __future__ import annotations

from collections import Counter

import pytest
from textual import events
from textual.color import Color

from haihai_tui import keys, screens
from haihai_tui.app import ConsoleApp
from haihai_tui.screens import themes
from haihai_tui.screens.help import KeyList
from haihai_tui.screens.palette import PaletteScreen
from haihai_tui.screens.widgets.bars import KeyBar, MessageBar
from haihai_tui.screens.widgets.forms import Entry
from haihai_tui.services.preferences import Preferences, read_preferences
from haihai_tui.services.roles import Role
from tests.screens.conftest import Console, ConsolePilot, settle
from tests.screens.golden import composited

BLACK = Color(0, 0, 0)
SIZES = [(60, 16), (80, 24), (120, 40)]


def the(pilot: ConsolePilot) -> ConsoleApp:
    assert isinstance(pilot.app, ConsoleApp)
    return pilot.app


def front(pilot: ConsolePilot) -> str:
    screen = the(pilot).front
    assert screen is not None
    return screen.NAME


async def press(pilot: ConsolePilot, *pressed: str) -> None:
    await pilot.press(*pressed)
    await settle(pilot)


# ---------------------------------------------------------------- the key table


def test_ids_are_unique_and_screens_exist() -> None:
    ids = Counter(action.id for action in keys.ACTIONS)
    assert [name for name, count in ids.items() if count > 1] == []
    for action in keys.ACTIONS:
        # Dialogues of a screen carry its name: `settings_row` is of `settings`.
        owners = {name.partition("_")[0] for name in screens.SCREENS}
        assert {name.partition("_")[0] for name in action.screens} <= owners
        assert str(action.label)
        assert str(action.tooltip)


@pytest.mark.parametrize("name", list(screens.SCREENS))
def test_no_key_means_two_things_on_one_screen(name: str) -> None:
    used = Counter(
        key
        for action in (*keys.of_screen(name), *keys.everywhere())
        for key in action.keys.split(",")
    )
    doubled = [key for key, count in used.items() if count > 1]
    assert doubled == []


@pytest.mark.parametrize(
    "name", [name for name in screens.SCREENS if screens.exists(name)]
)
def test_every_action_of_a_screen_has_its_method(name: str) -> None:
    kind = screens.load(name)
    assert name == kind.NAME
    assert str(kind.TITLE)
    for action in keys.of_screen(name):
        method = action.action.partition("(")[0]
        owner = ConsoleApp if method.startswith("app.") else kind
        assert hasattr(owner, f"action_{method.removeprefix('app.')}"), action.id


def test_the_line_of_keys_is_drawn_from_the_table(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        shown = str(pilot.app.screen.query_one(KeyBar).render())
        for identifier in ("help", "home.refresh", "palette", "logout", "quit"):
            action = keys.by_id(identifier)
            assert f"{action.key_shown} {action.label}" in shown

    console.drive(body, first="home", operator=Role.VIEWER)


# -------------------------------------------------------------------- goldens


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["login", "first_run", "password"])
def test_forms(console: Console, name: str, size: tuple[int, int]) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await console.golden(pilot, name)

    operator = Role.OPERATOR if name == "password" else None
    console.drive(body, first=name, operator=operator, size=size)


@pytest.mark.parametrize("size", SIZES)
def test_the_help_tells_the_keys_of_the_screen_it_came_from(
    console: Console, size: tuple[int, int]
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await press(pilot, "f1")
        assert front(pilot) == "help"
        own = str(pilot.app.screen.query(KeyList).first().render())
        assert "再読み込み" in own
        assert "1-9" in own
        await console.golden(pilot, "help-home")
        await press(pilot, "f1")
        assert len(the(pilot).screen_stack) == 2
        await press(pilot, "escape")
        assert front(pilot) == "home"

    console.drive(body, first="home", operator=Role.VIEWER, size=size)


@pytest.mark.parametrize("size", SIZES)
def test_the_palette_on_the_screen(console: Console, size: tuple[int, int]) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await press(pilot, "ctrl+p")
        await console.golden(pilot, "palette")

    console.drive(body, first="home", operator=Role.VIEWER, size=size)


# -------------------------------------------------------------------- palette


def test_the_palette_finds_a_screen_by_a_part_of_its_name(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await press(pilot, "ctrl+p")
        assert isinstance(pilot.app.screen, PaletteScreen)
        pilot.app.screen.query_one(Entry).value = "パスワ"
        await settle(pilot)
        await press(pilot, "enter")
        assert front(pilot) == "password"

    console.drive(body, first="home", operator=Role.VIEWER)


def test_the_palette_does_an_action_and_closes_without_one(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        before = the(pilot).theme
        await press(pilot, "ctrl+p", *"theme", "enter")
        assert the(pilot).theme != before
        await press(pilot, "ctrl+p", "escape")
        assert front(pilot) == "home"
        await press(pilot, "ctrl+p", *"no such thing", "enter", "escape")
        assert front(pilot) == "home"

    console.drive(body, first="home", operator=Role.VIEWER)


# ------------------------------------------------------- language and colours


def test_the_language_changes_at_once_and_is_kept(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await press(pilot, "f1")
        await press(pilot, "f9")
        assert "administrator" in composited(pilot.app)
        await press(pilot, "escape")
        assert "administrator" in composited(pilot.app)
        assert read_preferences(console.home).lang == "en"
        await press(pilot, "f9")
        assert "管理者" in composited(pilot.app)
        assert read_preferences(console.home).lang == "ja"

    console.drive(body, first="home", operator=Role.ADMINISTRATOR)


def test_what_was_typed_survives_a_change_of_the_language(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await press(pilot, *"yamada", "f9")
        assert pilot.app.screen.query_one("#name", Entry).value == "yamada"

    console.drive(body)


def test_the_themes_go_round_and_are_kept(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        seen = [the(pilot).theme]
        for _ in themes.NAMES:
            await press(pilot, "f10")
            seen.append(the(pilot).theme)
            kept = read_preferences(console.home)
            assert kept == Preferences("ja", seen[-1])
        assert seen[0] == seen[-1]
        assert set(seen) == set(themes.NAMES)

    console.drive(body)


def test_without_colour_no_colour_is_sent_and_the_focus_is_seen(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")

    async def body(pilot: ConsolePilot) -> None:
        await press(pilot, "tab", "tab")
        rendered = [
            segment
            for strip in pilot.app.screen._compositor.render_strips()
            for segment in strip.apply_filter(pilot.app._filters[-1], BLACK)
        ]
        styles = [segment.style for segment in rendered if segment.style]
        assert all(one.color is None or one.color.is_default for one in styles)
        assert all(one.bgcolor is None or one.bgcolor.is_default for one in styles)
        focused = [one for one in rendered if "ログイン ]" in one.text]
        assert focused[0].style is not None
        assert focused[0].style.reverse
        await press(pilot, "f10")
        shown = pilot.app.screen.query_one(MessageBar).message
        assert "NO_COLOR" in the(pilot).t(shown)

    console.drive(body)


# ------------------------------------------------------------------ typed ahead


@pytest.mark.parametrize("mover", ["tab", "enter"])
def test_keys_that_arrive_in_one_bunch_go_where_they_were_meant(
    console: Console, mover: str
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        for key in (*"yamada", mover, *"secret"):
            letter = key if len(key) == 1 else None
            the(pilot).post_message(events.Key(key, letter))
        await pilot.pause(0.3)
        await settle(pilot)
        assert pilot.app.screen.query_one("#name", Entry).value == "yamada"
        assert pilot.app.screen.query_one("#password", Entry).value == "secret"

    console.drive(body)


def test_ctrl_c_tells_how_to_leave_and_ctrl_q_leaves(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await press(pilot, "ctrl+c")
        shown = the(pilot).t(pilot.app.screen.query_one(MessageBar).message)
        assert "Ctrl+Q" in shown
        await pilot.press("ctrl+q")

    app = console.drive(body)
    assert app.return_value == 0
