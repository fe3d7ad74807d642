"""The ledger of stops: the last state seen for every address once not 配信可能.

Kept for good, also after someone left the group: it is what makes a stop stick
when an address comes back after a year.  A sorted table of fixed-width records.
"""

from __future__ import annotations

from dataclasses import dataclass

from haihai_tui.sync.addresses import KEY_BYTES

LEDGER = "suppressions.ledger"
MOMENT_WIDTH = 20
LEDGER_WIDTH = KEY_BYTES + 2 + MOMENT_WIDTH
"""Key, state code (`a`, `s`, `b`), error flag (`e` or `-`), time (RFC 3339, UTC,
to the second, or blanks)."""


@dataclass(frozen=True, slots=True)
class Standing:
    """The rolled-up state of one address."""

    state: bytes
    in_error: bool
    changed_at: str

    def record(self, key: bytes) -> bytes:
        flag = b"e" if self.in_error else b"-"
        return key + self.state + flag + self.changed_at.encode().ljust(MOMENT_WIDTH)


def standing_of(record: bytes) -> Standing:
    return Standing(
        state=record[KEY_BYTES : KEY_BYTES + 1],
        in_error=record[KEY_BYTES + 1 : KEY_BYTES + 2] == b"e",
        changed_at=record[KEY_BYTES + 2 :].decode().strip(),
    )
