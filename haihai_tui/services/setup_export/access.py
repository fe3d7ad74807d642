"""The permission set, and the fields that are written back to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.setup_export.apps import PERMISSION_SET
from haihai_tui.services.setup_export.metadata import (
    Component,
    Value,
    check_custom_field,
)
from haihai_tui.services.setup_export.rights import Rights
from haihai_tui.services.target_check import Target, flow_targets

LABEL = "権限セット_配配メール"


def permission_set(rights: Rights, *, sees_encrypted: bool) -> Component:
    """Just the rights that were read off the profile, and the API."""
    fields: list[tuple[str, Value]] = [
        (
            "fieldPermissions",
            [("editable", edit), ("field", name), ("readable", True)],
        )
        for name, edit in sorted(rights.fields.items())
    ]
    objects: list[tuple[str, Value]] = [
        ("objectPermissions", _object_right(name, edit))
        for name, edit in sorted(rights.objects.items())
    ]
    names = [*rights.users, *(["ViewEncryptedData"] if sees_encrypted else [])]
    users: list[tuple[str, Value]] = [
        ("userPermissions", [("enabled", True), ("name", name)]) for name in names
    ]
    return Component(
        "PermissionSet",
        PERMISSION_SET,
        [
            ("description", "配配メール連携ユーザーの権限 (HaiHai Mail connector)"),
            *fields,
            ("hasActivationRequired", False),
            ("label", LABEL),
            *objects,
            *users,
        ],
    )


def _object_right(name: str, edit: bool) -> list[tuple[str, Value]]:
    return [
        ("allowCreate", False),
        ("allowDelete", False),
        ("allowEdit", edit),
        ("allowRead", True),
        ("modifyAllRecords", False),
        ("object", name),
        # Records that sharing hides would be taken for records that left.
        ("viewAllRecords", True),
    ]


def write_back_targets(settings: Settings) -> tuple[Target, ...]:
    """Every field that an enabled flow writes, without repetition."""
    found = [
        target
        for flow in ("suppressions", "page-views")
        if flow in settings.flows.enabled
        for target in flow_targets(settings, flow)
    ]
    named = {(one.sobject, one.field): one for one in reversed(found)}
    return tuple(reversed(named.values()))


def custom_fields(targets: Iterable[Target]) -> Iterator[Component]:
    """The fields that can be made; SettingsError for a name that cannot be one."""
    for target in targets:
        if target.field.endswith("__c") and not _is_packaged(target.field):
            name = check_custom_field(target.field)
            elements = [("fullName", name), *_elements(target.purpose.metadata)]
            yield Component("CustomField", f"{target.sobject}.{name}", elements)


def _is_packaged(field: str) -> bool:
    """`namespace__Field__c` belongs to an installed package."""
    return field.removesuffix("__c").count("__") == 1


def _elements(metadata: Mapping[str, object]) -> Sequence[tuple[str, Value]]:
    """The Tooling API's JSON as elements: lists repeat their tag."""
    elements: list[tuple[str, Value]] = []
    for tag, value in sorted(metadata.items(), key=lambda pair: pair[0]):
        for one in value if isinstance(value, list | tuple) else (value,):
            if isinstance(one, Mapping):
                elements.append((tag, _elements(one)))
            else:
                assert isinstance(one, str | bool | int)
                elements.append((tag, one))
    return elements
