"""Secrets as they would be once a form is saved.

A connection is tested with what was typed before it is stored: a wrong token must
not take the place of one that nightly runs depend on.
"""

from __future__ import annotations

from collections.abc import Mapping

from haihai_tui.services.paths import Home
from haihai_tui.services.secret import Secret
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore


class DraftSecrets(SecretStore):
    """A profile's store with unsaved values in front of it; writes pass through."""

    def __init__(
        self, home: Home, profile: str, keys: KeySource, values: Mapping[str, str]
    ) -> None:
        super().__init__(home, profile, keys)
        self._values = {name: value for name, value in values.items() if value}

    def get(self, name: str) -> Secret | None:
        if name in self._values:
            return Secret(self._values[name])
        return super().get(name)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted({*super().names(), *self._values}))
