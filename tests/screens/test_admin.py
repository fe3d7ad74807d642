"""管理: operators and roles, the audit log, profiles."""

from __future__ import annotations

from pathlib import Path

import pytest

from haihai_tui.app import ConsoleApp
from haihai_tui.errors import SettingsError
from haihai_tui.screens.admin import AdminScreen
from haihai_tui.screens.admin_views.base import Rows
from haihai_tui.screens.widgets.bars import MessageBar
from haihai_tui.screens.widgets.forms import Deed, Entry
from haihai_tui.screens.widgets.panel import Panel
from haihai_tui.screens.widgets.ticklist import Detail
from haihai_tui.screens.widgets.words import Words
from haihai_tui.services.administration import Administration
from haihai_tui.services.operators import Operators
from haihai_tui.services.roles import Role
from haihai_tui.services.settings import list_profiles, load_profile, parse_profile
from haihai_tui.services.settings_edit import save_settings
from haihai_tui.services.store import audit
from haihai_tui.services.store.alerts import AlertBook
from haihai_tui.services.store.database import open_database
from tests.receivers import mail_server
from tests.screens.conftest import PASSWORD, Console, ConsolePilot, settle, until
from tests.screens.golden import composited

SIZES = ((80, 24), (60, 16))


async def opened(pilot: ConsolePilot, view: str = "operators") -> AdminScreen:
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    app.open("admin", view=view)
    await settle(pilot)
    screen = app.screen
    assert isinstance(screen, AdminScreen)
    return screen


def said(screen: AdminScreen) -> str:
    return screen.t(screen.query_one(MessageBar).message)


def panel_words(screen: AdminScreen) -> str:
    return screen.t(screen.query_one("#panel-words", Words).message)


def roles(console: Console) -> dict[str, tuple[Role, bool]]:
    database = open_database(console.home)
    try:
        return {
            one.name: (one.role, one.disabled) for one in Operators(database).listed()
        }
    finally:
        database.close()


# ------------------------------------------------------------------- operators


@pytest.mark.parametrize("size", SIZES)
def test_a_new_operator_gets_an_initial_password_shown_once(
    console: Console, size: tuple[int, int]
) -> None:
    passwords: list[str] = []

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot)
        await pilot.press("f5")
        await settle(pilot)
        await console.golden(pilot, "admin-add")
        await pilot.press(*"sato", "enter")
        await settle(pilot)
        passwords.append(panel_words(screen).splitlines()[0])
        focused = screen.focused
        assert focused is not None
        assert focused.id == "panel-no"
        await pilot.press("enter")
        await settle(pilot)
        assert not screen.query_one("#operators Panel").display
        await console.golden(pilot, "admin-operators")

    console.drive(body, operator=Role.ADMINISTRATOR, size=size)
    assert roles(console)["sato"] == (Role.OPERATOR, False)
    database = open_database(console.home)
    operator = Operators(database, clock=console.clock).authenticate(
        "sato", passwords[0]
    )
    database.close()
    assert operator.must_change


def test_role_reset_and_disabling_by_keyboard_alone(console: Console) -> None:
    console.add_operator("sato", Role.OPERATOR)

    async def press(pilot: ConsolePilot, *keys: str) -> None:
        await pilot.press(*keys)
        await settle(pilot)

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot)
        # sato's row is the first; buttons follow the table.
        await press(pilot, "tab", "tab", "tab", "enter")
        await press(pilot, "up", "enter", "tab", "enter")
        assert said(screen) == "「sato」を閲覧者にしました。"
        await press(pilot, "tab", "tab", "enter")
        await press(pilot, "shift+tab", "enter")
        assert "再発行しました" in said(screen)
        assert panel_words(screen)
        await press(pilot, "enter")
        await press(pilot, "tab", "tab", "tab", "tab", "enter")
        await press(pilot, "shift+tab", "enter")
        assert said(screen) == "「sato」を無効にしました。"
        label = screen.query_one("#disable", Deed).label
        assert "有効化" in str(label)

    console.drive(body, operator=Role.ADMINISTRATOR)
    assert roles(console)["sato"] == (Role.VIEWER, True)


def test_escape_takes_the_question_back(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot)
        await pilot.press("f5")
        await settle(pilot)
        await pilot.press(*"sato", "escape")
        await settle(pilot)
        assert pilot.app.screen is screen
        assert not screen.query_one("#operators Panel").display
        assert isinstance(screen.focused, Rows)

    console.drive(body, operator=Role.ADMINISTRATOR)
    assert set(roles(console)) == {"yamada"}


def test_a_refusal_keeps_the_question_open(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot)
        await pilot.press("f5")
        await settle(pilot)
        await pilot.press(*"yamada", "enter")
        await settle(pilot)
        assert "すでに登録されています" in said(screen)
        assert screen.query_one("#operators Panel", Panel).display

    console.drive(body, operator=Role.ADMINISTRATOR)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_who_may_not_is_told_why_and_can_press_nothing(
    console: Console, role: Role
) -> None:
    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot)
        assert all(screen.query_one(f"#{name}", Deed).disabled for name in _DEEDS)
        assert "権限がありません" in screen.t(
            screen.query_one("#operator-note", Words).message
        )
        await pilot.press("f5")
        await settle(pilot)
        assert "権限がありません" in said(screen)

    console.drive(body, operator=role)
    assert set(roles(console)) == {"yamada"}


_DEEDS = ("add", "reset", "role", "disable")


# ------------------------------------------------------------------- audit log


@pytest.mark.parametrize("size", SIZES)
def test_the_audit_log_is_told_in_words(
    console: Console, size: tuple[int, int]
) -> None:
    console.add_operator("sato", Role.OPERATOR)

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, "audit")
        rows = screen.query_one("#audit-rows", Rows)
        assert rows.row_count == 6
        assert "改ざんは見つかりません" in screen.t(
            screen.query_one("#audit-note", Words).message
        )
        await pilot.press("down", "down")
        detail = screen.query_one("#audit-detail", Detail).plain
        assert "利用者の追加" in detail
        assert detail.endswith("変更後\n  閲覧者")
        await console.golden(pilot, "admin-audit")

    console.drive(body, operator=Role.VIEWER, size=size)


def test_tampering_is_told(console: Console) -> None:
    console.add_operator("sato", Role.OPERATOR)
    database = open_database(console.home)
    with database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER IF EXISTS audit_no_update")
        names = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        ).scalars()
        for name in list(names):
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql("UPDATE audit SET actor = 'nobody' WHERE seq = 2")
    database.close()

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, "audit")
        note = screen.t(screen.query_one("#audit-note", Words).message)
        assert note == "2 行目以降が改ざんされています。"

    console.drive(body, operator=Role.VIEWER)


def test_older_lines_are_added_on_request(console: Console) -> None:
    console.add_operator("sato", Role.OPERATOR)
    database = open_database(console.home)
    with database.write() as connection:
        for number in range(250):
            audit.append(
                connection, actor="cron", action="setting_changed", subject=str(number)
            )
    database.close()

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, "audit")
        rows = screen.query_one("#audit-rows", Rows)
        assert rows.row_count == 200
        screen.query_one("#older", Deed).press()
        await settle(pilot)
        assert rows.row_count == 256
        assert screen.query_one("#older", Deed).disabled

    console.drive(body, operator=Role.VIEWER)


# -------------------------------------------------------------------- profiles


def made(console: Console, name: str, contract: str) -> None:
    table = {"haihai": {"contract_id": contract, "login_id": "api"}}
    save_settings(console.home, parse_profile(name, table, name))


@pytest.mark.parametrize("size", SIZES)
def test_profiles_are_listed_and_switched(
    console: Console, size: tuple[int, int]
) -> None:
    made(console, "default", "a01-24")
    made(console, "second", "a02-7")

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, "profiles")
        await pilot.press("down")
        await pilot.pause()
        await console.golden(pilot, "admin-profiles")
        await pilot.press("enter")
        await settle(pilot)
        assert screen.ctx.profile == "second"
        assert said(screen) == "プロファイル「second」に切り替えました。"
        await pilot.press("f5")
        assert said(screen) == "すでに使っているプロファイルです。"

    console.drive(body, operator=Role.VIEWER, size=size)


def test_a_new_profile_is_made_and_set_up_next(console: Console) -> None:
    made(console, "default", "a01-24")

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, "profiles")
        screen.query_one("#new", Deed).press()
        await settle(pilot)
        await pilot.press(*"default", "enter")
        await until(pilot, lambda: "すでにあります" in said(screen))
        screen.query_one("#new-name", Entry).value = "osaka"
        await pilot.press("enter")
        await until(pilot, lambda: "Step1" in composited(pilot.app))
        assert screen.ctx.profile == "osaka"
        await pilot.press("escape")
        rows = screen.query_one("#profile-rows", Rows)
        await until(pilot, lambda: rows.row_count == 2)
        assert list_profiles(console.home) == ("default", "osaka")
        assert load_profile(console.home, "osaka").haihai.contract_id == ""

    console.drive(body, operator=Role.ADMINISTRATOR)
    database = open_database(console.home)
    logged = audit.entries(database, profile="osaka")
    database.close()
    made_by = [one for one in logged if one.action == "profile_created"]
    assert [(one.actor, one.subject) for one in made_by] == [("yamada", "osaka")]


def test_who_may_not_change_settings_makes_no_profile(console: Console) -> None:
    made(console, "default", "a01-24")

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, "profiles")
        assert screen.query_one("#new", Deed).disabled
        context = screen.ctx
        operator = context.operator
        assert operator is not None
        administration = Administration(
            console.home, context.database, operator, context.environ
        )
        with pytest.raises(SettingsError):
            administration.new_profile("osaka", "default")
        assert list_profiles(console.home) == ("default",)

    console.drive(body, operator=Role.OPERATOR)


def test_a_broken_profile_is_shown_and_cannot_be_used(console: Console) -> None:
    made(console, "default", "a01-24")
    console.home.profile_file("torn").write_text("[haihai\n")

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, "profiles")
        await pilot.press("down")
        await pilot.pause()
        note = screen.t(screen.query_one("#profile-note", Words).message)
        assert "TOML" in note
        assert screen.query_one("#use", Deed).disabled

    console.drive(body, operator=Role.ADMINISTRATOR)


def test_a_profile_is_written_out_and_taken_in_under_another_name(
    console: Console, tmp_path: Path
) -> None:
    made(console, "default", "a01-24")
    path = tmp_path / "out.toml"

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, "profiles")
        screen.query_one("#export", Deed).press()
        await settle(pilot)
        screen.query_one("#export-file", Entry).value = str(path)
        await pilot.press("enter")
        await settle(pilot)
        assert said(screen) == f"{path} に書き出しました。"
        screen.query_one("#import", Deed).press()
        await settle(pilot)
        screen.query_one("#import-name", Entry).value = "third"
        screen.query_one("#import-file", Entry).value = str(path)
        await pilot.press("enter")
        await settle(pilot)
        assert "「third」を取り込みました" in said(screen)

    console.drive(body, operator=Role.ADMINISTRATOR)
    assert list_profiles(console.home) == ("default", "third")
    assert load_profile(console.home, "third").haihai.contract_id == "a01-24"
    database = open_database(console.home)
    actors = {
        one.actor for one in audit.entries(database) if one.action == "setting_changed"
    }
    database.close()
    assert actors == {"yamada"}


def test_a_missing_file_is_told(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, "profiles")
        screen.query_one("#import", Deed).press()
        await settle(pilot)
        screen.query_one("#import-name", Entry).value = "third"
        screen.query_one("#import-file", Entry).value = "/nowhere/x.toml"
        await pilot.press("enter")
        await settle(pilot)
        assert "ありません" in said(screen)

    console.drive(body, operator=Role.ADMINISTRATOR)
    assert PASSWORD and list_profiles(console.home) == ()


# ---------------------------------------------------------------------- alerts


@pytest.mark.parametrize("size", SIZES)
def test_alerts_show_what_stands_and_where_it_goes(
    console: Console, size: tuple[int, int]
) -> None:
    table = {"alerts": {"mail_to": ["ops@example.jp"], "smtp_host": "smtp.example.jp"}}
    save_settings(console.home, parse_profile("default", table, "default.toml"))
    database = open_database(console.home)
    book = AlertBook(database, "default", console.clock)
    book.note({"customers": ("failed", {}), "overdue.customers": ("ok", {})})
    due = book.due("mail")
    book.failed("mail", due, "メールサーバーに接続できません。")
    database.close()

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot)
        await pilot.press("f7")
        await settle(pilot)
        await console.golden(pilot, "admin-alerts")
        shown = screen.query_one("#alert-detail", Detail).plain
        assert "ops@example.jp" in shown
        assert "接続できません" in shown

    console.drive(body, operator=Role.ADMINISTRATOR, size=size)


def test_a_test_alert_is_sent_from_the_console_and_its_failure_told(
    console: Console,
) -> None:
    with mail_server() as mailbox:
        table = {
            "alerts": {
                "mail_to": ["ops@example.jp"],
                "smtp_host": "127.0.0.1",
                "smtp_port": mailbox.port,
                "smtp_security": "none",
            }
        }
        save_settings(console.home, parse_profile("default", table, "default.toml"))

        async def body(pilot: ConsolePilot) -> None:
            screen = await opened(pilot, "alerts")
            await pilot.press("f5")
            await settle(pilot)
            assert said(screen) == "テストを送信しました。"
            mailbox.answer = "451 later"
            await pilot.press("f5")
            await settle(pilot)
            assert said(screen) == "テストを送信できない送り先があります。"
            assert "451" in screen.query_one("#alert-detail", Detail).plain

        console.drive(body, operator=Role.OPERATOR)
    assert len(mailbox.mails) == 1


def test_a_viewer_sends_no_test(console: Console) -> None:
    save_settings(console.home, parse_profile("default", {}, "default.toml"))

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, "alerts")
        assert screen.query_one("#test", Deed).disabled
        assert screen.why_not("admin.go") is not None

    console.drive(body, operator=Role.VIEWER)


def test_a_profile_is_paused_and_resumed_by_the_same_button(console: Console) -> None:
    save_settings(console.home, parse_profile("default", {}, "default.toml"))

    async def body(pilot: ConsolePilot) -> None:
        screen = await opened(pilot, "profiles")
        for paused, label in ((True, "再開"), (False, "一時停止")):
            screen.query_one("#pause", Deed).press()
            await settle(pilot)
            settings = load_profile(console.home, "default")
            assert settings.schedule.paused is paused
            assert label in str(screen.query_one("#pause", Deed).label)

    console.drive(body, operator=Role.OPERATOR)
    database = open_database(console.home)
    first, second = audit.entries(database)[:2]
    database.close()
    assert (first.subject, first.before, first.after) == (
        "schedule.paused",
        True,
        False,
    )
    assert (second.actor, second.after) == ("yamada", True)
