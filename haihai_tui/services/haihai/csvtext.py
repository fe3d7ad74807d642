"""CSV files on disk as text, whatever they are encoded in.

Retrievals and exports come as UTF-8 or CP932; the file itself decides, since a
name in the settings can be wrong while its bytes cannot.
"""

from __future__ import annotations

import codecs
from collections.abc import Generator
from pathlib import Path

from haihai_tui.services.atomic import storage_errors

CsvText = Generator[str, None, None]

_BLOCK = 1 << 20


def encoding_of(path: Path) -> str | None:
    """`utf-8-sig` (with or without a byte order mark), `cp932`, or None."""
    for encoding in ("utf-8-sig", "cp932"):
        if _decodes(path, encoding):
            return encoding
    return None


def opened(path: Path, encoding: str, *, delete: bool = False) -> CsvText:
    """Lines with their ends; closed, and deleted if asked, when read to the end."""
    with storage_errors(path):
        file = path.open(encoding=encoding, newline="")

    def lines() -> CsvText:
        with file:
            yield from file
        if delete:
            path.unlink(missing_ok=True)

    return lines()


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with storage_errors(path), path.open("rb") as file:
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True
