"""The mapped fields judged by what Salesforce describes before every run.

A field that was renamed, hidden, turned into a type that cannot be sent, or into one
that would send other values than it was mapped for, is set aside with its cause; the
others go on.  What a field was when it was mapped is remembered, so that it comes back
by itself and a change is noticed whenever it was made.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from haihai_tui.errors import Text, text
from haihai_tui.sync.config import CustomersConfig, FieldMapping
from haihai_tui.sync.ports import Field, SObject

TYPES = "customers.types"
"""Cursor: what each mapped field was when it was mapped."""

COMPOUND = frozenset(("address", "location", "base64", "anyType", "complexvalue"))
"""Types that no query for a flat table can carry."""

_KINDS: Mapping[str, str] = {
    **dict.fromkeys(("double", "int", "long", "currency", "percent"), "number"),
    **dict.fromkeys(("id", "reference"), "reference"),
    **{kind: kind for kind in ("boolean", "date", "datetime", "time", "multipicklist")},
}

Parents = Mapping[str, Sequence[SObject]]
"""Descriptions by lower-case relationship name; several where it is polymorphic."""


def kind_of(type_name: str) -> str:
    """What the values of a type look like; a change within a kind does no harm."""
    return _KINDS.get(type_name, "text")


def expected_kind(
    salesforce: str, haihai: str, type_name: str, known: Mapping[str, str]
) -> str:
    """What a mapped field was meant to be: as set, or as first seen; "": not known."""
    return kind_of(type_name) if type_name else known.get(_name(salesforce, haihai), "")


def _name(salesforce: str, haihai: str) -> str:
    return f"{salesforce} → {haihai}"


@dataclass(frozen=True, slots=True)
class Usable:
    """A field that is sent, with its type as described now."""

    mapping: FieldMapping
    type: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A field that is set aside; `cause` is a code of `--diagnose`."""

    mapping: FieldMapping
    cause: str
    why: Text


@dataclass(frozen=True, slots=True)
class CheckedFields:
    """`kinds` is to be remembered: what each field was when it was mapped."""

    usable: tuple[Usable, ...]
    broken: tuple[Broken, ...]
    kinds: Mapping[str, str]

    @property
    def memory(self) -> str:
        return json.dumps(self.kinds, ensure_ascii=False, sort_keys=True)


def remembered(memory: str | None) -> dict[str, str]:
    """The `kinds` of an earlier `memory`; none where there is none."""
    try:
        found = json.loads(memory or "{}")
    except ValueError:
        return {}
    return {str(key): str(kind) for key, kind in dict(found).items()}


def parent_objects(names: Sequence[str], described: SObject) -> dict[str, list[str]]:
    """The objects behind the relationships that `names` go through, by lower-case
    relationship name."""
    wanted = {name.partition(".")[0].lower() for name in names if "." in name}
    return {
        field.relationship.lower(): list(field.reference_to)
        for field in described.fields.values()
        if field.relationship.lower() in wanted and field.reference_to
    }


def find(name: str, described: SObject, parents: Parents) -> Field | None:
    """The field behind `LastName` or `Account.Name`; None where none is seen."""
    relationship, dot, rest = name.partition(".")
    if not dot:
        return described.fields.get(name.lower())
    for parent in parents.get(relationship.lower(), ()):
        if found := parent.fields.get(rest.lower()):
            return found
    return None


def check_fields(
    config: CustomersConfig,
    described: SObject,
    parents: Parents,
    known: Mapping[str, str],
    sees_encrypted: Callable[[], bool],
) -> CheckedFields:
    """Judge every mapped field.

    `known` are the `kinds` of the last run; `sees_encrypted` is asked only where an
    encrypted field is mapped.
    """
    usable: list[Usable] = []
    broken: list[Broken] = []
    kinds: dict[str, str] = {}
    for mapping in config.fields:
        field = find(mapping.salesforce, described, parents)
        name = _name(mapping.salesforce, mapping.haihai)
        expected = expected_kind(
            mapping.salesforce, mapping.haihai, mapping.type, known
        )
        problem = _problem(mapping, field, expected, sees_encrypted)
        if problem is not None:
            broken.append(problem)
            kinds |= {name: expected} if expected else {}
        elif field is not None:
            usable.append(Usable(mapping, field.type))
            kinds[name] = kind_of(field.type)
    return CheckedFields(tuple(usable), tuple(broken), kinds)


def _problem(
    mapping: FieldMapping,
    field: Field | None,
    expected: str,
    sees_encrypted: Callable[[], bool],
) -> Broken | None:
    if field is None:
        return Broken(mapping, "missing_field", _MISSING)
    if field.type in COMPOUND:
        why = text(
            "データ型「{type}」は送れません。個々の項目を指定してください。",
            type=field.type,
        )
        return Broken(mapping, "field_type_mismatch", why)
    if expected and kind_of(field.type) != expected:
        why = text(
            "データ型が「{type}」に変わりました（以前: {before}）。型を戻すか、"
            "変更どおりでよければ customers.fields の type に「{type}」を指定して"
            "ください。",
            type=field.type,
            before=mapping.type or expected,
        )
        return Broken(mapping, "field_type_mismatch", why)
    hidden = field.encrypted or field.type == "encryptedstring"
    if hidden and not sees_encrypted():
        return Broken(mapping, "no_encrypted_data_permission", _MASKED)
    return None


_MISSING = text(
    "Salesforce で参照できません。名前の変更、または項目レベルセキュリティを確認して"
    "ください。"
)
_MASKED = text(
    "暗号化された項目です。連携ユーザーに「暗号化されたデータの参照」権限が無く、"
    "伏せ字しか読めません。"
)
