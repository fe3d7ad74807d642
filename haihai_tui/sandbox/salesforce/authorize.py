"""The authorization endpoint with its login, consent and error pages.

What can be told before login is told at once; what depends on the org or the
user is told after it, as the real service does, and partly on a page that never
calls the client back.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from haihai_tui.sandbox.salesforce import pages, users
from haihai_tui.sandbox.salesforce.codes import Asked, Codes
from haihai_tui.sandbox.salesforce.oauth_common import (
    GENERIC,
    NOT_INSTALLED,
    PKCE_MISSING,
    app_access_refusal,
    callback,
    callback_percent,
    granted,
    is_installed,
    is_on,
    parameters,
    plain_error,
)

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.apps import App
    from haihai_tui.sandbox.salesforce.context import Context

CONSENT = "/setup/secur/RemoteAccessAuthorizationPage.apexp"
ERROR = "/setup/secur/RemoteAccessErrorPage.apexp"
_GENERIC_TEXT = (
    "An unexpected error has occured during authentication. Please try again later."
)
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class AuthorizePages:
    """The endpoints that a browser meets."""

    def __init__(self, ctx: Context, codes: Codes) -> None:
        self._ctx = ctx
        self._codes = codes

    def routes(self) -> list[Route]:
        both = ["GET", "POST"]
        return [
            Route("/services/oauth2/authorize", self.authorize, methods=both),
            Route("/", self.login, methods=both),
            Route("/login", self.login, methods=both),
            Route("/home/home.jsp", self.home),
            Route("/secur/logout.jsp", self.logout),
            Route(CONSENT, self.consent, methods=both),
            Route(ERROR, self.error),
        ]

    # --------------------------------------------------------------- authorize

    async def authorize(self, request: Request) -> Response:
        """Check client, callback and PKCE, then send the browser to log in."""
        form = await parameters(request)
        app = self._ctx.apps.get(form.get("client_id", ""))
        if app is None:
            return plain_error("invalid_client_id", "client identifier invalid")
        uri = form.get("redirect_uri", "")
        if uri not in app.callback_urls or not self._allowed(uri):
            text = "redirect_uri must match configuration"
            return plain_error("redirect_uri_mismatch", text)
        asked = _asked(app, uri, form)
        refused = self._refused_at_once(app, asked, form)
        if refused is not None:
            return refused
        if form.get("immediate", "").lower() == "true":
            return self._immediate(request, app, asked)
        source = self._codes.remember(asked)
        if self._user(request) and not asked.prompt & {"login", "select_account"}:
            return _go(f"{CONSENT}?{urlencode({'source': source})}")
        return self._to_login(source)

    def _allowed(self, uri: str) -> bool:
        parts = urlsplit(uri)
        if parts.scheme == "https":
            return True
        hosts = {"localhost"}
        if self._ctx.control.switches["loopback_ip_callback"] == "accept":
            hosts |= {"127.0.0.1", "::1"}
        return parts.scheme == "http" and parts.hostname in hosts

    def _refused_at_once(
        self, app: App, asked: Asked, form: dict[str, str]
    ) -> Response | None:
        uri, state = asked.redirect_uri, asked.state
        if form.get("response_type") != "code":
            values = {
                "error": "unsupported_response_type",
                "error_description": "response type not supported",
            }
            return callback(uri, values, state)
        bad_method = form.get("code_challenge_method", "S256") != "S256"
        if asked.challenge is None:
            return self._without_pkce(app, asked)
        if bad_method or not _CHALLENGE.fullmatch(asked.challenge):
            text = "invalid code challenge"
            values = {"error": "invalid_request", "error_description": text}
            return callback(uri, values, state)
        return None

    def _without_pkce(self, app: App, asked: Asked) -> Response | None:
        forced = self._ctx.control.switches["pkce_required_app"]
        if not (app.pkce_required if forced == "app" else forced == "on"):
            return None
        if self._ctx.control.switches["pkce_missing_app"] == "body":
            # Saved by browsers as a file: the answer has no content type at all.
            response = plain_error("invalid_request", PKCE_MISSING)
            del response.headers["content-type"]
            return response
        values = {"error": "invalid_request", "error_description": PKCE_MISSING}
        return callback(asked.redirect_uri, values, asked.state)

    def _immediate(self, request: Request, app: App, asked: Asked) -> Response:
        user = self._user(request)
        scopes = granted(app, asked.scope)
        approved = user is not None and self._ctx.sessions.approvals(
            user.user_id, app.client_id
        )
        if user is None or not approved or scopes is None:
            values = {"error": "immediate_unsuccessful"}
            return callback(asked.redirect_uri, values, asked.state)
        refused = self._refused_after_login(app, asked, user.user_id)
        return refused or self._approve(asked, user.user_id, scopes)

    # ------------------------------------------------------------------- login

    def _to_login(self, source: str) -> Response:
        asked = self._codes.asked[source]
        start = f"{CONSENT}?{urlencode({'source': source})}"
        query = {"ec": "302", "startURL": start}
        if asked.login_hint:
            query["un"] = asked.login_hint
        if asked.display != "page":
            query["display"] = asked.display
        return _go("/?" + urlencode(query))

    async def login(self, request: Request) -> Response:
        """Show the form, or log in and go on to `startURL`."""
        form = await parameters(request)
        start = form.get("startURL", "")
        if not start.startswith("/") or start.startswith(("//", "/\\")):
            start = ""
        name = form.get("username") or form.get("un", "")
        display = form.get("display", "page")
        if request.method != "POST":
            return pages.login_page(start, name, None, display)
        if is_on(self._ctx, "login_rate_exceeded"):
            return pages.login_page(start, name, pages.LOGIN_RATE, display)
        user = users.by_username(self._ctx.org, name)
        password = form.get("pw") or form.get("password", "")
        if (
            user is None
            or not user.active
            or is_on(self._ctx, "inactive_user")
            or not self._ctx.sessions.password_is(password)
        ):
            return pages.login_page(start, name, pages.LOGIN_FAILED, display)
        source = parse_qs(urlsplit(start).query).get("source", [])
        self._codes.fresh_logins.update(source[:1])
        response = _go(start or "/home/home.jsp")
        sid = self._codes.log_in(user.user_id)
        response.set_cookie("sid", sid, httponly=True, samesite="lax")
        return response

    async def home(self, request: Request) -> Response:
        user = self._user(request)
        return pages.home_page(user.username) if user else _go("/?ec=302")

    async def logout(self, request: Request) -> Response:
        self._codes.browsers.pop(request.cookies.get("sid", ""), None)
        response = _go("/")
        response.delete_cookie("sid")
        return response

    def _user(self, request: Request) -> users.User | None:
        user_id = self._codes.browsers.get(request.cookies.get("sid", ""))
        return users.by_id(self._ctx.org, user_id) if user_id else None

    # ----------------------------------------------------------------- consent

    async def consent(self, request: Request) -> Response:
        """Show what the app asks for; take the answer."""
        form = await parameters(request)
        source = form.get("source", "")
        asked = self._codes.asked.get(source)
        app = self._ctx.apps.get(asked.client_id) if asked else None
        if asked is None or app is None:
            return _error(GENERIC, _GENERIC_TEXT)
        user = self._user(request)
        stale = "login" in asked.prompt and source not in self._codes.fresh_logins
        if user is None or stale:
            return self._to_login(source)
        scopes = granted(app, asked.scope)
        refused = self._refused_after_login(app, asked, user.user_id)
        if refused is not None or scopes is None:
            return refused or _error(GENERIC, _GENERIC_TEXT)
        if request.method == "POST":
            del self._codes.asked[source]
            self._codes.fresh_logins.discard(source)
            return self._answer(asked, user.user_id, scopes, form)
        if self._remembered(app, asked, user.user_id, scopes):
            del self._codes.asked[source]
            return self._approve(asked, user.user_id, scopes)
        return pages.consent_page(
            CONSENT, source, app.name, user.username, scopes, asked.display
        )

    def _remembered(
        self, app: App, asked: Asked, user_id: str, scopes: list[str]
    ) -> bool:
        if not is_on(self._ctx, "consent_remembered") or "consent" in asked.prompt:
            return False
        before = self._ctx.sessions.approvals(user_id, app.client_id)
        return any(set(scopes) <= set(family.scopes) for family in before)

    def _refused_after_login(
        self, app: App, asked: Asked, user_id: str
    ) -> Response | None:
        if not is_installed(self._ctx, app):
            return _error("invalid_client", NOT_INSTALLED)
        refusal = app_access_refusal(self._ctx, app, user_id)
        if refusal is not None:
            values = {"error": refusal[0], "error_description": refusal[1]}
            return callback(asked.redirect_uri, values, asked.state)
        if asked.challenge is None and is_on(self._ctx, "pkce_required_org"):
            if self._ctx.control.switches["pkce_missing_org"] == "redirect":
                text = PKCE_MISSING.replace(" ", "%20")
                query = f"error=invalid_request&error_description={text}"
                return callback_percent(asked.redirect_uri, query, asked.state)
            return _error(GENERIC, _GENERIC_TEXT)
        if is_on(self._ctx, "ip_restricted") or is_on(self._ctx, "api_only_user"):
            return _error(GENERIC, _GENERIC_TEXT)
        return None

    def _answer(
        self, asked: Asked, user_id: str, scopes: list[str], form: dict[str, str]
    ) -> Response:
        if "cancel" in form or "oadeny" in form:
            text = "end-user denied authorization"
            values = {"error": "access_denied", "error_description": text}
            return callback(asked.redirect_uri, values, asked.state)
        return self._approve(asked, user_id, scopes)

    def _approve(self, asked: Asked, user_id: str, scopes: list[str]) -> Response:
        code = self._codes.issue(asked, user_id, scopes)
        return callback(asked.redirect_uri, {"code": code}, asked.state)

    async def error(self, request: Request) -> Response:
        """The error page; its own URL is all that tells the cause."""
        form = await parameters(request)
        return pages.error_page(
            form.get("error", ""), form.get("error_description", "")
        )


def _asked(app: App, uri: str, form: dict[str, str]) -> Asked:
    display = form.get("display", "page")
    return Asked(
        client_id=app.client_id,
        redirect_uri=uri,
        state=form.get("state"),
        scope=form.get("scope"),
        challenge=form.get("code_challenge") or None,
        nonce=form.get("nonce"),
        prompt=frozenset(form.get("prompt", "").split()),
        login_hint=form.get("login_hint", ""),
        display=display if display in ("page", "popup", "touch", "mobile") else "page",
    )


def _go(url: str) -> RedirectResponse:
    response = RedirectResponse("/", status_code=302)
    response.headers["location"] = url  # as built, not quoted again
    return response


def _error(error: str, description: str) -> Response:
    query = urlencode({"error": error, "error_description": description})
    return _go(f"{ERROR}?{query}")
