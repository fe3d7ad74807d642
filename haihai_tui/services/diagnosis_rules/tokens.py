"""What is said of codes, tokens, users and logins."""

from __future__ import annotations

from haihai_tui.services.diagnosis_rules.rule import APPROVAL_PAGE, HAIHAI_WORDS, Rule

TOKENS: tuple[Rule, ...] = (
    Rule(
        "code_expired",
        0.96,
        (
            "expired authorization code",
            "invalid authorization code",
            "authorization code has already been used",
            "authorization code expired",
            "認可コードの期限",
            "認証コードの期限",
        ),
    ),
    Rule(
        "token_expired",
        0.95,
        (
            "expired access/refresh token",
            "activation secret invalid",
            "LOGIN_OAUTH_INVALID_DS",
            "更新トークンが無効になりました",
            "Unable to refresh session",
            "トークン更新の応答が失われ",
            "連携トークンの期限が切れ",
            "refresh token has been revoked",
            "token has been revoked",
        ),
    ),
    Rule(
        "token_expired",
        0.88,
        (
            "INVALID_SESSION_ID",
            "Session expired or invalid",
            "Bad_OAuth_Token",
            "Missing_OAuth_Token",
            "InvalidSessionId",
            "セッションの有効期限が切れ",
            "セッションの期限が切れ",
        ),
        unless=("session is not valid for use with",),
    ),
    Rule(
        "token_expired",
        0.45,
        ("error=invalid_grant", "invalid_grant"),
    ),
    Rule("code_expired", 0.4, ("error=invalid_grant", "invalid_grant")),
    Rule(
        "token_not_stored",
        0.92,
        (
            "連携トークンが保管されていません",
            "との連携トークンがありません",
            "応答に連携トークンがありません",
            "鍵で復号できません",
        ),
    ),
    Rule("token_not_stored", 0.9, ("秘密情報のファイル",), also=("壊れて",)),
    Rule("token_not_stored", 0.58, ("連携トークンの保管に失敗しました",)),
    Rule(
        "inactive_user",
        0.96,
        (
            "inactive user",
            "inactive_user",
            "User is inactive",
            "User is frozen",
            "ユーザーが無効です",
            "ユーザが無効です",
            "ユーザーは凍結されています",
        ),
    ),
    Rule("inactive_user", 0.8, ("INACTIVE_OWNER_OR_USER",)),
    Rule("inactive_user", 0.9, ("InvalidUser",), whole_words=True),
    Rule(
        "ip_restricted",
        0.96,
        (
            "ip restricted",
            "Restricted IP",
            "LOGIN_DURING_RESTRICTED_DOMAIN",
            "IP アドレスの制限によりログインできません",
            "IP アドレスからのログインは許可されていません",
            "Failed: IP Address Not Allowed",
        ),
    ),
    Rule(
        "ip_restricted",
        0.88,
        ("IP Address Not Allowed", "許可されていない IP アドレス"),
        unless=HAIHAI_WORDS,
    ),
    Rule("ip_restricted", 0.3, APPROVAL_PAGE),
    Rule(
        "login_failed",
        0.96,
        (
            "INVALID_LOGIN",
            "Invalid username, password, security token",
            "check your username and password",
            "ユーザ名とパスワードを確認してください",
            "ユーザー名とパスワードを確認してください",
            "ユーザ名、パスワード、セキュリティトークン",
        ),
    ),
    Rule(
        "login_failed",
        0.9,
        (
            "authentication failure",
            "LOGIN_ERROR_RATE_EXCEEDED",
            "Login rate exceeded",
            "LOGIN_DURING_RESTRICTED_TIME",
            "Restricted time",
            "PASSWORD_LOCKOUT",
            "error=login_required",
            "ログイン時間帯の制限",
        ),
    ),
)
