"""Every object of a fresh org.

Lead, Contact, Account and Opportunity come from what a real org describes; the
others are written down as their documentation lists them, with the flags that
their field types have in the real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from haihai_tui.sandbox.salesforce.fieldtypes import (
    Props,
    described,
    field,
    lookup,
    picklist,
)
from haihai_tui.sandbox.salesforce.objecttypes import make_object, name_field, text
from haihai_tui.sandbox.salesforce.setupobjects import setup_objects


def _campaign() -> Props:
    statuses = ["Planned", "In Progress", "Completed", "Aborted"]
    kinds = ["Conference", "Webinar", "Trade Show", "Email", "Advertisement", "Other"]
    return make_object(
        "701",
        "Campaign",
        "Campaigns",
        [
            name_field(80),
            lookup("ParentId", "Campaign"),
            picklist("Type", kinds),
            picklist("Status", statuses),
            field("StartDate", "date", "Start Date"),
            field("EndDate", "date", "End Date"),
            field("BudgetedCost", "currency", "Budgeted Cost", precision=18),
            field("ActualCost", "currency", "Actual Cost", precision=18),
            field("NumberSent", "double", "Num Sent", precision=18),
            field("IsActive", "boolean", "Active"),
            text("Description", 32_000),
        ],
        owner=True,
    )


def _campaign_member() -> Props:
    once = {"updateable": False}
    made = make_object(
        "00v",
        "Campaign Member",
        "Campaign Members",
        [
            lookup("CampaignId", "Campaign", nillable=False, **once),
            lookup("LeadId", "Lead", **once),
            lookup("ContactId", "Contact", **once),
            picklist("Status", ["Sent", "Responded"], length=40),
        ],
    )
    made["flags"] |= {"undeletable": False, "layoutable": False}
    return made


def _opt_outs() -> list[Props]:
    """What the described org hid from its reader, and every org has."""
    return [
        field("HasOptedOutOfEmail", "boolean", "Email Opt Out"),
        field("HasOptedOutOfFax", "boolean", "Fax Opt Out"),
        field("DoNotCall", "boolean", "Do Not Call"),
    ]


def _with_opt_outs(described_object: Props) -> Props:
    fields = described_object["fields"]
    place = 1 + next(n for n, each in enumerate(fields) if each["name"] == "OwnerId")
    return {
        **described_object,
        "fields": [*fields[:place], *_opt_outs(), *fields[place:]],
    }


@cache
def standard_objects() -> Mapping[str, Props]:
    """Every object of a fresh org, by name."""
    own = {
        "Campaign": _campaign(),
        "CampaignMember": _campaign_member(),
        **setup_objects(),
    }
    real = dict(described()["objects"])
    for name in ("Contact", "Lead"):
        real[name] = _with_opt_outs(real[name])
    return {**real, **own}


STATES = ("配信可能", "配信停止", "配信禁止")


def write_back_fields() -> list[Props]:
    """The custom fields of the default org on Contact and on Lead."""
    return [
        picklist(
            "HaihaiState__c", STATES, "配信状態", custom=True, restrictedPicklist=True
        ),
        field("HaihaiStateAt__c", "datetime", "配信状態の変更日時", custom=True),
        field("HaihaiLastViewedUrl__c", "url", "最終閲覧URL", custom=True),
        field("HaihaiLastViewedAt__c", "datetime", "最終閲覧日時", custom=True),
        field("HaihaiViewCount__c", "double", "閲覧回数", custom=True, precision=18),
    ]
