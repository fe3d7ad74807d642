"""The people who can log in to the imitated org, read from its User records."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.org import Org

_COLUMNS = (
    "Id",
    "Username",
    "Name",
    "FirstName",
    "LastName",
    "Email",
    "CommunityNickname",
    "IsActive",
    "UserType",
    "TimeZoneSidKey",
    "LanguageLocaleKey",
    "LocaleSidKey",
    "LastModifiedDate",
)


@dataclass(frozen=True, slots=True)
class User:
    """One User record; empty texts where the record has none."""

    user_id: str
    username: str
    name: str
    first_name: str
    last_name: str
    email: str
    nickname: str
    active: bool
    user_type: str
    time_zone: str
    language: str
    locale: str
    modified: str


_FIELDS = tuple(field.name for field in fields(User))


def by_id(org: Org, user_id: str) -> User | None:
    """The user with this 18-character id."""
    return _find(org, "Id", user_id)


def by_username(org: Org, username: str) -> User | None:
    """The user who logs in with this name, any case."""
    return _find(org, "Username", username)


def _find(org: Org, field: str, value: str) -> User | None:
    quoted = value.replace("\\", "\\\\").replace("'", "\\'")
    soql = f"SELECT {', '.join(_COLUMNS)} FROM User WHERE {field} = '{quoted}'"
    row = next(iter(org.query(soql).rows), None)
    if row is None:
        return None
    known = dict(zip(_FIELDS, row, strict=True))
    texts = {name: "" if known[name] is None else str(known[name]) for name in _FIELDS}
    active = texts.pop("active") == "True"
    return User(**texts, active=active)
