"""Creates missing custom fields and lets the integration user write them.

A field made by the API is invisible to everybody until field-level security grants
it, so both calls belong together.  The grant goes to the permission set behind the
user's profile, as if an administrator had ticked it there (spec 4.2).
"""

from __future__ import annotations

from collections.abc import Mapping

from haihai_tui.errors import ConnectorError, SettingsError, text
from haihai_tui.services.salesforce.errors import refusal_of
from haihai_tui.services.salesforce.rest import Rest
from haihai_tui.services.salesforce.session import Session

_EXISTS = frozenset(("DUPLICATE_DEVELOPER_NAME", "DUPLICATE_VALUE"))


def create_field(
    session: Session, sobject: str, name: str, metadata: Mapping[str, object]
) -> bool:
    """Make `sobject.name` and grant it; False where it was there and only hidden.

    Raises SettingsError (`no_edit_permission`) where the user may not customise.
    """
    full_name = f"{sobject}.{name}"
    made = _create(session, full_name, metadata)
    _grant(session, sobject, full_name)
    return made


def _create(session: Session, full_name: str, metadata: Mapping[str, object]) -> bool:
    body = {"FullName": full_name, "Metadata": dict(metadata)}
    try:
        session.json("POST", "/tooling/sobjects/CustomField", json=body, repeat=False)
    except ConnectorError as error:
        refusal = refusal_of(error)
        if refusal is not None and refusal.code in _EXISTS:
            return False
        if refusal is not None and refusal.code.startswith("INSUFFICIENT_ACCESS"):
            raise SettingsError(
                text("連携ユーザーに項目を作成する権限がありません。"),
                text(
                    "Salesforce の管理者が {field} を作成するか、権限"
                    "「アプリケーションのカスタマイズ」を付与してください。",
                    field=full_name,
                ),
                cause="no_edit_permission",
            ) from error
        raise
    return True


def _grant(session: Session, sobject: str, full_name: str) -> None:
    parent = _permission_set(session)
    found = Rest(session).query(
        "SELECT Id FROM FieldPermissions WHERE "
        f"ParentId = '{parent}' AND Field = '{full_name}'"
    )
    rights = {"PermissionsRead": True, "PermissionsEdit": True}
    if found.records:
        resource = f"/sobjects/FieldPermissions/{found.records[0]['Id']}"
        session.request("PATCH", resource, json=rights)
        return
    grant = {"ParentId": parent, "SobjectType": sobject, "Field": full_name, **rights}
    session.json("POST", "/sobjects/FieldPermissions", json=grant, repeat=False)


def _permission_set(session: Session) -> str:
    """The permission set that stands behind the running user's profile."""
    rest, user = Rest(session), session.tokens().user_id
    users = rest.query(f"SELECT ProfileId FROM User WHERE Id = '{user}'").records
    if users:
        found = rest.query(
            "SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = true "
            f"AND ProfileId = '{users[0]['ProfileId']}'"
        ).records
        if found:
            return str(found[0]["Id"])
    raise SettingsError(
        text("連携ユーザーのプロファイルの権限を読めません。"),
        text(
            "Salesforce の管理者が、作成された項目の項目レベルセキュリティを"
            "許可してください。"
        ),
        cause="no_edit_permission",
    )
