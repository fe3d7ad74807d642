"""OAuth 2.0 of the imitated org: the token endpoint, and all routes joined.

Answers carry no `expires_in`, as the real ones do not; only introspection tells
when a session ends.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from haihai_tui.sandbox.salesforce import oidc, users
from haihai_tui.sandbox.salesforce.answers import json_response
from haihai_tui.sandbox.salesforce.authorize import AuthorizePages
from haihai_tui.sandbox.salesforce.codes import Code, Codes
from haihai_tui.sandbox.salesforce.errors import OAUTH_TEXTS
from haihai_tui.sandbox.salesforce.identity import Identity
from haihai_tui.sandbox.salesforce.oauth_common import (
    NOT_INSTALLED,
    OAuthError,
    app_access_refusal,
    client_of,
    is_installed,
    is_on,
    parameters,
    take_basic,
)
from haihai_tui.sandbox.salesforce.oauth_control import control_routes
from haihai_tui.sandbox.salesforce.sessions import Access, RefreshRefused

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.apps import App
    from haihai_tui.sandbox.salesforce.context import Context

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


def routes(ctx: Context) -> list[BaseRoute]:
    """Every OAuth route, and the control calls for apps and tokens."""
    codes = Codes(ctx.org.clock)
    keys = oidc.Keys()
    token = TokenEndpoint(ctx, codes, keys)
    endpoints = [
        *AuthorizePages(ctx, codes).routes(),
        Route("/services/oauth2/token", token.handle, methods=_METHODS),
        *Identity(ctx).routes(),
        *oidc.routes(ctx, keys),
    ]
    return [*endpoints, *_with_slash(endpoints), *control_routes(ctx, codes)]


def _with_slash(endpoints: list[BaseRoute]) -> list[BaseRoute]:
    """The same endpoints with a slash at the end, which the service tolerates."""
    return [
        Route(f"{each.path}/", each.endpoint, methods=list(each.methods or ()))
        for each in endpoints
        if isinstance(each, Route) and each.path.startswith(("/services/", "/id/"))
    ]


class TokenEndpoint:
    """`POST /services/oauth2/token`."""

    def __init__(self, ctx: Context, codes: Codes, keys: oidc.Keys) -> None:
        self._ctx = ctx
        self._codes = codes
        self._keys = keys
        self._grants: dict[str, Callable[[App, dict[str, str], str], dict[str, Any]]]
        self._grants = {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh_token,
            "password": self._by_password,
            "client_credentials": self._by_client,
        }

    async def handle(self, request: Request) -> Response:
        """Answer one token request."""
        try:
            if request.method != "POST":
                raise OAuthError("invalid_request", "must use HTTP POST")
            return json_response(request, await self._answer(request))
        except OAuthError as error:
            return error.response(request)

    async def _answer(self, request: Request) -> dict[str, Any]:
        self._fail_if_told_to()
        form = await parameters(request)
        grant = form.get("grant_type")
        if not grant:
            raise OAuthError("invalid_request", "grant type missing")
        if grant not in self._grants:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        if is_on(self._ctx, "login_rate_exceeded"):
            raise OAuthError("invalid_grant", "login rate exceeded")
        if grant == "client_credentials":  # where HTTP Basic is documented
            take_basic(request, form)
        app = client_of(self._ctx, request, form)
        return self._grants[grant](app, form, self._ctx.base_url(request))

    def _fail_if_told_to(self) -> None:
        """The switch `token_error` is `error` or `error: description`."""
        told = str(self._ctx.control.switches["token_error"])
        error, _, description = told.partition(":")
        if error:
            description = description.strip() or OAUTH_TEXTS.get(error, error)
            raise OAuthError(error, description)

    # ------------------------------------------------------------------- grants

    def _by_code(self, app: App, form: dict[str, str], base: str) -> dict[str, Any]:
        code = self._codes.find(form.get("code", ""))
        if code is None or code.asked.client_id != app.client_id:
            raise OAuthError("invalid_grant", "invalid authorization code")
        if self._codes.expired(code):
            raise OAuthError("invalid_grant", "expired authorization code")
        if form.get("redirect_uri") != code.asked.redirect_uri:
            text = "redirect_uri must match configuration"
            raise OAuthError("redirect_uri_mismatch", text)
        self._check_verifier(code, form.get("code_verifier", ""))
        if not is_installed(self._ctx, app):
            raise OAuthError("invalid_client", NOT_INSTALLED)
        self._check_user(app, code.user_id)
        code.used = True
        return self._open(app, code.user_id, code.scopes, base, code.asked.nonce)

    def _check_verifier(self, code: Code, verifier: str) -> None:
        """A verifier is due exactly when a challenge was sent."""
        challenge = code.asked.challenge
        if challenge is None and not verifier:
            return
        tilde = "~" in verifier
        if self._ctx.control.switches["verifier_tilde"] == "accept":
            tilde = False
        digest = hashlib.sha256(verifier.encode()).digest()
        computed = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if tilde or not _VERIFIER.fullmatch(verifier) or computed != challenge:
            raise OAuthError("invalid_grant", "invalid code verifier")

    def _by_refresh_token(
        self, app: App, form: dict[str, str], base: str
    ) -> dict[str, Any]:
        token = form.get("refresh_token", "")
        owner = self._ctx.sessions.owner(token)
        if owner is not None:
            self._check_user(app, owner)
        try:
            access, rotated = self._ctx.sessions.refresh(app, token)
        except RefreshRefused:
            text = "expired access/refresh token"
            raise OAuthError("invalid_grant", text) from None
        return self._response(app, access, base, rotated)

    def _by_password(self, app: App, form: dict[str, str], base: str) -> dict[str, Any]:
        user = users.by_username(self._ctx.org, form.get("username", ""))
        password = form.get("password", "")
        if (
            not is_on(self._ctx, "password_grant")
            or user is None
            or not self._ctx.sessions.password_is(password)
        ):
            raise OAuthError("invalid_grant", "authentication failure")
        self._check_user(app, user.user_id)
        access = self._ctx.sessions.open(user.user_id, app.client_id, app.scopes)
        return self._response(app, access, base)

    def _by_client(self, app: App, form: dict[str, str], base: str) -> dict[str, Any]:
        if not is_on(self._ctx, "client_credentials_grant") or app.public:
            text = "no client credentials user enabled"
            raise OAuthError("invalid_grant", text)
        user_id = self._ctx.org.admin_user_id
        access = self._ctx.sessions.open(user_id, app.client_id, app.scopes)
        return self._response(app, access, base)

    def _check_user(self, app: App, user_id: str) -> None:
        user = users.by_id(self._ctx.org, user_id)
        if user is None or not user.active or is_on(self._ctx, "inactive_user"):
            raise OAuthError("invalid_grant", "inactive user")
        if is_on(self._ctx, "ip_restricted"):
            raise OAuthError("invalid_grant", "ip restricted")
        refusal = app_access_refusal(self._ctx, app, user_id)
        if refusal is not None:
            raise OAuthError(*refusal)

    # ----------------------------------------------------------------- response

    def _open(
        self, app: App, user_id: str, scopes: list[str], base: str, nonce: str | None
    ) -> dict[str, Any]:
        sessions = self._ctx.sessions
        if "refresh_token" not in scopes:
            access = sessions.open(user_id, app.client_id, scopes)
            return self._response(app, access, base, nonce=nonce)
        family = sessions.approve(user_id, app.client_id, scopes)
        access = sessions.open(user_id, app.client_id, scopes, family.family_id)
        return self._response(app, access, base, family.token, nonce)

    def _response(
        self,
        app: App,
        access: Access,
        base: str,
        refresh_token: str | None = None,
        nonce: str | None = None,
    ) -> dict[str, Any]:
        identity = f"{base}/id/{self._ctx.org.org_id}/{access.user_id}"
        issued_at = str(int(access.issued * 1000))
        digest = hmac.new(
            app.client_secret.encode(), (identity + issued_at).encode(), hashlib.sha256
        ).digest()
        body: dict[str, Any] = {"access_token": access.token}
        if refresh_token is not None:
            body["refresh_token"] = refresh_token
        body["signature"] = base64.b64encode(digest).decode()
        body["scope"] = " ".join(access.scopes)
        if "openid" in access.scopes:
            body["id_token"] = self._keys.id_token(
                base, identity, app.client_id, access, nonce
            )
        return body | {
            "instance_url": base,
            "id": identity,
            "token_type": "Bearer",
            "issued_at": issued_at,
        }
