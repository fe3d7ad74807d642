"""REST's describe of an object, reduced to what the sync asks about.

What the running user may not see is missing from describe: "hidden" and "does not
exist" look the same to every caller.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haihai_tui.sync.ports import Field, SObject


def to_sobject(document: Mapping[str, Any]) -> SObject:
    """The answer of `/sobjects/X/describe`.  Raises KeyError without a name."""
    fields = (to_field(f) for f in document.get("fields") or ())
    return SObject(
        name=str(document["name"]),
        label=str(document.get("label") or document["name"]),
        key_prefix=str(document.get("keyPrefix") or ""),
        fields={f.name.lower(): f for f in fields},
    )


def to_field(document: Mapping[str, Any]) -> Field:
    """One entry of `fields`.  Raises KeyError without name or type."""
    values = document.get("picklistValues") or ()
    return Field(
        name=str(document["name"]),
        type=str(document["type"]),
        label=str(document.get("label") or ""),
        length=int(document.get("length") or 0),
        precision=int(document.get("precision") or 0),
        scale=int(document.get("scale") or 0),
        nillable=bool(document.get("nillable", False)),
        createable=bool(document.get("createable", False)),
        updateable=bool(document.get("updateable", False)),
        encrypted=bool(document.get("encrypted", False)),
        restricted=bool(document.get("restrictedPicklist", False)),
        picklist=tuple(str(v["value"]) for v in values if v.get("active", True)),
        reference_to=tuple(str(name) for name in document.get("referenceTo") or ()),
        relationship=str(document.get("relationshipName") or ""),
    )
