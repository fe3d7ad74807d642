"""Sign-in, delays and locks, passwords, roles; each deed with its line."""

from __future__ import annotations

import pytest
from argon2 import PasswordHasher

from haihai_tui.errors import SettingsError
from haihai_tui.services.operators import (
    FREE_FAILURES,
    LOCKED_AFTER,
    Operators,
    SignInRefused,
)
from haihai_tui.services.passwords import default_hasher
from haihai_tui.services.roles import Action, Operator, Role, may, require
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.facts import Facts
from tests.services.conftest import MovedClock

GOOD = "correct-horse-battery-staple"


@pytest.fixture
def operators(database: Database, clock: MovedClock) -> Operators:
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return Operators(database, clock=clock, hasher=quick)


@pytest.fixture
def hanako(operators: Operators) -> str:
    """The first operator's initial password."""
    return operators.add("hanako", "system")


def test_the_first_operator_is_administrator_and_must_change_the_password(
    operators: Operators, hanako: str
) -> None:
    signed_in = operators.authenticate("hanako", hanako)
    assert signed_in.role is Role.ADMINISTRATOR
    assert signed_in.must_change
    with pytest.raises(SettingsError, match="パスワードを変更"):
        require(signed_in, Action.RUN)
    changed = operators.change_password("hanako", hanako, GOOD)
    assert not changed.must_change
    require(changed, Action.MANAGE_OPERATORS)
    operators.add("taro", "hanako")
    assert [(found.name, found.role) for found in operators.listed()] == [
        ("hanako", Role.ADMINISTRATOR),
        ("taro", Role.OPERATOR),
    ]


def test_the_initial_password_is_kept_nowhere(
    operators: Operators, hanako: str, database: Database
) -> None:
    database.close()
    for path in (database.place, f"{database.place}-wal"):
        try:
            with open(path, "rb") as file:  # noqa: PTH123
                assert hanako.encode() not in file.read()
        except FileNotFoundError:
            continue
    assert len(hanako.replace("-", "")) == 20


def test_a_name_cannot_be_taken_twice(operators: Operators, hanako: str) -> None:
    with pytest.raises(SettingsError, match="hanako"):
        operators.add("hanako", "system")


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a\n", "x" * 65, "\x1b[2J"])
def test_names_are_plain(operators: Operators, name: str) -> None:
    with pytest.raises(SettingsError):
        operators.add(name, "system")


def test_wrong_name_and_wrong_password_are_told_the_same(
    operators: Operators, hanako: str
) -> None:
    messages = set()
    for name in ("hanako", "nobody"):
        with pytest.raises(SignInRefused) as caught:
            operators.authenticate(name, "wrong")
        messages.add(str(caught.value))
    assert len(messages) == 1


def test_failures_cost_a_growing_delay_and_then_a_lock(
    operators: Operators, hanako: str, clock: MovedClock
) -> None:
    waits = []
    for failures in range(1, LOCKED_AFTER + 1):
        with pytest.raises(SignInRefused) as wrong:
            operators.authenticate("hanako", "wrong")
        told = wrong.value.wait_s
        if failures <= FREE_FAILURES:
            assert told == 0
        else:
            with pytest.raises(SignInRefused) as refused:
                operators.authenticate("hanako", hanako)
            assert told == refused.value.wait_s
            waits.append(refused.value.wait_s)
            clock.advance(refused.value.wait_s)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 900]
    assert operators.authenticate("hanako", hanako).name == "hanako"


def test_the_lock_lasts_a_quarter_of_an_hour_even_for_the_right_password(
    operators: Operators, hanako: str, clock: MovedClock
) -> None:
    for _ in range(LOCKED_AFTER):
        operators._count_failure("hanako")
    clock.advance(14 * 60)
    with pytest.raises(SignInRefused) as caught:
        operators.authenticate("hanako", hanako)
    assert caught.value.wait_s == 60.0
    clock.advance(61)
    operators.authenticate("hanako", hanako)


def test_a_clock_set_back_a_year_does_not_lock_for_a_year(
    operators: Operators, hanako: str, clock: MovedClock
) -> None:
    for _ in range(LOCKED_AFTER):
        operators._count_failure("hanako")
    clock.advance(-365 * 86_400)
    with pytest.raises(SignInRefused):
        operators.authenticate("hanako", hanako)
    clock.advance(15 * 60 + 1)
    operators.authenticate("hanako", hanako)


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("short", "12 文字以上"),
        ("x" * 257, "256 文字"),
        ("haihai123456", "推測"),
        ("hanako-hanako", "推測"),
        ("haihai-hanako", "推測されやすい語"),
        ("password12345", "推測"),
        ("aaaaaaaaaaaaaa", "推測"),
        ("qwertyuiop1234", "推測"),
    ],
)
def test_weak_passwords_are_refused_with_a_reason(
    operators: Operators, hanako: str, password: str, expected: str
) -> None:
    with pytest.raises(SettingsError, match=expected):
        operators.change_password("hanako", hanako, password)
    operators.authenticate("hanako", hanako)


def test_a_long_password_of_any_letters_is_taken(
    operators: Operators, hanako: str
) -> None:
    password = "青い自転車で海まで走る七月の朝" * 3
    operators.change_password("hanako", hanako, password)
    operators.authenticate("hanako", password)


def test_the_last_twelve_passwords_are_not_taken_again(
    operators: Operators, hanako: str
) -> None:
    passwords = [f"{GOOD}-{number}-{number}" for number in range(13)]
    current = hanako
    for password in passwords[:12]:
        operators.change_password("hanako", current, password)
        current = password
    for used in passwords[:12]:
        with pytest.raises(SettingsError, match="以前に使った"):
            operators.change_password("hanako", current, used)
    operators.change_password("hanako", current, passwords[12])
    operators.change_password("hanako", passwords[12], passwords[0])


def test_a_reset_unlocks_and_forces_a_change(operators: Operators, hanako: str) -> None:
    for _ in range(LOCKED_AFTER):
        operators._count_failure("hanako")
    fresh = operators.reset("hanako", "admin")
    assert fresh != hanako
    assert operators.authenticate("hanako", fresh).must_change
    with pytest.raises(SignInRefused):
        operators.authenticate("hanako", hanako)


def test_a_disabled_operator_cannot_sign_in(operators: Operators, hanako: str) -> None:
    taro = operators.add("taro", "hanako")
    operators.set_disabled("taro", True, "hanako")
    with pytest.raises(SignInRefused):
        operators.authenticate("taro", taro)
    operators.set_disabled("taro", False, "hanako")
    operators.authenticate("taro", taro)


def test_the_last_administrator_stays(operators: Operators, hanako: str) -> None:
    operators.add("taro", "hanako")
    with pytest.raises(SettingsError, match="最後の管理者"):
        operators.set_disabled("hanako", True, "hanako")
    with pytest.raises(SettingsError, match="最後の管理者"):
        operators.set_role("hanako", Role.VIEWER, "hanako")
    operators.set_role("taro", Role.ADMINISTRATOR, "hanako")
    operators.set_role("hanako", Role.VIEWER, "taro")
    found = operators.get("hanako")
    assert found is not None
    assert found.role is Role.VIEWER


def test_a_viewer_cannot_start_a_sync() -> None:
    viewer = Operator("v", Role.VIEWER, False, False, None, "", "")
    require(viewer, Action.VIEW)
    with pytest.raises(SettingsError, match="閲覧者"):
        require(viewer, Action.RUN)
    assert [role for role in Role if may(role, Action.CHANGE_SETTINGS)] == [
        Role.ADMINISTRATOR
    ]


def test_every_deed_leaves_a_line_without_a_password(
    operators: Operators, hanako: str, database: Database
) -> None:
    operators.change_password("hanako", hanako, GOOD)
    with pytest.raises(SignInRefused):
        operators.authenticate("hanako", "wr0ng-guess")
    lines = audit.entries(database)
    assert [line.action for line in reversed(lines)] == [
        "operator_added",
        "signed_in",
        "password_changed",
        "sign_in_failed",
    ]
    assert not any(word in str(lines) for word in (hanako, GOOD, "wr0ng-guess"))


def test_passwords_are_kept_as_argon2id() -> None:
    assert default_hasher().hash("x").startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_an_unknown_name_is_delayed_and_locked_like_a_known_one(
    operators: Operators, hanako: str, clock: MovedClock
) -> None:
    def waits(name: str) -> list[float]:
        found = []
        for _ in range(LOCKED_AFTER):
            with pytest.raises(SignInRefused):
                operators.authenticate(name, "wrong")
            try:
                operators.authenticate(name, "wrong")
            except SignInRefused as refused:
                found.append(refused.wait_s)
            clock.advance(found[-1])
        return found

    assert waits("nobody") == waits("hanako")


def test_a_name_that_nobody_has_is_not_kept(
    operators: Operators, database: Database
) -> None:
    with pytest.raises(SignInRefused):
        operators.authenticate("my-secret-in-the-wrong-field", "x")
    kept = Facts(database, "").all()
    assert list(kept) == ["strangers"]
    assert "my-secret" not in kept["strangers"]


def test_the_first_administrator_chooses_the_password_and_is_the_only_first(
    operators: Operators, database: Database
) -> None:
    with pytest.raises(SettingsError, match="推測されやすい"):
        operators.add_first("hanako", "aaaaaaaaaaaa", "user@host")
    assert operators.listed() == []
    first = operators.add_first("hanako", GOOD, "user@host")
    assert (first.role, first.must_change) == (Role.ADMINISTRATOR, False)
    assert operators.authenticate("hanako", GOOD).name == "hanako"
    with pytest.raises(SettingsError, match="すでに登録"):
        operators.add_first("taro", GOOD, "user@host")
    assert [found.name for found in operators.listed()] == ["hanako"]


def test_full_width_letters_of_a_name_are_the_plain_ones(operators: Operators) -> None:
    initial = operators.add("ｙａｍａｄａ１", "system")
    assert [found.name for found in operators.listed()] == ["yamada1"]
    assert operators.get("ｙａｍａｄａ1") is not None
    assert operators.authenticate("yamada1", initial).name == "yamada1"
    changed = operators.change_password("ｙａｍａｄａ１", initial, GOOD)
    assert (changed.name, changed.must_change) == ("yamada1", False)
    with pytest.raises(SettingsError, match="すでに登録"):
        operators.add("Ｙamada1".lower(), "system")
