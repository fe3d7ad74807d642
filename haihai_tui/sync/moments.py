"""Points in time as the ledgers keep them and as Salesforce fields take them."""

from __future__ import annotations

from datetime import UTC, datetime

from haihai_tui.sync.mapping import JST
from haihai_tui.sync.ports import Field

TEXT_TYPES = frozenset(("string", "textarea"))
MOMENT_TYPES = frozenset(("datetime", "date", *TEXT_TYPES))
"""Field types that can take a text, and a point in time."""


def to_the_second(moment: str) -> str:
    if not moment:
        return ""
    parsed = datetime.fromisoformat(moment)
    return parsed.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def field_moment(field: Field, moment: str) -> str:
    """The time as the field takes it; "" sets it to null."""
    if not moment:
        return ""
    if field.type == "datetime":
        return moment.replace("Z", ".000Z")
    local = datetime.fromisoformat(moment).astimezone(JST)
    return local.strftime("%Y-%m-%d" if field.type == "date" else "%Y-%m-%d %H:%M:%S")


def normal_moment(field: Field, current: str) -> str:
    if field.type != "datetime" or not current:
        return current
    return to_the_second(current.replace("+0000", "+00:00")).replace("Z", ".000Z")
