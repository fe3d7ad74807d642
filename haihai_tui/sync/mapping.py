"""One Salesforce record to one HaiHai Mail row, with every check before writing.

Conversions, written down: a date stays as it is; a date-time becomes Japan time
`YYYY-MM-DD HH:MM:SS`; a boolean becomes `1` or `0`; a multi-select picklist keeps
its values, joined by `,`; a number (currency and percent too) is written out without
exponent and without a `.0` at its end; all else is taken as it stands.  Line breaks
are kept; other control characters, values above 900 characters and characters that
the import's encoding lacks reject the record.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from hashlib import blake2b

from haihai_tui.errors import Text, text
from haihai_tui.sync.addresses import fold_address, mask_address
from haihai_tui.sync.config import CustomersConfig, FieldMapping
from haihai_tui.sync.field_check import CheckedFields, kind_of
from haihai_tui.sync.plain_records import Plain, PlainRecords
from haihai_tui.sync.tables.csvlines import csv_line, split_line
from haihai_tui.sync.tables.records import parse_record

ADDRESS_ITEM = "メールアドレス"
LONGEST_VALUE = 900
LINE_BREAK = "\x1e"
"""Stands for a line break inside a value wherever rows are kept line by line."""

JST = timezone(timedelta(hours=9))
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_BREAK = re.compile(r"\r\n|\r|\n")


def one_line(value: str) -> str:
    """A value with `LINE_BREAK` for each of its line breaks."""
    return _BREAK.sub(LINE_BREAK, value)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a record cannot be sent: field, masked value, cause and remedy."""

    field: str
    value: str
    cause: Text
    remedy: Text
    address: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A mapped record: its folded address and the CSV text of all its values."""

    address: str
    values: str


class Mapper:
    """Maps raw records of one SELECT; `columns` are the items that are sent."""

    def __init__(
        self, config: CustomersConfig, checked: CheckedFields, encoding: str
    ) -> None:
        usable = [field.mapping for field in checked.usable]
        self.broken = checked.broken
        self._kinds = [kind_of(field.type) for field in checked.usable]
        self.columns = (ADDRESS_ITEM, *(field.haihai for field in usable))
        self.select = _select(config, usable)
        self.keeps_blank = tuple(field.blank == "keep" for field in usable)
        self._encoding = encoding
        self._address_at = self.select.index(config.address_field)
        self._address_field = config.address_field
        self._fields = usable
        self._at = [self.select.index(field.salesforce) for field in usable]
        self._convert = [_CONVERSIONS.get(kind) for kind in self._kinds]
        self._plain = not any(self._convert)
        self._ordinary = self._fast_way()

    def _fast_way(self) -> PlainRecords | None:
        """How ordinary records are mapped by the block, where nothing is converted."""
        wanted = [self._address_at, *self._at]
        if not self._plain or not PlainRecords.can_map(wanted):
            return None
        return PlainRecords(
            len(self.select), wanted, longest=LONGEST_VALUE, encoding=self._encoding
        )

    @property
    def fingerprint(self) -> str:
        """Changes whenever records would have to be mapped anew."""
        parts = [*self.select, "→", *self.columns, *map(str, self.keeps_blank)]
        parts += self._kinds
        return blake2b("\x00".join(parts).encode(), digest_size=8).hexdigest()

    def map_ordinary(self, records: list[bytes]) -> list[Plain] | None:
        """A block of records as `map` would map them; None where some of them need
        a closer look."""
        return self._ordinary.map(records) if self._ordinary else None

    def map(self, record: bytes) -> Row | Problem:
        try:
            source = parse_record(record, len(self.select))
        except (ValueError, UnicodeDecodeError) as error:
            return _unreadable(str(error))
        written = source[self._address_at]
        address = fold_address(written)
        if address is None:
            return _bad_address(self._address_field, written)
        values = [source[at] for at in self._at]
        if not self._plain:
            values = [
                convert(value) if convert and value else value
                for convert, value in zip(self._convert, values, strict=True)
            ]
        return self._checked(address, values)

    def _checked(self, address: str, values: list[str]) -> Row | Problem:
        joined = '","'.join([address, *values])
        if _CONTROL.search(joined) or len(joined) > LONGEST_VALUE:
            problem = self._first_problem(address, values)
            if problem:
                return problem
        if "\n" in joined or "\r" in joined:
            values = [_BREAK.sub(LINE_BREAK, value) for value in values]
        line = csv_line([address, *values])
        try:
            line.encode(self._encoding)
        except UnicodeEncodeError as error:
            return self._unencodable(address, values, line[error.start : error.end])
        return Row(address, line)

    def _first_problem(self, address: str, values: list[str]) -> Problem | None:
        for field, value in zip(self._fields, values, strict=True):
            if len(value) > LONGEST_VALUE:
                return Problem(
                    field.salesforce,
                    _masked(value),
                    text(
                        "項目「{item}」の値が {length} 文字あります (上限 900 文字)。",
                        item=field.haihai,
                        length=len(value),
                    ),
                    text("Salesforce 側の値を 900 文字以内に短くしてください。"),
                    address,
                )
            found = _CONTROL.search(value)
            if found:
                return Problem(
                    field.salesforce,
                    _masked(_CONTROL.sub("?", value)),
                    text(
                        "項目「{item}」に制御文字 (U+{code}) が含まれています。",
                        item=field.haihai,
                        code=f"{ord(found[0]):04X}",
                    ),
                    text("Salesforce 側の値から制御文字を取り除いてください。"),
                    address,
                )
        return None

    def _unencodable(self, address: str, values: list[str], wrong: str) -> Problem:
        for field, value in zip(self._fields, values, strict=True):
            if wrong in value:
                return Problem(
                    field.salesforce,
                    _masked(value),
                    text(
                        "項目「{item}」の文字「{character}」は文字コード {encoding} "
                        "で表せません。",
                        item=field.haihai,
                        character=wrong,
                        encoding=self._encoding,
                    ),
                    text(
                        "その文字を置き換えるか、接続設定の文字コードを UTF-8 に"
                        "変更してください。"
                    ),
                    address,
                )
        return _unreadable(wrong)

    def settle(self, new: str, old: str) -> tuple[str, str]:
        """Apply the blank rule: (values to remember, values to send).

        A blank cell of a `keep` field leaves what HaiHai Mail holds, so the old
        value is remembered while a blank is sent.
        """
        if '""' not in new:
            return new, new
        sent, known = split_line(new), split_line(old)
        kept = list(sent)
        for at, keeps in enumerate(self.keeps_blank, start=1):
            if keeps and not sent[at]:
                kept[at] = known[at]
        remembered = csv_line(kept)
        return remembered, new if remembered != new else remembered


def _select(config: CustomersConfig, usable: list[FieldMapping]) -> list[str]:
    names = ["Id"]
    for name in (config.address_field, *(field.salesforce for field in usable)):
        if name not in names:
            names.append(name)
    return names


def _datetime_in_japan(value: str) -> str:
    moment = datetime.fromisoformat(value.replace("+0000", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(JST).strftime("%Y-%m-%d %H:%M:%S")


def _number(value: str) -> str:
    if "e" in value.lower():
        try:
            value = format(Decimal(value), "f")
        except InvalidOperation:
            return value
    return value[:-2] if value.endswith(".0") else value


_CONVERSIONS: Mapping[str, Callable[[str], str]] = {
    "datetime": _datetime_in_japan,
    "boolean": lambda value: "1" if value == "true" else "0",
    "multipicklist": lambda value: value.replace(";", ","),
    "number": _number,
}
"""By kind of type (`field_check.kind_of`)."""


def _masked(value: str) -> str:
    shown = value[:1] + "…" if len(value) > 1 else value
    return _BREAK.sub(" ", shown)


def _bad_address(field: str, written: str) -> Problem:
    return Problem(
        field,
        mask_address(_CONTROL.sub("?", written[:80])),
        text("メールアドレスの形式が正しくないか、空です。"),
        text("Salesforce 側のメールアドレスを修正してください。"),
    )


def _unreadable(why: str) -> Problem:
    return Problem(
        "Id",
        "",
        text("レコードを読み取れませんでした: {why}", why=why[:80]),
        text("Salesforce 側の値に不正な文字がないか確認してください。"),
    )
