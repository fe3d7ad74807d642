"""What a new org has before any business record: people, rights, the org itself.

The integration user's profile is the one that the connector's manual asks for, a
clone of System Administrator with "View Encrypted Data".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haihai_tui.sandbox.salesforce import access
from haihai_tui.sandbox.salesforce.catalogue import write_back_fields
from haihai_tui.sandbox.salesforce.setupobjects import USER_PERMISSIONS

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.org import Org

PROFILE = "プロファイル_配配メール"
ORG_NAME = "配配サンドボックス株式会社"
_FOUNDED = 1_617_235_200  # 2021-04-01
_BULK_HARD_DELETE = "PermissionsBulkApiHardDelete"


def install(org: Org) -> None:
    """Put the set-up records and the write-back fields into an empty org."""
    old = min(_FOUNDED, org.now())
    profiles = org.bulk_load(
        "Profile",
        [_profile(PROFILE, administrator=True), _profile("標準ユーザー")],
        last_modified=[old, old],
    )
    org.bulk_load("User", _users(profiles), last_modified=[old, old])
    sets = org.bulk_load(
        "PermissionSet",
        [_owned_set(profiles[0], administrator=True), _owned_set(profiles[1])],
        last_modified=[old, old],
    )
    for sobject in ("Contact", "Lead"):
        for props in write_back_fields():
            org.add_field(sobject, props)
            org.bulk_load(
                "FieldPermissions",
                [_grant(sobject, props["name"], each) for each in sets],
                last_modified=[old, old],
            )
    org.virtual["UserPermissionAccess"] = lambda: [
        access.user_permissions(org, org.admin_user_id)
    ]
    org.virtual["Organization"] = lambda: [_organization(org)]


def _rights(*, administrator: bool) -> dict[str, bool]:
    return {
        name: administrator and name != _BULK_HARD_DELETE for name in USER_PERMISSIONS
    } | {"PermissionsApiEnabled": True}


def _profile(name: str, *, administrator: bool = False) -> dict[str, Any]:
    return {"Name": name, **_rights(administrator=administrator)}


def _owned_set(profile_id: str, *, administrator: bool = False) -> dict[str, Any]:
    return {
        "Name": f"X{profile_id[:15]}",
        "Label": profile_id,
        "ProfileId": profile_id,
        "IsOwnedByProfile": True,
        **_rights(administrator=administrator),
    }


def _grant(sobject: str, name: str, parent_id: str) -> dict[str, Any]:
    return {
        "ParentId": parent_id,
        "SobjectType": sobject,
        "Field": f"{sobject}.{name}",
        "PermissionsRead": True,
        "PermissionsEdit": True,
    }


def _users(profiles: list[str]) -> list[dict[str, Any]]:
    common = {
        "IsActive": True,
        "TimeZoneSidKey": "Asia/Tokyo",
        "LocaleSidKey": "ja_JP",
        "LanguageLocaleKey": "ja",
        "EmailEncodingKey": "UTF-8",
        "UserType": "Standard",
        "CompanyName": ORG_NAME,
    }
    integration = {
        "Username": "haihai.renkei@example.com",
        "LastName": "連携",
        "FirstName": "配配",
        "Email": "haihai.renkei@example.com",
        "Alias": "hrenkei",
        "CommunityNickname": "haihai.renkei",
        "ProfileId": profiles[0],
    }
    sales = {
        "Username": "eigyo@example.com",
        "LastName": "営業",
        "FirstName": "担当",
        "Email": "eigyo@example.com",
        "Alias": "eigyo",
        "CommunityNickname": "eigyo",
        "ProfileId": profiles[1],
    }
    return [{**common, **integration}, {**common, **sales}]


def _organization(org: Org) -> dict[str, Any]:
    sandbox = bool(org.switches["is_sandbox"])
    return {
        "Id": org.org_id,
        "Name": ORG_NAME,
        "Country": "JP",
        "LanguageLocaleKey": "ja",
        "DefaultLocaleSidKey": "ja_JP",
        "TimeZoneSidKey": "Asia/Tokyo",
        "OrganizationType": "Developer Edition",
        "InstanceName": "JPN100",
        "IsSandbox": sandbox,
    }
