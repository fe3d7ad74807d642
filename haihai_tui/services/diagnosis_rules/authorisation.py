"""What stands in the way of an authorisation, as Salesforce and browsers say it."""

from __future__ import annotations

from haihai_tui.services.diagnosis_rules.rule import APPROVAL_PAGE, LOOPBACK, Rule

_REFUSED = (
    "ERR_CONNECTION_REFUSED",
    "refused to connect",
    "接続が拒否されました",
    "Unable to connect",
    "can't establish a connection",
    "can't connect to the server",
    "正常に接続できませんでした",
    "このサイトにアクセスできません",
    "This site can't be reached",
)

AUTHORISATION: tuple[Rule, ...] = (
    Rule(
        "redirect_uri_mismatch",
        0.96,
        (
            "error=redirect_uri_mismatch",
            "redirect_uri_mismatch",
            "redirect_uri must match configuration",
            "redirect_uri は設定と一致する必要があります",
        ),
    ),
    Rule("redirect_uri_mismatch", 0.9, ("Invalid Callback URL", "コールバック URL が")),
    Rule("redirect_uri_mismatch", 0.85, ("コールバック URL",), also=("は使えません",)),
    Rule(
        "lightning_url",
        0.93,
        (
            "lightning URLs are not valid as instance URLs",
            "LightningDomain",
            "Lightning の画面用の URL",
        ),
    ),
    Rule(
        "not_a_salesforce_url",
        0.9,
        (
            "Salesforce の URL ではありません",
            "サイトまたは Visualforce の URL",
            "request not supported on this domain",
            "は認可に応答しません",
        ),
    ),
    Rule(
        "not_a_salesforce_url",
        0.5,
        (
            "URL No Longer Exists",
            "attempted to reach a URL that no longer exists",
            "この URL は存在しません",
        ),
    ),
    Rule(
        "invalid_client_id",
        0.95,
        (
            "client identifier invalid",
            "error=invalid_client_id",
            "invalid_client_id",
            "Missing Consumer Key Parameter",
            "コンシューマ鍵が登録されていません",
        ),
    ),
    Rule("invalid_client_id", 0.85, ("Consumer Deleted", "コンシューマ鍵が")),
    Rule("not_yet_active", 0.5, ("client identifier invalid", "invalid_client_id")),
    Rule("invalid_client_secret", 0.45, ("error=invalid_client_id",)),
    Rule(
        "invalid_client_secret",
        0.96,
        ("invalid client credentials", "コンシューマの秘密が違います"),
    ),
    Rule(
        "invalid_client_secret",
        0.85,
        ("error=invalid_client", "invalid_client"),
        unless=(
            "invalid_client_id",
            "app must be installed",
            "client identifier invalid",
        ),
    ),
    Rule(
        "pkce_required",
        0.97,
        (
            "missing required code challenge",
            "code_challenge is required",
            "code challenge required",
            "PKCE is required",
        ),
    ),
    Rule("pkce_required", 0.85, ("Invalid Code Challenge", "Proof Key for Code")),
    Rule("pkce_required", 0.6, ("error=invalid_request",)),
    Rule("pkce_required", 0.45, APPROVAL_PAGE),
    Rule("pkce_required", 0.5, ("連携トークンの保管に失敗しました",)),
    Rule(
        "invalid_code_verifier",
        0.97,
        (
            "invalid code verifier",
            "code_verifier is invalid",
            "PKCE verification failed",
        ),
    ),
    Rule(
        "access_denied",
        0.96,
        ("end-user denied authorization", "error=access_denied"),
        unless=("OAUTH_APP_ACCESS_DENIED",),
    ),
    Rule("access_denied", 0.9, ("ユーザーが認証を拒否", "許可画面で拒否")),
    Rule(
        "access_denied", 0.55, ("access denied",), unless=("OAUTH_APP_ACCESS_DENIED",)
    ),
    Rule(
        "app_not_installed",
        0.97,
        (
            "app must be installed into org",
            "OAUTH_EC_APP_NOT_FOUND",
            "external client app is not installed",
            "組織にインストールされていません",
            "組織にインストールする必要があります",
        ),
    ),
    Rule("app_not_installed", 0.65, (*APPROVAL_PAGE, "RemoteAccessErrorPage")),
    Rule(
        "app_blocked",
        0.96,
        (
            "this app is blocked by admin",
            "OAUTH_APP_BLOCKED",
            "管理者によってブロック",
            "管理者によりブロック",
        ),
    ),
    Rule(
        "app_not_approved",
        0.97,
        (
            "user is not admin approved to access this app",
            "invalid_app_access",
            "OAUTH_APP_ACCESS_DENIED",
            "hasn't approved this consumer",
            "has not approved this consumer",
            "管理者が承認していません",
        ),
    ),
    Rule("app_not_approved", 0.45, ("OAUTH_APP_BLOCKED",)),
    Rule(
        "scope_missing",
        0.95,
        (
            "error=invalid_scope",
            "invalid_scope",
            "requested scope is not allowed",
            "the requested scope is invalid",
            "insufficient_scope",
            "session is not valid for use with the REST API",
            "session is not valid for use with the API",
        ),
    ),
    Rule(
        "scope_missing",
        0.85,
        ("no refresh_token in the response", "更新トークンが返されません"),
    ),
    Rule("scope_missing", 0.32, APPROVAL_PAGE),
    Rule(
        "state_mismatch",
        0.95,
        (
            "state mismatch",
            "mismatching_state",
            "State not equal in request and response",
            "state の不一致",
            "state が一致しません",
            "invalid state parameter",
            "別の認可への応答だけが届きました",
        ),
    ),
    Rule(
        "no_answer",
        0.92,
        (
            "Salesforce から応答がありませんでした",
            "no answer from the browser",
            "貼り付けられた URL に認可コードがありません",
            "応答が連携に届きません",
        ),
    ),
    Rule("no_answer", 0.9, _REFUSED, also=LOOPBACK),
    Rule("no_answer", 0.9, ("状態データベース",), also=("に接続できません",)),
    Rule("no_answer", 0.5, ("RemoteAccessAuthorizationPage",)),
    Rule(
        "callback_port_busy",
        0.93,
        (
            "Address already in use",
            "EADDRINUSE",
            "WinError 10048",
            "port is already in use",
            "ポートが使用中",
            "アドレスは既に使用中です",
            "Only one usage of each socket address",
        ),
    ),
    Rule("callback_port_busy", 0.93, ("コールバック URL のポート",)),
    Rule(
        "not_yet_active",
        0.93,
        (
            "minutes for your changes to take effect",
            "minutes to take effect",
            "minutes for the changes to take effect",
            "変更が有効になるまで",
            "変更が反映されるまで",
            "反映されるまで 10 分",
            "サーバで変更が有効になるまで",
        ),
    ),
)
