"""The registered client applications of the imitated org.

An app is plain state that tests may change at will; what an administrator would
click in Setup (block, install, approve users, ask for PKCE) is a field here, and
a switch of the same meaning overrides it for every app at once.
"""

from __future__ import annotations

import hmac
import random
import string
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.org import Org

DEFAULT_SCOPES = ("api", "refresh_token", "id", "openid", "profile", "email")
PLATFORM_CLI = "PlatformCLI"
PLATFORM_CLI_CALLBACK = "http://localhost:1717/OauthRedirect"
APP_NAME = "App_HaihaiConnect"

_KEY_CHARS = string.ascii_letters + string.digits + "._"


@dataclass
class App:
    """One client application.

    `client_secret` empty means a public client.  `created_at` (RFC 3339) starts
    the time that a new app needs until the login hosts know it; empty: known.
    `approved_users` None lets every user authorise; a list names those that an
    administrator approved.  `approved_users` holds user ids.
    """

    client_id: str
    client_secret: str = ""
    callback_urls: list[str] = field(default_factory=list)
    name: str = APP_NAME
    pkce_required: bool = False
    rotation: bool = False
    scopes: list[str] = field(default_factory=lambda: list(DEFAULT_SCOPES))
    secret_required_for_refresh: bool = True
    introspect_all: bool = False
    installed: bool = True
    blocked: bool = False
    approved_users: list[str] | None = None
    created_at: str = ""

    @property
    def public(self) -> bool:
        """Whether the app has no secret."""
        return not self.client_secret

    def secret_is(self, secret: str) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.client_secret.encode(), secret.encode())


_APP_KEYS = {one.name: one for one in fields(App)}
_LISTS = ("callback_urls", "scopes", "approved_users")


class AppRegistry:
    """All apps by consumer key; `default` is the confidential one.

    Key and secret of the default app follow from the org's seed, so that a
    restarted sandbox still knows the profile that was written for it.
    """

    def __init__(self, org: Org, callback_url: str) -> None:
        self._org = org
        self._apps: dict[str, App] = {}
        dice = random.Random(f"app {org.seed}")
        self.default = App(
            client_id="3MVG9" + "".join(dice.choices(_KEY_CHARS, k=80)),
            client_secret="".join(dice.choices("0123456789ABCDEF", k=64)),
            callback_urls=[callback_url],
        )
        cli = App(
            client_id=PLATFORM_CLI,
            name="Salesforce CLI",
            callback_urls=[PLATFORM_CLI_CALLBACK],
            scopes=[*DEFAULT_SCOPES, "web", "full"],
            secret_required_for_refresh=False,
        )
        for app in (self.default, cli):
            self._apps[app.client_id] = app

    def __iter__(self) -> Iterator[App]:
        return iter(list(self._apps.values()))

    def get(self, client_id: str) -> App | None:
        """The app as the login host knows it: None while it is propagating."""
        app = self._apps.get(client_id)
        if app is None or self._propagating(app):
            return None
        return app

    def _propagating(self, app: App) -> bool:
        wait = float(str(self._org.switches["app_propagation_s"]))
        if not wait or not app.created_at:
            return False
        age = self._org.clock.now() - datetime.fromisoformat(app.created_at)
        return age.total_seconds() < wait

    def put(self, values: Mapping[str, Any]) -> App:
        """Register an app, or change the named fields of a known one.

        Raises ValueError for an unknown key, a missing `client_id` or a value of
        the wrong type.
        """
        checked = {key: _checked(key, value) for key, value in values.items()}
        client_id = checked.get("client_id")
        if not client_id:
            raise ValueError("client_id is missing")
        known = self._apps.get(client_id)
        if known is None:
            checked.setdefault("created_at", self._org.clock.now().isoformat())
            known = self._apps[client_id] = App(**checked)
        else:
            for key, value in checked.items():
                setattr(known, key, value)
        return known

    def dump(self) -> list[dict[str, Any]]:
        """Every app as JSON values; `restore` reads it back."""
        return [asdict(app) for app in self]

    def restore(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take over what `dump` gave, over what is there."""
        for row in rows:
            self.put(row)


def _checked(key: str, value: Any) -> Any:
    if key not in _APP_KEYS:
        raise ValueError(f"unknown key: {key}")
    if key in _LISTS:
        return _strings(key, value)
    wanted = bool if _APP_KEYS[key].type == "bool" else str
    if value is None and wanted is str:
        return ""
    if not isinstance(value, wanted):
        raise ValueError(f"{key} must be {wanted.__name__}")
    return value


def _strings(key: str, value: Any) -> list[str] | None:
    if value is None and key == "approved_users":
        return None
    if isinstance(value, str):  # one per line or separated by blanks, as in Setup
        return value.split()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{key} must be a list of strings")
    return list(value)
