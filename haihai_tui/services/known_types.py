"""What the mapped fields were when they were mapped, for whoever judges them now."""

from __future__ import annotations

from haihai_tui.services.store.database import Database
from haihai_tui.services.store.state import ProfileState
from haihai_tui.sync.field_check import TYPES, remembered


def known_types(database: Database, profile: str) -> dict[str, str]:
    """Kinds by mapping, as the last complete run left them; none before the first."""
    return remembered(ProfileState(database, profile).cursor(TYPES))
