"""The audit log in words: what each action is called, and what changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

from haihai_tui.errors import Text, text
from haihai_tui.services.roles import Role, role_label

if TYPE_CHECKING:
    from haihai_tui.services.store.audit import AuditEntry

_LABELS: Mapping[str, Text] = {
    "operator_added": text("利用者の追加"),
    "operator_disabled": text("利用者の無効化"),
    "operator_enabled": text("利用者の有効化"),
    "role_changed": text("役割の変更"),
    "password_changed": text("パスワード変更"),
    "password_reset": text("初期パスワード再発行"),
    "signed_in": text("ログイン"),
    "sign_in_failed": text("ログイン失敗"),
    "setting_changed": text("設定の変更"),
    "profile_created": text("プロファイルの作成"),
    "authorised": text("連携トークンの更新"),
    "token_revoked": text("連携トークンの取り消し"),
    "field_created": text("Salesforce 項目の作成"),
    "field_granted": text("Salesforce 項目の権限付与"),
    "confirm": text("安全停止の確認"),
    "review": text("確認待ちの回答"),
    "run_stopped": text("実行の中断"),
    "run_started": text("実行の開始"),
    "rejects_dismissed": text("エラーの除外"),
    "exported": text("書き出し"),
    "key_replaced": text("鍵の交換"),
    "alerts_tested": text("通知のテスト"),
}
_ROLE_ACTIONS = ("operator_added", "role_changed")


def action_label(action: str) -> Text:
    """The name of an action; an unknown one as it is."""
    return _LABELS.get(action) or text("{action}", action=action)


def change_words(entry: AuditEntry) -> Text | str:
    """`before -> after`; "" where nothing was changed."""
    if entry.before is None and entry.after is None:
        return ""
    after = value_words(entry, entry.after)
    if entry.before is None:
        return after
    return text(
        "{before} -> {after}", before=value_words(entry, entry.before), after=after
    )


def value_words(entry: AuditEntry, value: object) -> Text | str:
    """A value as people read it; `-` where there is none."""
    if value is None:
        return "-"
    if entry.action in _ROLE_ACTIONS and value in tuple(Role):
        return role_label(Role(str(value)))
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
