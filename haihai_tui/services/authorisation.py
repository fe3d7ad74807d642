"""The integration token renewed: by whom, for which org, and what to say if not.

Both front ends come through `renew`, so that every authorisation pins the org,
leaves its facts and its line in the audit log in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.services.causes import cause_text
from haihai_tui.services.diagnosis import Cause, diagnose
from haihai_tui.services.paths import Home
from haihai_tui.services.roles import Action, Operator, require
from haihai_tui.services.salesforce.authorise import OnMilestone, Probe, authorise
from haihai_tui.services.salesforce.loopback import Paste
from haihai_tui.services.salesforce.oauth import OAuth
from haihai_tui.services.salesforce.tokens import Tokens
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings_edit import change_profile
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.facts import Facts
from haihai_tui.services.store.times import stamp, utc_now
from haihai_tui.services.tokens import StoredTokens

TIMEOUT_S = 600.0
"""How long an authorisation waits for its person, in seconds."""


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


@dataclass(frozen=True, slots=True)
class Person:
    """How a person takes part; see `salesforce.authorise`."""

    show: Callable[[str], None]
    paste: Paste | None = None
    cancelled: Callable[[], bool] | None = None
    on_milestone: OnMilestone | None = None
    timeout_s: float = TIMEOUT_S


def renew(
    place: Place,
    oauth: OAuth,
    actor: Operator | str,
    person: Person,
    *,
    probe: Probe | None = None,
    org_name: Callable[[], str] | None = None,
) -> dict[str, str]:
    """Authorise anew and remember it; returns the facts as `remember` does.

    An operator needs the right AUTHORISE; a text as `actor` is the system's user.
    `org_name` reads the org's name with the stored token; without it the token is
    as good.  Raises what `authorise` raises.
    """
    if isinstance(actor, Operator):
        require(actor, Action.AUTHORISE)
    names: list[str] = []
    tokens = authorise(
        oauth,
        StoredTokens(place.secrets),
        person.show,
        paste=person.paste,
        timeout=person.timeout_s,
        cancelled=person.cancelled,
        on_milestone=person.on_milestone,
        probe=probe,
        identify=lambda tokens: names.append(_username(oauth, tokens)),
    )
    name = actor.name if isinstance(actor, Operator) else actor
    return remember(place, tokens, name, names[-1], _org_name(org_name))


def remember(
    place: Place, tokens: Tokens, actor: str, username: str, org_name: str
) -> dict[str, str]:
    """Pin the org Id at the first authorisation and keep the connection's facts.

    Returns `org_id`, `org_name`, `user_id`, `username` and `scope`.
    """
    profile = place.settings.profile
    if not place.settings.salesforce.org_id and tokens.org_id:
        pinned = ((("salesforce", "org_id"), tokens.org_id),)
        change_profile(place.home, profile, pinned, {}, place.secrets)
    Facts(place.database, profile).set(
        {
            "salesforce.authorised_at": stamp(utc_now()),
            "salesforce.authorisation": "ok",
            "salesforce.org_id": tokens.org_id,
            "salesforce.org_name": org_name,
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
        "org_name": org_name,
        "user_id": tokens.user_id,
        "username": username,
        "scope": tokens.scope,
    }


class Revoked(StrEnum):
    """What came of giving the token back."""

    DONE = "revoked"
    DEAD = "already_dead"
    NOTHING = "nothing_stored"


def give_back(place: Place, oauth: OAuth, actor: Operator | str) -> Revoked:
    """Log out from Salesforce: revoke the token there, then forget it here.

    It is forgotten only when Salesforce has taken it back or knows it no more; where
    Salesforce cannot be asked it stays, and ServiceUnreachable tells so.  An operator
    needs the right AUTHORISE.
    """
    if isinstance(actor, Operator):
        require(actor, Action.AUTHORISE)
    store = StoredTokens(place.secrets)
    # Held throughout: a refresh elsewhere would bring back what is taken away.
    with store.lock():
        tokens = store.read()
        if tokens is None:
            return Revoked.NOTHING
        # The refresh token takes its access tokens with it.
        alive = oauth.revoke(tokens.refresh_token or tokens.access_token)
        store.clear()
    found = Revoked.DONE if alive else Revoked.DEAD
    name = actor.name if isinstance(actor, Operator) else actor
    _forget(place, tokens, name, found)
    return found


def _forget(place: Place, tokens: Tokens, actor: str, found: Revoked) -> None:
    profile = place.settings.profile
    gone = ("authorised_at", "username", "org_name")
    Facts(place.database, profile).set(
        {"salesforce.authorisation": "ok"} | {f"salesforce.{one}": "" for one in gone}
    )
    with place.database.write() as connection:
        audit.append(
            connection,
            actor=actor,
            action="token_revoked",
            subject=tokens.org_id,
            profile=profile,
            after=found.value,
        )


def revoked_words(found: Revoked) -> Text:
    """What came of it, for people."""
    return {
        Revoked.DONE: text(
            "Salesforce で連携トークンを取り消し、保管していたものを削除しました。"
        ),
        Revoked.DEAD: text(
            "連携トークンは Salesforce ですでに無効でした。"
            "保管していたものを削除しました。"
        ),
        Revoked.NOTHING: text("保管された連携トークンはありません。"),
    }[found]


def not_revoked(error: ConnectorError) -> Text:
    """Why the token is still there."""
    return text(
        "取り消せなかったため、連携トークンは保管したままです: {what}", what=error.what
    )


def explain(
    error: ConnectorError, answer: str = "", salesforce_url: str = ""
) -> list[Cause]:
    """Causes and remedies of a failed authorisation, best first; never empty.

    `answer` is what was pasted or called back, where something was.
    """
    found = diagnose(answer or str(error), salesforce_url=salesforce_url)
    if error.cause == "unknown":
        return found
    if all(cause.code == "unknown" for cause in found):
        found = []
    known = cause_text(error.cause)
    first = Cause(error.cause, 1.0, known.title, error.what, known.remedy, known.see)
    return [first, *(cause for cause in found if cause.code != error.cause)]


def _username(oauth: OAuth, tokens: Tokens) -> str:
    """The user's name; the token is good without it, so a failure is no error."""
    try:
        return str(oauth.userinfo(tokens).get("preferred_username", ""))
    except ConnectorError:
        return ""


def _org_name(read: Callable[[], str] | None) -> str:
    try:
        return read() if read is not None else ""
    except ConnectorError:
        return ""
