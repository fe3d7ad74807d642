"""Records that were merged into others: what the loser was told holds for the winner.

Salesforce deletes the loser and names the winner in it.  A loser counts once: its
line in the snapshot is marked when the winner has inherited.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from haihai_tui.sync.addresses import KEY_BYTES, address_key
from haihai_tui.sync.matching import SILENT, STATE_WIDTH, stronger
from haihai_tui.sync.suppression_ledger import LEDGER_WIDTH, remembered_state
from haihai_tui.sync.tables.fixed import FixedTable
from haihai_tui.sync.tables.snapshot import (
    ACTIVE,
    KEPT,
    LEFT,
    Snapshot,
    line_address,
    line_flag,
)

_COUNTS = frozenset((ACTIVE, KEPT, LEFT))
"""A loser barred by ourselves has nothing to hand on, a marked one has done so."""


@dataclass(slots=True)
class Merges:
    """The merges of linked records: `winners` by loser, `addresses` of the losers, and
    in `inherited` by winner the state that it has to take over."""

    winners: dict[bytes, bytes] = field(default_factory=dict)
    addresses: dict[bytes, str] = field(default_factory=dict)
    inherited: dict[bytes, bytes] = field(default_factory=dict)

    @property
    def losers(self) -> frozenset[bytes]:
        return frozenset(self.winners)


def merges_of(pairs: Iterable[tuple[bytes, bytes]], old: Snapshot) -> Merges:
    """The merges among (loser, winner) whose loser the snapshot knows; a winner that
    was merged itself is followed to the last one."""
    masters = dict(pairs)
    found = Merges()
    for loser in sorted(masters):
        line = old.find(loser)
        if line is not None and line_flag(line) in _COUNTS:
            found.winners[loser] = _last(masters, loser)
            found.addresses[loser] = line_address(line)
    old.rewind()
    return found


def _last(masters: dict[bytes, bytes], loser: bytes) -> bytes:
    seen = {loser}
    winner = masters[loser]
    while winner in masters and winner not in seen:
        seen.add(winner)
        winner = masters[winner]
    return winner


def hand_on(merges: Merges, members: Path | None, ledger: Path | None) -> None:
    """Find what the losers' addresses were told: in the group now or, where they are
    no members of it, when last seen."""
    keys = sorted(
        (address_key(address), one) for one, address in merges.addresses.items()
    )
    with (
        FixedTable(members, STATE_WIDTH, KEY_BYTES) as here,
        FixedTable(ledger, LEDGER_WIDTH, KEY_BYTES) as known,
    ):
        for key, loser in keys:
            state = _state(here.find(key), known.find(key))
            if state in SILENT:
                winner = merges.winners[loser]
                merges.inherited[winner] = stronger(merges.inherited.get(winner), state)


def _state(member: list[bytes], ledger: list[bytes]) -> bytes:
    if member:
        return member[0][KEY_BYTES : KEY_BYTES + 1]
    return remembered_state(ledger[0]) if ledger else b""
