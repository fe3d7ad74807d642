"""The integration token as operators may see it: whose it is and how old.

Only facts about the token leave the store, never the token.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from haihai_tui.services.salesforce.tokens import TokenStore
from haihai_tui.services.store.times import moment_of


@dataclass(frozen=True, slots=True)
class TokenState:
    """`cause` is "" while the token is good as far as is known.

    `authorised_at` is when a person authorised, `issued_at` when Salesforce last
    issued an access token (a refresh, where it is later).
    """

    stored: bool
    cause: str = ""
    org_id: str = ""
    org_name: str = ""
    username: str = ""
    scopes: tuple[str, ...] = ()
    instance_url: str = ""
    can_refresh: bool = False
    authorised_at: datetime | None = None
    issued_at: datetime | None = None

    @property
    def refreshed_at(self) -> datetime | None:
        """The last refresh; None where the first access token is still in use."""
        if self.issued_at is None or self.authorised_at is None:
            return None
        is_later = (self.issued_at - self.authorised_at).total_seconds() > 60
        return self.issued_at if is_later else None


def token_state(store: TokenStore, facts: Mapping[str, str]) -> TokenState:
    """What is stored, with what the last authorisation and run noted beside it."""
    tokens = store.read()
    if tokens is None:
        return TokenState(stored=False)
    told = facts.get("salesforce.authorisation", "ok")
    authorised = facts.get("salesforce.authorised_at", "")
    return TokenState(
        stored=True,
        cause="" if told == "ok" else told,
        org_id=tokens.org_id or facts.get("salesforce.org_id", ""),
        org_name=facts.get("salesforce.org_name", ""),
        username=facts.get("salesforce.username", ""),
        scopes=tuple(sorted(tokens.scope.split())),
        instance_url=tokens.instance_url,
        can_refresh=bool(tokens.refresh_token),
        authorised_at=moment_of(authorised) if authorised else None,
        issued_at=_moment(tokens.issued_at),
    )


def _moment(milliseconds: int) -> datetime | None:
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds else None
