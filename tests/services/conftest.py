"""A home of its own for every test, and nothing of the developer's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from haihai_tui.services.paths import Home, home_at
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.store.database import Database, open_database


@dataclass
class MovedClock:
    """A clock that stands still until a test moves it."""

    now: datetime = field(default=datetime(2026, 2, 16, 1, 2, 3, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return home_at(tmp_path / "home")


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def keys(home: Home) -> KeySource:
    return KeySource(home, {})


@pytest.fixture
def secret_store(home: Home, keys: KeySource) -> SecretStore:
    return SecretStore(home, "default", keys)


@pytest.fixture
def database(home: Home) -> Iterator[Database]:
    opened = open_database(home)
    yield opened
    opened.close()
