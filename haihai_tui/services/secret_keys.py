"""Where the key of the secret stores comes from.

In this order: HAIHAI_KEY, HAIHAI_KEY_FILE, the systemd credential
`haihai-tui.key`, the OS keyring (only where HAIHAI_KEYRING=1 asks for it, since
asking a keyring can open a window), and else the file `key` among the secrets,
made on first use.  Several keys stand one a line or behind commas: the first
encrypts, all decrypt, which is how a key is replaced.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from haihai_tui.errors import SettingsError, text
from haihai_tui.services.atomic import require_private, storage_errors, write_atomic
from haihai_tui.services.filelock import file_lock
from haihai_tui.services.paths import APPLICATION, Home

if TYPE_CHECKING:
    from cryptography.fernet import MultiFernet

CREDENTIAL = "haihai-tui.key"
_KEYRING_USER = "secret-store-key"


class Keyring(Protocol):
    """The part of the `keyring` package that is used."""

    def get_password(self, service: str, user: str, /) -> str | None: ...
    def set_password(self, service: str, user: str, password: str, /) -> None: ...


@dataclass(frozen=True, slots=True)
class KeySource:
    """Finds, makes and replaces the key for one home."""

    home: Home
    environ: Mapping[str, str]
    keyring: Keyring | None = None

    def describe(self) -> str:
        """Where the key comes from: a variable's name, a path or `keyring`."""
        if self.environ.get("HAIHAI_KEY"):
            return "HAIHAI_KEY"
        if path := self._file():
            return str(path)
        return "keyring" if self._wants_keyring() else str(self.home.key_file)

    def cipher(self, *, create: bool) -> MultiFernet | None:
        """The cipher; None where there is no key yet and none shall be made."""
        keys = self.read_keys()
        if not keys and create:
            keys = (self._make(),)
        return _cipher(keys, self.describe()) if keys else None

    def is_replaceable(self) -> bool:
        """Whether the program itself may write the key (not if it was handed in)."""
        return not self.environ.get("HAIHAI_KEY") and self._file() is None

    def write(self, keys: tuple[str, ...]) -> None:
        """Store keys, newest first, where this source keeps them."""
        if self._wants_keyring():
            self._keyring().set_password(APPLICATION, _KEYRING_USER, ",".join(keys))
        else:
            write_atomic(self.home.key_file, "\n".join(keys).encode() + b"\n")

    def read_keys(self) -> tuple[str, ...]:
        """All keys, the encrypting one first; empty where none was made yet."""
        if given := self.environ.get("HAIHAI_KEY"):
            return _keys(given)
        if path := self._file():
            return _keys(_read_key_file(path, is_credential=self._is_credential(path)))
        if self._wants_keyring():
            found = self._keyring().get_password(APPLICATION, _KEYRING_USER)
            return _keys(found or "")
        if not self.home.key_file.exists():
            return ()
        return _keys(_read_key_file(self.home.key_file, is_credential=False))

    def _make(self) -> str:
        if not self.is_replaceable():
            raise SettingsError(
                text("{source} に鍵がありません。", source=self.describe()),
                text("鍵の内容を確認してください。"),
            )
        with file_lock(self.home.key_file):
            if found := self.read_keys():  # another process was first
                return found[0]
            key = new_key()
            self.write((key,))
            return key

    def _file(self) -> Path | None:
        if named := self.environ.get("HAIHAI_KEY_FILE"):
            return Path(named).expanduser()
        if folder := self.environ.get("CREDENTIALS_DIRECTORY"):
            path = Path(folder) / CREDENTIAL
            return path if path.exists() else None
        return None

    def _is_credential(self, path: Path) -> bool:
        folder = self.environ.get("CREDENTIALS_DIRECTORY")
        return bool(folder) and path == Path(str(folder)) / CREDENTIAL

    def _wants_keyring(self) -> bool:
        return self.environ.get("HAIHAI_KEYRING") == "1"

    def _keyring(self) -> Keyring:
        if self.keyring is not None:
            return self.keyring
        # Deferred: slow, and it may talk to the desktop; only on request.
        import keyring

        return keyring


def new_key() -> str:
    # Deferred: 20 ms that most modes need not pay.
    from cryptography.fernet import Fernet

    return Fernet.generate_key().decode()


def _keys(content: str) -> tuple[str, ...]:
    return tuple(content.replace(",", "\n").split())


def _cipher(keys: tuple[str, ...], source: str) -> MultiFernet:
    # Deferred: as above.
    from cryptography.fernet import Fernet, MultiFernet

    try:
        return MultiFernet([Fernet(key) for key in keys])
    except ValueError as error:
        raise SettingsError(
            text("{source} の鍵の形式が正しくありません。", source=source),
            text("鍵は URL セーフな Base64 の 44 文字です。控えから戻してください。"),
        ) from error


def _read_key_file(path: Path, *, is_credential: bool) -> str:
    """The content of a key file that nobody else can read.

    A systemd credential belongs to root and is shown to the service by an ACL,
    whose mask stands where the group's bits are: only others are ruled out there.
    """
    if is_credential:
        with storage_errors(path):
            mode = stat.S_IMODE(path.stat().st_mode)
        if mode & stat.S_IRWXO:
            require_private(path)
    else:
        require_private(path)
    with storage_errors(path):
        return path.read_text(encoding="ascii", errors="replace")
