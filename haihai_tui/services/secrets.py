"""The encrypted secret store of a profile.

One small file holds each secret as its own Fernet token, bound to profile and
name, so that tokens cannot be swapped and names can be listed without the key.  A
write replaces the file atomically and durably: a rotated refresh token is on the
disk before it is used.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from haihai_tui.errors import SettingsError, text
from haihai_tui.services.atomic import (
    require_private,
    storage_errors,
    write_atomic,
)
from haihai_tui.services.filelock import file_lock
from haihai_tui.services.paths import Home
from haihai_tui.services.redaction import hide
from haihai_tui.services.secret import Secret
from haihai_tui.services.secret_keys import KeySource, new_key

__all__ = ["Secret", "SecretStore", "replace_key"]

_FORMAT = 1


class SecretStore:
    """Secrets by name (`salesforce.refresh_token`, …) of one profile."""

    def __init__(
        self, home: Home, profile: str, keys: KeySource, *, lock_wait_s: float = 30.0
    ) -> None:
        self._path = home.secrets_file(profile)
        self._profile = profile
        self._keys = keys
        self._lock_wait_s = lock_wait_s
        self._inside = threading.RLock()
        self._depth = 0

    def get(self, name: str) -> Secret | None:
        """The secret as it stands on the disk now; None where there is none."""
        token = self._load().get(name)
        if token is None:
            return None
        return Secret(_hidden(name, self._decrypt(name, token)))

    def names(self) -> tuple[str, ...]:
        """The names of the stored secrets, sorted; needs no key."""
        return tuple(sorted(self._load()))

    def set(self, name: str, value: str | Secret) -> None:
        self.set_many({name: value})

    def delete(self, name: str) -> None:
        self.set_many({name: ""})

    def set_many(self, values: Mapping[str, str | Secret]) -> None:
        """Store several at once, all or none; an empty value deletes its name."""
        if not values:
            return
        with self.locked():
            tokens = self._load()
            for name, value in values.items():
                plain = value.reveal() if isinstance(value, Secret) else value
                if plain:
                    tokens[name] = self._encrypt(name, _hidden(name, plain))
                else:
                    tokens.pop(name, None)
            self._save(tokens)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other threads and processes out.

        Read again inside: whoever held the lock before may have replaced a token.
        May be nested in one thread.  LockHeld after `lock_wait_s`.
        """
        with self._inside:
            if self._depth:
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                return
            with file_lock(self._path, wait_s=self._lock_wait_s):
                self._depth = 1
                try:
                    yield
                finally:
                    self._depth = 0

    def reencrypt(self) -> int:
        """Encrypt every secret anew under the first key; returns how many."""
        with self.locked():
            tokens = self._load()
            fresh = {
                name: self._encrypt(name, self._decrypt(name, token))
                for name, token in tokens.items()
            }
            if fresh:
                self._save(fresh)
            return len(fresh)

    def _load(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        require_private(self._path)
        with storage_errors(self._path):
            content = self._path.read_bytes()
        try:
            table: Any = json.loads(content)
            if table["format"] != _FORMAT:
                raise ValueError(table["format"])
            return {str(key): str(value) for key, value in table["secrets"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SettingsError(
                text(
                    "秘密情報のファイル {path} が壊れています。", path=str(self._path)
                ),
                text("控えから戻すか、ファイルを退けて登録し直してください。"),
                cause="token_not_stored",
            ) from error

    def _save(self, tokens: Mapping[str, str]) -> None:
        table = {"format": _FORMAT, "secrets": dict(sorted(tokens.items()))}
        write_atomic(self._path, json.dumps(table, indent=1).encode())

    def _encrypt(self, name: str, value: str) -> str:
        cipher = self._keys.cipher(create=True)
        assert cipher is not None
        bound = json.dumps([self._profile, name, value])
        return cipher.encrypt(bound.encode()).decode()

    def _decrypt(self, name: str, token: str) -> str:
        # Deferred: only a stored secret needs the cipher.
        from cryptography.fernet import InvalidToken

        cipher = self._keys.cipher(create=False)
        try:
            if cipher is None:
                raise InvalidToken
            profile, bound_name, value = json.loads(cipher.decrypt(token))
            if (profile, bound_name) != (self._profile, name):
                raise InvalidToken
        except (InvalidToken, ValueError, TypeError) as error:
            raise SettingsError(
                text(
                    "秘密情報 {name} を {source} の鍵で復号できません。",
                    name=name,
                    source=self._keys.describe(),
                ),
                text("元の鍵を戻すか、秘密情報を登録し直してください。"),
                cause="token_not_stored",
            ) from error
        return str(value)


def _hidden(name: str, value: str) -> str:
    """Keep it out of everything that is told or kept from now on.

    The consumer key is shown to every browser, in the authorisation's URL.
    """
    if name != "salesforce.consumer_key":
        hide(value)
    return value


def replace_key(home: Home, keys: KeySource) -> int:
    """Make a new key and encrypt all profiles under it; returns the secrets moved.

    Whatever the moment of a crash, a key that decrypts every file is on the disk:
    the old key leaves only after the last file was written.  Where the key is
    handed in from outside (environment, credential), the administrator puts the
    new key first and the old one second, and this only encrypts anew.
    """
    with file_lock(home.secrets / "replacement"):
        before = keys.read_keys()
        if not before:
            return 0
        fresh = new_key()
        if keys.is_replaceable():
            keys.write((fresh, *before))
        moved = sum(
            SecretStore(home, path.stem, keys).reencrypt()
            for path in sorted(home.secrets.glob("*.json"))
        )
        if keys.is_replaceable():
            keys.write((fresh,))
        return moved
