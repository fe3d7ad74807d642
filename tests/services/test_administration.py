"""Deeds of an administrator: by role as it is now, each with its line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from haihai_tui.errors import SettingsError
from haihai_tui.services.administration import Administration, switch_profile
from haihai_tui.services.audit_words import action_label, change_words
from haihai_tui.services.operators import Operators
from haihai_tui.services.paths import Home
from haihai_tui.services.roles import Operator, Role
from haihai_tui.services.settings import parse_profile
from haihai_tui.services.settings_edit import save_settings
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import Database
from haihai_tui.services.support_bundle import harmless

PASSWORD = "kasumi-tobira-4-mikan"


class PlainHasher:
    """No time is spent on hashing here."""

    def hash(self, password: str) -> str:
        return f"plain:{password}"

    def verify(self, kept: str, password: str) -> bool:
        return kept == f"plain:{password}"

    def check_needs_rehash(self, kept: str) -> bool:
        return False


@dataclass
class Office:
    home: Home
    database: Database
    operators: Operators

    def person(self, name: str, role: Role) -> Operator:
        initial = self.operators.add(name, "test", role)
        return self.operators.change_password(name, initial, PASSWORD)

    def of(self, operator: Operator) -> Administration:
        return Administration(
            self.home, self.database, operator, {}, operators=self.operators
        )


@pytest.fixture
def office(home: Home, database: Database) -> Iterator[Office]:
    operators = Operators(database, hasher=PlainHasher())
    yield Office(home, database, operators)


def test_only_an_administrator_manages_operators(office: Office) -> None:
    boss = office.person("boss", Role.ADMINISTRATOR)
    clerk = office.person("clerk", Role.OPERATOR)
    assert office.of(boss).add("new", Role.VIEWER)
    deeds = office.of(clerk)
    for deed in (
        lambda: deeds.add("x", Role.VIEWER),
        lambda: deeds.reset("boss"),
        lambda: deeds.set_role("clerk", Role.ADMINISTRATOR),
        lambda: deeds.set_disabled("boss", True),
    ):
        with pytest.raises(SettingsError, match="権限がありません"):
            deed()
    assert [one.name for one in deeds.operators()] == ["boss", "clerk", "new"]


def test_a_role_taken_away_meanwhile_counts_at_once(office: Office) -> None:
    boss = office.person("boss", Role.ADMINISTRATOR)
    other = office.person("other", Role.ADMINISTRATOR)
    office.of(other).set_role("boss", Role.VIEWER)
    with pytest.raises(SettingsError, match="権限がありません"):
        office.of(boss).reset("other")
    office.of(other).set_role("boss", Role.ADMINISTRATOR)
    office.of(other).set_disabled("boss", True)
    with pytest.raises(SettingsError, match="権限がありません"):
        office.of(boss).reset("other")


def test_nobody_shuts_out_themselves(office: Office) -> None:
    boss = office.person("boss", Role.ADMINISTRATOR)
    office.person("other", Role.ADMINISTRATOR)
    with pytest.raises(SettingsError, match="自分自身"):
        office.of(boss).set_disabled("boss", True)


def test_a_viewer_may_neither_write_out_nor_take_in(
    office: Office, tmp_path: Path
) -> None:
    viewer = office.person("viewer", Role.VIEWER)
    save_settings(office.home, parse_profile("default", {}, "default"))
    with pytest.raises(SettingsError, match="権限がありません"):
        office.of(viewer).export_profile("default", tmp_path / "x.toml")
    with pytest.raises(SettingsError, match="権限がありません"):
        office.of(viewer).import_profile("default", tmp_path / "x.toml")


def test_a_profiles_name_is_checked_before_its_file(
    office: Office, tmp_path: Path
) -> None:
    boss = office.person("boss", Role.ADMINISTRATOR)
    with pytest.raises(SettingsError, match="プロファイル名"):
        office.of(boss).import_profile("../x", tmp_path / "x.toml")


# ----------------------------------------------------------- changing profiles


@dataclass
class Place:
    home: Home
    profile: str = "default"
    closed: bool = False

    def close(self) -> None:
        self.closed = True


def test_the_same_store_keeps_the_operator_and_another_does_not(home: Home) -> None:
    for name, url in (("default", ""), ("near", ""), ("far", "postgresql://h/d")):
        table = {"store": {"url": url}}
        save_settings(home, parse_profile(name, table, name))
    place = Place(home)
    assert switch_profile(place, "near", is_busy=False)
    assert (place.profile, place.closed) == ("near", False)
    assert not switch_profile(place, "far", is_busy=False)
    assert (place.profile, place.closed) == ("far", True)


def test_a_run_under_way_keeps_the_profile(home: Home) -> None:
    place = Place(home)
    with pytest.raises(SettingsError, match="実行中"):
        switch_profile(place, "other", is_busy=True)
    with pytest.raises(SettingsError, match="ありません"):
        switch_profile(place, "other", is_busy=False)
    assert place.profile == "default"


# ------------------------------------------------------------------ audit words


def test_the_log_in_words(office: Office) -> None:
    boss = office.person("boss", Role.ADMINISTRATOR)
    office.person("clerk", Role.OPERATOR)
    office.of(boss).set_role("clerk", Role.VIEWER)
    changed, *_rest = audit.entries(office.database)
    assert str(action_label(changed.action)) == "役割の変更"
    assert str(change_words(changed)) == "運用担当者 -> 閲覧者"
    assert str(action_label("unheard_of")) == "unheard_of"
    signed_in = next(
        one for one in audit.entries(office.database) if one.action == "signed_in"
    )
    assert change_words(signed_in) == ""


# ----------------------------------------------------------------- the archive


def test_the_gate_lets_nothing_harmful_through() -> None:
    content = (
        "hanako@example.jp said tOp-S3cret to 00D5g000000abcd!AQ0.x and "
        "https://localhost/sflogged?code=aPrxABC&state=1"
    )
    shown = harmless(content, ["tOp-S3cret"])
    assert "h***@example.jp" in shown
    for harmful in ("hanako", "tOp-S3cret", "AQ0.x", "aPrxABC"):
        assert harmful not in shown
