"""Updates of up to some thousand records: composite collections of 200 rows.

An update by Id may be repeated without harm, so a request whose answer was lost is
sent again; rows that met a lock are sent again by themselves.
"""

from __future__ import annotations

import csv
import json
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import stamina

from haihai_tui.errors import text
from haihai_tui.services.salesforce.errors import Kind, classify_row, damaged
from haihai_tui.services.salesforce.failures import FailureFile
from haihai_tui.services.salesforce.session import Session
from haihai_tui.sync.ports import Field, RowFailure, SObject

BATCH_ROWS = 200
ROUNDS = 4
PAUSE_S = 4.0  # at most, before the first round of rows that met a lock
NULL = "#N/A"

_NUMBER = re.compile(r"^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$")
_NUMBER_TYPES = frozenset(("int", "long", "double", "currency", "percent"))
# Assignment rules would hand updated leads to other owners.
_HEADERS = {"Sforce-Auto-Assign": "false"}

csv.field_size_limit(1 << 26)

Row = list[str]


def update_rows(
    session: Session, described: SObject, table: Path, failures: FailureFile
) -> int:
    """Update every row of `table`; refused rows go into `failures`.

    Returns how many rows were written.  Locked rows are tried `ROUNDS` times.
    """
    with table.open(encoding="utf-8", newline="") as file:
        reader = csv.reader(file)
        header = next(reader)
        encode = _Encoder(described, header)
        written, locked = _round(session, encode, reader, failures, last=False)
    for number in range(2, ROUNDS + 1):
        if not locked:
            break
        pause = 0.0 if stamina.is_testing() else random.uniform(0.25, 1.0) * number
        session.channel.patience.sleep(pause * PAUSE_S)
        more, locked = _round(
            session, encode, iter(locked), failures, last=number == ROUNDS
        )
        written += more
    return written


def _round(
    session: Session,
    encode: _Encoder,
    rows: Iterator[Row],
    failures: FailureFile,
    *,
    last: bool,
) -> tuple[int, list[Row]]:
    """One pass over `rows`: how many were written, and which met a lock."""
    written = 0
    locked: list[Row] = []
    while batch := list(islice(rows, BATCH_ROWS)):
        for row, result in zip(batch, _send(session, encode, batch), strict=True):
            failure, again = _judge(row[encode.id_column], result)
            if failure is None:
                written += 1
            elif again and not last:
                locked.append(row)
            else:
                failures.add(failure)
    return written, locked


def _send(
    session: Session, encode: _Encoder, batch: Sequence[Row]
) -> list[Mapping[str, Any]]:
    def decode(body: bytes) -> list[Mapping[str, Any]]:
        results: list[Mapping[str, Any]] = json.loads(body)
        is_list = isinstance(results, list) and len(results) == len(batch)
        if not is_list or not all(isinstance(one, dict) for one in results):
            raise damaged(text("Salesforce が返した結果の数が行数と一致しません。"))
        return results

    results: list[Mapping[str, Any]] = session.json(
        "PATCH",
        "/composite/sobjects",
        content=encode.body(batch),
        headers=_HEADERS,
        decode=decode,
    )
    return results


def _judge(record_id: str, result: Mapping[str, Any]) -> tuple[RowFailure | None, bool]:
    """The row's failure (None: written), and whether to try it again."""
    if result.get("success") is True:
        return None, False
    errors = result.get("errors") or [{}]
    first = errors[0]
    code = str(first.get("statusCode") or first.get("errorCode") or "UNKNOWN")
    fields = tuple(str(name) for name in first.get("fields") or ())
    message = str(first.get("message") or "")
    refusal = classify_row(code, message, fields)
    return RowFailure(record_id, code, message, fields), refusal.kind is Kind.RETRY


class _Encoder:
    """CSV rows as records of a collection, each value typed by describe."""

    def __init__(self, described: SObject, header: Sequence[str]) -> None:
        self.id_column = [name.lower() for name in header].index("id")
        self._type = described.name
        self._columns = [
            (json.dumps(name), described.fields.get(name.lower())) for name in header
        ]

    def body(self, rows: Iterable[Row]) -> bytes:
        records = ",".join(self._record(row) for row in rows)
        return f'{{"allOrNone":false,"records":[{records}]}}'.encode("utf-8", "replace")

    def _record(self, row: Row) -> str:
        # `attributes` has to come first, else the parser of the service fails.
        members = [f'"attributes":{{"type":{json.dumps(self._type)}}}']
        for (name, field), value in zip(self._columns, row, strict=True):
            # Empty means "leave it", as in Bulk; `#N/A` means null.
            if value:
                members.append(f"{name}:{_literal(value, field)}")
        return "{" + ",".join(members) + "}"


def _literal(value: str, field: Field | None) -> str:
    if value == NULL:
        return "null"
    if field is not None and field.type == "boolean":
        if value.lower() in ("true", "false"):
            return value.lower()
    elif field is not None and field.type in _NUMBER_TYPES and _NUMBER.match(value):
        # As written: a float would lose digits.
        return value
    return json.dumps(value, ensure_ascii=False)
