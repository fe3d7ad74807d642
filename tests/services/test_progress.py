"""Progress: stages, shares, rates and time left, from made-up events."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from haihai_tui.errors import text
from haihai_tui.screens.widgets.run_words import bar
from haihai_tui.services.progress import FlowProgress, RunProgress
from haihai_tui.services.store.events import StoredEvent
from haihai_tui.services.store.times import stamp

START = datetime(2026, 2, 16, 1, 2, 3, tzinfo=UTC)


class Telling:
    """A run's progress, told event by event at seconds from its start."""

    def __init__(self) -> None:
        self.progress = RunProgress(("customers",))
        self.seq = 0

    def __call__(self, second: float, kind: str, **data: object) -> FlowProgress:
        self.seq += 1
        at = stamp(START + timedelta(seconds=second))
        told: Mapping[str, object] = data
        event = StoredEvent(
            self.seq, "r", at, kind, "customers", text("-"), "info", told
        )
        self.progress.take(event)
        return self.progress.flows["customers"]


@pytest.fixture
def tell() -> Telling:
    return Telling()


def test_a_stage_of_unknown_length_has_a_rate_and_no_time_left(tell: Telling) -> None:
    tell(0, "flow_started")
    tell(0, "progress", stage="read", done=0)
    flow = tell(2, "progress", stage="read", done=1_000)
    assert (flow.phase, flow.stage, flow.done) == ("planning", "read", 1_000)
    assert flow.rate == 500
    assert flow.share is None
    assert flow.left_s is None


def test_a_known_length_gives_share_and_time_left(tell: Telling) -> None:
    tell(0, "progress", stage="compare", done=1_000, total=5_000)
    flow = tell(4, "progress", stage="compare", done=2_000, total=5_000)
    assert flow.share == 0.4
    assert flow.left_s == 12


def test_each_stage_starts_its_rate_anew(tell: Telling) -> None:
    tell(0, "progress", stage="read", done=0)
    tell(1, "progress", stage="read", done=9_000)
    flow = tell(2, "progress", stage="compare", done=100)
    assert flow.rate is None
    flow = tell(3, "progress", stage="compare", done=300)
    assert flow.rate == 200


def test_only_the_last_seconds_make_the_rate(tell: Telling) -> None:
    for second in range(60):
        done = second if second < 30 else 30 + (second - 30) * 100
        flow = tell(second, "progress", stage="read", done=done)
    assert flow.rate == 100


def test_writing_is_measured_against_the_plan(tell: Telling) -> None:
    flow = tell(0, "flow_planned", created=600, updated=300, excluded=100)
    assert (flow.phase, flow.changes, flow.total) == ("planned", 1_000, 1_000)
    tell(1, "import_accepted", stage="register", rows=300)
    # What only prepares the registration is no progress of the plan.
    tell(1, "import_accepted", stage="stop", rows=50)
    flow = tell(2, "import_accepted", stage="register", rows=300)
    assert (flow.phase, flow.done, flow.share) == ("writing", 600, 0.6)
    assert flow.left_s == pytest.approx(400 / 300)
    flow = tell(3, "flow_done")
    assert (flow.phase, flow.share) == ("done", 1.0)


@pytest.mark.parametrize(
    ("code", "outcome"),
    [(3, "failed"), (6, "paused"), (7, "halted"), (130, "stopped"), (143, "stopped")],
)
def test_how_a_flow_ended_follows_from_its_code(
    tell: Telling, code: int, outcome: str
) -> None:
    flow = tell(0, "flow_failed", cause="unknown", exit_code=code)
    assert (flow.phase, flow.outcome) == ("failed", outcome)
    assert tell.progress.failure == text("-")


def test_unknown_events_and_missing_figures_do_no_harm(tell: Telling) -> None:
    tell(0, "something_new", done="many")
    flow = tell(1, "progress")
    assert (flow.done, flow.rate) == (0, None)


@pytest.mark.parametrize(
    ("share", "drawn"),
    [
        (0.0, "[--------]"),
        (0.001, "[#-------]"),
        (0.5, "[####----]"),
        (0.999, "[#######-]"),
        (1.0, "[########]"),
    ],
)
def test_a_bar_is_full_only_at_the_end(share: float, drawn: str) -> None:
    assert bar(share, 10) == drawn
