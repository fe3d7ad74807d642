"""Import files: rows of a batch packed into files that the service takes.

Rows arrive as finished CSV text, so packing is joining and encoding in blocks of
a thousand, never row by row; only the block in which a file fills up is looked
at closely.  A file's name is made of its content, so the same rows sent again
carry the same name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import islice
from pathlib import Path

from haihai_tui.errors import ConnectorError, SettingsError, text
from haihai_tui.services.haihai.csvtext import append, new_file

LINE_END = "\r\n"

_BLOCK = 1000


@dataclass(frozen=True, slots=True)
class PackedFile:
    """One finished file: rows `first_row` … `first_row + rows - 1` of the batch."""

    path: Path
    first_row: int
    rows: int
    size: int


def unencodable(value: str, encoding: str) -> str | None:
    """The first character that `encoding` has no place for, or None.

    The sync asks before it builds a row, so that such a value becomes a reject
    with its field named; it never reaches the service as `?`.
    """
    try:
        value.encode(encoding)
    except UnicodeEncodeError as error:
        return error.object[error.start]
    return None


def pack(
    columns: Sequence[str],
    lines: Iterable[str],
    folder: Path,
    *,
    encoding: str,
    max_rows: int,
    max_bytes: int,
    line_break: str = "\n",
    prefix: str = "haihai",
) -> Iterator[PackedFile]:
    """Write `lines` into as few files as the limits allow, one at each `next()`.

    `lines` are CSV records without line end, every value quoted; `\\x1e` in them
    becomes `line_break`.  A file has a header of `columns`, CRLF line ends and at
    most `max_rows` records and `max_bytes` bytes.  Raises ConnectorError for a
    character outside `encoding` and SettingsError where one row alone is larger than
    a file may be.
    """
    packer = _Packer(columns, iter(lines), encoding, max_rows, max_bytes, line_break)
    while packer.more():
        yield packer.write(folder, prefix)


class _Packer:
    """Takes rows from an iterator and keeps what did not fit for the next file."""

    def __init__(
        self,
        columns: Sequence[str],
        lines: Iterator[str],
        encoding: str,
        max_rows: int,
        max_bytes: int,
        line_break: str,
    ) -> None:
        self._lines = lines
        self._kept: list[str] = []
        self._done = 0
        # A byte order mark belongs to the header alone.
        self._codec = "utf-8" if encoding.lower() == "utf-8-sig" else encoding
        names = ",".join('"' + name.replace('"', '""') + '"' for name in columns)
        self._header = (names + LINE_END).encode(encoding)
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._line_break = line_break

    def more(self) -> bool:
        if not self._kept:
            self._kept = list(islice(self._lines, _BLOCK))
        return bool(self._kept)

    def write(self, folder: Path, prefix: str) -> PackedFile:
        """Fill one file; it takes its final name only when it is whole."""
        first, unfinished = self._done, folder / f"{prefix}.part"
        digest = blake2b(self._header, digest_size=8)
        size = len(self._header)
        with new_file(unfinished) as file:
            append(file, unfinished, self._header)
            for block in self._blocks():
                digest.update(block)
                size += append(file, unfinished, block)
        path = folder / f"{prefix}-{digest.hexdigest()}.csv"
        unfinished.replace(path)
        return PackedFile(path, first, self._done - first, size)

    def _blocks(self) -> Iterator[bytes]:
        """Encoded blocks that still fit; what is left stays in `_kept`."""
        rows, size = 0, len(self._header)
        while rows < self._max_rows and self.more():
            block = self._kept[: self._max_rows - rows]
            data = self._encode(block)
            if size + len(data) > self._max_bytes:
                block, data = self._fitting(block, self._max_bytes - size)
                if not rows and not block:
                    raise self._too_large()
            rows += len(block)
            size += len(data)
            self._done += len(block)
            full = len(block) < len(self._kept)
            self._kept = self._kept[len(block) :]
            if data:
                yield data
            if full:
                return

    def _fitting(self, block: list[str], room: int) -> tuple[list[str], bytes]:
        """The longest beginning of `block` within `room` bytes."""
        taken = bytearray()
        for count, line in enumerate(block):
            data = self._encode([line])
            if len(taken) + len(data) > room:
                return block[:count], bytes(taken)
            taken += data
        return block, bytes(taken)

    def _encode(self, block: list[str]) -> bytes:
        joined = LINE_END.join(block) + LINE_END
        if "\x1e" in joined:
            joined = joined.replace("\x1e", self._line_break)
        try:
            return joined.encode(self._codec)
        except UnicodeEncodeError:
            raise self._outside(block) from None

    def _outside(self, block: list[str]) -> ConnectorError:
        """Names row and character; the value itself stays out of the message."""
        found = (unencodable(line, self._codec) for line in block)
        offset, character = next((n, c) for n, c in enumerate(found) if c is not None)
        return ConnectorError(
            text(
                "取り込みファイルの {row} 行目に {encoding} で表せない文字"
                "（U+{point:04X}）があります。",
                row=self._done + offset + 1,
                encoding=self._codec,
                point=ord(character),
            )
        )

    def _too_large(self) -> SettingsError:
        return SettingsError(
            text(
                "取り込みデータの {row} 行目だけで、1 ファイルの上限 {limit} バイトを"
                "超えます。",
                row=self._done + 1,
                limit=self._max_bytes,
            ),
            text("設定 [haihai.wire] の 1 ファイルの上限を確認してください。"),
        )
