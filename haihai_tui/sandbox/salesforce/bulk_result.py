"""The result of a bulk query on disk: written once, served in any paging.

All rows stand in one file without a header; a second file has the byte offset of
every row, so that any page is a slice of the first and memory stays small however
many rows there are.  Compressed pages are kept as files of their own.
"""

from __future__ import annotations

import gzip
import shutil
import struct
import tempfile
import threading
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

_COPY = 256 * 1024
_GZIP_LEVEL = 1  # the sandbox must not be what a benchmark measures


@dataclass(frozen=True, slots=True)
class Form:
    """How the CSV is written."""

    delimiter: str = ","
    line_ending: str = "\n"

    def lines(self, columns: Sequence[Sequence[str]]) -> list[str]:
        """Records of columns of texts whose quotes are doubled already."""
        between = f'"{self.delimiter}"'.join
        end = f'"{self.line_ending}'
        return [f'"{between(row)}{end}' for row in zip(*columns, strict=True)]


class Result:
    """The rows of one query; the files go when nobody holds the result."""

    def __init__(self, columns: Sequence[str], form: Form) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="haihai-sandbox-bulk-"))
        self._finish = weakref.finalize(self, shutil.rmtree, self._folder, True)
        self._form = form
        self._lock = threading.Lock()
        self.rows = 0
        [line] = form.lines([[name] for name in columns])
        self.header = line.encode()

    @property
    def _body(self) -> Path:
        return self._folder / "rows.csv"

    @property
    def _index(self) -> Path:
        return self._folder / "rows.idx"

    # ------------------------------------------------------------------ writing

    def write(self, chunks: Iterable[Sequence[Sequence[str]]]) -> None:
        """Write all rows; called once, from a worker thread.

        A chunk is some rows as columns of texts (see `bulk_texts`).
        """
        end = 0
        with self._body.open("wb") as body, self._index.open("wb") as index:
            index.write(struct.pack("=Q", 0))
            for chunk in chunks:
                lines = [
                    line.encode("utf-8", "replace") for line in self._form.lines(chunk)
                ]
                ends = array("Q", accumulate(map(len, lines), initial=end))
                end = ends[-1]
                index.write(ends[1:].tobytes())
                body.write(b"".join(lines))
                self.rows += len(lines)

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


def read_file(path: Path) -> Iterator[bytes]:
    """A file in pieces."""
    with path.open("rb") as file:
        while piece := file.read(_COPY):
            yield piece


class Pieces(Response):
    """A body of known length that is read while it is sent."""

    def __init__(
        self, pieces: Iterable[bytes], size: int, headers: dict[str, str]
    ) -> None:
        super().__init__(headers={**headers, "content-length": str(size)})
        self._pieces = pieces
        self._size = size

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code}
        await send({**start, "headers": self.raw_headers})
        left = self._size
        for piece in self._pieces:
            body, left = piece[:left], left - len(piece[:left])
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
