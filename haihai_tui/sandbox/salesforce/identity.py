"""Who a token belongs to: userinfo, identity URL, introspection, revocation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from haihai_tui.sandbox.salesforce import users
from haihai_tui.sandbox.salesforce.answers import json_response
from haihai_tui.sandbox.salesforce.oauth_common import (
    OAuthError,
    client_of,
    parameters,
)

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.context import Context

_TOKEN_SHAPE = re.compile(r"00D\w{12,15}![.\w]*|5Aep861\w*")
_JSONP_NAME = re.compile(r"[A-Za-z_$][\w.$]*")
_ADDRESS = ("street", "city", "state", "country", "zip")


class _BadToken(Exception):
    """Answered as plain text, unlike on the data endpoints."""


class Identity:
    """The endpoints around a token that exists already."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def routes(self) -> list[BaseRoute]:
        both = ["GET", "POST"]
        return [
            Route("/services/oauth2/userinfo", self.userinfo, methods=both),
            Route("/id/{org_id}/{user_id}", self.identity, methods=both),
            Route("/services/oauth2/introspect", self.introspect, methods=["POST"]),
            Route("/services/oauth2/revoke", self.revoke, methods=both),
        ]

    # ----------------------------------------------------------------- identity

    async def userinfo(self, request: Request) -> Response:
        """OpenID Connect's view of the token's user."""
        try:
            user = await self._bearer(request)
        except _BadToken as error:
            return PlainTextResponse(str(error), 403)
        base = self._ctx.base_url(request)
        org_id = self._ctx.org.org_id
        photos = _photos(base)
        body = {
            "sub": f"{base}/id/{org_id}/{user.user_id}",
            "user_id": user.user_id,
            "organization_id": org_id,
            "preferred_username": user.username,
            "nickname": user.nickname,
            "name": user.name,
            "email": user.email,
            "email_verified": True,
            "given_name": user.first_name or None,
            "family_name": user.last_name,
            "zoneinfo": user.time_zone,
            "photos": photos,
            "profile": f"{base}/{user.user_id}",
            "picture": photos["picture"],
            "address": {},
            "is_salesforce_integration_user": False,
            "urls": _urls(base, org_id, user.user_id),
            "active": user.active,
            "user_type": user.user_type.upper(),
            "language": user.language,
            "locale": user.locale,
            "utcOffset": self._utc_offset(user),
            "updated_at": _zulu(user.modified),
        }
        return json_response(request, body)

    async def identity(self, request: Request) -> Response:
        """The identity URL that comes with every token."""
        try:
            user = await self._bearer(request)
        except _BadToken as error:
            return PlainTextResponse(str(error), 403)
        org_id = self._ctx.org.org_id
        if request.path_params["org_id"][:15] != org_id[:15]:
            return PlainTextResponse("Wrong_Org", 403)
        if request.path_params["user_id"][:15] != user.user_id[:15]:
            return PlainTextResponse("Bad_Id", 403)
        base = self._ctx.base_url(request)
        body = {
            "id": f"{base}/id/{org_id}/{user.user_id}",
            "asserted_user": True,
            "user_id": user.user_id,
            "organization_id": org_id,
            "username": user.username,
            "nick_name": user.nickname,
            "display_name": user.name,
            "email": user.email,
            "email_verified": True,
            "first_name": user.first_name or None,
            "last_name": user.last_name,
            "timezone": user.time_zone,
            "photos": _photos(base),
            **{f"addr_{part}": None for part in _ADDRESS},
            "mobile_phone": None,
            "mobile_phone_verified": False,
            "is_lightning_login_user": False,
            "status": {"created_date": None, "body": None},
            "urls": _urls(base, org_id, user.user_id),
            "active": user.active,
            "user_type": user.user_type.upper(),
            "language": user.language,
            "locale": user.locale,
            "utcOffset": self._utc_offset(user),
            "last_modified_date": _zulu(user.modified),
        }
        return json_response(request, body)

    async def _bearer(self, request: Request) -> users.User:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        form = await parameters(request)
        if scheme.lower() not in ("bearer", "oauth"):
            token = form.get("access_token") or form.get("oauth_token", "")
        if not token:
            raise _BadToken("Missing_OAuth_Token")
        access = self._ctx.sessions.touch(token.strip())
        user = users.by_id(self._ctx.org, access.user_id) if access else None
        if user is None:
            raise _BadToken("Bad_OAuth_Token")
        return user

    def _utc_offset(self, user: users.User) -> int:
        """Milliseconds east of Greenwich, without summer time."""
        try:
            now = self._ctx.org.clock.now().astimezone(ZoneInfo(user.time_zone))
        except (ZoneInfoNotFoundError, ValueError):
            return 0
        offset, summer = now.utcoffset(), now.dst()
        if offset is None or summer is None:
            return 0
        return int((offset - summer).total_seconds() * 1000)

    # ------------------------------------------------- introspection, revocation

    async def introspect(self, request: Request) -> Response:
        """Whether a token is good; an app sees its own tokens only."""
        form = await parameters(request)
        try:
            app = client_of(self._ctx, request, form)
        except OAuthError as error:
            return error.response(request)
        body = self._introspected(form.get("token", ""), self._ctx.base_url(request))
        if body["active"] and body["client_id"] != app.client_id:
            body = body if app.introspect_all else {"active": False}
        return json_response(request, body)

    def _introspected(self, token: str, base: str) -> dict[str, Any]:
        access = self._ctx.sessions.access(token)
        family = None if access else self._ctx.sessions.family(token)
        found = access or family
        if found is None or found.token != token:
            return {"active": False}
        user = users.by_id(self._ctx.org, found.user_id)
        issued = int(access.issued if access else family.created if family else 0)
        body: dict[str, Any] = {
            "active": True,
            "scope": " ".join(sorted(found.scopes)),
            "client_id": found.client_id,
            "username": user.username if user else "",
            "sub": f"{base}/id/{self._ctx.org.org_id}/{found.user_id}",
            "token_type": "access_token" if access else "refresh_token",
        }
        if access is not None:
            body["exp"] = int(access.expires)
        return body | {"iat": issued, "nbf": issued}

    async def revoke(self, request: Request) -> Response:
        """200 and empty; as JSONP when `callback` asks for it."""
        form = await parameters(request)
        token = form.get("token", "")
        error: OAuthError | None = None
        if not _TOKEN_SHAPE.fullmatch(token):
            text = "this token type is not supported"
            error = OAuthError("unsupported_token_type", text)
        elif not self._ctx.sessions.revoke(token):
            error = OAuthError("invalid_token", f"invalid token: {token}")
        name = form.get("callback", "")
        if not _JSONP_NAME.fullmatch(name):
            return error.response(request) if error else Response(status_code=200)
        text = ""
        if error is not None:
            body = error.response(request).body
            text = bytes(body).decode()
        return Response(
            f"{name}({text});",
            error.status if error else 200,
            media_type="application/javascript",
        )


def _photos(base: str) -> dict[str, str]:
    return {
        "picture": f"{base}/profilephoto/005/F",
        "thumbnail": f"{base}/profilephoto/005/T",
    }


def _urls(base: str, org_id: str, user_id: str) -> dict[str, str]:
    """`{version}` stands in these templates literally."""
    soap = f"{base}/services/Soap"
    rest = f"{base}/services/data/v{{version}}/"
    return {
        "enterprise": f"{soap}/c/{{version}}/{org_id[:15]}",
        "metadata": f"{soap}/m/{{version}}/{org_id[:15]}",
        "partner": f"{soap}/u/{{version}}/{org_id[:15]}",
        "rest": rest,
        "sobjects": f"{rest}sobjects/",
        "search": f"{rest}search/",
        "query": f"{rest}query/",
        "recent": f"{rest}recent/",
        "tooling_soap": f"{soap}/T/{{version}}/{org_id[:15]}",
        "tooling_rest": f"{rest}tooling/",
        "profile": f"{base}/{user_id}",
        "feeds": f"{rest}chatter/feeds",
        "groups": f"{rest}chatter/groups",
        "users": f"{rest}chatter/users",
        "feed_items": f"{rest}chatter/feed-items",
        "feed_elements": f"{rest}chatter/feed-elements",
        "custom_domain": base,
    }


def _zulu(stored: str) -> str:
    """`2026-01-02T03:04:05.000+0000` as `2026-01-02T03:04:05Z`."""
    return re.sub(r"(\.\d+)?\+0000$", "Z", stored)
