"""Who may do what, and that every deed leaves who, when, before and after."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

import haihai_tui
from haihai_tui.errors import SettingsError
from haihai_tui.services.administration import Administration
from haihai_tui.services.audit_words import _LABELS
from haihai_tui.services.console import ConsoleContext
from haihai_tui.services.operators import Operators
from haihai_tui.services.paths import Home
from haihai_tui.services.reject_desk import RejectDesk
from haihai_tui.services.review_desk import ReviewDesk
from haihai_tui.services.roles import Operator, Role
from haihai_tui.services.settings import parse_profile
from haihai_tui.services.settings_edit import save_settings
from haihai_tui.services.stop_requests import ask_to_stop
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.runs import Runs
from haihai_tui.sync.services import Options

NOW = "2026-02-16T01:02:03.000000Z"


def person(role: Role) -> Operator:
    return Operator("hanako", role, False, False, NOW, NOW, NOW)


@pytest.fixture
def context(home: Home) -> Iterator[ConsoleContext]:
    save_settings(home, parse_profile("default", {}, "default.toml"))
    made = ConsoleContext(home, {})
    yield made
    made.work.stop()
    made.work.join(30)
    made.close()


Deed = Callable[[ConsoleContext, Operator], object]


def office(context: ConsoleContext, operator: Operator) -> Administration:
    return Administration(context.home, context.database, operator, {})


DEEDS: dict[str, tuple[Role, Deed]] = {
    "start a sync": (
        Role.OPERATOR,
        lambda at, who: at.runs.start(("customers",), Options(), who),
    ),
    "start a plan": (
        Role.OPERATOR,
        lambda at, who: at.runs.start(("customers",), Options(plan=True), who),
    ),
    "retry": (Role.OPERATOR, lambda at, who: at.runs.retry(("customers",), who)),
    "confirm": (Role.OPERATOR, lambda at, who: at.runs.confirm("r", "r", who)),
    "stop": (Role.OPERATOR, lambda at, who: at.runs.stop(who)),
    "stop another's": (
        Role.OPERATOR,
        lambda at, who: ask_to_stop(at.database, "default", "r", who),
    ),
    "dismiss rejects": (
        Role.OPERATOR,
        lambda at, who: RejectDesk(at.database, "default").dismiss([1], who),
    ),
    "answer a review": (
        Role.OPERATOR,
        lambda at, who: ReviewDesk(at.database, "default").decide(1, "x", who),
    ),
    "pause": (Role.OPERATOR, lambda at, who: office(at, who).pause("default", True)),
    "export": (
        Role.OPERATOR,
        lambda at, who: office(at, who).export_profile(
            "default", at.home.config / "x.toml"
        ),
    ),
    "test alerts": (
        Role.OPERATOR,
        lambda at, who: office(at, who).test_alerts("default", str),
    ),
    "import": (
        Role.ADMINISTRATOR,
        lambda at, who: office(at, who).import_profile("x", Path("/nowhere.toml")),
    ),
    "add an operator": (
        Role.ADMINISTRATOR,
        lambda at, who: office(at, who).add("taro", Role.VIEWER),
    ),
    "change a role": (
        Role.ADMINISTRATOR,
        lambda at, who: office(at, who).set_role("taro", Role.VIEWER),
    ),
}
_LOWER = {Role.OPERATOR: Role.VIEWER, Role.ADMINISTRATOR: Role.OPERATOR}


@pytest.mark.parametrize("name", DEEDS)
def test_a_role_that_is_too_low_cannot(context: ConsoleContext, name: str) -> None:
    lowest, deed = DEEDS[name]
    with pytest.raises(SettingsError, match="権限がありません"):
        deed(context, person(_LOWER[lowest]))
    assert context.runs.current() is None
    assert audit.entries(context.database) == []


@pytest.mark.parametrize("name", DEEDS)
def test_the_role_it_takes_is_not_refused(context: ConsoleContext, name: str) -> None:
    lowest, deed = DEEDS[name]
    try:
        deed(context, person(lowest))
    except SettingsError as error:
        assert "権限がありません" not in str(error)


def test_a_viewer_cannot_start_a_sync(context: ConsoleContext) -> None:
    with pytest.raises(SettingsError, match="権限"):
        context.runs.start(("customers",), Options(), person(Role.VIEWER))


def test_a_role_taken_away_counts_at_once(context: ConsoleContext) -> None:
    operators = Operators(context.database)
    operators.add("admin", "test@host", Role.ADMINISTRATOR)
    initial = operators.add("hanako", "test@host", Role.OPERATOR)
    hanako = operators.change_password("hanako", initial, "kasumi-tobira-4-mikan")
    operators.set_role("hanako", Role.VIEWER, "admin")
    assert hanako.role is Role.OPERATOR
    with pytest.raises(SettingsError, match="権限"):
        context.runs.start(("customers",), Options(), hanako)


def test_the_beginning_of_a_run_is_logged_with_what_it_does(
    database: Database,
) -> None:
    Runs(database, "default").start("full", ["customers"], actor="cron@host")
    (line,) = audit.entries(database)
    assert (line.action, line.actor) == ("run_started", "cron@host")
    assert line.after == {"mode": "full", "flows": ["customers"]}


def test_every_action_has_a_name_in_the_log() -> None:
    package = Path(haihai_tui.__file__).parent / "services"
    used = {
        name
        for path in package.rglob("*.py")
        for name in re.findall(r'action="([a-z_]+)"', path.read_text("utf-8"))
    }
    assert "run_started" in used
    assert used <= set(_LABELS)


def test_a_line_cannot_be_changed_and_a_forged_one_is_found(
    database: Database,
) -> None:
    for number in range(4):
        audit.note(database, actor="a", action="review", subject=str(number))
    whole = audit.verify(database)
    assert (whole.lines, whole.broken) == (4, None)
    with (
        pytest.raises(sa.exc.IntegrityError, match="append-only"),
        database.write() as connection,
    ):
        connection.exec_driver_sql("UPDATE audit SET actor = 'b' WHERE seq = 2")
    with database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_is_append_only_UPDATE")
        connection.exec_driver_sql("UPDATE audit SET actor = 'b' WHERE seq = 2")
    assert audit.verify(database).broken == 2


def test_lines_cut_off_at_the_end_change_the_last_digest(database: Database) -> None:
    for number in range(3):
        audit.note(database, actor="a", action="review", subject=str(number))
    noted = audit.verify(database).digest
    with database.write() as connection:
        connection.exec_driver_sql("DROP TRIGGER audit_is_append_only_DELETE")
        connection.exec_driver_sql("DELETE FROM audit WHERE seq = 3")
    found = audit.verify(database)
    assert found.broken is None
    assert found.digest != noted
