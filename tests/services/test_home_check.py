"""Folders that others may use are closed, and a new key opens everything."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from haihai_tui.services.home_check import close_folders
from haihai_tui.services.paths import Home
from haihai_tui.services.redaction import conceal
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore, replace_key
from haihai_tui.services.store.codec import dump_json
from haihai_tui.services.store.database import Database


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_wide_folders_are_closed_and_that_is_told(
    home: Home, database: Database, secret_store: SecretStore
) -> None:
    secret_store.set("haihai.api_token", "x")
    home.profiles.mkdir()
    home.secrets.chmod(0o755)
    home.state.chmod(0o770)
    home.profiles.chmod(0o777)
    told = close_folders(home)
    assert len(told) == 3
    assert [mode(one) for one in (home.secrets, home.state)] == [0o700, 0o700]
    assert mode(home.profiles) == 0o755
    assert close_folders(home) == []


def test_an_empty_home_is_left_alone(home: Home) -> None:
    assert close_folders(home) == []
    assert not home.config.exists()


@pytest.mark.parametrize("source", ["file", "HAIHAI_KEY", "credential"])
def test_secrets_move_to_a_new_key_wherever_it_comes_from(
    home: Home, tmp_path: Path, source: str
) -> None:
    environ: dict[str, str] = {}
    credential = tmp_path / "credentials" / "haihai-tui.key"
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()

    def hand_in(keys: str) -> None:
        if source == "HAIHAI_KEY":
            environ["HAIHAI_KEY"] = keys
        elif source == "credential":
            environ["CREDENTIALS_DIRECTORY"] = str(credential.parent)
            credential.parent.mkdir(exist_ok=True)
            credential.write_text(keys)
            credential.chmod(0o400)
            if not keys:
                credential.unlink()

    hand_in(old)
    keys = KeySource(home, environ)
    SecretStore(home, "default", keys).set("haihai.api_token", "t0k3n-value")
    if source == "credential":
        credential.chmod(0o600)
    hand_in(f"{new}\n{old}")
    assert replace_key(home, keys) == 1
    if source == "credential":
        credential.chmod(0o600)
    hand_in(new)
    found = SecretStore(home, "default", KeySource(home, environ)).get(
        "haihai.api_token"
    )
    assert found is not None
    assert found.reveal() == "t0k3n-value"


def test_a_secret_once_read_is_kept_out_of_what_is_told_and_stored(
    secret_store: SecretStore,
) -> None:
    secret_store.set("haihai.api_token", "s3cret-of-this/test")
    assert "s3cret" not in conceal("Bearer s3cret-of-this/test!")
    assert "s3cret" not in dump_json({"what": "no s3cret-of-this/test here"})
    assert "s3cret-of" not in conceal("x?token=s3cret-of-this%2Ftest")
    secret_store.set("salesforce.consumer_key", "3MVG9.public-in-every-url")
    assert "3MVG9" in conceal("client_id=3MVG9.public-in-every-url")
