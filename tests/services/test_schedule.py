"""When no run may begin, and what a run says then."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from haihai_tui.errors import ExitCode, OnHold, SettingsError
from haihai_tui.services.paths import Home
from haihai_tui.services.runs import Conductor, RunContext, RunRequest, RunResult
from haihai_tui.services.schedule import Schedule
from haihai_tui.services.settings import parse_profile
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.runs import Runs
from haihai_tui.sync.outcome import RunOutcome
from tests.services.conftest import MovedClock


def schedule(**keys: object) -> Schedule:
    settings = parse_profile("default", {"schedule": keys}, "default.toml")
    return Schedule(settings.schedule, "default")


def at(hour: int, minute: int = 0) -> datetime:
    """A moment of that hour in Japan."""
    return datetime(2026, 2, 16, (hour - 9) % 24, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("span", "hour", "minute", "held"),
    [
        ("22:00-02:00", 21, 59, False),
        ("22:00-02:00", 22, 0, True),
        ("22:00-02:00", 0, 30, True),
        ("22:00-02:00", 2, 0, False),
        ("09:00-12:00", 8, 59, False),
        ("09:00-12:00", 11, 59, True),
        ("09:00-12:00", 12, 0, False),
        ("00:00-23:59", 12, 0, True),
    ],
)
def test_hours_are_japan_s_and_may_pass_midnight(
    span: str, hour: int, minute: int, held: bool
) -> None:
    hold = schedule(blackout=[span]).held(at(hour, minute))
    assert (hold is not None) is held
    if hold is not None:
        assert hold.reason == "blackout"


@pytest.mark.parametrize("span", ["22-02", "24:00-01:00", "22:00-22:00", "x", 5])
def test_a_span_is_checked(span: object) -> None:
    with pytest.raises(SettingsError):
        schedule(blackout=[span])


def run(
    home: Home,
    database: Database,
    clock: MovedClock,
    made: Schedule,
    mode: str = "sync",
    hours: int = 0,
) -> RunResult:
    def work(context: RunContext) -> RunOutcome:
        clock.advance(hours * 3600)
        context.stopper.check()
        return RunOutcome()

    conductor = Conductor(home, database, clock=clock, schedule=made)
    return conductor.run(RunRequest("default", ("customers",), "cron", mode), work)


def test_a_paused_profile_does_nothing_and_says_so(
    home: Home, database: Database, clock: MovedClock
) -> None:
    result = run(home, database, clock, schedule(paused=True))
    assert result.exit_code is ExitCode.PAUSED
    assert (result.summary["status"], result.summary["reason"]) == ("paused", "paused")
    assert isinstance(result.error, OnHold)
    assert "schedule.paused=false" in str(result.error)
    assert Runs(database, "default").recent() == []
    assert not result.recorded


def test_a_plan_is_let_through(
    home: Home, database: Database, clock: MovedClock
) -> None:
    result = run(home, database, clock, schedule(paused=True), "plan")
    assert result.exit_code is ExitCode.OK


def test_a_run_under_way_ends_when_the_hours_begin(
    home: Home, database: Database, clock: MovedClock
) -> None:
    # The clock stands at 10:02 in Japan.
    made = schedule(blackout=["12:00-13:00"])
    assert run(home, database, clock, made, hours=1).exit_code is ExitCode.OK
    result = run(home, database, clock, made, hours=1)
    assert result.exit_code is ExitCode.PAUSED
    assert (result.recorded, result.summary["reason"]) == (True, "blackout")
