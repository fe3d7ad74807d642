"""Ordinary records by the block: checked together, cut by one expression.

A first run maps every record there is.  Nearly all of them are ordinary: each value
quoted, none with a quote, a control character or too many bytes in it, the address
already folded.  What is not ordinary is left to `Mapper`, which says what is wrong
with it; what is ordinary comes out just as `Mapper` would have made it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter

from haihai_tui.sync.addresses import FOLDED, LONGEST_ADDRESS
from haihai_tui.sync.tables.records import ID_WIDTH

Plain = tuple[bytes, bytes, bytes]
"""Id, address, and the CSV text of the address and all values to send."""

_PRINTABLE = bytes(code for code in range(32, 256) if code != 127)
# U+0080 to U+009F, the control characters beyond ASCII.
_C1 = re.compile(rb"\xc2[\x80-\x9f]")
_ADDRESS = rb'(?=[^"]{1,%d}")(?P<address>%b)' % (LONGEST_ADDRESS, FOLDED.encode())


class PlainRecords:
    """Maps blocks of records of one SELECT of `columns` columns, Id first.

    `wanted` are the columns to send, the address first.  A record of up to `longest`
    bytes certainly has no value of more characters than that.
    """

    def __init__(
        self, columns: int, wanted: Sequence[int], *, longest: int, encoding: str
    ) -> None:
        runs = _runs(wanted)
        opening = {run[0]: f"(?P<run{run[0]}>".encode() for run in runs}
        closing = {run[-1] for run in runs}
        cells = [rb'"(?P<id>[0-9A-Za-z]{%d})"' % ID_WIDTH]
        cells += [rb'"[^"]*+"'] * (columns - 1)
        cells[wanted[0]] = b'"' + _ADDRESS + b'"'
        parts = [
            opening.get(at, b"") + cell + (b")" if at in closing else b"")
            for at, cell in enumerate(cells)
        ]
        pattern = re.compile(b"^" + b",".join(parts) + b"$", re.MULTILINE)
        self._find = pattern.findall
        names = ["id", "address", *(f"run{run[0]}" for run in runs)]
        self._groups = itemgetter(*(pattern.groupindex[name] - 1 for name in names))
        self._longest = longest
        self._encoding = encoding

    @staticmethod
    def can_map(wanted: Sequence[int]) -> bool:
        """Whether these columns can be cut: none twice, and the address not the Id."""
        return len(set(wanted)) == len(wanted) and wanted[0] != 0

    def map(self, records: list[bytes]) -> list[Plain] | None:
        """All records of a block, or None where not all of them are ordinary."""
        block = b"\n".join(records)
        if not self._is_legible(block, len(records)):
            return None
        if len(max(records, key=len)) > self._longest:
            return None
        found = self._find(block)
        if len(found) != len(records):
            return None
        return [
            (one, address, b",".join(runs))
            for one, address, *runs in map(self._groups, found)
        ]

    def _is_legible(self, block: bytes, count: int) -> bool:
        """Whether all of it is text that the import's encoding can express."""
        if len(block.translate(None, _PRINTABLE)) != count - 1:
            return False
        if b"\xc2" in block and _C1.search(block):
            return False
        try:
            text = block.decode()
            if not self._encoding.startswith("utf-8"):
                text.encode(self._encoding)
        except UnicodeError:
            return False
        return True


def _runs(wanted: Sequence[int]) -> list[list[int]]:
    """Columns that follow each other in the record as they do in the row."""
    runs = [[wanted[0]]]
    for before, after in pairwise(wanted):
        if after == before + 1:
            runs[-1].append(after)
        else:
            runs.append([after])
    return runs
