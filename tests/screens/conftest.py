"""A console over a home of its own, with a clock that stands still.

def test_it(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        await pilot.press("f5")
        await settle(pilot)
        assert ...
    console.drive(body, first="home", operator=Role.ADMINISTRATOR)
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from haihai_tui.app import ConsoleApp
from haihai_tui.locales import Language
from haihai_tui.services.console import ConsoleContext
from haihai_tui.services.operators import Operators
from haihai_tui.services.paths import Home, home_at
from haihai_tui.services.roles import Operator, Role
from haihai_tui.services.store.database import open_database
from tests.screens.golden import assert_golden, composited

ConsolePilot = Pilot[int]
PASSWORD = "kasumi-tobira-4-mikan"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-goldens",
        action="store_true",
        default=False,
        help="write the goldens of the screens anew",
    )


@dataclass
class MovedClock:
    """A clock that stands still until a test moves it."""

    now: datetime = field(default=datetime(2026, 2, 16, 1, 2, 3, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


async def settle(pilot: ConsolePilot) -> None:
    """Wait until no work is under way in the background and all is drawn."""
    app = pilot.app
    assert isinstance(app, ConsoleApp)
    for _ in range(1000):
        await pilot.pause()
        if not app.background.count:
            await pilot.pause()
            return
        await asyncio.sleep(0.01)
    raise AssertionError("background work did not end")


async def until(
    pilot: ConsolePilot, holds: Callable[[], bool], most_s: float = 60
) -> None:
    """Wait until something holds; what is on the screen if it never does."""
    deadline = time.monotonic() + most_s
    while not holds():
        assert time.monotonic() < deadline, composited(pilot.app)
        await pilot.pause(0.05)


@dataclass
class Console:
    """Starts consoles over one home."""

    home: Home
    clock: MovedClock
    update_goldens: bool
    environ: dict[str, str] = field(default_factory=dict)
    profile: str = "default"
    lang: Language = "ja"

    def context(self) -> ConsoleContext:
        return ConsoleContext(
            self.home, self.environ, self.lang, self.profile, clock=self.clock
        )

    def add_operator(
        self, name: str = "yamada", role: Role = Role.ADMINISTRATOR
    ) -> Operator:
        """An operator who has changed the initial password to `PASSWORD`."""
        database = open_database(self.home)
        try:
            operators = Operators(database, clock=self.clock)
            initial = operators.add(name, "test@example", role)
            return operators.change_password(name, initial, PASSWORD)
        finally:
            database.close()

    def drive(
        self,
        body: Callable[[ConsolePilot], Awaitable[None]],
        *,
        first: str = "login",
        operator: Role | None = None,
        size: tuple[int, int] = (80, 24),
    ) -> ConsoleApp:
        """Run the console without a terminal; `operator` signs one in beforehand."""
        context = self.context()
        if operator is not None:
            context.operator = self.add_operator(role=operator)
        app = ConsoleApp(context, first=first)

        async def run() -> None:
            async with app.run_test(size=size) as pilot:
                await settle(pilot)
                await body(pilot)

        try:
            asyncio.run(run())
        finally:
            context.work.stop()
            context.work.join(10)
            context.close()
        return app

    async def golden(self, pilot: ConsolePilot, name: str) -> None:
        await assert_golden(pilot, name, self.update_goldens)


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def console(
    tmp_path: Path,
    clock: MovedClock,
    request: pytest.FixtureRequest,
    tokyo: None,
) -> Console:
    update = bool(request.config.getoption("--update-goldens", default=False))
    return Console(home_at(tmp_path / "home"), clock, update)


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The operators' time zone, and none of the developer's terminal."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    for name in ("NO_COLOR", "COLORTERM", "HAIHAI_HOME", "HAIHAI_LANG"):
        monkeypatch.delenv(name, raising=False)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
