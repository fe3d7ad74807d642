"""What an authorisation yields, and where it is kept.

Tokens are secrets: their repr names everything but them.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

from haihai_tui.services.redaction import hide


@dataclass(frozen=True, slots=True, repr=False)
class Tokens:
    """One authorisation.

    `issued_at` is the service's time in milliseconds.  `rotates` tells whether the
    app replaces the refresh token at each refresh (None: not yet seen).
    """

    access_token: str
    refresh_token: str = ""
    instance_url: str = ""
    id_url: str = ""
    scope: str = ""
    issued_at: int = 0
    org_id: str = ""
    user_id: str = ""
    rotates: bool | None = None

    def __post_init__(self) -> None:
        hide(self.access_token)
        hide(self.refresh_token)

    def __repr__(self) -> str:
        return (
            f"Tokens(org_id={self.org_id!r}, user_id={self.user_id!r}, "
            f"instance_url={self.instance_url!r}, scope={self.scope!r}, "
            f"issued_at={self.issued_at}, rotates={self.rotates})"
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain values for an encrypted store; the inverse of `from_dict`."""
        return {name: getattr(self, name) for name in self.__slots__}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Tokens:
        """Rebuild from `as_dict`; unknown names are ignored, missing ones empty."""
        known = {name: values[name] for name in cls.__slots__ if name in values}
        return cls(**{"access_token": "", **known})


class TokenStore(Protocol):
    """Where the tokens of one profile live.

    `write` returns when the tokens would survive a power cut.  `lock` keeps other
    processes out between a read and a write.
    """

    def read(self) -> Tokens | None: ...
    def write(self, tokens: Tokens) -> None: ...
    def lock(self) -> AbstractContextManager[object]: ...


def from_response(answer: Mapping[str, Any], before: Tokens | None) -> Tokens:
    """Tokens of a token response; what a refresh leaves out is taken from `before`.

    Raises ValueError where the response holds no usable access token.
    """
    access = str(answer.get("access_token") or "")
    instance = str(answer.get("instance_url") or "").rstrip("/")
    if not access or not instance:
        raise ValueError("token response without access_token or instance_url")
    id_url = str(answer.get("id") or (before.id_url if before else ""))
    org_id, user_id = ids_of(id_url)
    refresh = str(answer.get("refresh_token") or "")
    kept = before.refresh_token if before else ""
    issued = str(answer.get("issued_at") or "")
    return Tokens(
        access_token=access,
        refresh_token=refresh or kept,
        instance_url=instance,
        id_url=id_url,
        scope=str(answer.get("scope") or (before.scope if before else "")),
        issued_at=int(issued) if issued.isdigit() else 0,
        org_id=org_id or (before.org_id if before else ""),
        user_id=user_id or (before.user_id if before else ""),
        rotates=None if before is None else bool(refresh and refresh != kept),
    )


def ids_of(id_url: str) -> tuple[str, str]:
    """Organisation and user Id of an identity URL (`…/id/00D…/005…`), or blanks."""
    parts = urlsplit(id_url).path.strip("/").split("/")
    if len(parts) == 3 and parts[0] == "id":
        return parts[1], parts[2]
    return "", ""


def same_id(one: str, other: str) -> bool:
    """Whether two Ids are the same record, in 15 or 18 characters."""
    return one[:15] == other[:15]
