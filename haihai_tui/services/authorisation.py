"""After an authorisation: pin the org, note who it is for, log the deed."""

from __future__ import annotations

from typing import Protocol

from haihai_tui.errors import ConnectorError
from haihai_tui.services.paths import Home
from haihai_tui.services.salesforce.oauth import OAuth
from haihai_tui.services.salesforce.tokens import Tokens
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings_edit import change_profile
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.facts import Facts
from haihai_tui.services.store.times import stamp, utc_now


class Place(Protocol):
    """The opened profile."""

    @property
    def home(self) -> Home: ...
    @property
    def settings(self) -> Settings: ...
    @property
    def secrets(self) -> SecretStore: ...
    @property
    def database(self) -> Database: ...


def remember(place: Place, oauth: OAuth, tokens: Tokens, actor: str) -> dict[str, str]:
    """Pin the org Id at the first authorisation and keep the connection's facts.

    Returns `org_id`, `user_id`, `username` and `scope`.
    """
    profile = place.settings.profile
    if not place.settings.salesforce.org_id and tokens.org_id:
        pinned = ((("salesforce", "org_id"), tokens.org_id),)
        change_profile(place.home, profile, pinned, {}, place.secrets)
    username = _username(oauth, tokens)
    Facts(place.database, profile).set(
        {
            "salesforce.authorised_at": stamp(utc_now()),
            "salesforce.authorisation": "ok",
            "salesforce.org_id": tokens.org_id,
            "salesforce.username": username,
        }
    )
    with place.database.write() as connection:
        audit.append(
            connection,
            actor=actor,
            action="authorised",
            subject=tokens.org_id,
            profile=profile,
            after={"username": username, "scope": tokens.scope},
        )
    return {
        "org_id": tokens.org_id,
        "user_id": tokens.user_id,
        "username": username,
        "scope": tokens.scope,
    }


def _username(oauth: OAuth, tokens: Tokens) -> str:
    """The user's name; the token is good without it, so a failure is no error."""
    try:
        return str(oauth.userinfo(tokens).get("preferred_username", ""))
    except ConnectorError:
        return ""
