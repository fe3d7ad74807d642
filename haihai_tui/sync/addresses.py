"""E-mail addresses: what makes two of them the same person's.

The address is the only key that HaiHai Mail has, so the rule is written down
here once.  Folded: surrounding white space, full-width forms of ASCII, letter
case.  Never folded: dots, `+tags`, and any other character, since providers
differ.  Accepted besides the dot-atom form of RFC 5321: the dots in a row or
before the `@` that Japanese mobile carriers once gave out.
"""

from __future__ import annotations

import re
import unicodedata
from hashlib import blake2b

KEY_BYTES = 12
"""Width of an address key: 96 bits, so that a clash among 10**8 is unthinkable."""

_LOCAL = r"[a-z0-9!#$%&'*+/=?^_`{|}~.\-]{1,64}"
_LABEL = r"[a-z0-9](?:[a-z0-9\-]{0,61}[a-z0-9])?"
FOLDED = rf"{_LOCAL}@(?:{_LABEL}\.)+{_LABEL}"
"""What a folded address looks like, as an expression; ASCII alone."""

LONGEST_ADDRESS = 254
_FOLDED = re.compile(FOLDED)


def fold_address(written: str) -> str | None:
    """The canonical form of an address, or None where it is not one."""
    if _FOLDED.fullmatch(written) and len(written) <= LONGEST_ADDRESS:
        return written
    folded = unicodedata.normalize("NFKC", written).strip().lower()
    if _FOLDED.fullmatch(folded) and len(folded) <= LONGEST_ADDRESS:
        return folded
    return None


def address_key(folded: str) -> bytes:
    """The `KEY_BYTES` wide key under which tables are sorted."""
    return blake2b(folded.encode(), digest_size=KEY_BYTES).digest()


def mask_address(address: str) -> str:
    """An address that can be shown and logged: `t***@example.com`."""
    local, at, domain = address.partition("@")
    return f"{local[:1]}***{at}{domain}" if at else f"{address[:1]}***"
