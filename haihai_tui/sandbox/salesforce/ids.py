"""Record ids: 3 characters of object, 12 of record, 3 of checksum.

The checksum lets an id survive a case-folding tool: each of its characters tells
which of five characters are capitals.  The digits are in ASCII order, so ids of
one object sort as they were given out.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, lru_cache

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_CHECKSUM = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_ALLOWED = frozenset(DIGITS)
_BLOCK = 62**3


def _bits(text: str) -> int:
    return sum(1 << place for place, char in enumerate(text) if "A" <= char <= "Z")


@lru_cache(maxsize=262_144)
def _group_checksum(group: str) -> str:
    return _CHECKSUM[_bits(group)]


def checksum(id15: str) -> str:
    """The three characters that turn a 15-character id into an 18-character one."""
    return (
        _group_checksum(id15[:5])
        + _group_checksum(id15[5:10])
        + _group_checksum(id15[10:])
    )


def base62(number: int, width: int) -> str:
    """`number` in base 62, padded with zeros to `width` characters."""
    out = ""
    while number:
        number, digit = divmod(number, 62)
        out = DIGITS[digit] + out
    return out.rjust(width, "0")


def make_id(key_prefix: str, instance: str, serial: int) -> str:
    """An 18-character id; `instance` is two characters, as in `003 5g 0 000012345`."""
    id15 = f"{key_prefix}{instance}0{base62(serial, 9)}"
    return id15 + checksum(id15)


def make_ids(key_prefix: str, instance: str, first: int, count: int) -> Iterator[str]:
    """`count` ids from serial `first` on: several times faster than one by one."""
    head = f"{key_prefix}{instance}"
    serial, last = first, first + count
    while serial < last:
        block, low = divmod(serial, _BLOCK)
        high = min(_BLOCK, low + last - serial)
        upper = f"0{base62(block, 6)}"
        start = head + upper
        sums = _group_checksum(head) + _group_checksum(upper[:5])
        # The last group is two characters of this block and three that count.
        ends = [sums + _CHECKSUM[_bits(upper[5:]) + 4 * bits] for bits in range(8)]
        for triple, bits in _triples()[low:high]:
            yield start + triple + ends[bits]
        serial = (block + 1) * _BLOCK


@cache
def _triples() -> list[tuple[str, int]]:
    texts = (a + b + c for a in DIGITS for b in DIGITS for c in DIGITS)
    return [(text, _bits(text)) for text in texts]


def normalise(value: str) -> str | None:
    """The 18-character form of a 15- or 18-character id, None if it is neither.

    The case of an 18-character id with lost capitals is not mended: a wrong
    checksum makes it no id.
    """
    if len(value) not in (15, 18) or not _ALLOWED.issuperset(value):
        return None
    full = value[:15] + checksum(value[:15])
    return full if len(value) == 15 or full == value else None
