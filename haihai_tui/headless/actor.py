"""Who acts in the modes without a screen; see `services.actor`."""

from __future__ import annotations

from haihai_tui.services.actor import system_actor

__all__ = ["system_actor"]
