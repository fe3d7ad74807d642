"""Access tokens, refresh tokens and approvals of the imitated org.

One approval is one family: the refresh token that is valid now, those it
replaced, and the access tokens that came from it.  Revoking, evicting or reusing
acts on families, which is why the family and not the token is what is stored.
"""

from __future__ import annotations

import hmac
import random
import secrets
import string
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.requests import Request

from haihai_tui.sandbox.salesforce import users
from haihai_tui.sandbox.salesforce.errors import ApiError

if TYPE_CHECKING:
    from datetime import datetime

    from haihai_tui.sandbox.salesforce.apps import App
    from haihai_tui.sandbox.salesforce.org import Org

MAX_APPROVALS = 5
_TOKEN_CHARS = string.ascii_letters + string.digits
_API_SCOPES = frozenset({"api", "full", "web"})


@dataclass(frozen=True, slots=True)
class Session:
    """Who makes a request; ids have 18 characters."""

    user_id: str
    org_id: str
    client_id: str
    scopes: tuple[str, ...]


@dataclass(slots=True)
class Access:
    """An access token; times are seconds since the epoch."""

    token: str
    user_id: str
    client_id: str
    scopes: list[str]
    issued: float
    expires: float
    family: str = ""


@dataclass(slots=True)
class Family:
    """One approval of an app by a user.

    `replaced` maps each rotated-out token to the time of its replacement.
    """

    family_id: str
    user_id: str
    client_id: str
    scopes: list[str]
    token: str
    created: float
    used: float
    delete_token: str
    use_count: int = 1
    replaced: dict[str, float] = field(default_factory=dict)


class RefreshRefused(Exception):
    """The refresh token is not, or no longer, good."""


class Sessions:
    """All tokens of one org, by its clock and its switches."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self._access: dict[str, Access] = {}
        self._families: dict[str, Family] = {}
        self._by_refresh: dict[str, str] = {}
        dice = random.Random(f"password {org.seed}")
        self.password = "".join(dice.choices(_TOKEN_CHARS, k=16))

    def password_is(self, password: str) -> bool:
        """Compare with the one password of every user, in constant time."""
        return hmac.compare_digest(self.password.encode(), password.encode())

    # ------------------------------------------------------------- access tokens

    def open(
        self, user_id: str, client_id: str, scopes: list[str], family: str = ""
    ) -> Access:
        """A new access token, `00D…!AQ…`, good for the session timeout."""
        now = self._now().timestamp()
        secret = "".join(secrets.choice(_TOKEN_CHARS) for _ in range(90))
        token = f"{self._org.org_id[:15]}!AQ{secret[:20]}.{secret[20:]}"
        access = Access(
            token, user_id, client_id, list(scopes), now, now + self._timeout(), family
        )
        self._access[token] = access
        return access

    def access(self, token: str) -> Access | None:
        """A living access token, without prolonging it."""
        found = self._access.get(token)
        if found is None or found.expires <= self._now().timestamp():
            return None
        return found

    def touch(self, token: str) -> Access | None:
        """A living access token whose time starts again: each use slides it."""
        found = self.access(token)
        if found is not None:
            found.expires = self._now().timestamp() + self._timeout()
        return found

    def authenticate(self, request: Request) -> Session:
        """The session of a data request, by `Bearer` or `OAuth`.

        Raises ApiError 401 INVALID_SESSION_ID or INVALID_AUTH_HEADER, 403
        API_DISABLED_FOR_ORG or API_CURRENTLY_DISABLED.
        """
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme and scheme.lower() not in ("bearer", "oauth"):
            raise ApiError(401, "INVALID_AUTH_HEADER", "INVALID_HEADER_TYPE")
        access = self.touch(token.strip())
        if access is None or not self._may_use(access.user_id):
            raise ApiError(401, "INVALID_SESSION_ID", "Session expired or invalid")
        if not _API_SCOPES.intersection(access.scopes):
            message = "This session is not valid for use with the REST API"
            raise ApiError(401, "INVALID_SESSION_ID", message)
        if self._org.switches["api_disabled"] == "on":
            message = "The REST API is not enabled for this Organization"
            raise ApiError(403, "API_DISABLED_FOR_ORG", message)
        if not self._api_enabled():
            message = "API is currently disabled for this user"
            raise ApiError(403, "API_CURRENTLY_DISABLED", message)
        scopes = tuple(access.scopes)
        return Session(access.user_id, self._org.org_id, access.client_id, scopes)

    def _api_enabled(self) -> bool:
        taken = self._org.switches["user_permissions"]
        return not isinstance(taken, Mapping) or (
            taken.get("PermissionsApiEnabled") is not False
        )

    def _may_use(self, user_id: str) -> bool:
        switches = self._org.switches
        if switches["inactive_user"] == "on" or switches["ip_restricted"] == "on":
            return False
        if user_id == self._org.admin_user_id:
            return True  # saves a query on every request of the integration user
        user = users.by_id(self._org, user_id)
        return user is not None and user.active

    # ---------------------------------------------------------------- approvals

    def approve(self, user_id: str, client_id: str, scopes: list[str]) -> Family:
        """A new approval with its refresh token, `5Aep861…`.

        The sixth approval of one app by one user revokes the oldest, or by
        switch the one that was not used for longest.
        """
        now = self._now().timestamp()
        self._make_room(user_id, client_id)
        token = _refresh_token()
        family = Family(
            secrets.token_hex(8),
            user_id,
            client_id,
            list(scopes),
            token,
            now,
            now,
            delete_token=_refresh_token(),
        )
        self._families[family.family_id] = family
        self._by_refresh[token] = family.family_id
        return family

    def _make_room(self, user_id: str, client_id: str) -> None:
        mine = self.approvals(user_id, client_id)
        recently = self._org.switches["approval_eviction"] == "least_recently_used"
        if recently:
            mine.sort(key=lambda one: one.used)
        for family in mine[: max(0, len(mine) - MAX_APPROVALS + 1)]:
            self._forget(family)  # only the refresh token: its sessions run out

    def approvals(self, user_id: str, client_id: str) -> list[Family]:
        """Living approvals of one app by one user, oldest first."""
        return [
            family
            for family in self._families.values()
            if (family.user_id, family.client_id) == (user_id, client_id)
        ]

    def family(self, token: str) -> Family | None:
        """The approval whose current refresh or delete token this is."""
        found = self._families.get(self._by_refresh.get(token, ""))
        if found is not None and found.token == token:
            return found
        of_delete = (f for f in self._families.values() if f.delete_token == token)
        return next(of_delete, None)

    def owner(self, token: str) -> str | None:
        """The user behind a refresh token, also one that was rotated out."""
        found = self._families.get(self._by_refresh.get(token, ""))
        return found.user_id if found else None

    def refresh(self, app: App, token: str) -> tuple[Access, str | None]:
        """A new access token, and the new refresh token if it was rotated.

        Raises RefreshRefused: unknown, revoked, idle too long, another app's, or
        rotated out, which by default revokes the whole family.
        """
        family = self._families.get(self._by_refresh.get(token, ""))
        if family is None or family.client_id != app.client_id:
            raise RefreshRefused
        now = self._now().timestamp()
        idle = float(str(self._org.switches["refresh_idle_s"]))
        if idle and now - family.used > idle:
            self._drop(family)
            raise RefreshRefused
        rotated = None
        if token != family.token:
            self._check_reuse(family, token, now)
            rotated = family.token  # within the grace time: the one now valid
        elif self._rotates(app):
            rotated = self._rotate(family, now)
        family.used = now
        family.use_count += 1
        access = self.open(
            family.user_id, family.client_id, family.scopes, family.family_id
        )
        return access, rotated

    def _check_reuse(self, family: Family, token: str, now: float) -> None:
        grace = float(str(self._org.switches["rotation_grace_s"]))
        if now - family.replaced[token] < grace:
            return
        if self._org.switches["refresh_reuse"] == "revoke_family":
            self._drop(family)
        raise RefreshRefused

    def _rotates(self, app: App) -> bool:
        forced = self._org.switches["refresh_rotation"]
        return app.rotation if forced == "app" else forced == "on"

    def _rotate(self, family: Family, now: float) -> str:
        family.replaced[family.token] = now
        family.token = _refresh_token()
        self._by_refresh[family.token] = family.family_id
        return family.token

    # --------------------------------------------------------------- revocation

    def revoke(self, token: str) -> bool:
        """Kill a refresh token with its family, or an access token alone."""
        family = self.family(token)
        if family is not None:
            self._drop(family)
            return True
        if self.access(token) is None:
            return False
        del self._access[token]
        return True

    def revoke_all(self) -> int:
        """Kill every token; returns how many refresh tokens there were."""
        count = len(self._families)
        self._access.clear()
        self._families.clear()
        self._by_refresh.clear()
        return count

    def expire_all(self) -> int:
        """Let every access token run out now; refresh tokens stay."""
        count = len(self._access)
        self._access.clear()
        return count

    def _drop(self, family: Family) -> None:
        """Revoke the approval together with its sessions."""
        self._forget(family)
        mine = [t for t, a in self._access.items() if a.family == family.family_id]
        for token in mine:
            del self._access[token]

    def _forget(self, family: Family) -> None:
        del self._families[family.family_id]
        for token in (family.token, *family.replaced):
            self._by_refresh.pop(token, None)

    # -------------------------------------------------------------------- state

    def oauth_tokens(self) -> list[dict[str, Any]]:
        """What `SELECT … FROM OauthToken` shows: one row an approval, no id."""
        return [
            {
                "Id": None,
                "UserId": family.user_id,
                "ClientId": family.client_id,
                "LastUsedDate": family.used,
                "CreatedDate": family.created,
                "UseCount": family.use_count,
                "DeleteToken": family.delete_token,
            }
            for family in self._families.values()
        ]

    def dump(self) -> dict[str, Any]:
        """Everything as JSON values; `restore` reads it back.

        Also while tokens are given out on another thread.
        """
        return {
            "access": [asdict(one) for one in list(self._access.values())],
            "families": [asdict(one) for one in list(self._families.values())],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take over what `dump` gave, in place of what is there."""
        self.revoke_all()
        for row in state.get("access", ()):
            access = Access(**row)
            self._access[access.token] = access
        for row in state.get("families", ()):
            family = Family(**row)
            self._families[family.family_id] = family
            for token in (family.token, *family.replaced):
                self._by_refresh[token] = family.family_id

    def _now(self) -> datetime:
        return self._org.clock.now()

    def _timeout(self) -> float:
        return float(str(self._org.switches["session_timeout_s"]))


def _refresh_token() -> str:
    body = "".join(secrets.choice(_TOKEN_CHARS) for _ in range(80))
    return f"5Aep861{body}"
