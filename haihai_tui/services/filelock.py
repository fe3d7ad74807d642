"""A bounded wait for a lock among processes (flock), for short critical parts.

The kernel frees it when its holder dies, so no stale lock can be left behind.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from haihai_tui.errors import LockHeld, text
from haihai_tui.services.atomic import make_private_folder, storage_errors

_PAUSE_S = 0.02


@contextmanager
def file_lock(guarded: Path, *, wait_s: float = 30.0) -> Iterator[None]:
    """Hold the lock that stands for `guarded`; LockHeld after `wait_s` seconds.

    The lock is a file of its own beside it, since the guarded one is replaced.
    """
    make_private_folder(guarded.parent)
    lock = guarded.with_name(f".{guarded.name}.lock")
    with storage_errors(lock):
        handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "r+b") as file:
        _wait_for(file, guarded, wait_s)
        yield


def _wait_for(file: IO[bytes], guarded: Path, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                raise LockHeld(
                    text("別の処理が {path} を使用しています。", path=str(guarded)),
                    text("しばらく待ってから、もう一度実行してください。"),
                ) from error
        time.sleep(_PAUSE_S)
