"""The result of a bulk query on disk: written once, served in any paging.

All rows stand in one file without a header; a second file has the byte offset of
every row, so that any page is a slice of the first and memory stays small however
many rows there are.  Compressed pages are kept as files of their own.
"""

from __future__ import annotations

import csv
import gzip
import shutil
import struct
import tempfile
import threading
import weakref
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

_CHUNK_ROWS = 5_000
_COPY = 256 * 1024
_GZIP_LEVEL = 1  # the sandbox must not be what a benchmark measures

Convert = Callable[[Any], Any]


def as_boolean(value: Any) -> Any:
    """`true`, `false`; null stays empty."""
    return None if value is None else "true" if value else "false"


def as_datetime(value: Any) -> Any:
    """`…000+0000` as `…000Z`."""
    return None if value is None else value.removesuffix("+0000") + "Z"


@dataclass(frozen=True, slots=True)
class Form:
    """How the CSV is written."""

    delimiter: str = ","
    line_ending: str = "\n"


class Result:
    """The rows of one query; the files go when nobody holds the result."""

    def __init__(
        self,
        columns: Sequence[str],
        form: Form,
        converts: Sequence[Convert | None],
    ) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="haihai-sandbox-bulk-"))
        self._finish = weakref.finalize(self, shutil.rmtree, self._folder, True)
        self._converts = converts
        self._form = form
        self._lock = threading.Lock()
        self.columns = list(columns)
        self.rows = 0
        self.header = self._lines([tuple(columns)])[0].encode()

    @property
    def _body(self) -> Path:
        return self._folder / "rows.csv"

    @property
    def _index(self) -> Path:
        return self._folder / "rows.idx"

    # ------------------------------------------------------------------ writing

    def write(self, rows: Iterable[tuple[Any, ...]]) -> None:
        """Write all rows; called once, from a worker thread."""
        iterator = iter(rows)
        end = 0
        with self._body.open("wb") as body, self._index.open("wb") as index:
            index.write(struct.pack("=Q", 0))
            while chunk := list(islice(iterator, _CHUNK_ROWS)):
                lines = self._lines(self._converted(chunk))
                data = [line.encode("utf-8", "replace") for line in lines]
                ends = array("Q", accumulate(map(len, data), initial=end))
                end = ends[-1]
                index.write(ends[1:].tobytes())
                body.write(b"".join(data))
                self.rows += len(chunk)

    def _converted(self, chunk: list[tuple[Any, ...]]) -> Iterable[tuple[Any, ...]]:
        if not any(self._converts):
            return chunk
        columns: list[Iterable[Any]] = list(zip(*chunk, strict=True))
        for place, convert in enumerate(self._converts):
            if convert is not None:
                columns[place] = map(convert, columns[place])
        return zip(*columns, strict=True)

    def _lines(self, rows: Iterable[tuple[Any, ...]]) -> list[str]:
        """One text a row: csv calls `write` once for each."""
        lines: list[str] = []
        writer = csv.writer(
            _Appender(lines),
            delimiter=self._form.delimiter,
            lineterminator=self._form.line_ending,
            quoting=csv.QUOTE_ALL,
        )
        writer.writerows(rows)
        return lines

    # ------------------------------------------------------------------ reading

    def size(self, first: int, last: int) -> int:
        """Bytes of the page of rows `first` … `last - 1`, header included."""
        start, end = self._span(first, last)
        return len(self.header) + end - start

    def read(self, first: int, last: int) -> Iterator[bytes]:
        """The page in pieces."""
        start, end = self._span(first, last)
        yield self.header
        with self._body.open("rb") as body:
            body.seek(start)
            while start < end and (piece := body.read(min(_COPY, end - start))):
                start += len(piece)
                yield piece

    def gzipped(self, first: int, last: int) -> Path:
        """The page as a gzip file, compressed at the first call."""
        path = self._folder / f"{first}-{last}.csv.gz"
        with self._lock:
            if path.exists():
                return path
            part = path.with_suffix(".part")
            with part.open("wb") as raw:
                packed = gzip.GzipFile("", "wb", _GZIP_LEVEL, raw, mtime=0)
                with packed:
                    for piece in self.read(first, last):
                        packed.write(piece)
            part.rename(path)
        return path

    def _span(self, first: int, last: int) -> tuple[int, int]:
        with self._index.open("rb") as index:
            index.seek(first * 8)
            start = struct.unpack("=Q", index.read(8))[0]
            index.seek(last * 8)
            return start, struct.unpack("=Q", index.read(8))[0]


class _Appender:
    """A text file as csv sees it, that is a list of what was written."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append


def read_file(path: Path) -> Iterator[bytes]:
    """A file in pieces."""
    with path.open("rb") as file:
        while piece := file.read(_COPY):
            yield piece
