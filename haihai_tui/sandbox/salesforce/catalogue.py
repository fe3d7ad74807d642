"""Every object of a fresh org.

Lead, Contact, Account and Opportunity come from what a real org describes; the
others are written down here as their documentation lists them, with the flags
that their field types have in the real ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from haihai_tui.sandbox.salesforce.fieldtypes import (
    Props,
    described,
    field,
    lookup,
    picklist,
)

USER_PERMISSIONS = (
    "PermissionsApiEnabled",
    "PermissionsViewEncryptedData",
    "PermissionsModifyAllData",
    "PermissionsViewAllData",
    "PermissionsViewSetup",
    "PermissionsCustomizeApplication",
    "PermissionsManageUsers",
    "PermissionsBulkApiHardDelete",
    "PermissionsApproveUninstalledConnectedApps",
    "PermissionsUseAnyApiClient",
)


def _locked(*fields: Props) -> list[Props]:
    """Fields that only the service itself writes."""
    off = {"createable": False, "updateable": False, "permissionable": False}
    return [{**each, **off} for each in fields]


def _system_fields(*, owner: bool) -> list[Props]:
    """The fields that every record has, as real descriptions show them."""
    no = {"nillable": False, "defaultedOnCreate": True}
    stamps = _locked(
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
    return _locked(
        field("Id", "id", "Record ID", idLookup=True, **no),
        field("IsDeleted", "boolean", "Deleted"),
    )


def _name(length: int, **props: Any) -> Props:
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


def _text(name: str, length: int, label: str = "", **props: Any) -> Props:
    kind = "textarea" if length > 255 else "string"
    return field(name, kind, label, **{"length": length, **props})


def _flags(*names: str) -> list[Props]:
    return [field(name, "boolean") for name in names]


def _object(
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
    made = _object(prefix, label, plural, [_name(80, nillable=True)], owner=True)
    made["flags"]["custom"] = True
    return made


def _campaign() -> Props:
    statuses = ["Planned", "In Progress", "Completed", "Aborted"]
    kinds = ["Conference", "Webinar", "Trade Show", "Email", "Advertisement", "Other"]
    return _object(
        "701",
        "Campaign",
        "Campaigns",
        [
            _name(80),
            lookup("ParentId", "Campaign"),
            picklist("Type", kinds),
            picklist("Status", statuses),
            field("StartDate", "date", "Start Date"),
            field("EndDate", "date", "End Date"),
            field("BudgetedCost", "currency", "Budgeted Cost", precision=18),
            field("ActualCost", "currency", "Actual Cost", precision=18),
            field("NumberSent", "double", "Num Sent", precision=18),
            field("IsActive", "boolean", "Active"),
            _text("Description", 32_000),
        ],
        owner=True,
    )


def _campaign_member() -> Props:
    once = {"updateable": False}
    made = _object(
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


def _user() -> Props:
    made = _object(
        "005",
        "User",
        "Users",
        [
            _text("Username", 80, idLookup=True, nillable=False),
            _text("LastName", 80, "Last Name", nillable=False),
            _text("FirstName", 40, "First Name"),
            *_locked(_name(121, extraTypeInfo="personname")),
            _text("CompanyName", 80, "Company Name"),
            _text("Department", 80),
            _text("Title", 80),
            field(
                "Email",
                "email",
                "Email",
                length=128,
                byteLength=384,
                nillable=False,
                idLookup=True,
            ),
            field("Phone", "phone", "Phone"),
            _text("Alias", 8, nillable=False),
            _text("CommunityNickname", 40, "Nickname"),
            field("IsActive", "boolean", "Active"),
            picklist(
                "TimeZoneSidKey", ["Asia/Tokyo"], length=40, restrictedPicklist=True
            ),
            picklist("LocaleSidKey", ["ja_JP"], length=40, restrictedPicklist=True),
            picklist("LanguageLocaleKey", ["ja"], length=40, restrictedPicklist=True),
            _text("EmailEncodingKey", 40),
            lookup("ProfileId", "Profile", nillable=False),
            picklist("UserType", ["Standard"], length=40),
            field("LastLoginDate", "datetime", "Last Login"),
        ],
        setup=True,
    )
    made["flags"] |= {"deletable": False, "undeletable": False}
    return made


def _organization() -> Props:
    return _object(
        "00D",
        "Organization",
        "Organizations",
        [
            _name(80),
            _text("Division", 80),
            _text("Country", 80),
            picklist("LanguageLocaleKey", ["ja"], length=40),
            picklist("DefaultLocaleSidKey", ["ja_JP"], length=40),
            picklist("TimeZoneSidKey", ["Asia/Tokyo"], length=40),
            picklist("OrganizationType", ["Developer Edition", "Enterprise Edition"]),
            _text("NamespacePrefix", 15),
            _text("InstanceName", 5),
            field("IsSandbox", "boolean", "Is Sandbox"),
            field("TrialExpirationDate", "datetime", "Trial Expiration Date"),
        ],
        setup=True,
        read_only=True,
    )


def _permission_objects() -> dict[str, Props]:
    rights = (
        "Create", "Read", "Edit", "Delete", "ViewAllRecords", "ModifyAllRecords",
    )  # fmt: skip
    parent = lookup("ParentId", "PermissionSet", nillable=False)
    users = USER_PERMISSIONS
    return {
        "Profile": _object(
            "00e",
            "Profile",
            "Profile",
            [
                _name(255),
                _text("Description", 255),
                *_flags(*users),
            ],
            setup=True,
        ),
        "PermissionSet": _object(
            "0PS",
            "Permission Set",
            "Permission Set",
            [
                _name(80),
                _text("Label", 80, nillable=False),
                _text("Description", 255),
                *_locked(lookup("ProfileId", "Profile"), *_flags("IsOwnedByProfile")),
                *_flags(*users),
            ],
            setup=True,
        ),
        "PermissionSetAssignment": _object(
            "0Pa",
            "Permission Set Assignment",
            "Permission Set Assignments",
            [
                lookup("PermissionSetId", "PermissionSet", nillable=False),
                lookup("AssigneeId", "User", nillable=False),
            ],
            setup=True,
        ),
        "FieldPermissions": _object(
            "01k",
            "Field Permissions",
            "Field Permissions",
            [
                parent,
                _text("SobjectType", 40, nillable=False),
                _text("Field", 240, nillable=False),
                *_flags("PermissionsRead", "PermissionsEdit"),
            ],
            setup=True,
        ),
        "ObjectPermissions": _object(
            "110",
            "Object Permissions",
            "Object Permissions",
            [
                parent,
                _text("SobjectType", 40, nillable=False),
                *_flags(*(f"Permissions{right}" for right in rights)),
            ],
            setup=True,
        ),
        "UserPermissionAccess": _object(
            None,
            "User Permission Access",
            "User Permission Access",
            _flags(*users),
            setup=True,
            read_only=True,
        ),
    }


def _app_objects() -> dict[str, Props]:
    app = [
        _name(80),
        field("StartUrl", "url", "Start URL"),
        field("MobileStartUrl", "url", "Mobile Start URL"),
        *_flags(
            "OptionsAllowAdminApprovedUsersOnly",
            "OptionsHasSessionLevelPolicy",
            "OptionsRefreshTokenValidityMetric",
        ),
        field("RefreshTokenValidityPeriod", "int", "Refresh Token Validity", digits=9),
    ]
    token = [
        _text("AccessToken", 256),
        lookup("AppMenuItemId", "AppMenuItem"),
        _text("AppName", 1333, filterable=True, sortable=True, groupable=True),
        _text("DeleteToken", 255),
        field("LastUsedDate", "datetime", "Last Used Date"),
        _text("RequestToken", 255),
        field("UseCount", "int", "Use Count", digits=9),
        lookup("UserId", "User"),
    ]
    return {
        "ConnectedApplication": _object(
            "0H4",
            "Connected Application",
            "Connected Applications",
            app,
            setup=True,
            read_only=True,
        ),
        "OauthToken": _object(
            "0CU", "OAuth Token", "OAuth Tokens", token, setup=True, read_only=True
        ),
    }


def _view_objects() -> dict[str, Props]:
    return {
        "Report": _object(
            "00O",
            "Report",
            "Reports",
            [
                _name(40),
                _text("DeveloperName", 80),
                _text("Description", 255),
                _text("FolderName", 256, filterable=True),
                picklist("Format", ["Tabular", "Summary", "Matrix"], length=40),
                field("LastRunDate", "datetime", "Last Run"),
            ],
            read_only=True,
            owner=True,
        ),
        "ListView": _object(
            "00B",
            "List View",
            "List Views",
            [
                _name(80),
                _text("DeveloperName", 80),
                picklist("SobjectType", ["Contact", "Lead", "Account", "Opportunity"]),
                _text("NamespacePrefix", 15),
                field("IsSoqlCompatible", "boolean", "Is SOQL Compatible"),
            ],
            setup=True,
            read_only=True,
        ),
        "Group": _object(
            "00G",
            "Group",
            "Group",
            [
                _name(40),
                _text("DeveloperName", 80),
                picklist("Type", ["Regular", "Queue"], length=40),
            ],
            setup=True,
        ),
    }


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
        "User": _user(),
        "Organization": _organization(),
        **_permission_objects(),
        **_app_objects(),
        **_view_objects(),
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
