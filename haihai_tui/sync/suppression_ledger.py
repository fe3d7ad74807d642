"""The ledger of stops: the last state seen for every address once not 配信可能.

Kept for good, also after someone left the group: it is what makes a stop stick
when an address comes back after a year.  A sorted table of fixed-width records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from haihai_tui.sync.addresses import KEY_BYTES
from haihai_tui.sync.tables.fixed import FixedTable, patch_fixed

LEDGER = "suppressions.ledger"
MOMENT_WIDTH = 20
LEDGER_WIDTH = KEY_BYTES + 3 + MOMENT_WIDTH
"""Key, state code in the customers' group (`a`, `s`, `b`, or `-` where never a member
of it), rolled-up state code (`-` where a record was linked to the address anew and
no list has named it yet), error flag (`e` or `-`), time (RFC 3339, UTC, to
the second, or blanks)."""

UNSEEN = b"-"


@dataclass(frozen=True, slots=True)
class Standing:
    """The rolled-up state of one address, and the last one in the customers' group.

    They differ where an address is in several groups: the roll-up is what Salesforce
    is told, the other one what has to come back with a membership that was lost.
    """

    state: bytes
    in_error: bool
    changed_at: str
    here: bytes = UNSEEN

    @property
    def is_known(self) -> bool:
        return self.state != UNSEEN

    @property
    def is_plain(self) -> bool:
        """Nothing to remember: 配信可能 everywhere, and no error."""
        return self.state == b"a" and not self.in_error and self.here in b"a-"

    def record(self, key: bytes) -> bytes:
        flag = b"e" if self.in_error else b"-"
        moment = self.changed_at.encode().ljust(MOMENT_WIDTH)
        return key + self.here + self.state + flag + moment


_RANK = b"-asb"


def strength(state: bytes) -> int:
    """The stronger of two states has the higher number."""
    return _RANK.index(state)


def together(one: Standing | None, other: Standing | None) -> Standing | None:
    """The standing of somebody who has two addresses; None where neither is known."""
    known = [each for each in (one, other) if each is not None and each.is_known]
    if not known:
        return None
    strongest = max(known, key=lambda each: (strength(each.state), each.changed_at))
    in_error = any(each.in_error for each in known)
    return replace(strongest, in_error=in_error)


def standing_of(record: bytes) -> Standing:
    return Standing(
        here=record[KEY_BYTES : KEY_BYTES + 1],
        state=record[KEY_BYTES + 1 : KEY_BYTES + 2],
        in_error=record[KEY_BYTES + 2 : KEY_BYTES + 3] == b"e",
        changed_at=record[KEY_BYTES + 3 :].decode().strip(),
    )


def remembered_state(record: bytes) -> bytes:
    """The state that must come back with a membership: the last one in the customers'
    group; where the address never was in it, the rolled-up one."""
    here = record[KEY_BYTES : KEY_BYTES + 1]
    return record[KEY_BYTES + 1 : KEY_BYTES + 2] if here == UNSEEN else here


def remember_stops(
    ledger: Path | None, states: Mapping[bytes, bytes], target: Path
) -> bool:
    """Write the ledger with these states (key → code) of the customers' group to
    `target`; False, and nothing written, where it knows them already."""
    with FixedTable(ledger, LEDGER_WIDTH, KEY_BYTES) as known:
        news: list[bytes] = []
        for key, state in sorted(states.items()):
            found = known.find(key)
            before = standing_of(found[0]) if found else Standing(b"a", False, "")
            if before.here != state:
                news.append(replace(before, here=state).record(key))
        if news:
            patch_fixed(known, news, len(news), target)
    return bool(news)
