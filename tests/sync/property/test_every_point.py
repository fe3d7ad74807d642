"""One eventful run, killed at every call that it makes; the world changes before the
next run, which has to end where an undisturbed one would have."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from haihai_tui.sync.config import OnDelete
from tests.sync.property.checks import come_to_rest, what_is_wrong
from tests.sync.property.faults import Disturbance, Kind
from tests.sync.property.history import Player, Step
from tests.sync.property.world import Setting, World

pytestmark = [
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

BEFORE = [
    # b is stopped and moves to d; a leaves; a lead's contact arrives as c.
    Step("stop", 1),
    Step("run"),
    Step("readdress", 0, 3),
    Step("opt", 1, 1),
    Step("contact", 2),
]
AFTER: dict[str, list[Step]] = {
    "nothing": [],
    # The newcomer has another address, the moved one goes back, the other returns.
    "everything": [
        Step("readdress", 2, 0),
        Step("readdress", 0, 1),
        Step("opt", 1, 0),
    ],
    # Whoever was about to be registered is gone.
    "deleted": [Step("delete", 0), Step("delete", 2)],
}
FAR = 2_000
"""More points than a run passes."""


def wrong_at(setting: Setting, kind: Kind, at: int, after: list[Step]) -> list[str]:
    """What is wrong when the run is disturbed at this point; past its last point, an
    answer that says so."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder, "world"), setting)
        player = Player(world)
        player.begin()
        for step in BEFORE:
            player.play(step)
        ran = world.run(disturbance=Disturbance(kind, at))
        if at == FAR:
            return [str(ran.points)]
        for step in after:
            player.play(step)
        wrong = come_to_rest(world, until_quiet=True)
        return wrong + what_is_wrong(world, compared=False)


CHOICES: tuple[OnDelete, OnDelete] = ("exclude", "bar")
KINDS: tuple[Kind, Kind] = ("kill", "outage")
WAYS = list(product(CHOICES, KINDS, AFTER))


@pytest.mark.parametrize(("on_delete", "kind", "after"), WAYS)
def test_a_run_cut_off_anywhere_is_finished_by_the_next(
    on_delete: OnDelete, kind: Kind, after: str
) -> None:
    setting = Setting(on_delete=on_delete)
    (told,) = wrong_at(setting, kind, FAR, [])
    points = int(told)
    # Each way has its own share of the points; together they have them all.
    first = 1 + WAYS.index((on_delete, kind, after))
    for at in range(first, points + 1, len(WAYS)):
        assert not wrong_at(setting, kind, at, AFTER[after]), at
