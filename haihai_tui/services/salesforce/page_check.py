"""Is this result page whole?  Answered while its bytes go by, without parsing.

Clients that trust the transport lose rows without a word: a cut page, a short page
or an error page looks like the end of the data.  Here every page must have the
right type, an ended gzip stream, a complete last record and the promised rows.
"""

from __future__ import annotations

import zlib

from haihai_tui.errors import Text, text
from haihai_tui.services.http import Transient
from haihai_tui.services.salesforce.errors import damaged

# All bytes but the quote and the line feed.
_OTHERS = bytes(code for code in range(256) if code not in b'"\n')
_HEAD_BYTES = 65536


class PageCheck:
    """Counts records and watches for the end of one page.

    Feed it the body as sent; `compressed` says whether that is gzip.
    """

    def __init__(self, *, compressed: bool) -> None:
        self.rows = 0
        self._gunzip = zlib.decompressobj(31) if compressed else None
        self._lines = 0
        self._inside = False
        self._last = b""
        self._head = b""

    def feed(self, chunk: bytes) -> bytes:
        """Take the next bytes and give them back unpacked.

        Raises Transient where gzip is corrupt.
        """
        plain = self._unpack(chunk)
        self._scan(plain)
        return plain

    def _unpack(self, chunk: bytes) -> bytes:
        if self._gunzip is None:
            return chunk
        plain = b""
        try:
            while chunk:
                if self._gunzip.eof:
                    # Members may follow each other in one gzip file.
                    self._gunzip = zlib.decompressobj(31)
                plain += self._gunzip.decompress(chunk)
                chunk = self._gunzip.unused_data
        except zlib.error as error:
            raise broken(text("圧縮データが壊れています。")) from error
        return plain

    def _scan(self, block: bytes) -> None:
        """Count the line feeds outside quotes.

        Only quotes and line feeds are kept; a pair of quotes changes nothing about
        what is inside, so pairs go, and in nearly every block no quote is left.
        """
        if not block:
            return
        if len(self._head) < _HEAD_BYTES:
            self._head += block[: _HEAD_BYTES - len(self._head)]
        marks = block.translate(None, _OTHERS)
        if self._inside:
            marks = b'"' + marks
        marks = marks.replace(b'""', b"")
        pieces = marks.split(b'"') if b'"' in marks else [marks]
        self._lines += sum(len(piece) for piece in pieces[::2])
        self._inside = len(pieces) % 2 == 0
        self._last = block[-1:]

    def finish(self, promised: int | None, *, framed: bool) -> bool:
        """Judge the page; True where its last line lacks only the line feed.

        `promised` is `Sforce-NumberOfRecords`.  `framed` says that the transport
        itself knew where the body ends.  Raises Transient.
        """
        if self._gunzip is not None and not self._gunzip.eof:
            raise broken(text("圧縮データが途中で切れています。"))
        if self._lines == 0 and not self._head:
            raise broken(text("空の応答です。"))
        unended = self._last != b"\n"
        self.rows = self._lines - 1 + unended
        known_end = framed or self._gunzip is not None
        if self._inside or (unended and not (known_end and promised == self.rows)):
            raise broken(text("最後の行が途中で切れています。"))
        if promised is not None and promised != self.rows:
            raise broken(
                text(
                    "{promised} 行のはずが {rows} 行でした。",
                    promised=promised,
                    rows=self.rows,
                )
            )
        return unended

    def columns(self) -> tuple[str, ...]:
        """The header's names."""
        line = self._head.split(b"\n", 1)[0].decode("utf-8", "replace")
        return tuple(name.strip('"') for name in line.rstrip("\r").split(","))

    def first_id(self) -> str:
        """The Id of the first record, "" where the first column is no Id."""
        lines = self._head.split(b"\n", 2)
        if self.columns()[0].lower() != "id" or len(lines) < 2:
            return ""
        value = lines[1].split(b",", 1)[0].strip(b'"\r')
        return value.decode("utf-8", "replace")


def broken(detail: Text) -> Transient:
    """The error for a damaged page: it is worth reading again."""
    return damaged(
        text("Salesforce の結果ページが壊れています: {detail}", detail=detail)
    )
