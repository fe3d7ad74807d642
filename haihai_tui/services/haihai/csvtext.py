"""CSV files on disk as text, whatever they are encoded in.

Retrievals and exports come as UTF-8 or CP932; the file itself decides, since a
name in the settings can be wrong while its bytes cannot.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Generator, Iterator
from io import FileIO
from pathlib import Path
from typing import TypeVar

from haihai_tui.services.atomic import storage_errors

CsvText = Generator[str, None, None]

Records = Iterator[list[str]]

_BLOCK = 1 << 20
_Row = TypeVar("_Row")


def encoding_of(path: Path) -> str | None:
    """`utf-8-sig` (with or without a byte order mark), `cp932`, or None."""
    for encoding in ("utf-8-sig", "cp932"):
        if _decodes(path, encoding):
            return encoding
    return None


def opened(path: Path, encoding: str, *, delete: bool = False) -> CsvText:
    """Lines with their ends; `close` shuts the file, and deletes it if asked."""
    with storage_errors(path):
        file = path.open(encoding=encoding, newline="")

    def lines() -> CsvText:
        try:
            with file:
                yield from file
        finally:
            if delete:
                path.unlink(missing_ok=True)

    return lines()


def new_file(path: Path) -> FileIO:
    """An empty file to `append` to.  Raises SettingsError naming the path."""
    with storage_errors(path):
        # Unbuffered: nothing is left over that could fail again when it is closed.
        return FileIO(path, "wb")


def append(file: FileIO, path: Path, block: bytes) -> int:
    """Write all of `block`; SettingsError with path and bytes where it is refused."""
    left = memoryview(block)
    with storage_errors(path, needed=len(block)):
        while left:
            left = left[file.write(left) :]
    return len(block)


def records(lines: Iterator[str]) -> Records:
    """CSV records; strict, so that a quote left open at the end is an error."""
    return csv.reader(lines, strict=True)


def header_of(records: Records) -> list[str]:
    """The first record; empty where there is none or it is no CSV."""
    try:
        return next(records, [])
    except csv.Error:
        return []


def read_table(
    lines: CsvText, begin: Callable[[Records], Iterator[_Row]]
) -> Iterator[_Row]:
    """Rows of a table whose file is closed at the end, on an error, or when left.

    `begin` reads the header at once and returns the rows behind it.
    """
    try:
        rows = begin(records(lines))
    except BaseException:
        lines.close()
        raise
    return _closing(lines, rows)


def _closing(lines: CsvText, rows: Iterator[_Row]) -> Iterator[_Row]:
    try:
        yield from rows
    finally:
        lines.close()


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
