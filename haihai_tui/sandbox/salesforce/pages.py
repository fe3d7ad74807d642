"""The login, consent and error pages: plain forms, in Japanese and English.

Element ids and field names are those that browser automation looks for on the
real pages.
"""

from __future__ import annotations

from html import escape

from starlette.responses import HTMLResponse

LOGIN_FAILED = (
    "ユーザー名とパスワードを確認してください。",
    "Please check your username and password. If you still can't log in, "
    "contact your Salesforce administrator.",
)
LOGIN_RATE = ("ログインの頻度が上限を超えました。", "Login rate exceeded.")
SCOPE_LABELS = {
    "api": "API を使用したユーザーデータの管理 / Manage user data via APIs (api)",
    "refresh_token": "いつでも要求を実行 / Perform requests anytime (refresh_token)",
    "id": "ID URL サービスへのアクセス / Access the identity URL service (id)",
    "openid": "ユーザー識別子へのアクセス / Access unique user identifiers (openid)",
}
_STYLE = (
    "*{box-sizing:border-box}body{margin:0;min-height:100vh;padding:7vh 1rem 2rem;"
    "background:#eef2f8;color:#16325c;line-height:1.6;"
    'font-family:system-ui,"Hiragino Sans","Yu Gothic UI","Noto Sans CJK JP",'
    "sans-serif}"
    "main{max-width:28rem;margin:0 auto;padding:2rem;background:#fff;"
    "border:1px solid #d8dde6;border-radius:10px;box-shadow:0 6px 22px #16325c1a}"
    ".brand{max-width:28rem;margin:0 auto 1rem;text-align:center;font-size:.85rem;"
    "letter-spacing:.08em;color:#54698d}h1{margin:0 0 1rem;font-size:1.25rem}"
    "label{display:block;margin-top:1rem;font-size:.9rem}"
    "input[type=text],input[type=password]{width:100%;padding:.55rem .7rem;"
    "font:inherit;border:1px solid #c3ccda;border-radius:6px}"
    "input[type=submit]{padding:.55rem 1.2rem;font:inherit;border-radius:6px;"
    "border:1px solid #0b5cab;background:#fff;color:#0b5cab;cursor:pointer}"
    "#Login,#oaapprove{background:#0b5cab;color:#fff}#Login{width:100%}"
    "ul{padding-left:1.2rem}#editPage{display:flex;gap:.75rem;margin-top:1.5rem}"
    ".error{color:#ba0517}.note{color:#54698d;font-size:.8rem}"
    ".popup main{box-shadow:none}"
)


def _page(title: str, body: str, display: str = "page") -> HTMLResponse:
    return HTMLResponse(
        "<!DOCTYPE html>\n"
        f'<html lang="ja"><head><meta charset="UTF-8"><title>{title}</title>\n'
        '<meta name="viewport" content="width=device-width">\n'
        f'<style>{_STYLE}</style></head>\n<body class="{escape(display)}">\n'
        f'<p class="brand">SALESFORCE SANDBOX</p>\n<main>\n{body}\n'
        '<p class="note">これは練習用のサンドボックスで、Salesforce ではありません。'
        "<br>This is a local sandbox, not Salesforce.</p>\n</main></body></html>\n",
        headers={
            "cache-control": "no-cache,must-revalidate,max-age=0,no-store,private"
        },
    )


def login_page(
    start_url: str, username: str, error: tuple[str, str] | None, display: str
) -> HTMLResponse:
    """`#username`, `#password`, `[name=Login]`; posts to `/`."""
    note = ""
    if error is not None:
        note = f'<p id="error" class="error">{error[0]}<br>{error[1]}</p>\n'
    body = (
        "<h1>ログイン / Log In</h1>\n"
        f"{note}"
        '<form id="login_form" name="login" method="post" action="/">\n'
        f'<input type="hidden" name="startURL" value="{escape(start_url)}">\n'
        '<label for="username">ユーザー名 / Username</label>\n'
        '<input type="text" id="username" name="username" autocomplete="username" '
        f'value="{escape(username)}">\n'
        '<label for="password">パスワード / Password</label>\n'
        '<input type="password" id="password" name="pw" '
        'autocomplete="current-password">\n'
        '<p><input type="submit" id="Login" name="Login" value="ログイン / Log In"></p>'
        "\n</form>"
    )
    return _page("ログイン / Login", body, display)


def consent_page(
    action: str,
    source: str,
    app_name: str,
    username: str,
    scopes: list[str],
    display: str,
) -> HTMLResponse:
    """`#oaapprove` and `#oadeny`, two submit buttons of one form."""
    items = "".join(
        f"<li>{escape(SCOPE_LABELS.get(scope, scope))}</li>\n" for scope in scopes
    )
    name = escape(app_name)
    body = (
        "<h1>アクセスを許可しますか? / Allow Access?</h1>\n"
        f"<p><b>{name}</b> が次のアクセスを求めています。<br>"
        f"<b>{name}</b> is asking to:</p>\n<ul>\n{items}</ul>\n"
        f"<p>ユーザー / User: {escape(username)}</p>\n"
        f'<form id="editPage" method="post" action="{action}">\n'
        f'<input type="hidden" name="source" value="{escape(source)}">\n'
        '<input type="submit" id="oaapprove" name="save" value="許可 / Allow">\n'
        '<input type="submit" id="oadeny" name="cancel" value="拒否 / Deny">\n'
        "</form>"
    )
    return _page("アクセスの許可 / Allow Access?", body, display)


def error_page(code: str, description: str) -> HTMLResponse:
    """The page that every refusal after login shows; it never calls back."""
    detail = ""
    if code and code != "OAUTH_APPROVAL_ERROR_GENERIC":
        detail = f'<p class="note">{escape(code)}: {escape(description)}</p>\n'
    body = (
        "<h1>認証エラー / OAuth Error</h1>\n"
        '<p id="error" class="error">OAuth エラーのため、認証できません。詳細は、'
        "Salesforce システム管理者に問い合わせてください。<br>"
        "We can't authorize you because of an OAuth error. For more information, "
        "contact your Salesforce administrator.</p>\n"
        "<p>OAUTH_APPROVAL_ERROR_GENERIC : An unexpected error has occured during "
        f"authentication. Please try again later.</p>\n{detail}"
    )
    return _page("認証エラー / OAuth Error", body)


def home_page(username: str) -> HTMLResponse:
    """What a login without a request in progress leads to."""
    who = escape(username)
    return _page("ホーム / Home", f"<p>ログインしました / You are logged in: {who}</p>")
