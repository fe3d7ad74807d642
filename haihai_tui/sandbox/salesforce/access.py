"""What a user may see and write: field-level security, permissions, switches.

Standard fields are open to everybody; a custom field is seen only by those whose
profile or assigned permission set has a FieldPermissions record for it, as in the
service, where a field made by API is invisible until it is granted.  The switches
take away on top of that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from haihai_tui.sandbox.salesforce.fieldtypes import Props, field
from haihai_tui.sandbox.salesforce.setupobjects import USER_PERMISSIONS

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.org import Org

SECURITY_OBJECTS = frozenset(
    {"FieldPermissions", "PermissionSetAssignment", "PermissionSet", "User", "Profile"}
)
"""Writing one of these changes what somebody sees."""

_SWITCHES = (
    "hidden_fields",
    "readonly_fields",
    "field_types",
    "field_lengths",
    "hidden_objects",
    "shield_flag",
    "shield_fields",
)


def fingerprint(switches: Mapping[str, object] | Any) -> str:
    """Changes whenever a switch changes what is seen."""
    return repr([switches[name] for name in _SWITCHES])


def _names(value: object) -> set[str]:
    return {str(name).lower() for name in cast("Iterable[object]", value)}


def hidden_objects(switches: Any) -> set[str]:
    """Objects that are taken away, in lower case."""
    return _names(switches["hidden_objects"])


def permission_sets(org: Org, user_id: str) -> set[str]:
    """The permission sets that act for a user: the profile's and the assigned."""
    profile = org.read_value(user_id, "ProfileId")
    sets, assignments = org.table("PermissionSet"), org.table("PermissionSetAssignment")
    found = {
        sets.ids[slot]
        for slot in sets.slots()
        if profile is not None and sets.value(slot, "ProfileId") == profile
    }
    for slot in assignments.slots():
        if assignments.value(slot, "AssigneeId") == user_id:
            found.add(assignments.value(slot, "PermissionSetId"))
    return found


def granted(org: Org, user_id: str) -> dict[str, bool]:
    """`contact.ext__c` -> whether it may also be written."""
    mine = permission_sets(org, user_id)
    table = org.table("FieldPermissions")
    grants: dict[str, bool] = {}
    for slot in table.slots():
        if table.value(slot, "ParentId") in mine:
            read = table.value(slot, "PermissionsRead")
            edit = table.value(slot, "PermissionsEdit")
            name = str(table.value(slot, "Field")).lower()
            if read or edit:
                grants[name] = bool(edit) or grants.get(name, False)
    return grants


def visible_fields(
    sobject: str, fields: Iterable[Props], grants: Mapping[str, bool], switches: Any
) -> list[Props]:
    """The fields of one object as a user with `grants` sees them."""
    hidden = _names(switches["hidden_fields"])
    fixed = _names(switches["readonly_fields"])
    shielded = _names(
        switches["shield_fields"] if switches["shield_flag"] == "on" else ()
    )
    types = {str(k).lower(): str(v) for k, v in dict(switches["field_types"]).items()}
    lengths = {
        str(k).lower(): int(v) for k, v in dict(switches["field_lengths"]).items()
    }
    seen = []
    for props in fields:
        key = f"{sobject}.{props['name']}".lower()
        governed = props.get("custom", False) and props.get("permissionable", False)
        if key in hidden or (governed and key not in grants):
            continue
        if key in fixed or (governed and not grants[key]):
            props = {**props, "createable": False, "updateable": False}
        if key in types:
            props = _retyped(props, types[key])
        if key in lengths:
            props = {**props, "length": lengths[key], "byteLength": 3 * lengths[key]}
        if key in shielded:
            props = {**props, "encrypted": True}
        seen.append(props)
    return seen


def _retyped(props: Props, kind: str) -> Props:
    kept = ("name", "label", "custom", "createable", "updateable", "permissionable")
    same = {key: props[key] for key in kept if key in props}
    length = {} if kind in ("date", "datetime", "boolean") else {"length": 255}
    return field(str(props["name"]), kind, **{**length, **same}, retyped=True)


def user_permissions(org: Org, user_id: str) -> dict[str, bool]:
    """Effective user permissions; the switch `user_permissions` overrides."""
    profile = org.read_value(user_id, "ProfileId")
    held = {
        name: bool(profile is not None and org.read_value(str(profile), name))
        for name in USER_PERMISSIONS
    }
    sets = permission_sets(org, user_id)
    for name in held:
        held[name] = held[name] or any(org.read_value(one, name) for one in sets)
    forced = cast("Mapping[str, object]", org.switches["user_permissions"])
    return held | {name: bool(value) for name, value in forced.items()}
