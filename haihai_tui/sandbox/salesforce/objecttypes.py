"""What an object consists of besides its own fields: identity, stamps, flags."""

from __future__ import annotations

from typing import Any

from haihai_tui.sandbox.salesforce.fieldtypes import Props, described, field, lookup


def locked(*fields: Props) -> list[Props]:
    """Fields that only the service itself writes."""
    off = {"createable": False, "updateable": False, "permissionable": False}
    return [{**each, **off} for each in fields]


def _system_fields(*, owner: bool) -> list[Props]:
    """The fields that every record has, as real descriptions show them."""
    no = {"nillable": False, "defaultedOnCreate": True}
    stamps = locked(
        field("CreatedDate", "datetime", "Created Date", **no),
        lookup("CreatedById", "User", **no),
        field("LastModifiedDate", "datetime", "Last Modified Date", **no),
        lookup("LastModifiedById", "User", **no),
        field("SystemModstamp", "datetime", "System Modstamp", **no),
    )
    if not owner:
        return stamps
    return [lookup("OwnerId", "User", **no, permissionable=False), *stamps]


def _identity() -> list[Props]:
    no = {"nillable": False, "defaultedOnCreate": True}
    return locked(
        field("Id", "id", "Record ID", idLookup=True, **no),
        field("IsDeleted", "boolean", "Deleted"),
    )


def name_field(length: int, **props: Any) -> Props:
    return field(
        "Name",
        "string",
        "Name",
        **{
            "length": length,
            "nameField": True,
            "idLookup": False,
            "nillable": False,
            "permissionable": False,
            **props,
        },
    )


def text(name: str, length: int, label: str = "", **props: Any) -> Props:
    kind = "textarea" if length > 255 else "string"
    return field(name, kind, label, **{"length": length, **props})


def flags(*names: str) -> list[Props]:
    return [field(name, "boolean") for name in names]


def make_object(
    prefix: str | None,
    label: str,
    plural: str,
    fields: list[Props],
    *,
    setup: bool = False,
    owner: bool = False,
    read_only: bool = False,
) -> Props:
    """One object; `setup` objects have no recycle bin, layout or search."""
    writable = not read_only
    body = [*_identity(), *fields, *_system_fields(owner=owner)]
    if setup:
        body = [each for each in body if each["name"] != "IsDeleted"]
    return {
        "keyPrefix": prefix,
        "label": label,
        "labelPlural": plural,
        "flags": {
            **described()["objects"]["Contact"]["flags"],
            "createable": writable,
            "updateable": writable,
            "deletable": writable,
            "undeletable": writable and not setup,
            "mergeable": False,
            "layoutable": not setup,
            "searchable": not setup,
            "searchLayoutable": not setup,
            "compactLayoutable": not setup,
            "feedEnabled": not setup,
            "mruEnabled": not setup,
            "triggerable": not setup,
            "replicateable": not read_only,
        },
        "fields": body,
    }


def custom_object(prefix: str, label: str, plural: str) -> Props:
    """A bare custom object with a name of 80 characters."""
    made = make_object(
        prefix, label, plural, [name_field(80, nillable=True)], owner=True
    )
    made["flags"]["custom"] = True
    return made
