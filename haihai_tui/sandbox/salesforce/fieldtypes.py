"""How a field of each type is described, and the data of a real description.

A field is a sparse dictionary of describe keys, in which null, false, 0 and empty
are left out, whether it comes from `objects.json`, from this module or from a
client that creates a custom field.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

Props = dict[str, Any]

_SOAP = {
    "id": "tns:ID",
    "reference": "tns:ID",
    "boolean": "xsd:boolean",
    "int": "xsd:int",
    "double": "xsd:double",
    "currency": "xsd:double",
    "percent": "xsd:double",
    "date": "xsd:date",
    "datetime": "xsd:dateTime",
    "address": "urn:address",
}
_LENGTHS = {"id": 18, "reference": 18, "email": 80, "phone": 40, "url": 255}
_NO_GROUPS = frozenset({"datetime", "double", "currency", "percent"})
NUMBERS = frozenset({"int", "double", "currency", "percent"})
CUSTOM_FIELD_PREFIX = "00N"


@cache
def described() -> Mapping[str, Any]:
    """The data file: `describeKeys`, `fieldKeys` and `objects` by name."""
    path = files("haihai_tui.sandbox.salesforce") / "objects.json"
    data: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return data


def field(name: str, kind: str, label: str = "", /, **props: Any) -> Props:
    """A writable, optional field of type `kind`; `props` override what it has.

    Text longer than 255 characters cannot be filtered or sorted, and sizes in
    bytes are three times those in characters, as in every real description.
    """
    length = int(props.get("length", _LENGTHS.get(kind, 0)))
    long_text = length > 255 and kind in ("string", "textarea")
    several = kind == "multipicklist"
    made: Props = {
        "name": name,
        "type": kind,
        "label": label or name,
        "soapType": _SOAP.get(kind, "xsd:string"),
        "aggregatable": kind not in ("boolean", "address") and not long_text,
        "filterable": not long_text,
        "groupable": kind not in _NO_GROUPS and not long_text and not several,
        "sortable": kind != "address" and not long_text and not several,
        "createable": True,
        "updateable": True,
        "permissionable": True,
        "nillable": kind != "boolean",
        "defaultedOnCreate": kind == "boolean",
        "length": length,
        "byteLength": length if kind in ("id", "reference") else 3 * length,
    }
    if kind == "boolean":
        made["defaultValue"] = False
    if kind == "textarea":
        made["extraTypeInfo"] = "plaintextarea"
    return {**made, **props}


def picklist(name: str, values: Iterable[str], label: str = "", **props: Any) -> Props:
    """A picklist, unrestricted unless `restrictedPicklist` says otherwise."""
    choices = list(values)
    return field(
        name, "picklist", label, **{"length": 255, **props, "picklistValues": choices}
    )


def lookup(name: str, *targets: str, **props: Any) -> Props:
    """A reference to one of `targets`."""
    relation = props.get("relationshipName", name.removesuffix("Id"))
    several = len(targets) > 1
    return field(
        name,
        "reference",
        f"{relation} ID",
        **{
            "referenceTo": list(targets),
            "relationshipName": relation,
            "polymorphicForeignKey": several,
            "namePointing": several,
            **props,
        },
    )
