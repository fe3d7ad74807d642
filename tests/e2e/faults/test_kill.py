"""Row 1: killed at any durable step, or between a request and its answer.

A run is recorded once; then it is killed at each of its points in turn, each time
from the same moment, and the next run must reach what the undisturbed one had.
The suite tries a share of the points; HAIHAI_FAULTS=all (`make faults`) tries all.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.faults.scene import Records, Scene, difference, moment

pytestmark = pytest.mark.e2e

ALL = os.environ.get("HAIHAI_FAULTS") == "all"
KILLED = -int(signal.SIGKILL)
Point = tuple[str, int]


def undisturbed(made: Scene) -> tuple[list[Point], Records, tuple[int, Counter[str]]]:
    """The points of a run, and what both services and our folder hold after it."""
    run = made.run(watched=True)
    points = made.nursery.points()
    assert run.code == 1, run.err  # one reject, one question
    return points, made.records(), (run.code, made.files())


def share(points: list[Point], wanted: int) -> list[Point]:
    """Each writing request once with its answer lost, and a share of all else."""
    known = list(dict.fromkeys(points))
    if ALL:
        return known
    lost = list(
        {one[0]: one for one in known if one[0].startswith("unread P")}.values()
    )
    rest = [one for one in known if one not in lost and "sync_work" not in one[0]]
    return lost + rest[:: max(1, len(rest) // wanted)]


@pytest.mark.parametrize(
    ("name", "wanted"), [("first", 5), ("evening", 15), ("bulk", 6)]
)
def test_fault_01_killed_at_any_point_the_next_run_ends_the_same(
    tmp_path: Path, name: str, wanted: int
) -> None:
    with moment(tmp_path, name) as made:
        points, expected, end = undisturbed(made)
        tried = share(points, wanted)
        wrong = {}
        for point in tried:
            made.go_back()
            made.start(at=point)
            killed = made.nursery.finished()
            if killed.code != KILLED:
                # Told events are stored by time: such a commit need not come twice.
                assert "commit" in point[0], (point, killed.code, killed.err)
            again = made.run()
            found = difference(expected, made.records())
            if found or (again.code, made.files()) != end:
                wrong[point] = (again.code, made.files() - end[1], found)
        for point, what in wrong.items():
            print("WRONG", point, what)
        assert not wrong, (len(tried), wrong)
        print(f"{name}: killed at {len(tried)} of {len(set(points))} points")


def test_fault_01_killed_at_random_from_outside(tmp_path: Path) -> None:
    dice = random.Random(1)
    with moment(tmp_path, "evening") as made:
        _, expected, end = undisturbed(made)
        for _ in range(60 if ALL else 4):
            made.go_back()
            for _ in range(dice.randrange(1, 4)):
                process = made.start()
                time.sleep(dice.uniform(0.0, 0.3))
                os.kill(process, signal.SIGKILL)
                assert made.nursery.finished().code in (KILLED, end[0])
            again = made.run()
            assert (again.code, made.files()) == end, again.err
            assert not difference(expected, made.records())
            quiet = made.run()
            assert quiet.flow("customers")["written"] == 0
