"""Objects of people, rights, apps and views, as their documentation lists them."""

from __future__ import annotations

from haihai_tui.sandbox.salesforce.fieldtypes import Props, field, lookup, picklist
from haihai_tui.sandbox.salesforce.objecttypes import (
    flags,
    locked,
    make_object,
    name_field,
    text,
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


def _user() -> Props:
    made = make_object(
        "005",
        "User",
        "Users",
        [
            text("Username", 80, idLookup=True, nillable=False),
            text("LastName", 80, "Last Name", nillable=False),
            text("FirstName", 40, "First Name"),
            *locked(name_field(121, extraTypeInfo="personname")),
            text("CompanyName", 80, "Company Name"),
            text("Department", 80),
            text("Title", 80),
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
            text("Alias", 8, nillable=False),
            text("CommunityNickname", 40, "Nickname"),
            field("IsActive", "boolean", "Active"),
            picklist(
                "TimeZoneSidKey", ["Asia/Tokyo"], length=40, restrictedPicklist=True
            ),
            picklist("LocaleSidKey", ["ja_JP"], length=40, restrictedPicklist=True),
            picklist("LanguageLocaleKey", ["ja"], length=40, restrictedPicklist=True),
            text("EmailEncodingKey", 40),
            lookup("ProfileId", "Profile", nillable=False),
            picklist("UserType", ["Standard"], length=40),
            field("LastLoginDate", "datetime", "Last Login"),
        ],
        setup=True,
    )
    made["flags"] |= {"deletable": False, "undeletable": False}
    return made


def _organization() -> Props:
    return make_object(
        "00D",
        "Organization",
        "Organizations",
        [
            name_field(80),
            text("Division", 80),
            text("Country", 80),
            picklist("LanguageLocaleKey", ["ja"], length=40),
            picklist("DefaultLocaleSidKey", ["ja_JP"], length=40),
            picklist("TimeZoneSidKey", ["Asia/Tokyo"], length=40),
            picklist("OrganizationType", ["Developer Edition", "Enterprise Edition"]),
            text("NamespacePrefix", 15),
            text("InstanceName", 5),
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
        "Profile": make_object(
            "00e",
            "Profile",
            "Profile",
            [
                name_field(255),
                text("Description", 255),
                *flags(*users),
            ],
            setup=True,
        ),
        "PermissionSet": make_object(
            "0PS",
            "Permission Set",
            "Permission Set",
            [
                name_field(80),
                text("Label", 80, nillable=False),
                text("Description", 255),
                *locked(lookup("ProfileId", "Profile"), *flags("IsOwnedByProfile")),
                *flags(*users),
            ],
            setup=True,
        ),
        "PermissionSetAssignment": make_object(
            "0Pa",
            "Permission Set Assignment",
            "Permission Set Assignments",
            [
                lookup("PermissionSetId", "PermissionSet", nillable=False),
                lookup("AssigneeId", "User", nillable=False),
            ],
            setup=True,
        ),
        "FieldPermissions": make_object(
            "01k",
            "Field Permissions",
            "Field Permissions",
            [
                parent,
                text("SobjectType", 40, nillable=False),
                text("Field", 240, nillable=False),
                *flags("PermissionsRead", "PermissionsEdit"),
            ],
            setup=True,
        ),
        "ObjectPermissions": make_object(
            "110",
            "Object Permissions",
            "Object Permissions",
            [
                parent,
                text("SobjectType", 40, nillable=False),
                *flags(*(f"Permissions{right}" for right in rights)),
            ],
            setup=True,
        ),
        "UserPermissionAccess": make_object(
            None,
            "User Permission Access",
            "User Permission Access",
            flags(*users),
            setup=True,
            read_only=True,
        ),
    }


def _app_objects() -> dict[str, Props]:
    app = [
        name_field(80),
        field("StartUrl", "url", "Start URL"),
        field("MobileStartUrl", "url", "Mobile Start URL"),
        *flags(
            "OptionsAllowAdminApprovedUsersOnly",
            "OptionsHasSessionLevelPolicy",
            "OptionsRefreshTokenValidityMetric",
        ),
        field("RefreshTokenValidityPeriod", "int", "Refresh Token Validity", digits=9),
    ]
    token = [
        text("AccessToken", 256),
        lookup("AppMenuItemId", "AppMenuItem"),
        text("AppName", 1333, filterable=True, sortable=True, groupable=True),
        text("DeleteToken", 255),
        field("LastUsedDate", "datetime", "Last Used Date"),
        text("RequestToken", 255),
        field("UseCount", "int", "Use Count", digits=9),
        lookup("UserId", "User"),
    ]
    return {
        "ConnectedApplication": make_object(
            "0H4",
            "Connected Application",
            "Connected Applications",
            app,
            setup=True,
            read_only=True,
        ),
        "OauthToken": make_object(
            "0CU", "OAuth Token", "OAuth Tokens", token, setup=True, read_only=True
        ),
    }


def _view_objects() -> dict[str, Props]:
    return {
        "Report": make_object(
            "00O",
            "Report",
            "Reports",
            [
                name_field(40),
                text("DeveloperName", 80),
                text("Description", 255),
                text("FolderName", 256, filterable=True),
                picklist("Format", ["Tabular", "Summary", "Matrix"], length=40),
                field("LastRunDate", "datetime", "Last Run"),
            ],
            read_only=True,
            owner=True,
        ),
        "ListView": make_object(
            "00B",
            "List View",
            "List Views",
            [
                name_field(80),
                text("DeveloperName", 80),
                picklist("SobjectType", ["Contact", "Lead", "Account", "Opportunity"]),
                text("NamespacePrefix", 15),
                field("IsSoqlCompatible", "boolean", "Is SOQL Compatible"),
            ],
            setup=True,
            read_only=True,
        ),
        "Group": make_object(
            "00G",
            "Group",
            "Group",
            [
                name_field(40),
                text("DeveloperName", 80),
                picklist("Type", ["Regular", "Queue"], length=40),
            ],
            setup=True,
        ),
    }


def setup_objects() -> dict[str, Props]:
    """All of them, by name."""
    return {
        "User": _user(),
        "Organization": _organization(),
        **_permission_objects(),
        **_app_objects(),
        **_view_objects(),
    }
