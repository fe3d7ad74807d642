"""Where configuration, state and secrets live.

Everything is derived from one value, `Home`, so that a demo or a test can be given
a home of its own and nothing outside of it is ever touched.  Folders are made on
first use, readable by their owner alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from haihai_tui.errors import SettingsError, text
from haihai_tui.services.atomic import make_private_folder

APPLICATION = "haihai-tui"
_PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")


@dataclass(frozen=True, slots=True)
class Home:
    """The three folders of one installation."""

    config: Path
    state: Path
    secrets: Path

    @property
    def profiles(self) -> Path:
        return self.config / "profiles"

    def profile_file(self, profile: str) -> Path:
        """`profiles/NAME.toml`; SettingsError where NAME cannot be a file name."""
        return self.profiles / f"{checked_profile_name(profile)}.toml"

    @property
    def database(self) -> Path:
        """The state database of all profiles (SQLite)."""
        return self.state / "haihai.db"

    def data_folder(self, profile: str) -> Path:
        """Snapshots, address indexes and work files of one profile; created."""
        return make_private_folder(self.state / checked_profile_name(profile))

    def run_lock(self, profile: str) -> Path:
        """The lock file of the profile's runs; nothing is created."""
        return self.state / checked_profile_name(profile) / "run.lock"

    def secrets_file(self, profile: str) -> Path:
        return self.secrets / f"{checked_profile_name(profile)}.json"

    @property
    def key_file(self) -> Path:
        """The key of the secret stores where no other source of a key is named."""
        return self.secrets / "key"


def home_at(folder: Path) -> Home:
    """Everything under one folder, as `HAIHAI_HOME` asks for."""
    folder = folder.expanduser().absolute()
    return Home(config=folder, state=folder / "state", secrets=folder / "secrets")


def find_home(environ: Mapping[str, str]) -> Home:
    """`HAIHAI_HOME` if set, else the platform's usual folders."""
    if folder := environ.get("HAIHAI_HOME"):
        return home_at(Path(folder))
    # Deferred: it costs some 15 ms and HAIHAI_HOME makes it needless.
    from platformdirs import user_config_path, user_data_path, user_state_path

    return Home(
        config=user_config_path(APPLICATION),
        state=user_state_path(APPLICATION),
        secrets=user_data_path(APPLICATION) / "secrets",
    )


def checked_profile_name(name: str) -> str:
    """`name` itself, once it is known to be harmless as a file name."""
    if not _PROFILE_NAME.match(name):
        raise SettingsError(
            text("プロファイル名「{name}」は使えません。", name=name),
            text("英数字で始まる 64 文字以内の英数字、「-」、「_」にしてください。"),
        )
    return name
