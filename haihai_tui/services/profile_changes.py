"""Changes of settings with their lines in the audit log.

Both front ends change settings through here, so that every change has who, when,
before and after.  A secret's value appears as stars on both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from haihai_tui.services.paths import Home
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings_edit import (
    Change,
    change_profile,
    import_settings,
    set_values,
)
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.times import Clock, utc_now


class ProfileChanges:
    """Changes one profile on behalf of `actor`."""

    def __init__(
        self,
        home: Home,
        profile: str,
        secrets: SecretStore,
        database: Database,
        actor: str,
        clock: Clock = utc_now,
    ) -> None:
        self._home = home
        self._profile = profile
        self._secrets = secrets
        self._database = database
        self._actor = actor
        self._clock = clock

    def set(self, assignments: Sequence[str]) -> tuple[Change, ...]:
        """`KEY=VALUE` texts, values in TOML syntax; returns what changed."""
        return self._logged(
            set_values(self._home, self._profile, assignments, self._secrets)
        )

    def change(
        self,
        values: Sequence[tuple[tuple[str, ...], object]],
        secret_values: Mapping[str, str],
    ) -> tuple[Change, ...]:
        """Typed values by key path, and secrets; returns what changed."""
        return self._logged(
            change_profile(
                self._home, self._profile, values, secret_values, self._secrets
            )
        )

    def import_file(self, file: Path) -> tuple[Change, ...]:
        """A whole profile from a TOML file; returns what changed."""
        return self._logged(
            import_settings(self._home, self._profile, file, self._secrets)
        )

    def _logged(self, changes: Iterable[Change]) -> tuple[Change, ...]:
        changed = tuple(changes)
        with self._database.write() as connection:
            for change in changed:
                audit.append(
                    connection,
                    actor=self._actor,
                    action="setting_changed",
                    subject=change.key,
                    profile=self._profile,
                    before=change.before,
                    after=change.after,
                    clock=self._clock,
                )
        return changed
