"""The slow and plain way to find what changed: whole texts and dicts.

It knows the rules and none of the data plane's code, so that the two cannot be wrong
in the same way.
"""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass, field

from haihai_tui.sync.addresses import fold_address

COLUMNS = ("Id", "Email", "LastName", "FirstName", "Phone")
"""What is selected; the last three are sent, in this order, behind the address."""

ITEMS = ("メールアドレス", "姓", "名", "電話番号")


@dataclass(frozen=True)
class Known:
    """What is remembered of a linked record."""

    values: tuple[str, ...]
    active: bool
    source: tuple[str, ...]


@dataclass
class Found:
    """Ids by what became of them; `rows` are the values to send, by Id."""

    kinds: dict[str, str] = field(default_factory=dict)
    unchanged: set[str] = field(default_factory=set)
    refused: set[str] = field(default_factory=set)
    rows: dict[str, tuple[str, ...]] = field(default_factory=dict)
    known: dict[str, Known] = field(default_factory=dict)


def written(records: list[tuple[str, ...]]) -> str:
    """The records as Bulk 2.0 writes them."""
    out = io.StringIO(newline="")
    rows = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows(records)
    return out.getvalue()


def compared(
    text: str, known: dict[str, Known], encoding: str, *, keeps_blank: bool
) -> Found:
    """Compare one complete read with what is known from the last."""
    found = Found(known=dict(known))
    present = set()
    for record in list(csv.reader(io.StringIO(text, newline="")))[1:]:
        one, source = record[0], tuple(record)
        present.add(one)
        before = known.get(one)
        if before and before.active and before.source == source:
            found.unchanged.add(one)
            continue
        values = _sendable(record, encoding)
        if values is None:
            found.refused.add(one)
            continue
        _link(found, one, source, values, keeps_blank=keeps_blank)
    for one, before in known.items():
        if one not in present and before.active:
            found.kinds[one] = "X"
            found.known[one] = Known(before.values, False, before.source)
    return found


def _sendable(record: list[str], encoding: str) -> tuple[str, ...] | None:
    address = fold_address(record[1])
    if address is None:
        return None
    for value in record[2:]:
        if len(value) > 900 or any(_is_control(each) for each in value):
            return None
        try:
            value.encode(encoding)
        except UnicodeEncodeError:
            return None
    return (address, *(re.sub("\r\n|\r|\n", "\x1e", each) for each in record[2:]))


def _is_control(character: str) -> bool:
    point = ord(character)
    return character not in "\t\n\r" and (point < 32 or 127 <= point < 160)


def _link(
    found: Found,
    one: str,
    source: tuple[str, ...],
    values: tuple[str, ...],
    *,
    keeps_blank: bool,
) -> None:
    before = found.known.get(one)
    remembered = values
    if before is None:
        kind = "C"
    else:
        same_address = before.values[0] == values[0]
        if keeps_blank and same_address:
            pairs = zip(values, before.values, strict=True)
            remembered = tuple(new or old for new, old in pairs)
        if not before.active:
            kind = "R"
        elif not same_address:
            kind = "A"
        else:
            kind = "T" if remembered == before.values else "U"
    found.kinds[one] = kind
    found.known[one] = Known(remembered, True, source)
    if kind != "T":
        found.rows[one] = values
