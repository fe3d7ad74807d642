"""Durable writes of small private files.

A file is written beside its target, forced to the disk and renamed over it, and
then the folder is forced to the disk as well: after a power cut the reader finds
the old content or the new one, never a part of either.
"""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from haihai_tui.errors import SettingsError, text

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def make_private_folder(folder: Path) -> Path:
    """Create `folder` and its missing parents with mode 0700; returns it."""
    missing = []
    current = folder
    while not current.exists():
        missing.append(current)
        current = current.parent
    with storage_errors(folder):
        for path in reversed(missing):
            path.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
    return folder


def write_atomic(path: Path, content: bytes, *, mode: int = PRIVATE_FILE) -> None:
    """Replace `path` by `content`, all or nothing, durably.

    A symbolic link is followed, so that the file it names is replaced and not the
    link.  SettingsError names the path where the disk is full or refuses writes.
    """
    path = path.resolve()
    make_private_folder(path.parent)
    if path.exists() and not path.is_file():
        # A device or a pipe takes what it is given; renamed over, it would be gone.
        with storage_errors(path):
            path.write_bytes(content)
        return
    with storage_errors(path, needed=len(content)):
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), mode)
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Force a folder's own entries (a rename, a new file) to the disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def require_private(path: Path) -> None:
    """Refuse a file that others may read or that belongs to somebody else."""
    with storage_errors(path):
        facts = path.stat()
    if facts.st_uid != os.geteuid():
        raise SettingsError(
            text(
                "ファイル {path} の所有者が実行ユーザーと異なります。", path=str(path)
            ),
            text(
                "chown {user} '{path}' で所有者を直してください。",
                user=os.geteuid(),
                path=str(path),
            ),
        )
    if stat.S_IMODE(facts.st_mode) & ~PRIVATE_FILE:
        raise SettingsError(
            text(
                "ファイル {path} は他の利用者も読み書きできます（モード {mode}）。",
                path=str(path),
                mode=f"{stat.S_IMODE(facts.st_mode):04o}",
            ),
            text("chmod 600 '{path}' を実行してください。", path=str(path)),
        )


@contextmanager
def storage_errors(path: Path, *, needed: int = 0) -> Iterator[None]:
    """Turn an OSError on `path` into a SettingsError with the remedy.

    `needed` is the number of bytes that were about to be written.
    """
    try:
        yield
    except OSError as error:
        raise storage_error(path, error, needed=needed) from error


def storage_error(path: Path, error: OSError, *, needed: int = 0) -> SettingsError:
    """What an operator can do about `error`, met while using `path`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SettingsError(
            text(
                "ディスクに空きがないため {path} に書き込めません"
                "（必要な容量: {needed} バイト）。",
                path=str(path),
                needed=needed or "?",
            ),
            text("空き容量を増やしてから、もう一度実行してください。"),
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return SettingsError(
            text("{path} を読み書きする権限がありません。", path=str(path)),
            text(
                "フォルダーの所有者とモードを確認するか、"
                "HAIHAI_HOME で別の場所を指定してください。"
            ),
        )
    return SettingsError(
        text(
            "{path} を読み書きできません: {reason}",
            path=str(path),
            reason=error.strerror or type(error).__name__,
        ),
        text("パスとファイルシステムの状態を確認してください。"),
    )
