"""What operators paste, as the services, browsers and libraries word it.

Identifiers and hosts are made up; wording follows recorded answers and pages.
"""

from __future__ import annotations

from collections.abc import Mapping

_CALLBACK = "http://localhost:8711/sflogged"
_ERROR_PAGE = (
    "https://example.my.salesforce.com/setup/secur/RemoteAccessErrorPage.apexp"
)

EXAMPLES: Mapping[str, tuple[str, ...]] = {
    "redirect_uri_mismatch": (
        "error=redirect_uri_mismatch&error_description="
        "redirect_uri%20must%20match%20configuration",
        '{"error":"redirect_uri_mismatch","error_description":'
        '"redirect_uri must match configuration"}',
        "Remote Access 2.0\tFailed: Invalid Callback URL\tApp_HaihaiConnect",
        "コールバック URL http://192.0.2.1/sflogged は使えません。",
    ),
    "lightning_url": (
        "https://example.lightning.force.com/lightning/page/home",
        "https://example--uat.sandbox.lightning.force.com/services/oauth2/authorize"
        "?response_type=code&client_id=3MVG9example&error=redirect_uri_mismatch",
        "Error: lightning URLs are not valid as instance URLs",
        "https://example.my.salesforce-setup.com/lightning/setup/SetupOneHome/home",
    ),
    "not_a_salesforce_url": (
        "https://salesforce.example.com/",
        "https://example.my.site.com/s/login",
        '{"error":"invalid_grant","error_description":'
        '"request not supported on this domain"}',
        "https://login.salesforce.com.example.net/services/oauth2/authorize"
        "?response_type=code",
        "https://www.example.com は Salesforce の URL ではありません。",
        "URL No Longer Exists\nYou have attempted to reach a URL that no longer exists "
        "on salesforce.com.",
    ),
    "invalid_client_id": (
        "error=invalid_client_id&error_description=client%20identifier%20invalid",
        '{"error":"invalid_client_id","error_description":"client identifier invalid"}',
        "2026-11-23 09:00\tRemote Access 2.0\tFailed: Missing Consumer Key Parameter",
        "コンシューマ鍵が登録されていません。",
    ),
    "invalid_client_secret": (
        '{"error":"invalid_client","error_description":"invalid client credentials"}',
        "POST /services/oauth2/token 400 error=invalid_client "
        "error_description=invalid client credentials",
        f"{_CALLBACK}?error=invalid_client",
    ),
    "pkce_required": (
        f"{_CALLBACK}?error=invalid_request&error_description="
        "missing%20required%20code%20challenge",
        f"{_CALLBACK}?error=invalid_request&error_description="
        "missing+required+code+challenge&state=3f9a",
        "error=invalid_request&error_description=missing required code challenge",
        "Remote Access 2.0 Failed: Invalid Code Challenge",
        "連携トークンの保管に失敗しました。再度実施してください "
        f"{_CALLBACK}?error=invalid_request&error_description=missing%20required",
    ),
    "invalid_code_verifier": (
        '{"error":"invalid_grant","error_description":"invalid code verifier"}',
        "Login History: Remote Access 2.0, Failed: Invalid Code Verifier",
        "<OAuth><error>invalid_grant</error>"
        "<error_description>invalid code verifier</error_description></OAuth>",
    ),
    "access_denied": (
        f"{_CALLBACK}?error=access_denied&error_description="
        "end-user+denied+authorization&state=3f9a",
        "OAuth Error: access-denied: end-user denied authorization",
        '{"error": "access_denied"}',
    ),
    "app_not_installed": (
        f"{_ERROR_PAGE}?error=invalid_client&error_description="
        "app+must+be+installed+into+org",
        "We can't authorize you because of an OAuth error. For more information, "
        "contact your Salesforce administrator.\n"
        "OAUTH_APPROVAL_ERROR_GENERIC : An unexpected error has occured during "
        "authentication. Please try again.",
        "OAuth エラーが発生したため、認証できません。詳細は、Salesforce システム管理者"
        "にお問い合わせください。\nOAUTH_APPROVAL_ERROR_GENERIC : 認証中に予期しない"
        "エラーが発生しました。もう一度お試しください。",
        "OAUTH_EC_APP_NOT_FOUND : External client app is not installed in this org",
    ),
    "app_blocked": (
        f"{_CALLBACK}?error=OAUTH_APP_BLOCKED&error_description="
        "this+app+is+blocked+by+admin",
        "OAUTH_APP_BLOCKED : this app is blocked by admin",
        "このアプリケーションは管理者によってブロックされています",
    ),
    "app_not_approved": (
        '{"error":"invalid_app_access","error_description":'
        '"user is not admin approved to access this app"}',
        f"{_CALLBACK}?error=invalid_grant&error_description="
        "user%20hasn%27t%20approved%20this%20consumer",
        "OAUTH_APP_ACCESS_DENIED : user is not admin approved to access this app",
    ),
    "scope_missing": (
        f"{_CALLBACK}?error=invalid_scope&error_description="
        "the+requested+scope+is+not+allowed",
        '[{"message":"This session is not valid for use with the REST API",'
        '"errorCode":"INVALID_SESSION_ID"}]',
        '{"error":"insufficient_scope"}',
        "https://login.salesforce.com/services/oauth2/authorize?response_type=code"
        "&client_id=3MVG9example&scope=api&code_challenge=x"
        "&redirect_uri=http%3A%2F%2Flocalhost%3A8711%2Fsflogged",
    ),
    "code_expired": (
        '{"error":"invalid_grant","error_description":"expired authorization code"}',
        '{"error_description":"invalid authorization code","error":"invalid_grant"}',
        "認可コードの期限（15 分）が切れました。",
    ),
    "token_expired": (
        '{"error":"invalid_grant","error_description":"expired access/refresh token"}',
        '[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]',
        '{"error":"invalid_grant","error_description":"activation secret invalid"}',
        "LoginHistory: LOGIN_OAUTH_INVALID_DS, App_HaihaiConnect",
        "Unable to refresh session due to: expired access/refresh token",
        "403 Forbidden text/plain Bad_OAuth_Token",
        '<?xml version="1.0" encoding="UTF-8"?><Errors><Error><errorCode>'
        "INVALID_SESSION_ID</errorCode><message>Session expired or invalid</message>"
        "</Error></Errors>",
    ),
    "token_not_stored": (
        "連携トークンの保管に失敗しました。再度実施してください",
        "連携トークンが保管されていません。",
        "秘密情報のファイル secrets/default.bin が壊れています。",
        "Salesforce の応答に連携トークンがありません。",
    ),
    "inactive_user": (
        '{"error":"invalid_grant","error_description":"inactive user"}',
        "Login History  SAML Idp Initiated SSO  User is frozen",
        '[{"errorCode":"INACTIVE_USER","message":"inactive user"}]',
    ),
    "ip_restricted": (
        '{"error":"invalid_grant","error_description":"ip restricted"}',
        "App_HaihaiConnect\tRemote Access 2.0\tFailed: IP Address Not Allowed",
        "Login History: プロファイル_配配メール, Restricted IP",
        "LOGIN_DURING_RESTRICTED_DOMAIN: cannot log in from current IP address",
    ),
    "login_failed": (
        '{"error":"invalid_grant","error_description":"authentication failure"}',
        "INVALID_LOGIN: Invalid username, password, security token; or user locked "
        "out.",
        "Please check your username and password. If you still can't log in, contact "
        "your Salesforce administrator.",
        "ユーザ名とパスワードを確認してください。ログインできない場合は、Salesforce "
        "システム管理者に連絡してください。",
        "Login rate exceeded",
    ),
    "state_mismatch": (
        "認可の応答が、開始した認可のものではありません（state の不一致）。",
        "authlib: mismatching_state: CSRF Warning! State not equal in request and "
        "response.",
        "OAuth callback failed: state mismatch",
    ),
    "no_answer": (
        "Salesforce から応答がありませんでした。",
        "このサイトにアクセスできません localhost で接続が拒否されました。 "
        "ERR_CONNECTION_REFUSED",
        "Unable to connect. Firefox can't establish a connection to the server at "
        "localhost:8711.",
        f"{_CALLBACK}?code=aPrxexample%3D%3D&state=3f9a",
        "https://login.salesforce.com/services/oauth2/authorize?response_type=code"
        "&client_id=3MVG9example&code_challenge=abc&scope=api%20refresh_token"
        "&redirect_uri=http%3A%2F%2Flocalhost%3A8711%2Fsflogged",
    ),
    "not_yet_active": (
        "Allow from 2-10 minutes for your changes to take effect on the server before "
        "using the connected app.",
        "Changes can take up to 10 minutes to take effect. Deleting a parent org also "
        "deletes all connected apps.",
        "接続アプリケーションを使用する前に、変更が有効になるまで 2 ～ 10 分かかりま"
        "す。",
    ),
    "api_disabled": (
        '[{"message":"The REST API is not enabled for this Organization",'
        '"errorCode":"API_DISABLED_FOR_ORG"}]',
        "API_CURRENTLY_DISABLED: API is disabled for this User",
        "FeatureNotEnabled",
    ),
    "api_limit": (
        '[{"message":"TotalRequests Limit exceeded.",'
        '"errorCode":"REQUEST_LIMIT_EXCEEDED"}]',
        "403 ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
        "Salesforce の 24 時間あたりの API 要求数を使い切りました。",
        "ExceededQuota : ApiBatchItems Limit exceeded.",
    ),
    "missing_object": (
        "\nselect count() from Kokyaku\n                    ^\nERROR at "
        "Row:1:Column:21\nsObject type 'Kokyaku' is not supported. If you are "
        "attempting to use a custom object, be sure to append the '__c' after the "
        "entity name.",
        '[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]',
        '[{"message":"sObject type Kokyaku","errorCode":"INVALID_TYPE"}]',
    ),
    "missing_field": (
        '[{"message":"\\nSELECT Foo FROM Contact\\n       ^\\nERROR at '
        "Row:1:Column:8\\nNo such column 'Foo' on entity 'Contact'. If you are "
        "attempting to use a custom field, be sure to append the '__c' after the "
        'custom field name.","errorCode":"INVALID_FIELD"}]',
        "Provided external ID field does not exist or is not accessible: Ext__c",
        "対応付けた項目がすべて Salesforce で参照できません。",
    ),
    "no_edit_permission": (
        "INVALID_FIELD_FOR_INSERT_UPDATE:Unable to create/update fields: "
        "HaihaiState__c. Please check the security settings of this field and verify "
        "that it is read/write for your profile or permission set.:HaihaiState__c --",
        '[{"message":"insufficient access rights on object id",'
        '"errorCode":"INSUFFICIENT_ACCESS_OR_READONLY"}]',
        "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY: insufficient access rights on "
        "cross-reference id: 001000000000001",
    ),
    "no_encrypted_data_permission": (
        "「暗号化されたデータの参照」権限がありません",
        "The user needs the View Encrypted Data permission.",
        '{"PermissionsViewEncryptedData": false}',
    ),
    "field_type_mismatch": (
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST:bad value for restricted picklist "
        "field: 配信停止:HaihaiState__c --",
        "INVALID_TYPE_ON_FIELD_IN_RECORD: value not of required type: abc",
        '[{"message":"Cannot deserialize instance of datetime from VALUE_STRING value '
        '2026/01/05","errorCode":"JSON_PARSER_ERROR"}]',
    ),
    "field_too_short": (
        "STRING_TOO_LONG:HaiHai URL: data value too large: https://example.jp/ "
        "(max length=255):HaihaiLastViewedUrl__c --",
        '{"statusCode":"STRING_TOO_LONG","fields":["HaihaiLastViewedUrl__c"]}',
        "First Name: data value too large: (max length=40)",
    ),
    "wrong_org": (
        "このプロファイルの組織は 00D000000000001EAA ですが、トークンは "
        "00D000000000002EAA のものです。",
        '{"event":"run_done","status":"failed","cause":"wrong_org"}',
        "The token belongs to another org.",
    ),
    "clock_skew": (
        "NET::ERR_CERT_DATE_INVALID お使いの時計が遅れています",
        "ssl.SSLCertVerificationError: certificate verify failed: clock skew",
        "このマシンの時計がずれています",
    ),
    "dns": (
        "httpx.ConnectError: [Errno -2] Name or service not known",
        "DNS_PROBE_FINISHED_NXDOMAIN example.my.salesforce.com のサーバーの IP "
        "アドレスが見つかりませんでした。",
        "Salesforce に接続できません: ホスト名を解決できません。",
        "curl: (6) Could not resolve host: a01.example.jp",
        "[Errno -3] Temporary failure in name resolution",
    ),
    "tls": (
        "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed "
        "certificate in certificate chain (_ssl.c:1006)",
        "この接続ではプライバシーが保護されません NET::ERR_CERT_AUTHORITY_INVALID",
        "配配メール に接続できません: TLS の接続を確立できません。",
        "ssl.SSLError: [SSL: WRONG_VERSION_NUMBER] wrong version number",
    ),
    "timeout": (
        "httpx.ReadTimeout: The read operation timed out",
        "Salesforce に接続できません: 時間内に応答がありません。",
        "ERR_CONNECTION_TIMED_OUT example.my.salesforce.com からの応答時間が長すぎ"
        "ます。",
    ),
    "service_unavailable": (
        "<html><head><title>503 Service Temporarily Unavailable</title></head></html>",
        '[{"errorCode":"SERVER_UNAVAILABLE","message":"server too busy"}]',
        "配配メールが HTTP 502 を返しました。",
        '{"error":"unknown_error","error_description":"retry your request"}',
        "httpx.RemoteProtocolError: Server disconnected without sending a response.",
        "配配メールの応答が HTML です。成功とは見なしません。",
        "We are down for maintenance. Sorry for the inconvenience.",
    ),
    "haihai_token_invalid": (
        "配配メールの API トークンが登録されていません。",
        "CODE,STATUS,MESSAGE\n81401,ERROR,authentication failed",
        "配配メールが HTTP 401 で拒否しました。",
    ),
    "haihai_ip_denied": (
        "81403,ERROR,ip address not allowed: 192.0.2.1",
        "配配メールが HTTP 403 で拒否しました。",
        "POST /?ac=ScheduleCsvImport: ip address not allowed",
    ),
    "haihai_limit": (
        "81404,ERROR,too many calls",
        "配配メール API (import) の本日の予算 200 回を使い切りました。",
        "配配メールの応答: 81404 too many calls",
    ),
    "haihai_group_unknown": (
        "81410,ERROR,unknown group: 99",
        "配配メールの応答: 81410 unknown group: 99",
        "指定の配信グループが存在しません",
    ),
    "haihai_item_unknown": (
        "81411,ERROR,unknown item: 役職",
        "配配メールの応答: 81411 unknown item: 役職",
        "データベース項目が存在しません: 役職",
    ),
    "callback_port_busy": (
        "OSError: [Errno 98] Address already in use",
        "コールバック URL のポート 8711 を使えません。",
        "Error: listen EADDRINUSE: address already in use 127.0.0.1:8711",
        "[WinError 10048] Only one usage of each socket address is normally permitted",
    ),
    "unknown": (
        "こんにちは",
        "ERROR 0x80070005 in module frobnicator",
        '{"error":"something_new","status":418}',
    ),
}
