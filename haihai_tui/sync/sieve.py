"""Which records of a whole read can concern a few addresses: told from raw bytes.

Most records of a whole read concern nobody who changed.  Where Id and address stand
there in a form that folding leaves as it is, their key decides; every other record
is let through, to be looked at closely.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from hashlib import blake2b

from haihai_tui.sync.addresses import KEY_BYTES
from haihai_tui.sync.tables.records import ID_WIDTH

# Printable ASCII without white space, capitals and the quote.
_PLAIN = re.compile(rb'"([0-9A-Za-z]{%d})","([!#-@\[-~]+)"(?:,|\r?$)' % ID_WIDTH).match


def sieve(keys: Iterable[str], ids: Iterable[str]) -> Callable[[bytes], bool]:
    """Whether a record of `Id, address, …` may have an address of `keys` (hex) or an
    Id of `ids`; true also where only a closer look can tell."""
    wanted = frozenset(bytes.fromhex(key) for key in keys)
    linked = frozenset(one.encode() for one in ids)

    def may_concern(record: bytes) -> bool:
        found = _PLAIN(record)
        if found is None:
            return True
        one, address = found.groups()
        if one in linked:
            return True
        return blake2b(address, digest_size=KEY_BYTES).digest() in wanted

    return may_concern
