"""Several profiles in one call, and profiles on hold, by the real command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from haihai_tui.errors import ExitCode
from haihai_tui.headless.all_profiles import WORST_FIRST, worst
from haihai_tui.headless.demo import write_profile
from haihai_tui.services.lock import RunLock
from haihai_tui.services.paths import home_at
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.e2e


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=20) as made:
        yield made


def test_every_code_has_its_place() -> None:
    assert set(WORST_FIRST) == set(ExitCode)
    assert worst([ExitCode.OK, ExitCode.REJECTS]) is ExitCode.REJECTS


def test_all_profiles_run_each_with_its_own_lock_and_code(stage: Stage) -> None:
    home = home_at(stage.folder)
    write_profile(home, "second", stage.world)
    write_profile(home, "third", stage.world)
    home.profile_file("third").write_text("[nonsense]\n", "utf-8")
    with RunLock(home, "second", "another"):
        finished = stage.command("--run-sync", "customers", "--all-profiles", "--json")
    last = finished.events[-1]
    assert last["event"] == "all_done"
    assert last["profiles"] == {"default": 0, "second": 5, "third": 2}
    assert finished.code == last["exit_code"] == 2
    assert all(event["profile"] for event in finished.events[:-1])
    done = [event for event in finished.events if event["event"] == "run_done"]
    assert [one["profile"] for one in done] == ["default", "second"]
    assert [one["status"] for one in done] == ["ok", "failed"]
    assert stage.difference() == {}


def test_for_people_the_codes_are_listed(stage: Stage) -> None:
    write_profile(home_at(stage.folder), "second", stage.world)
    finished = stage.command("--status", "--all-profiles", "--lang", "ja")
    assert finished.code == 0
    assert finished.out.splitlines()[-2:] == [
        "default: 終了コード 0",
        "second: 終了コード 0",
    ]


@pytest.mark.parametrize(
    "arguments",
    [("--diagnose", "x"), ("--run-sync", "--confirm", "x"), ("--check", "--demo")],
)
def test_all_profiles_is_refused_where_it_makes_no_sense(
    stage: Stage, arguments: tuple[str, ...]
) -> None:
    assert stage.command(*arguments, "--all-profiles").code == 2


def test_a_paused_profile_writes_nothing_and_resumes(stage: Stage) -> None:
    stage.set("schedule.paused=true")
    stage.forget_requests()
    finished = stage.run()
    assert finished.code == 6
    assert finished.summary["event"] == "run_done"
    assert finished.summary["reason"] == "paused"
    assert stage.salesforce_requests() == stage.haihai_requests() == []
    told = json.loads(stage.command("--status", "--json").out)
    assert told["schedule"]["on_hold"] == "paused"
    assert told["last_runs"] == []
    stage.set("schedule.paused=false")
    assert stage.run("customers").code == 0


def test_the_key_is_replaced_by_one_command_and_everything_goes_on(
    stage: Stage,
) -> None:
    home = home_at(stage.folder)
    before = home.key_file.read_bytes()
    finished = stage.command("--replace-key", "--json")
    assert finished.code == 0, finished.err
    assert finished.events[0]["secrets"] > 2
    assert home.key_file.read_bytes() != before
    assert len(home.key_file.read_text().split()) == 1
    assert stage.run("customers").code == 0
    verified = stage.command("--status", "--verify-audit", "--json").events[0]
    assert verified["first_broken"] is None
    assert verified["lines"] >= 2
    home.secrets.chmod(0o755)
    told = stage.command("--status", "--lang", "ja")
    assert "狭めました" in told.err
    assert home.secrets.stat().st_mode & 0o077 == 0
