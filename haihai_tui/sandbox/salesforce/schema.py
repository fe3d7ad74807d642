"""Objects and fields as one user may see them, and how they are described.

A `Schema` is immutable: field-level security, custom fields and the switches that
hide or change fields give a new one, so that describe, queries and writes can never
disagree about what a user sees.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from haihai_tui.sandbox.salesforce.fieldtypes import NUMBERS, Props, described

_INTEGER_KEYS = frozenset({"byteLength", "digits", "length", "precision", "scale"})
_LIST_KEYS = frozenset({"picklistValues", "referenceTo"})
_NULL_KEYS = frozenset({
    "calculatedFormula", "compoundFieldName", "controllerName", "defaultValue",
    "defaultValueFormula", "extraTypeInfo", "filteredLookupInfo", "inlineHelpText",
    "mask", "maskType", "referenceTargetField", "relationshipName",
    "relationshipOrder",
})  # fmt: skip
_GLOBAL_KEYS = (
    "activateable", "associateEntityType", "associateParentEntity", "createable",
    "custom", "customSetting", "deepCloneable", "deletable", "deprecatedAndHidden",
    "feedEnabled", "hasSubtypes", "isInterface", "isSubtype", "keyPrefix", "label",
    "labelPlural", "layoutable", "mergeable", "mruEnabled", "name", "queryable",
    "replicateable", "retrieveable", "searchable", "triggerable", "undeletable",
    "updateable", "urls",
)  # fmt: skip
_MASTER_RECORD_TYPE = "012000000000000AAA"


@dataclass(frozen=True)
class Field:
    """One field; `props` are its describe keys, the absent ones being empty."""

    props: Props

    @property
    def name(self) -> str:
        return str(self.props["name"])

    @property
    def type(self) -> str:
        return str(self.props["type"])

    @property
    def label(self) -> str:
        return str(self.props.get("label", self.name))

    @property
    def length(self) -> int:
        return int(self.props.get("length", 0))

    @property
    def targets(self) -> list[str]:
        """Objects that a reference may point to."""
        return list(self.props.get("referenceTo", ()))

    @property
    def choices(self) -> list[str]:
        """Values of a picklist."""
        return list(self.props.get("picklistValues", ()))

    @property
    def relationship(self) -> str | None:
        name = self.props.get("relationshipName")
        return None if name is None else str(name)

    def has(self, flag: str) -> bool:
        """A boolean describe key."""
        return bool(self.props.get(flag, False))

    @property
    def is_text(self) -> bool:
        """Whether SOQL compares it as text in quotes."""
        return self.type not in NUMBERS | {"boolean", "date", "datetime", "address"}

    @property
    def required(self) -> bool:
        """Whether a new record must give a value."""
        return (
            self.has("createable")
            and not self.has("nillable")
            and not self.has("defaultedOnCreate")
        )

    @property
    def is_lookup_key(self) -> bool:
        """Whether records can be upserted by it."""
        return self.has("externalId") or self.has("idLookup")

    def describe(self) -> dict[str, Any]:
        """Exactly the 57 keys of a real description."""
        return {key: self._described(key) for key in described()["fieldKeys"]}

    def _described(self, key: str) -> Any:
        if key == "picklistValues":
            return [_choice(value) for value in self.choices]
        if key == "defaultValue" and self.type == "boolean":
            return self.props.get(key, False)
        if key in self.props:
            return self.props[key]
        if key in _INTEGER_KEYS:
            return 0
        if key in _LIST_KEYS:
            return []
        return None if key in _NULL_KEYS else False


def _choice(value: str) -> dict[str, Any]:
    return {
        "active": True,
        "defaultValue": False,
        "label": value,
        "validFor": None,
        "value": value,
    }


@dataclass(frozen=True)
class Schema:
    """One object with the fields that its reader may see, in describe order."""

    name: str
    props: Props
    fields: Mapping[str, Field]
    by_lower: Mapping[str, Field] = field(repr=False)
    by_relationship: Mapping[str, Field] = field(repr=False)

    @classmethod
    def build(cls, name: str, props: Props, fields: Iterable[Props]) -> Schema:
        """From sparse data; the fields may differ from those of `props`."""
        made = {each["name"]: Field(each) for each in fields}
        lower = {each.name.lower(): each for each in made.values()}
        relations = {
            each.relationship.lower(): each
            for each in made.values()
            if each.relationship and each.targets
        }
        return cls(name, props, made, lower, relations)

    @property
    def key_prefix(self) -> str | None:
        prefix = self.props["keyPrefix"]
        return None if prefix is None else str(prefix)

    @property
    def label(self) -> str:
        return str(self.props["label"])

    @property
    def label_plural(self) -> str:
        return str(self.props["labelPlural"])

    def flag(self, name: str) -> bool:
        return bool(self.props["flags"].get(name, False))

    def find(self, name: str) -> Field | None:
        """A field by name, any case."""
        return self.by_lower.get(name.lower())

    def parent(self, relationship: str) -> Field | None:
        """The reference field behind `Account` in `Account.Name`, any case."""
        return self.by_relationship.get(relationship.lower())

    @cached_property
    def required(self) -> tuple[str, ...]:
        """Names of the fields that a new record must give a value."""
        return tuple(each.name for each in self.fields.values() if each.required)

    @property
    def name_field(self) -> Field | None:
        return next((f for f in self.fields.values() if f.has("nameField")), None)

    # ----------------------------------------------------------------- describe

    def describe_global(self, version: str) -> dict[str, Any]:
        """The short description, as in the list of all objects."""
        return {key: self._global_value(key, version) for key in _GLOBAL_KEYS}

    def _global_value(self, key: str, version: str) -> Any:
        if key == "urls":
            return self._short_urls(version)
        if key in ("associateEntityType", "associateParentEntity"):
            return None
        if key in ("name", "label", "labelPlural", "keyPrefix"):
            return getattr(self, _ATTRIBUTES[key])
        return self.flag(key)

    def describe(
        self, version: str, children: Iterable[tuple[Schema, Field]]
    ) -> dict[str, Any]:
        """The whole description; `children` are the references that point here."""
        whole = self.describe_global(version) | {
            "actionOverrides": [],
            "childRelationships": [_child(schema, each) for schema, each in children],
            "compactLayoutable": self.flag("compactLayoutable"),
            "defaultImplementation": None,
            "extendedBy": None,
            "extendsInterfaces": None,
            "fields": [each.describe() for each in self.fields.values()],
            "implementedBy": None,
            "implementsInterfaces": None,
            "listviewable": None,
            "lookupLayoutable": None,
            "namedLayoutInfos": [],
            "networkScopeFieldName": None,
            "recordTypeInfos": [self._master_record_type(version)],
            "searchLayoutable": self.flag("searchLayoutable"),
            "sobjectDescribeOption": "FULL",
            "supportedScopes": self._scopes(),
            "urls": self._urls(version),
        }
        return {key: whole[key] for key in described()["describeKeys"]}

    def _scopes(self) -> list[dict[str, str]]:
        plural = self.label_plural.lower()
        return [
            {"label": f"All {plural}", "name": "everything"},
            {"label": f"My {plural}", "name": "mine"},
        ]

    def _master_record_type(self, version: str) -> dict[str, Any]:
        layouts = f"{self._path(version)}/describe/layouts/{_MASTER_RECORD_TYPE}"
        return {
            "active": True,
            "available": True,
            "defaultRecordTypeMapping": True,
            "developerName": "Master",
            "master": True,
            "name": "Master",
            "recordTypeId": _MASTER_RECORD_TYPE,
            "urls": {"layout": layouts},
        }

    def _path(self, version: str) -> str:
        return f"/services/data/v{version}/sobjects/{self.name}"

    def _short_urls(self, version: str) -> dict[str, str]:
        path = self._path(version)
        urls = {"rowTemplate": f"{path}/{{ID}}", "describe": f"{path}/describe"}
        if self.flag("layoutable"):
            urls["layouts"] = f"{path}/describe/layouts"
        return urls | {"sobject": path}

    def _urls(self, version: str) -> dict[str, str]:
        path = self._path(version)
        urls = {
            "compactLayouts": f"{path}/describe/compactLayouts",
            "rowTemplate": f"{path}/{{ID}}",
            "approvalLayouts": f"{path}/describe/approvalLayouts",
            "defaultValues": f"{path}/defaultValues?recordTypeId&fields",
        }
        if self.flag("feedEnabled"):
            urls["listviews"] = f"{path}/listviews"
        urls["describe"] = f"{path}/describe"
        urls["quickActions"] = f"{path}/quickActions"
        if self.flag("layoutable"):
            urls["layouts"] = f"{path}/describe/layouts"
        return urls | {"sobject": path}

    def fingerprint(self) -> str:
        """Eight hex digits that change with anything described (for the ETag)."""
        text = repr((self.name, [each.props for each in self.fields.values()]))
        return hashlib.sha256(text.encode()).hexdigest()[:8]


_ATTRIBUTES = {
    "name": "name",
    "label": "label",
    "labelPlural": "label_plural",
    "keyPrefix": "key_prefix",
}


def _child(schema: Schema, reference: Field) -> dict[str, Any]:
    return {
        "cascadeDelete": reference.has("cascadeDelete"),
        "childSObject": schema.name,
        "deprecatedAndHidden": False,
        "field": reference.name,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": schema.label_plural.replace(" ", ""),
        "restrictedDelete": reference.has("restrictedDelete"),
    }
