"""The Tooling API as far as creating custom fields needs it.

A field that is made here has no field-level security: nobody sees it until a
FieldPermissions record grants it, unless it is required.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from haihai_tui.sandbox.salesforce import ids
from haihai_tui.sandbox.salesforce.calls import Call, Reply, Route
from haihai_tui.sandbox.salesforce.cursors import Cursors
from haihai_tui.sandbox.salesforce.errors import ApiError, not_found
from haihai_tui.sandbox.salesforce.fieldtypes import Props, field
from haihai_tui.sandbox.salesforce.org import Org
from haihai_tui.sandbox.salesforce.queries import Queries
from haihai_tui.sandbox.salesforce.toolingobjects import tooling_objects

_KINDS = {
    "Text": "string",
    "TextArea": "textarea",
    "LongTextArea": "textarea",
    "Number": "double",
    "Currency": "currency",
    "Percent": "percent",
    "Date": "date",
    "DateTime": "datetime",
    "Checkbox": "boolean",
    "Email": "email",
    "Phone": "phone",
    "Url": "url",
    "Picklist": "picklist",
    "MultiselectPicklist": "multipicklist",
    "EncryptedText": "encryptedstring",
    "Lookup": "reference",
}
_LENGTHS = {
    "string": 255, "textarea": 255, "email": 80, "phone": 40, "url": 255,
    "picklist": 255, "multipicklist": 4099, "encryptedstring": 175, "reference": 18,
}  # fmt: skip


def field_from_metadata(name: str, metadata: Mapping[str, Any]) -> Props:
    """The description of a custom field from its metadata.

    ApiError FIELD_INTEGRITY_EXCEPTION when the type is unknown.
    """
    kind = _KINDS.get(str(metadata.get("type")))
    if kind is None:
        message = f"Unknown field type: {metadata.get('type')}"
        raise ApiError(400, "FIELD_INTEGRITY_EXCEPTION", message, ["Metadata"])
    props: Props = {"custom": True, "metadata": dict(metadata)}
    if kind in _LENGTHS:
        props["length"] = _whole(metadata, "length", _LENGTHS[kind])
    if kind in ("double", "currency", "percent"):
        props["precision"] = _whole(metadata, "precision", 18)
        props["scale"] = _whole(metadata, "scale", 0)
    if kind in ("picklist", "multipicklist"):
        props |= _value_set(metadata)
    if kind == "encryptedstring":
        props |= {"encrypted": True, "filterable": False, "sortable": False}
        props |= {"groupable": False, "mask": metadata.get("maskChar", "asterisk")}
        props["maskType"] = metadata.get("maskType", "all")
    if kind == "reference":
        props |= {
            "referenceTo": [str(metadata.get("referenceTo"))],
            "relationshipName": f"{name.removesuffix('__c')}__r",
        }
    if metadata.get("externalId"):
        props |= {"externalId": True, "idLookup": True}
    if metadata.get("unique"):
        props |= {"unique": True, "caseSensitive": bool(metadata.get("caseSensitive"))}
    if metadata.get("required"):
        props |= {"nillable": False, "permissionable": False}
    return field(name, kind, str(metadata.get("label") or name), **props)


def _metadata(body: Mapping[str, Any]) -> dict[str, Any]:
    return _object(body.get("Metadata"))


def _object(value: Any) -> dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        message = "Cannot deserialize instance of metadata from this JSON value"
        raise ApiError(400, "JSON_PARSER_ERROR", message)
    return value or {}


def _whole(metadata: Mapping[str, Any], name: str, default: int) -> int:
    value = metadata.get(name)
    if value is None:
        return default
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        message = f"{name}: value not of required type: {value}"
        raise ApiError(400, "FIELD_INTEGRITY_EXCEPTION", message, ["Metadata"])
    return value


def _value_set(metadata: Mapping[str, Any]) -> Props:
    values = _object(metadata.get("valueSet"))
    definition = _object(values.get("valueSetDefinition"))
    names = [
        str(each.get("fullName") or each.get("valueName"))
        for each in definition.get("value") or ()
        if isinstance(each, dict)
    ]
    return {
        "picklistValues": names,
        "restrictedPicklist": bool(values.get("restricted")),
    }


class Tooling:
    """`/tooling/`: CustomField records, and queries on what describes the org."""

    def __init__(self, org: Org, cursors: Cursors) -> None:
        self._org = org
        self._shadow = Org(org.clock, org.seed, org.switches, tooling_objects())
        self._shadow.virtual.update(
            CustomField=lambda: self._fields(only_custom=True),
            FieldDefinition=lambda: self._fields(only_custom=False),
            EntityDefinition=self._entities,
        )
        self._queries = Queries(self._shadow, cursors, "tooling/")

    def routes(self) -> list[Route]:
        one = "tooling/sobjects/CustomField/{id}"
        return [
            *self._queries.routes(),
            ("POST", "tooling/sobjects/CustomField", self.create),
            ("GET", one, self.read),
            ("PATCH", one, self.update),
            ("DELETE", one, self.delete),
        ]

    # ------------------------------------------------------------- custom fields

    def create(self, call: Call) -> Reply:
        self._check_right(call)
        body = call.object()
        sobject, _, name = str(body.get("FullName", "")).partition(".")
        if not name.endswith("__c") or not self._org.has(sobject):
            message = f"Invalid FullName: {body.get('FullName')}"
            raise ApiError(400, "FIELD_INTEGRITY_EXCEPTION", message, ["FullName"])
        props = field_from_metadata(name, _metadata(body))
        self._org.add_field(sobject, props)
        made = self._id(str(props["name"]), self._org.schema(sobject).name)
        empty: list[Any] = []
        return Reply(
            201,
            {"id": made, "success": True, "errors": empty}
            | {"warnings": empty, "infos": empty},
        )

    def read(self, call: Call) -> Reply:
        sobject, props = self._find(call)
        url = call.url(f"tooling/sobjects/CustomField/{call.args['id']}")
        name = str(props["name"])
        return Reply(
            body={
                "attributes": {"type": "CustomField", "url": url},
                "Id": self._id(name, sobject),
                "DeveloperName": name.removesuffix("__c"),
                "TableEnumOrId": sobject,
                "FullName": f"{sobject}.{name}",
                "Metadata": props.get("metadata"),
            }
        )

    def update(self, call: Call) -> Reply:
        self._check_right(call)
        sobject, props = self._find(call)
        metadata = _metadata(call.object())
        self._org.replace_field(
            sobject, field_from_metadata(str(props["name"]), metadata)
        )
        return Reply(204)

    def delete(self, call: Call) -> Reply:
        self._check_right(call)
        sobject, props = self._find(call)
        self._org.remove_field(sobject, str(props["name"]))
        return Reply(204)

    def _check_right(self, call: Call) -> None:
        if not self._org.permits("PermissionsCustomizeApplication", call.user_id):
            message = "insufficient access rights on object id"
            raise ApiError(403, "INSUFFICIENT_ACCESS", message)

    def _find(self, call: Call) -> tuple[str, Props]:
        wanted = ids.normalise(call.args["id"])
        for sobject, fields in self._org.custom_fields().items():
            for props in fields:
                if self._id(str(props["name"]), sobject) == wanted:
                    return sobject, props
        raise not_found()

    def _id(self, name: str, sobject: str) -> str:
        return self._org.field_id(sobject, name)

    # ---------------------------------------------------------------- rows of SOQL

    def _fields(self, *, only_custom: bool) -> Iterator[dict[str, Any]]:
        for sobject in self._org.sobjects():
            custom = self._org.custom_fields().get(sobject, ())
            if only_custom:
                for props in custom:
                    yield self._custom_row(sobject, props)
                continue
            for each in self._org.schema(sobject).fields.values():
                yield {
                    "DurableId": f"{sobject}.{each.name}",
                    "QualifiedApiName": each.name,
                    "DeveloperName": each.name.removesuffix("__c"),
                    "Label": each.label,
                    "DataType": each.type,
                    "Length": each.length,
                    "EntityDefinitionId": sobject,
                    "IsCalculated": each.has("calculated"),
                }

    def _custom_row(self, sobject: str, props: Props) -> dict[str, Any]:
        name = str(props["name"])
        return {
            "Id": self._id(name, sobject),
            "DeveloperName": name.removesuffix("__c"),
            "TableEnumOrId": sobject,
            "Length": int(props.get("length", 0)),
        }

    def _entities(self) -> Iterator[dict[str, Any]]:
        for sobject in self._org.sobjects():
            schema = self._org.schema(sobject)
            yield {
                "DurableId": sobject,
                "QualifiedApiName": sobject,
                "DeveloperName": sobject.removesuffix("__c"),
                "Label": schema.label,
                "PluralLabel": schema.label_plural,
                "KeyPrefix": schema.key_prefix,
                "IsQueryable": schema.flag("queryable"),
                "IsCustomizable": True,
            }
