"""Records that go, come back, are merged or converted.

A delete takes the children along and keeps the record in the recycle bin, from
which an undelete brings back just what went together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from haihai_tui.sandbox.salesforce import ids, timestamps
from haihai_tui.sandbox.salesforce.errors import RowError
from haihai_tui.sandbox.salesforce.writes import insert, notice, slot_of, touch

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.org import Org

CASCADES = {
    "Account": (("Contact", "AccountId"), ("Opportunity", "AccountId")),
    "Contact": (("CampaignMember", "ContactId"),),
    "Lead": (("CampaignMember", "LeadId"),),
    "Campaign": (("CampaignMember", "CampaignId"),),
}
"""Object -> the children, and their reference, that are deleted with it."""


def delete(org: Org, sobject: str, record_id: str, user_id: str | None) -> None:
    """To the recycle bin, children included."""
    schema = org.schema(sobject, user_id)
    if not schema.flag("deletable"):
        message = "insufficient access rights on object id"
        raise RowError("INSUFFICIENT_ACCESS_OR_READONLY", message)
    table = org.table(schema.name)
    slot = slot_of(schema, table, record_id)
    _delete_slot(org, schema.name, slot, org.now(), user_id)
    notice(org, schema)


def _delete_slot(
    org: Org, sobject: str, slot: int, when: int, user_id: str | None
) -> None:
    table = org.table(sobject)
    table.bin(slot, when)
    touch(org, table, slot, user_id)
    if not org.schema(sobject).flag("undeletable"):
        table.purge(slot)  # set-up objects and members have no recycle bin
    for child, reference in CASCADES.get(sobject, ()):
        for each in _children(org, child, reference, table.ids[slot]):
            if each not in org.table(child).deleted:
                _delete_slot(org, child, each, when, user_id)


def _children(org: Org, child: str, reference: str, parent_id: str) -> list[int]:
    table = org.table(child)
    column = table.columns.get(reference, ())
    return [slot for slot, value in enumerate(column) if value == parent_id]


def hard_delete(org: Org, sobject: str, record_id: str, user_id: str | None) -> None:
    """Out of the recycle bin as well, so that no query shows it."""
    schema = org.schema(sobject, user_id)
    table = org.table(schema.name)
    full = ids.normalise(record_id)
    slot = None if full is None else table.slot(full)
    if slot is None or slot not in table.deleted:
        delete(org, sobject, record_id, user_id)
        slot = table.slot(str(full))
    if slot is not None:
        table.purge(slot)


def undelete(org: Org, sobject: str, record_id: str, user_id: str | None) -> None:
    """Back from the recycle bin, with the children that went with it."""
    schema = org.schema(sobject, user_id)
    table = org.table(schema.name)
    full = ids.normalise(record_id)
    slot = None if full is None else table.slot(full)
    if slot is None or slot not in table.deleted:
        message = "Entity is not in the recycle bin"
        raise RowError("UNDELETE_FAILED", message)
    _undelete_slot(org, schema.name, slot, user_id)


def _undelete_slot(org: Org, sobject: str, slot: int, user_id: str | None) -> None:
    table = org.table(sobject)
    when = table.unbin(slot)
    touch(org, table, slot, user_id)
    for child, reference in CASCADES.get(sobject, ()):
        children = org.table(child)
        for each in _children(org, child, reference, table.ids[slot]):
            if children.deleted.get(each) == when and each not in children.purged:
                _undelete_slot(org, child, each, user_id)


# ---------------------------------------------------------------- merge, convert


def merge(org: Org, sobject: str, master_id: str, loser_id: str) -> None:
    """Delete the loser in favour of the master, who inherits its children."""
    schema = org.schema(sobject)
    table = org.table(schema.name)
    slot_of(schema, table, master_id)
    slot = slot_of(schema, table, loser_id)
    for child, reference in CASCADES.get(schema.name, ()):
        children = org.table(child)
        for each in _children(org, child, reference, loser_id):
            children.write(each, reference, master_id)
            touch(org, children, each, None)
    table.write(slot, "MasterRecordId", master_id)
    delete(org, schema.name, loser_id, None)
    touch(org, table, slot_of(schema, table, master_id), None)


def convert(org: Org, lead_id: str, account_id: str | None) -> dict[str, str]:
    """Turn a lead into a contact, and into an account unless one is given."""
    schema = org.schema("Lead")
    table = org.table("Lead")
    slot = slot_of(schema, table, lead_id)
    if account_id is None:
        account_id = insert(
            org, "Account", {"Name": table.value(slot, "Company")}, None
        )
    shared = ("LastName", "FirstName", "Email", "Phone", "Title", "HasOptedOutOfEmail")
    values = {name: table.value(slot, name) for name in shared}
    contact_id = insert(org, "Contact", {**values, "AccountId": account_id}, None)
    today = timestamps.local_date(org.clock.now()).isoformat()
    for name, value in {
        "IsConverted": True,
        "ConvertedDate": today,
        "ConvertedAccountId": account_id,
        "ConvertedContactId": contact_id,
        "Status": "Closed - Converted",
    }.items():
        table.write(slot, name, value)
    touch(org, table, slot, None)
    return {"id": lead_id, "contact_id": contact_id, "account_id": account_id}
