"""A history told from its beginning to the rest at its end."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.sync.property.checks import (
    come_to_rest,
    compare_and_rest,
    what_is_wrong,
)
from tests.sync.property.history import Player, Step
from tests.sync.property.world import Setting, World


def tell(
    setting: Setting,
    begun: bool,
    history: list[Step],
    *,
    in_database: bool = False,
) -> list[str]:
    """Let a history happen; what is wrong at its end, and with its troubles gone."""
    with TemporaryDirectory() as folder:
        world = World(Path(folder, "world"), setting, in_database=in_database)
        with closing(world):
            return _tell(world, begun, history)


def _tell(world: World, begun: bool, history: list[Step]) -> list[str]:
    player = Player(world)
    if begun:
        player.begin()
    for step in history:
        player.play(step)
        assert not world.ledger.broken, world.ledger.broken
    wrong = come_to_rest(world, until_quiet=False)
    player.end_of_troubles()
    wrong += come_to_rest(world, until_quiet=True)
    wrong += what_is_wrong(world, compared=False)
    return wrong + compare_and_rest(world)
