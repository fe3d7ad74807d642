"""Creating, changing and deleting records, with the rules of the service.

Every write moves `SystemModstamp` to the server's clock, even when it changes
nothing else; a delete moves it too and keeps the record in the recycle bin.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from haihai_tui.sandbox.salesforce import (
    access,
    columns,
    ids,
    validation,
)
from haihai_tui.sandbox.salesforce.errors import RowError
from haihai_tui.sandbox.salesforce.schema import Field, Schema
from haihai_tui.sandbox.salesforce.table import Table

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.org import Org


def deleted() -> RowError:
    """The record is in the recycle bin or gone."""
    return RowError("ENTITY_IS_DELETED", "entity is deleted")


def unknown_id(fields: tuple[str, ...] = ()) -> RowError:
    """No record has this id."""
    return RowError("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", fields)


def computed(org: Org, sobject: str, slot: int, name: str) -> Any:
    """A value that is not stored but put together, None if there is none."""
    schema = org.schema(sobject)
    field = schema.fields.get(name)
    if name == "Id":
        return org.table(sobject).ids[slot]
    if field is None:
        return None
    return columns.value_getter(schema, org.table(sobject), field)(slot)


def slot_of(schema: Schema, table: Table, record_id: str) -> int:
    """The slot of a living record; RowError MALFORMED_ID, ENTITY_IS_DELETED, …."""
    full = ids.normalise(record_id)
    if full is None or full[:3] != table.key_prefix:
        raise validation.wrong_id(f"{schema.label} ID", record_id, "Id")
    slot = table.slot(full)
    if slot is None:
        raise unknown_id()
    if slot in table.deleted:
        raise deleted()
    return slot


# ---------------------------------------------------------------------- writing


def insert(
    org: Org, sobject: str, values: Mapping[str, Any], user_id: str | None
) -> str:
    """Create a record; its id."""
    schema = org.schema(sobject, user_id)
    if not schema.flag("createable"):
        message = f"entity type {schema.name} does not support create"
        raise RowError("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message)
    kept = _stored(org, schema, values, creating=True)
    _check_own_rules(org, schema, kept, None)
    table = org.table(schema.name)
    _check_unique(org, schema, table, kept, None)
    now, user = org.now(), user_id or org.admin_user_id
    slot = table.append(
        {
            **_initial(schema),
            "OwnerId": user,
            "CreatedById": user,
            "LastModifiedById": user,
            "CreatedDate": now,
            "LastModifiedDate": now,
            "SystemModstamp": now,
            **kept,
        }
    )
    notice(org, schema)
    return table.ids[slot]


def update(
    org: Org,
    sobject: str,
    record_id: str,
    values: Mapping[str, Any],
    user_id: str | None,
) -> None:
    """Change the given fields of a living record."""
    schema = org.schema(sobject, user_id)
    table = org.table(schema.name)
    slot = slot_of(schema, table, record_id)
    if schema.name == "Lead" and table.value(slot, "IsConverted"):
        raise RowError(
            "CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead"
        )
    kept = _stored(org, schema, values, creating=False)
    _check_own_rules(org, schema, kept, slot)
    _check_unique(org, schema, table, kept, slot)
    for name, value in kept.items():
        table.write(slot, name, value)
    touch(org, table, slot, user_id)
    notice(org, schema)


def upsert(
    org: Org,
    sobject: str,
    ext_field: str,
    ext_value: Any,
    values: Mapping[str, Any],
    user_id: str | None,
    update_only: bool,
) -> tuple[str, bool]:
    """Create or update by a key; the id and whether it was created."""
    schema = org.schema(sobject, user_id)
    field = schema.find(ext_field)
    if field is None or not field.is_lookup_key:
        raise RowError(
            "INVALID_FIELD", f"Field name provided, {ext_field} is not an External ID"
        )
    if field.name == "Id" and ext_value is None:
        return insert(org, sobject, values, user_id), True
    if field.name == "Id":
        update(org, sobject, str(ext_value), values, user_id)
        return str(ids.normalise(str(ext_value))), False
    key = validation.stored(field, ext_value)
    if key is None:
        message = f"{field.name} not specified"
        raise RowError("MISSING_ARGUMENT", message, [field.name])
    found = org.find(schema.name, field.name, key)
    if len(found) > 1:
        raise RowError(
            "DUPLICATE_EXTERNAL_ID",
            f"{field.name}: more than one record found for external id field: {found}",
            found,
        )
    rest = {n: v for n, v in values.items() if n.lower() != field.name.lower()}
    if found:
        update(org, sobject, found[0], rest, user_id)
        return found[0], False
    if update_only:
        raise RowError("NOT_FOUND", "The requested resource does not exist")
    return insert(org, sobject, {**rest, field.name: key}, user_id), True


def touch(org: Org, table: Table, slot: int, user_id: str | None) -> None:
    """Move the stamps of a record that has been written."""
    now = org.now()
    table.write(slot, "LastModifiedDate", now)
    table.write(slot, "SystemModstamp", now)
    table.write(slot, "LastModifiedById", user_id or org.admin_user_id)


def notice(org: Org, schema: Schema) -> None:
    if schema.name in access.SECURITY_OBJECTS:
        org.forget_access()


# ---------------------------------------------------------------------- checking

_STATUS = {"Lead": ("Status", "Open - Not Contacted")}


def _initial(schema: Schema) -> dict[str, Any]:
    """Values that the service fills in."""
    if schema.name in _STATUS:
        name, value = _STATUS[schema.name]
        return {name: value} if name in schema.fields else {}
    return {}


def _stored(
    org: Org, schema: Schema, values: Mapping[str, Any], *, creating: bool
) -> dict[str, Any]:
    """The values in stored form, by canonical name; RowError for the first fault."""
    plain = _resolved(org, schema, values)
    validation.check_writable(schema, list(plain), creating=creating)
    kept: dict[str, Any] = {}
    for name, value in plain.items():
        field = schema.by_lower[name.lower()]
        kept[field.name] = validation.stored(field, value)
    validation.check_required(schema, kept, creating=creating)
    for name, value in kept.items():
        field = schema.fields[name]
        if field.type == "reference" and value is not None:
            _check_reference(org, field, value)
    return kept


def _resolved(org: Org, schema: Schema, values: Mapping[str, Any]) -> dict[str, Any]:
    """`Account.Ext__c` or `{"Account": {"Ext__c": …}}` replaced by the id."""
    plain: dict[str, Any] = {}
    for name, value in values.items():
        relation, _, key = name.partition(".")
        if isinstance(value, Mapping):
            inner = {k: v for k, v in value.items() if k != "attributes"}
            key, value = next(iter(inner.items()), ("", None))
        reference = schema.parent(relation.rpartition(":")[2]) if key else None
        if reference is None:
            plain[name] = value
        else:
            plain[reference.name] = _foreign_key(org, reference, name, key, value)
    return plain


def _foreign_key(
    org: Org, reference: Field, name: str, key: str, value: Any
) -> str | None:
    if value in (None, ""):
        return None
    typed = name.partition(".")[0].partition(":")[0] if ":" in name else ""
    for target in [typed] if typed else reference.targets:
        if not org.has(target):
            continue
        field = org.schema(target).find(key)
        if field is None or not field.is_lookup_key:
            continue
        found = [value] if field.name == "Id" else org.find(target, field.name, value)
        if len(found) == 1:
            return str(found[0])
    entity = typed or reference.targets[0]
    message = (
        f"Foreign key external ID: {value} not found for field {key} in entity {entity}"
    )
    raise RowError("INVALID_FIELD", message)


def _check_reference(org: Org, field: Field, record_id: str) -> None:
    targets = [name for name in field.targets if org.has(name)]
    prefixes = {org.schema(name).key_prefix for name in targets}
    if targets and record_id[:3] not in prefixes:
        raise validation.wrong_id(field.label, record_id, field.name)
    found = org.locate(record_id)
    if found is None:
        raise unknown_id((field.name,))
    if found[1] in org.table(found[0]).deleted:
        raise RowError("ENTITY_IS_DELETED", "entity is deleted", [field.name])


def _check_unique(
    org: Org, schema: Schema, table: Table, kept: Mapping[str, Any], slot: int | None
) -> None:
    for name, value in kept.items():
        if value is None or not schema.fields[name].has("unique"):
            continue
        for record_id in org.find(schema.name, name, value):
            if slot is None or record_id != table.ids[slot]:
                raise RowError(
                    "DUPLICATE_VALUE",
                    f"duplicate value found: {name} duplicates value on record with "
                    f"id: {record_id}",
                    [name],
                )


def _check_own_rules(
    org: Org, schema: Schema, kept: Mapping[str, Any], slot: int | None
) -> None:
    """Rules of single objects."""
    if schema.name == "CampaignMember" and slot is None:
        people = [n for n in ("ContactId", "LeadId") if kept.get(n) is not None]
        if len(people) != 1:
            message = "Either a lead or a contact has to be specified"
            raise RowError("REQUIRED_FIELD_MISSING", message, ["ContactId", "LeadId"])
    if schema.name == "FieldPermissions" and slot is None:
        _check_grant(org, kept)


def _check_grant(org: Org, kept: Mapping[str, Any]) -> None:
    sobject, _, name = str(kept["Field"]).partition(".")
    found = org.field_props(sobject, name)
    if found is None or not found.get("permissionable", False):
        raise RowError(
            "FIELD_INTEGRITY_EXCEPTION",
            f"Field Name: bad value for restricted picklist field: {kept['Field']}",
            ["Field"],
        )
