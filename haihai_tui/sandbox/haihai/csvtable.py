"""An uploaded CSV file as the service reads it: any usual dialect, two encodings.

UTF-8 (with or without BOM) is tried strictly first; what it is not is CP932, and a
row with bytes that fit neither is refused by itself, not the whole file.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator

_FIELD_LIMIT = 16_000_000
REPLACED = "\ufffd"
"""Stands where bytes fitted no encoding."""


class CsvTable:
    """Header and records of one file; `rows` may be walked more than once."""

    def __init__(self, data: bytes) -> None:
        self._text = _decode(data)
        csv.field_size_limit(_FIELD_LIMIT)
        self.header = [name.strip() for name in next(self._records(), [])]

    def _records(self) -> Iterator[list[str]]:
        return csv.reader(io.StringIO(self._text, newline=""))

    def rows(self) -> Iterator[list[str]]:
        """Records after the header; blank lines are left out."""
        records = self._records()
        next(records, None)
        return (row for row in records if row)

    def holds(self, pattern: re.Pattern[str]) -> bool:
        """Whether `pattern` occurs anywhere in the file."""
        return pattern.search(self._text) is not None

    def count(self) -> int:
        """How many records there are, without the header."""
        text = self._text
        if text.count("\r") == text.count("\r\n"):
            lines = text.split("\n")
            if not any(line.count('"') % 2 for line in lines):
                return sum(1 for line in lines[1:] if line not in ("", "\r"))
        return sum(1 for _ in self.rows())


def _decode(data: bytes) -> str:
    if data.startswith(codecs.BOM_UTF8):
        return data[len(codecs.BOM_UTF8) :].decode("utf-8", errors="replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("cp932", errors="replace")
