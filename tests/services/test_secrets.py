"""The secret store: encrypted, private, durable, never shown."""

from __future__ import annotations

import json
import os
import pickle
import stat
import subprocess
import sys
import traceback
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from haihai_tui.errors import LockHeld, SettingsError
from haihai_tui.services.paths import Home
from haihai_tui.services.secret import Secret
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore, replace_key

NAME = "salesforce.refresh_token"
VALUE = "5Aep861-made-up-for-the-tests"


def value_of(store: SecretStore, name: str = NAME) -> str | None:
    found = store.get(name)
    return None if found is None else found.reveal()


def test_a_secret_comes_back_and_is_nowhere_in_the_clear(
    home: Home, secret_store: SecretStore
) -> None:
    secret_store.set(NAME, VALUE)
    assert value_of(secret_store) == VALUE
    files = [path for path in home.secrets.rglob("*") if path.is_file()]
    assert home.secrets_file("default") in files
    for path in files:
        assert VALUE.encode() not in path.read_bytes()
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(home.secrets.stat().st_mode) == 0o700


def test_names_need_no_key(home: Home, secret_store: SecretStore) -> None:
    secret_store.set_many({NAME: VALUE, "haihai.api_token": "x"})
    home.key_file.unlink()
    assert secret_store.names() == ("haihai.api_token", NAME)
    with pytest.raises(SettingsError, match="復号"):
        secret_store.get(NAME)


def test_an_empty_value_deletes(secret_store: SecretStore) -> None:
    secret_store.set(NAME, VALUE)
    secret_store.delete(NAME)
    assert secret_store.get(NAME) is None
    assert secret_store.names() == ()


def test_a_secret_never_prints_itself() -> None:
    secret = Secret(VALUE)
    shown = [str(secret), repr(secret), f"{secret:>40}", f"{[secret]}"]
    try:
        raise ValueError(secret)
    except ValueError:
        shown.append(traceback.format_exc())
    assert not any(VALUE in text for text in shown)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    with pytest.raises(TypeError):
        json.dumps(secret)
    assert secret == Secret(VALUE)
    assert secret != Secret("other")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666])
@pytest.mark.parametrize("which", ["store", "key"])
def test_wide_modes_are_refused_with_the_command_that_mends_them(
    home: Home, secret_store: SecretStore, mode: int, which: str
) -> None:
    secret_store.set(NAME, VALUE)
    path = home.key_file if which == "key" else home.secrets_file("default")
    path.chmod(mode)
    with pytest.raises(SettingsError, match=f"chmod 600 '{path}'"):
        secret_store.get(NAME)
    path.chmod(0o600)
    assert value_of(secret_store) == VALUE


def test_a_foreign_owner_is_refused(
    home: Home, secret_store: SecretStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret_store.set(NAME, VALUE)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(SettingsError, match="所有者"):
        secret_store.get(NAME)


def test_tokens_cannot_be_moved_to_another_name_or_profile(
    home: Home, keys: KeySource, secret_store: SecretStore
) -> None:
    secret_store.set(NAME, VALUE)
    path = home.secrets_file("default")
    other = home.secrets_file("other")
    other.write_bytes(path.read_bytes())
    other.chmod(0o600)
    with pytest.raises(SettingsError):
        SecretStore(home, "other", keys).get(NAME)
    table = json.loads(path.read_bytes())
    table["secrets"]["haihai.api_token"] = table["secrets"][NAME]
    path.write_text(json.dumps(table))
    with pytest.raises(SettingsError):
        secret_store.get("haihai.api_token")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"format": 2}', b"\xff"])
def test_a_torn_file_is_refused(
    home: Home, secret_store: SecretStore, content: bytes
) -> None:
    secret_store.set(NAME, VALUE)
    home.secrets_file("default").write_bytes(content)
    with pytest.raises(SettingsError, match="壊れて"):
        secret_store.get(NAME)


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_secret(
    home: Home, secret_store: SecretStore, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    secret_store.set(NAME, VALUE)
    before = sorted(home.secrets.iterdir())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        target = os if step == "fsync" else Path
        patched.setattr(target, step, full)
        with pytest.raises(SettingsError, match=r"空きがない.*\d+ バイト"):
            secret_store.set(NAME, "new")
    assert value_of(secret_store) == VALUE
    assert sorted(home.secrets.iterdir()) == before


def test_file_and_folder_reach_the_disk_before_a_write_returns(
    secret_store: SecretStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret_store.set(NAME, VALUE)
    steps: list[str] = []
    real_fsync, real_replace = os.fsync, Path.replace

    def fsync(handle: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(handle).st_mode)
        steps.append("folder" if is_folder else "file")
        real_fsync(handle)

    def replace(path: Path, target: Path) -> Path:
        steps.append("rename")
        return real_replace(path, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    secret_store.set(NAME, "new")
    assert steps == ["file", "rename", "folder"]


def test_another_process_waits_for_the_lock_and_reads_again(
    home: Home, secret_store: SecretStore
) -> None:
    secret_store.set(NAME, "0")
    script = (
        "import sys; from pathlib import Path\n"
        "from haihai_tui.services.paths import home_at\n"
        "from haihai_tui.services.secret_keys import KeySource\n"
        "from haihai_tui.services.secrets import SecretStore\n"
        "home = home_at(Path(sys.argv[1]))\n"
        "store = SecretStore(home, 'default', KeySource(home, {}))\n"
        "for _ in range(25):\n"
        "    with store.locked():\n"
        f"        old = store.get('{NAME}').reveal()\n"
        f"        store.set('{NAME}', str(int(old) + 1))\n"
    )
    command = [sys.executable, "-c", script, str(home.config)]
    running = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert value_of(secret_store) == "75"


def test_the_wait_for_the_lock_is_bounded(home: Home, keys: KeySource) -> None:
    first = SecretStore(home, "default", keys)
    second = SecretStore(home, "default", keys, lock_wait_s=0.1)
    with first.locked():
        first.set(NAME, VALUE)  # nested in one thread: no waiting for oneself
        with pytest.raises(LockHeld):
            second.set(NAME, "other")
    assert value_of(second) == VALUE


# --------------------------------------------------------------- key sources


def test_keys_come_from_the_environment_a_file_or_a_credential(
    home: Home, tmp_path: Path
) -> None:
    key = Fernet.generate_key().decode()
    file = tmp_path / "handed-in"
    file.write_text(key)
    file.chmod(0o600)
    folder = tmp_path / "credentials"
    folder.mkdir()
    credential = folder / "haihai-tui.key"
    credential.write_text(key)
    credential.chmod(0o440)  # as systemd shows it: root's, with an ACL mask
    environments = (
        {"HAIHAI_KEY": key},
        {"HAIHAI_KEY_FILE": str(file)},
        {"CREDENTIALS_DIRECTORY": str(folder)},
    )
    SecretStore(home, "default", KeySource(home, environments[0])).set(NAME, VALUE)
    for environment in environments:
        store = SecretStore(home, "default", KeySource(home, environment))
        assert value_of(store) == VALUE
    assert not home.key_file.exists()
    credential.chmod(0o444)
    with pytest.raises(SettingsError, match="chmod"):
        SecretStore(home, "default", KeySource(home, environments[2])).get(NAME)


def test_a_keyring_is_used_only_on_request(home: Home) -> None:
    class FakeKeyring:
        def __init__(self) -> None:
            self.kept: dict[tuple[str, str], str] = {}

        def get_password(self, service: str, user: str, /) -> str | None:
            return self.kept.get((service, user))

        def set_password(self, service: str, user: str, password: str, /) -> None:
            self.kept[(service, user)] = password

    keyring = FakeKeyring()
    source = KeySource(home, {"HAIHAI_KEYRING": "1"}, keyring)
    store = SecretStore(home, "default", source)
    store.set(NAME, VALUE)
    assert value_of(store) == VALUE
    assert len(keyring.kept) == 1
    assert not home.key_file.exists()


def test_a_key_that_is_none_is_refused(home: Home) -> None:
    store = SecretStore(home, "default", KeySource(home, {"HAIHAI_KEY": "short"}))
    with pytest.raises(SettingsError, match="HAIHAI_KEY"):
        store.set(NAME, VALUE)


def test_a_replaced_key_opens_every_profile_and_the_old_one_none(
    home: Home, keys: KeySource
) -> None:
    stores = [SecretStore(home, profile, keys) for profile in ("default", "other")]
    for store in stores:
        store.set(NAME, VALUE)
    old = home.key_file.read_text()
    assert replace_key(home, keys) == 2
    assert [value_of(store) for store in stores] == [VALUE, VALUE]
    assert old.strip() not in home.key_file.read_text()
    home.key_file.write_text(old)
    with pytest.raises(SettingsError):
        stores[0].get(NAME)


def test_a_replacement_cut_short_loses_nothing(
    home: Home, keys: KeySource, monkeypatch: pytest.MonkeyPatch
) -> None:
    stores = [SecretStore(home, profile, keys) for profile in ("default", "other")]
    for store in stores:
        store.set(NAME, VALUE)

    def killed(store: SecretStore) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(SecretStore, "reencrypt", killed)
        with pytest.raises(KeyboardInterrupt):
            replace_key(home, keys)
    assert [value_of(store) for store in stores] == [VALUE, VALUE]
    replace_key(home, keys)
    assert [value_of(store) for store in stores] == [VALUE, VALUE]
    assert len(home.key_file.read_text().split()) == 1
