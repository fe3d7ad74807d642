"""Raw CSV records out of page files, without parsing them.

A record that has not changed is hashed and never parsed, so this module hands
out bytes.  A line break belongs to a record exactly when the number of quotes
before it is odd.
"""

from __future__ import annotations

import csv
import gzip
from binascii import b2a_base64
from collections.abc import Iterator
from hashlib import blake2b
from typing import IO, cast

from haihai_tui.errors import ServiceUnreachable, text
from haihai_tui.sync.ports import PageFile

BLOCK = 1 << 18
ID_WIDTH = 18
HASH_WIDTH = 16


def open_page(page: PageFile) -> IO[bytes]:
    if page.gzip:
        return cast(IO[bytes], gzip.open(page.path, "rb"))
    return page.path.open("rb")


def record_batches(page: PageFile) -> Iterator[list[bytes]]:
    """The records of a page in lists of some hundreds; the header is left out."""
    header_seen = False
    carry = b""
    with open_page(page) as stream:
        while block := stream.read(BLOCK):
            lines = (carry + block).split(b"\n")
            carry = lines.pop()
            records, open_tail = join_quoted(lines)
            if open_tail:
                carry = open_tail + b"\n" + carry
            if records and not header_seen:
                header_seen = True
                del records[0]
            if records:
                yield records
    if carry:
        yield [carry]


def join_quoted(lines: list[bytes]) -> tuple[list[bytes], bytes]:
    """Put lines together that a line break inside quotes has cut.

    Returns the whole records and what is still open at the end.
    """
    odd = [at for at, line in enumerate(lines) if line.count(b'"') & 1]
    if not odd:
        return lines, b""
    records: list[bytes] = []
    done = 0
    for first, last in zip(odd[::2], odd[1::2], strict=False):
        records += lines[done:first]
        records.append(b"\n".join(lines[first : last + 1]))
        done = last + 1
    if len(odd) % 2:
        records += lines[done : odd[-1]]
        return records, b"\n".join(lines[odd[-1] :])
    return records + lines[done:], b""


def require_record(record: bytes, columns: int) -> list[str]:
    """As `parse_record`, where a record that cannot be read must not be passed over.

    ServiceUnreachable: what was downloaded is damaged, and may come whole next time.
    """
    try:
        return parse_record(record, columns)
    except ValueError as error:
        raise ServiceUnreachable(
            text(
                "Salesforce から受け取ったレコードを読めません（{id}）。",
                id=record_id(record).decode("ascii", "replace"),
            ),
            text("次の実行でもう一度読み取ります。"),
            cause="service_unavailable",
        ) from error


def record_id(record: bytes) -> bytes:
    """The Id in the first column, quoted (as Bulk 2.0 gives it) or bare."""
    if record[:1] == b'"':
        return record[1 : 1 + ID_WIDTH]
    return record.split(b",", 1)[0][:ID_WIDTH]


def record_hash(record: bytes) -> bytes:
    """`HASH_WIDTH` ASCII characters that stand for the record's very bytes."""
    digest = blake2b(record, digest_size=12).digest()
    return b2a_base64(digest, newline=False)


def parse_record(record: bytes, columns: int) -> list[str]:
    """The values of one record; ValueError when their number is not `columns`."""
    text = record.decode("utf-8")
    if text[-1:] == "\r":
        text = text[:-1]
    if text.count('"') == 2 * columns:
        values = text[1:-1].split('","')
        if len(values) == columns:
            return values
    try:
        values = next(csv.reader([text], strict=True), [])
    except csv.Error as error:
        raise ValueError(str(error)) from error
    if len(values) != columns:
        raise ValueError(f"{len(values)} values where {columns} were expected")
    return values
