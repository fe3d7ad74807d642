"""What the OAuth endpoints share: error form, parameters, scopes, client check."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote, urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from haihai_tui.sandbox.salesforce.answers import json_response

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.apps import App
    from haihai_tui.sandbox.salesforce.context import Context

GENERIC = "OAUTH_APPROVAL_ERROR_GENERIC"
PKCE_MISSING = "missing required code challenge"
NOT_INSTALLED = "app must be installed into org"
BLOCKED = ("OAUTH_APP_BLOCKED", "this app is blocked by admin")
NOT_APPROVED = (
    "invalid_app_access",
    "user is not admin approved to access this app",
)


class OAuthError(Exception):
    """A refusal of the token endpoint and its kin: `{"error","error_description"}`."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
        self.status = status

    def response(self, request: Request) -> Response:
        """The JSON answer."""
        body = {"error": self.error, "error_description": self.description}
        return json_response(request, body, self.status)


async def parameters(request: Request) -> dict[str, str]:
    """Query and form together; the form wins.  The first of equal names counts.

    A body without a content type is read as a form too, as field clients rely on.
    """
    body = (await request.body()).decode("utf-8", "replace")
    pairs = parse_qsl(body, keep_blank_values=True)
    pairs += parse_qsl(request.url.query, keep_blank_values=True)
    found: dict[str, str] = {}
    for name, value in pairs:
        found.setdefault(name, value)
    return found


def callback(uri: str, values: Mapping[str, str], state: str | None) -> Response:
    """302 to the client's redirect URI with `values`, blanks as `+`."""
    return _redirect(uri, urlencode(values), state)


def callback_percent(uri: str, query: str, state: str | None) -> Response:
    """The same with a query that is encoded already (blanks as `%20`)."""
    return _redirect(uri, query, state)


def _redirect(uri: str, query: str, state: str | None) -> Response:
    if state is not None:
        query += "&" + urlencode({"state": state})
    joint = "&" if "?" in uri else "?"
    # The Location goes out as built: a client compares and decodes it exactly once.
    response = RedirectResponse(uri, status_code=302)
    response.headers["location"] = f"{uri}{joint}{query}"
    return response


def plain_error(error: str, description: str) -> Response:
    """HTTP 400 whose body is a query string: errors that must not be redirected."""
    body = f"error={error}&error_description={description.replace(' ', '%20')}"
    return PlainTextResponse(body, 400)


# ---------------------------------------------------------------------- scopes


def normalised(scopes: Iterable[str]) -> list[str]:
    """Without doubles; `offline_access` is another name of `refresh_token`."""
    renamed = ("refresh_token" if s == "offline_access" else s for s in scopes)
    return list(dict.fromkeys(renamed))


def granted(app: App, wanted: str | None) -> list[str] | None:
    """The scopes of a grant; None when the app lacks one that is asked for."""
    own = normalised(app.scopes)
    asked = normalised((wanted or "").split())
    if not asked:
        return own
    allowed = {*own, "id"}
    missing = [scope for scope in asked if scope not in allowed]
    if "full" in own:  # everything but a refresh token
        missing = [scope for scope in missing if scope == "refresh_token"]
    return None if missing else asked


# --------------------------------------------------------------------- clients


def is_on(ctx: Context, switch: str) -> bool:
    """Whether an on/off switch is on."""
    return ctx.control.switches[switch] in ("on", True)


def client_of(ctx: Context, request: Request, form: dict[str, str]) -> App:
    """The authenticated app; raises OAuthError.

    Credentials stand in the body.  HTTP Basic counts only where a switch says so,
    and what it carries is then put into `form`.  A public client sends none.
    """
    if ctx.control.switches["token_basic_auth"] == "accept":
        take_basic(request, form)
    status = int(str(ctx.control.switches["invalid_client_status"]))
    app = ctx.apps.get(form.get("client_id", ""))
    if app is None:
        error, text = "invalid_client_id", "client identifier invalid"
        raise OAuthError(error, text, status)
    secret = form.get("client_secret", "")
    optional = form.get("grant_type") == "refresh_token" and (
        not app.secret_required_for_refresh
    )
    if not secret and (app.public or optional):
        return app
    if not app.secret_is(secret):
        raise OAuthError("invalid_client", "invalid client credentials", status)
    return app


def take_basic(request: Request, form: dict[str, str]) -> None:
    """Read client credentials of HTTP Basic into `form`, which wins."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return
    try:
        pair = base64.b64decode(value, validate=True).decode()
    except ValueError:
        return
    name, _, secret = pair.partition(":")
    form.setdefault("client_id", unquote(name))
    form.setdefault("client_secret", unquote(secret))


def app_access_refusal(ctx: Context, app: App, user_id: str) -> tuple[str, str] | None:
    """Error and description when policy keeps this user from this app."""
    if app.blocked or is_on(ctx, "app_blocked"):
        return BLOCKED
    listed = app.approved_users is None or user_id in app.approved_users
    if listed and ctx.control.switches["user_approved"] != "off":
        return None
    if ctx.control.switches["user_not_approved"] == "app_blocked":
        return BLOCKED
    return NOT_APPROVED


def is_installed(ctx: Context, app: App) -> bool:
    """Whether the app is installed in the org."""
    return app.installed and ctx.control.switches["app_installed"] != "off"
