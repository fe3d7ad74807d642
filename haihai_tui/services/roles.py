"""Who may do what.

Rights are granted to actions, not to screens, so that both front ends ask the same
question before they act.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from haihai_tui.errors import SettingsError, Text, text


class Role(StrEnum):
    """Each role may do all that the one before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"


class Action(StrEnum):
    VIEW = "view"
    RUN = "run"
    RETRY = "retry"
    REVIEW = "review"
    FIX = "fix"
    CONFIRM = "confirm"
    AUTHORISE = "authorise"
    CHANGE_SETTINGS = "change_settings"
    MANAGE_OPERATORS = "manage_operators"


_LOWEST = {
    Action.VIEW: Role.VIEWER,
    Action.RUN: Role.OPERATOR,
    Action.RETRY: Role.OPERATOR,
    Action.REVIEW: Role.OPERATOR,
    Action.FIX: Role.OPERATOR,
    Action.CONFIRM: Role.OPERATOR,
    Action.AUTHORISE: Role.ADMINISTRATOR,
    Action.CHANGE_SETTINGS: Role.ADMINISTRATOR,
    Action.MANAGE_OPERATORS: Role.ADMINISTRATOR,
}
_ORDER = list(Role)


@dataclass(frozen=True, slots=True)
class Operator:
    """A person of the console, as far as others may see; times RFC 3339 UTC."""

    name: str
    role: Role
    must_change: bool
    disabled: bool
    signed_in_at: str | None
    created_at: str
    changed_at: str


def may(role: Role, action: Action) -> bool:
    """Whether the role suffices for the action."""
    return _ORDER.index(role) >= _ORDER.index(_LOWEST[action])


def require(operator: Operator, action: Action) -> None:
    """SettingsError unless the operator may do it, now."""
    if operator.must_change and action is not Action.VIEW:
        raise SettingsError(
            text("最初にパスワードを変更する必要があります。"),
            text("パスワード変更の画面で変更してください。"),
        )
    if operator.disabled or not may(operator.role, action):
        raise SettingsError(
            text(
                "「{name}」（{role}）にはこの操作の権限がありません。",
                name=operator.name,
                role=role_label(operator.role),
            ),
            text(
                "{role}以上の権限を持つ人に依頼してください。",
                role=role_label(_LOWEST[action]),
            ),
        )


def role_label(role: Role) -> Text:
    return {
        Role.VIEWER: text("閲覧者"),
        Role.OPERATOR: text("運用担当者"),
        Role.ADMINISTRATOR: text("管理者"),
    }[role]
