"""Runs started, stopped, confirmed and followed, against both sandboxes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from haihai_tui.errors import LockHeld, SettingsError
from haihai_tui.services.console import ConsoleContext
from haihai_tui.services.follow import Followed, Follower
from haihai_tui.services.paths import home_at
from haihai_tui.services.plans import PlanFilter, open_plan
from haihai_tui.services.progress import RunProgress
from haihai_tui.services.roles import Operator, Role
from haihai_tui.services.run_control import Attempt, RunControl
from haihai_tui.services.store import audit
from haihai_tui.services.store.events import events_after
from haihai_tui.services.store.runs import Runs
from haihai_tui.sync.services import Options
from tests.e2e.stage import Stage, staged

NOW = "2026-02-16T01:02:03.000000Z"
FLOWS = ("customers", "suppressions", "page-views")


def person(role: Role = Role.OPERATOR, name: str = "hanako") -> Operator:
    return Operator(name, role, False, False, NOW, NOW, NOW)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=60) as made:
        yield made


@pytest.fixture
def context(stage: Stage) -> Iterator[ConsoleContext]:
    made = ConsoleContext(home_at(stage.folder), os.environ)
    yield made
    made.work.stop()
    made.work.join(30)
    made.close()


@pytest.fixture
def control(context: ConsoleContext) -> RunControl:
    return context.runs


def until(true: Callable[[], bool], timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, "it never became true"
        time.sleep(0.02)


def ended(control: RunControl) -> Attempt:
    until(lambda: (control.current() or pytest.fail("nothing started")).over)
    attempt = control.current()
    assert attempt is not None
    if attempt.error is not None and attempt.refusal is None:
        raise attempt.error
    return attempt


def follower(context: ConsoleContext) -> Follower:
    return Follower(context.home, context.database, context.profile)


# ------------------------------------------------------------------ starting


def test_a_plan_is_kept_and_the_run_does_it(
    context: ConsoleContext, control: RunControl, stage: Stage
) -> None:
    control.start(FLOWS, Options(plan=True), person())
    result = ended(control).result
    assert result is not None
    assert result.summary["status"] == "ok"
    assert not stage.customers()
    plan = open_plan(context.home, "default", result.run_id)
    assert plan is not None
    assert plan.facts.kept == {"customers": {"create": 60}}
    assert plan.facts.planned["customers"]["created"] == 60
    someone = plan.page(10, 1)[0]
    found = plan.select(PlanFilter(words=someone.address.upper()))
    assert found.page(0, 5) == [someone]
    plan.close()

    control.start(FLOWS, Options(), person())
    assert ended(control).result is not None
    assert len(stage.customers()) == 60
    run = Runs(context.database, "default").recent(limit=1)[0]
    assert (run.mode, run.actor, run.status) == ("sync", "hanako", "ok")


def test_viewers_start_and_stop_nothing(
    context: ConsoleContext, control: RunControl
) -> None:
    viewer = person(Role.VIEWER)
    for refused in (
        lambda: control.start(FLOWS, Options(), viewer),
        lambda: control.start(FLOWS, Options(plan=True), viewer),
        lambda: control.retry(FLOWS, viewer),
        lambda: control.confirm("r", "r", viewer),
        lambda: control.stop(viewer),
    ):
        with pytest.raises(SettingsError):
            refused()
    assert control.current() is None
    assert Runs(context.database, "default").recent() == []


def test_no_flow_is_no_run(control: RunControl) -> None:
    with pytest.raises(SettingsError):
        control.start((), Options(), person())


def test_what_could_not_begin_is_told_to_whoever_looks(
    context: ConsoleContext, control: RunControl
) -> None:
    context.home.profile_file("default").write_text("nonsense = ", "utf-8")
    control.start(FLOWS, Options(), person())
    attempt = ended(control)
    assert isinstance(attempt.refusal, SettingsError)


# ----------------------------------------------------------- stop and follow


def held_run(stage: Stage) -> subprocess.Popen[str]:
    """A run of another process, as cron would start it, that waits for results."""
    stage.haihai_control("switches", {"import_hold": True}, "PUT")
    return stage.start("--run-sync", "--json")


def test_another_processs_run_is_followed_and_stopped(
    context: ConsoleContext, control: RunControl, stage: Stage
) -> None:
    process = held_run(stage)
    watching = follower(context)
    looks: list[Followed] = []

    def accepted() -> bool:
        looks.append(watching.poll())
        return any(
            event.kind == "import_accepted" for look in looks for event in look.events
        )

    until(accepted)
    last = looks[-1]
    assert last.live
    assert not last.ours
    assert last.holder is not None and last.holder.pid == process.pid
    with pytest.raises(LockHeld):
        control.start(FLOWS, Options(), person())

    assert control.stop(person())
    process.communicate(timeout=30)
    assert process.returncode == 130
    final = watching.poll()
    assert not final.live
    assert final.run is not None and final.run.status == "stopped"
    assert final.events[-1].kind == "run_done"
    logged = audit.entries(context.database, profile="default")
    assert [(one.action, one.actor) for one in logged if one.action == "run_stopped"]


def test_a_run_is_seen_within_half_a_second(
    context: ConsoleContext, stage: Stage
) -> None:
    watching = follower(context)
    assert watching.poll() == Followed()
    process = held_run(stage)
    until(lambda: context.home.run_lock("default").exists())
    until(lambda: watching.poll().run is not None)
    events = []
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        seen = watching.poll()
        events += [(time.time(), event) for event in seen.events]
        if any(event.kind == "import_accepted" for _, event in events):
            break
        time.sleep(0.2)
    at, event = next(pair for pair in events if pair[1].kind == "import_accepted")
    from haihai_tui.services.store.times import moment_of

    assert at - moment_of(event.at).timestamp() < 0.5
    stage.haihai_control("switches", {"import_hold": False}, "PUT")
    process.communicate(timeout=30)


def test_a_killed_run_is_told_from_a_living_one(
    context: ConsoleContext, stage: Stage
) -> None:
    process = held_run(stage)
    watching = follower(context)
    until(lambda: watching.poll().live)
    until(lambda: watching.poll().run is not None)
    process.kill()
    process.communicate()
    look = watching.poll()
    assert look.killed
    assert not look.live


def test_own_run_is_stopped_after_its_batch(
    context: ConsoleContext, control: RunControl, stage: Stage
) -> None:
    stage.haihai_control("switches", {"import_hold": True}, "PUT")
    control.start(("customers",), Options(), person())
    watching = follower(context)
    until(lambda: watching.poll().ours)
    until(lambda: bool(stage.imports()))
    with pytest.raises(LockHeld):
        control.start(FLOWS, Options(), person())
    assert control.stop(person())
    result = ended(control).result
    assert result is not None
    assert result.summary["status"] == "stopped"
    assert len(stage.customers()) in (0, 60)


def test_nothing_to_stop(control: RunControl) -> None:
    assert not control.stop(person())


def test_the_run_goes_on_when_the_command_that_follows_ends(stage: Stage) -> None:
    """Leaving the console while a run is under way does not end the run."""
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from haihai_tui.services.console import ConsoleContext\n"
        "from haihai_tui.services.paths import home_at\n"
        "from haihai_tui.services.roles import Operator, Role\n"
        "from haihai_tui.sync.services import Options\n"
        "context = ConsoleContext(home_at(Path(sys.argv[1])), os.environ)\n"
        "who = Operator('h', Role.OPERATOR, False, False, None, '', '')\n"
        "context.runs.start(('customers',), Options(), who)\n"
        "context.work.join()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(stage.folder)], timeout=60, check=False
    )
    assert done.returncode == 0
    assert len(stage.customers()) == 60


# ------------------------------------------------------------- confirmation


def halted_run(context: ConsoleContext, control: RunControl, stage: Stage) -> str:
    control.start(("customers",), Options(), person())
    ended(control)
    stage.set("customers.audience=\"LastName = 'nobody has this name'\"")
    control.start(("customers",), Options(), person())
    result = ended(control).result
    assert result is not None
    assert result.summary["status"] == "halted"
    return result.run_id


def test_a_halted_run_keeps_its_whole_plan_and_goes_on_when_confirmed(
    context: ConsoleContext, control: RunControl, stage: Stage
) -> None:
    run_id = halted_run(context, control, stage)
    plan = open_plan(context.home, "default", run_id)
    assert plan is not None
    assert plan.facts.kept == {"customers": {"exclude": 60}}
    plan.close()
    assert len(stage.members()) == 60

    with pytest.raises(SettingsError):
        control.confirm(run_id, run_id[:-1], person())
    assert Runs(context.database, "default").recent(limit=1)[0].run_id == run_id

    control.confirm(run_id, f" {run_id} ", person(name="taro"))
    result = ended(control).result
    assert result is not None
    assert result.summary["status"] == "ok"
    assert not stage.members()
    confirmed = Runs(context.database, "default").get(run_id)
    assert confirmed is not None
    assert confirmed.confirmed_by == "taro"
    logged = audit.entries(context.database, profile="default")
    assert ("confirm", "taro", run_id) in [
        (one.action, one.actor, one.subject) for one in logged
    ]


def test_a_run_is_confirmed_only_once(
    context: ConsoleContext, control: RunControl, stage: Stage
) -> None:
    run_id = halted_run(context, control, stage)
    Runs(context.database, "default").confirm(run_id, "taro")
    control.confirm(run_id, run_id, person())
    refusal = ended(control).refusal
    assert isinstance(refusal, SettingsError)
    assert len(stage.members()) == 60


# ----------------------------------------------------------------- progress


def test_progress_is_worked_out_from_the_events(
    context: ConsoleContext, control: RunControl, stage: Stage
) -> None:
    control.start(FLOWS, Options(), person())
    result = ended(control).result
    assert result is not None
    progress = RunProgress(FLOWS)
    for event in events_after(context.database, result.run_id):
        progress.take(event)
    assert [flow.phase for flow in progress.flows.values()] == ["done"] * 3
    customers = progress.flows["customers"]
    assert (customers.done, customers.total, customers.share) == (60, 60, 1.0)
    assert progress.summary is not None and progress.summary["status"] == "ok"
    salesforce = progress.budgets["salesforce", ""]
    spent = sum(
        flow["api_calls"]["salesforce"] for flow in result.summary["flows"].values()
    )
    assert salesforce.spent == spent
    imports = progress.budgets["haihai", "import"]
    assert imports.used == 1
    assert imports.limit == 200


def test_a_second_full_read_knows_its_length(
    context: ConsoleContext, control: RunControl, stage: Stage
) -> None:
    totals = []
    for _ in range(2):
        control.start(("customers",), Options(full=True), person())
        result = ended(control).result
        assert result is not None
        totals += [
            event.data["total"]
            for event in events_after(context.database, result.run_id)
            if event.kind == "progress" and event.data["stage"] == "read"
        ]
    assert totals == [None, 60]
