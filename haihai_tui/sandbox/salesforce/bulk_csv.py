"""The CSV that ingest jobs take, read record by record as strictly as the service.

The standard reader forgives what the service refuses (a blank beside a quote, line
ends of another kind), so records are taken apart here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

HEADER_CHARS = 32_000
_BOM = "\ufeff"


class CsvError(Exception):
    """The data cannot be read on; the text is the job's `errorMessage`."""


class CsvReader:
    """Header and records of one file; memory holds one record at a time.

    Raises CsvError from `header` and from iteration.
    """

    def __init__(
        self, path: Path, delimiter: str, line_ending: str, field_chars: int
    ) -> None:
        self._path = path
        self._delimiter = delimiter
        self._ending = {"LF": "\n", "CRLF": "\r\n"}[line_ending]
        self._ending_name = line_ending
        self._field_chars = field_chars
        mark = re.escape(delimiter)
        self._field = re.compile(rf'("[^"]*(?:""[^"]*)*"|[^"{mark}]*)({mark}|\Z)')

    def header(self) -> list[str]:
        """Column names; CsvError if there are none or they are too long."""
        record = next(self._records(), "")
        if len(record) > HEADER_CHARS:
            raise CsvError(f"InvalidBatch : Header exceeds {HEADER_CHARS} characters")
        names = self._fields(record)
        if not all(name.strip() for name in names):
            raise CsvError("InvalidBatch : Field name not found : ")
        return [name.strip() for name in names]

    def rows(self) -> Iterator[list[str]]:
        """The records after the header, each as long as the header."""
        width = len(self.header())
        for place, record in enumerate(self._records()):
            if place == 0 or not record:
                continue
            values = self._fields(record)
            if len(values) != width:
                raise CsvError(
                    "InvalidBatch : The number of columns in row "
                    f"{place} ({len(values)}) does not match the header ({width})"
                )
            yield values

    def _records(self) -> Iterator[str]:
        """Records as text, without their line end; quoted line breaks inside."""
        parts: list[str] = []
        open_quote = False
        for line in self._lines():
            open_quote ^= line.count('"') % 2 == 1
            parts.append(line)
            if not open_quote:
                yield self._without_ending("".join(parts))
                parts.clear()
        if open_quote:
            raise CsvError("ClientInputError : Unterminated quoted field in CSV")
        if parts:
            yield "".join(parts)

    def _lines(self) -> Iterator[str]:
        # newline="\n": a carriage return is data here and checked by the caller.
        with self._path.open(encoding="utf-8", newline="\n") as file:
            try:
                for place, line in enumerate(file):
                    yield line.removeprefix(_BOM) if place == 0 else line
            except UnicodeDecodeError:
                text = "ClientInputError : CSV is not in UTF-8"
                raise CsvError(text) from None

    def _without_ending(self, record: str) -> str:
        if not record.endswith("\n"):
            return record  # the last record may lack its line end
        body = record[:-1]
        crlf = body.endswith("\r")
        if crlf != (self._ending == "\r\n"):
            raise CsvError(
                "ClientInputError : LineEnding is invalid on user data. Current "
                f"LineEnding setting is {self._ending_name}"
            )
        return body[:-1] if crlf else body

    def _fields(self, record: str) -> list[str]:
        if '"' not in record:
            values = record.split(self._delimiter)
        else:
            values = self._quoted(record)
        if len(record) > self._field_chars and any(
            len(value) > self._field_chars for value in values
        ):
            raise CsvError(
                "InvalidBatch : Field value exceeds the limit of "
                f"{self._field_chars} characters"
            )
        return values

    def _quoted(self, record: str) -> list[str]:
        values: list[str] = []
        place = 0
        while True:
            match = self._field.match(record, place)
            if match is None:
                raise CsvError(
                    "ClientInputError : Unexpected character beside a quote in CSV "
                    f"field {len(values) + 1}"
                )
            text = match[1]
            if text.startswith('"'):
                text = text[1:-1].replace('""', '"')
            values.append(text)
            place = match.end()
            if not match[2]:
                return values
