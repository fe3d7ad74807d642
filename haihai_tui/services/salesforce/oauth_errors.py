"""OAuth's refusals, each with its class, its cause and a remedy.

`/authorize` tells them in the callback URL, `/token` in JSON; the words are the
same, so one table serves both (spec: tables 1.3 and 1.4).
"""

from __future__ import annotations

from collections.abc import Mapping

from haihai_tui.errors import (
    AuthorisationNeeded,
    ConnectorError,
    SettingsError,
    Text,
    text,
)
from haihai_tui.services.http import Transient

_AGAIN = text("連携トークンの更新（認可）を最初からやり直してください。")
_KEYS = text(
    "コンシューマ鍵とコンシューマの秘密を Salesforce の画面のものと照合してください。"
    "アプリを作った直後なら 10 分ほど待ってください。"
)
_CALLBACK = text(
    "アプリに登録したコールバック URL と設定を一字一句同じにしてください。"
)
_INSTALL = text(
    "設定の［接続アプリケーション OAuth の利用状況］でアプリをインストールするか、"
    "ユーザーに利用を許可してください。"
)
_APPROVE = text(
    "アプリのポリシーに、連携ユーザーのプロファイルか権限セットを追加してください。"
)
_USER = text("Salesforce で連携ユーザーが有効で、凍結されていないか確認してください。")
_ADDRESS = text("プロファイルとアプリの IP 制限を確認してください。")
_SCOPES = text("アプリの OAuth 範囲に api と refresh_token を加えてください。")
_BLOCKED = text("管理者にアプリのブロックを解除してもらってください。")
_PKCE = text("PKCE を使って認可をやり直してください。")
_LOGIN = text(
    "ユーザー名、パスワード、ログイン時間帯の制限を確認し、認可をやり直してください。"
)
_MY_DOMAIN = text("Salesforce URL に「組織名.my.salesforce.com」を入力してください。")

_Entry = tuple[type[AuthorisationNeeded] | type[SettingsError], str, Text]

# (error, words in its description): the first that fits is taken.
_TABLE: tuple[tuple[str, str, _Entry], ...] = (
    (
        "invalid_grant",
        "authorization code",
        (AuthorisationNeeded, "code_expired", _AGAIN),
    ),
    (
        "invalid_grant",
        "code verifier",
        (AuthorisationNeeded, "invalid_code_verifier", _AGAIN),
    ),
    ("invalid_grant", "inactive user", (AuthorisationNeeded, "inactive_user", _USER)),
    (
        "invalid_grant",
        "ip restricted",
        (AuthorisationNeeded, "ip_restricted", _ADDRESS),
    ),
    (
        "invalid_grant",
        "authentication failure",
        (AuthorisationNeeded, "login_failed", _LOGIN),
    ),
    ("invalid_grant", "login rate", (AuthorisationNeeded, "login_failed", _LOGIN)),
    (
        "invalid_grant",
        "approved this consumer",
        (AuthorisationNeeded, "app_not_approved", _APPROVE),
    ),
    (
        "invalid_grant",
        "not supported on this domain",
        (SettingsError, "not_a_salesforce_url", _MY_DOMAIN),
    ),
    ("invalid_grant", "", (AuthorisationNeeded, "token_expired", _AGAIN)),
    ("invalid_client_id", "", (SettingsError, "invalid_client_id", _KEYS)),
    (
        "invalid_client",
        "must be installed",
        (AuthorisationNeeded, "app_not_installed", _INSTALL),
    ),
    ("invalid_client", "identifier", (SettingsError, "invalid_client_id", _KEYS)),
    ("invalid_client", "", (SettingsError, "invalid_client_secret", _KEYS)),
    ("invalid_app_access", "", (AuthorisationNeeded, "app_not_approved", _APPROVE)),
    ("oauth_app_blocked", "", (AuthorisationNeeded, "app_blocked", _BLOCKED)),
    (
        "oauth_approval_error_generic",
        "",
        (AuthorisationNeeded, "app_not_installed", _INSTALL),
    ),
    (
        "oauth_ec_app_not_found",
        "",
        (AuthorisationNeeded, "app_not_installed", _INSTALL),
    ),
    ("redirect_uri_mismatch", "", (SettingsError, "redirect_uri_mismatch", _CALLBACK)),
    ("access_denied", "", (AuthorisationNeeded, "access_denied", _AGAIN)),
    ("invalid_scope", "", (SettingsError, "scope_missing", _SCOPES)),
    (
        "invalid_request",
        "code challenge",
        (AuthorisationNeeded, "pkce_required", _PKCE),
    ),
    (
        "invalid_request",
        "code verifier",
        (AuthorisationNeeded, "invalid_code_verifier", _AGAIN),
    ),
    ("inactive_user", "", (AuthorisationNeeded, "inactive_user", _USER)),
    ("login_required", "", (AuthorisationNeeded, "login_failed", _LOGIN)),
)


def oauth_error(error: str, description: str) -> ConnectorError:
    """The error of the right class for OAuth's `error` and `error_description`."""
    name, words = error.lower(), description.lower()
    what = text(
        "Salesforce が認可を拒否しました: {error}（{description}）",
        error=error,
        description=" ".join(description.split())[:300],
    )
    if name in ("unknown_error", "temporarily_unavailable", "server_error"):
        return Transient(what, _AGAIN)
    for known, part, (kind, cause, remedy) in _TABLE:
        if name == known and part in words:
            return kind(what, remedy, cause=cause)
    if name in ("unsupported_grant_type", "invalid_request"):
        return ConnectorError(what)
    return AuthorisationNeeded(what, _AGAIN)


def callback_error(parameters: Mapping[str, str]) -> ConnectorError | None:
    """The refusal that a callback URL carries, or None."""
    error = parameters.get("error", "")
    if not error:
        return None
    return oauth_error(error, parameters.get("error_description", ""))


def refuses_pkce(parameters: Mapping[str, str]) -> bool:
    """Whether a refusal means that this app cannot take a PKCE challenge."""
    words = parameters.get("error_description", "").lower().replace("_", " ")
    about_pkce = "code challenge" in words or "code verifier" in words
    missing = any(part in words for part in ("missing", "required", "invalid"))
    return "error" in parameters and about_pkce and not missing
