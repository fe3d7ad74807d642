"""The mapping table judged against what Salesforce describes.

Type, length and picklist are looked at before a single record is read: what would
reject or damage every record is found while the table is still on the screen, and
`--check` judges by the same rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from haihai_tui.errors import Text, text
from haihai_tui.services.checks.model import Status
from haihai_tui.services.settings_schema import FieldMapping
from haihai_tui.sync.field_check import COMPOUND, expected_kind, kind_of
from haihai_tui.sync.mapping import LONGEST_VALUE
from haihai_tui.sync.ports import Field, SObject

TYPE_LABELS: Mapping[str, Text] = {
    "string": text("テキスト"),
    "textarea": text("テキストエリア"),
    "email": text("メール"),
    "phone": text("電話"),
    "url": text("URL"),
    "picklist": text("選択リスト"),
    "multipicklist": text("選択リスト（複数）"),
    "combobox": text("コンボボックス"),
    "boolean": text("チェックボックス"),
    "date": text("日付"),
    "datetime": text("日付/時間"),
    "time": text("時間"),
    "double": text("数値"),
    "int": text("数値"),
    "long": text("数値"),
    "currency": text("通貨"),
    "percent": text("パーセント"),
    "id": text("ID"),
    "reference": text("参照"),
    "encryptedstring": text("テキスト（暗号化）"),
    "address": text("住所（複合）"),
    "location": text("地理位置情報"),
    "base64": text("ファイル"),
    "anyType": text("可変"),
    "complexvalue": text("複合"),
}

_NOTES: Mapping[str, Text] = {
    "datetime": text("日本時間の「年-月-日 時:分:秒」で送ります"),
    "boolean": text("1 か 0 で送ります"),
    "multipicklist": text("値を「,」でつないで送ります"),
    "reference": text("参照先の ID を送ります（名前は Account.Name の形）"),
}
_FINE = text("問題ありません")
_SHOWN_VALUES = 3


@dataclass(frozen=True, slots=True)
class RowCheck:
    """One row of the table: the field's facts and what was found.

    `length` is in characters, 0 where the type has none; `code` a cause code.
    """

    salesforce: str
    haihai: str
    blank: str
    status: Status
    what: Text
    label: str = ""
    type: str = ""
    length: int = 0
    code: str = ""

    @property
    def type_label(self) -> Text:
        return TYPE_LABELS.get(self.type, Text(self.type or "-"))


def find_field(
    name: str, described: SObject, parents: Mapping[str, SObject]
) -> Field | None:
    """The field behind `LastName` or `Account.Name`; None where none is seen.

    `parents` holds descriptions by lower-case relationship name.
    """
    if "." not in name:
        return described.fields.get(name.lower())
    relationship, _, rest = name.partition(".")
    parent = parents.get(relationship.lower())
    return parent.fields.get(rest.lower()) if parent is not None else None


def parents_of(names: Sequence[str], described: SObject) -> dict[str, str]:
    """Relationships that the names go through: lower-case name → object."""
    wanted = {name.partition(".")[0].lower() for name in names if "." in name}
    return {
        field.relationship.lower(): field.reference_to[0]
        for field in described.fields.values()
        if field.relationship.lower() in wanted and field.reference_to
    }


def check_row(
    row: FieldMapping,
    described: SObject,
    parents: Mapping[str, SObject],
    *,
    encoding: str = "cp932",
    sees_encrypted: bool = True,
    known: Mapping[str, str] = MappingProxyType({}),
) -> RowCheck:
    """Judge one row.

    `encoding` is that of the import file; `known` are the kinds of `known_types`.
    """
    field = find_field(row.salesforce, described, parents)
    if field is None:
        return RowCheck(
            row.salesforce,
            row.haihai,
            row.blank,
            Status.FAIL,
            text("項目が見つからないか、連携ユーザーから参照できません"),
            code="missing_field",
        )
    status, what, code = judge_field(field, row, encoding, sees_encrypted, known)
    return RowCheck(
        row.salesforce,
        row.haihai,
        row.blank,
        status,
        what,
        field.label,
        field.type,
        field.length,
        code,
    )


def judge_field(
    field: Field,
    row: FieldMapping,
    encoding: str = "cp932",
    sees_encrypted: bool = True,
    known: Mapping[str, str] = MappingProxyType({}),
) -> tuple[Status, Text, str]:
    """Whether the field can be sent: what to say, and a cause's code or ""."""
    if field.type in COMPOUND:
        what = text("この型は送れません。個々の項目（例: 市区郡）を選んでください")
        return Status.FAIL, what, "field_type_mismatch"
    expected = expected_kind(row.salesforce, row.haihai, row.type, known)
    if expected and kind_of(field.type) != expected:
        what = text(
            "データ型が変わりました（以前: {before}）。変更どおりでよければ、行を"
            "開いて確定します",
            before=row.type or expected,
        )
        return Status.FAIL, what, "field_type_mismatch"
    if row.salesforce.count(".") > 1:
        what = text("親の項目は 1 段だけ送れます（例: Account.Name）")
        return Status.FAIL, what, "missing_field"
    hidden = field.encrypted or field.type == "encryptedstring"
    if hidden and not sees_encrypted:
        what = text("暗号化された項目です。このままでは伏せ字が送られます")
        return Status.FAIL, what, "no_encrypted_data_permission"
    wrong = _not_in(encoding, field.picklist)
    if wrong:
        what = text(
            "選択肢「{values}」は {encoding} で表せず、その顧客がエラーになります",
            values="、".join(wrong[:_SHOWN_VALUES]),
            encoding=encoding,
        )
        return Status.WARN, what, "field_type_mismatch"
    if field.length > LONGEST_VALUE:
        what = text(
            "{length} 文字まで入ります。{limit} 文字を超える顧客はエラーになります",
            length=field.length,
            limit=LONGEST_VALUE,
        )
        return Status.WARN, what, "field_too_short"
    if field.picklist and field.type in ("picklist", "combobox"):
        return Status.OK, text("選択肢 {n} 個", n=len(field.picklist)), ""
    return Status.OK, _NOTES.get(field.type, _FINE), ""


def _not_in(encoding: str, values: Sequence[str]) -> list[str]:
    wrong = []
    for value in values:
        try:
            value.encode(encoding)
        except UnicodeEncodeError:
            wrong.append(value)
    return wrong


def check_address_field(
    name: str, described: SObject, parents: Mapping[str, SObject]
) -> tuple[Status, Text, str]:
    """Whether the field can hold the customers' addresses."""
    field = find_field(name, described, parents)
    if field is None:
        what = text("{field} が見つからないか、参照できません", field=name)
        return Status.FAIL, what, "missing_field"
    if field.type == "email":
        return Status.OK, text("{field}（メール型）", field=name), ""
    if field.type in ("string", "picklist", "textarea", "encryptedstring"):
        what = text(
            "{field} はメール型ではありません。形式の誤りはエラーになります", field=name
        )
        return Status.WARN, what, "field_type_mismatch"
    what = text("{field} はメールアドレスを入れられる型ではありません", field=name)
    return Status.FAIL, what, "field_type_mismatch"


def unmapped(described: SObject, taken: Sequence[str]) -> tuple[Field, ...]:
    """Fields that could still be mapped, by name, for the list to choose from."""
    used = {name.lower() for name in taken}
    return tuple(
        field
        for key, field in sorted(described.fields.items())
        if key not in used and field.type not in COMPOUND
    )
