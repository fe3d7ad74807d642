"""One run of a profile at a time.

The lock is the kernel's (flock), so that it is free the moment its holder dies,
whatever killed it; what is written in the file only says who holds it.  Where two
machines share a state database, a lease in it stands behind the file.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import threading
import time
import weakref
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from types import TracebackType
from typing import Protocol

from haihai_tui.errors import LockHeld, text
from haihai_tui.services.atomic import make_private_folder, storage_errors
from haihai_tui.services.paths import Home
from haihai_tui.services.store.holder import Holder
from haihai_tui.services.store.times import Clock, stamp, utc_now

RENEWAL_S = 15.0
_SECOND_LOOK_S = 0.1


class Lease(Protocol):
    """What stands behind the file lock among machines (`store.leases.Leases`)."""

    def take(self, run_id: str) -> Holder | None: ...
    def renew(self, run_id: str) -> bool: ...
    def release(self, run_id: str) -> None: ...


class RunLock:
    """A context manager; LockHeld on entry where another run is under way.

    `on_lost` is called, from another thread, when a lease was taken over because
    this machine could not renew it in time: the run must stop then.
    """

    def __init__(
        self,
        home: Home,
        profile: str,
        run_id: str,
        *,
        lease: Lease | None = None,
        on_lost: Callable[[], None] | None = None,
        clock: Clock = utc_now,
        renewal_s: float = RENEWAL_S,
    ) -> None:
        self._path = home.run_lock(profile)
        self._profile = profile
        self._run_id = run_id
        self._lease = lease
        self._on_lost = on_lost
        self._clock = clock
        self._renewal_s = renewal_s
        self._file: FileIO | None = None
        self._left = threading.Event()
        self._renewer: threading.Thread | None = None

    def __enter__(self) -> RunLock:
        make_private_folder(self._path.parent)
        self._file = _open(self._path)
        try:
            self._take()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._file is not None
        self._left.set()
        if self._renewer is not None:
            self._renewer.join()
        try:
            if self._lease is not None:
                self._lease.release(self._run_id)
        finally:
            self._file.truncate(0)
            self._file.close()

    def _take(self) -> None:
        assert self._file is not None
        if not _taken(self._file):
            raise held(self._profile, _read(self._path))
        _close_in_children(self._file)
        self._say_who()
        if self._lease is None:
            return
        if other := self._lease.take(self._run_id):
            self._file.truncate(0)
            raise held(self._profile, other)
        self._renewer = threading.Thread(
            target=self._keep_renewing, name="lease", daemon=True
        )
        self._renewer.start()

    def _say_who(self) -> None:
        assert self._file is not None
        who = {
            "run_id": self._run_id,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started_at": stamp(self._clock()),
        }
        with storage_errors(self._path):
            self._file.seek(0)
            self._file.truncate(0)
            self._file.write(json.dumps(who).encode())

    def _keep_renewing(self) -> None:
        assert self._lease is not None
        while not self._left.wait(self._renewal_s):
            try:
                still_ours = self._lease.renew(self._run_id)
            except Exception:
                # A database away for a moment is the run's business, not ours: the
                # lease outlasts several renewals.
                continue
            if not still_ours:
                if self._on_lost is not None:
                    self._on_lost()
                return


def holder_of(home: Home, profile: str) -> Holder | None:
    """Who runs the profile on this machine right now; None where nobody does."""
    path = home.run_lock(profile)
    if not path.exists():
        return None
    with _open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return _read(path) or Holder("", "", 0, "")
    return None


def held(profile: str, holder: Holder | None) -> LockHeld:
    """The error that names who runs and since when."""
    if holder is None or not holder.run_id:
        what = text("プロファイル「{profile}」は別の実行中です。", profile=profile)
    else:
        what = text(
            "プロファイル「{profile}」は実行 {run_id} が {started_at} から実行中です"
            "（{host}、プロセス {pid}）。",
            profile=profile,
            run_id=holder.run_id,
            started_at=holder.started_at,
            host=holder.host,
            pid=holder.pid,
        )
    return LockHeld(what, text("終わるのを待ってから、もう一度実行してください。"))


def _open(path: Path) -> FileIO:
    with storage_errors(path):
        return FileIO(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+")


def _taken(file: FileIO) -> bool:
    """Take the lock, or know within a moment that a run holds it.

    The second look is for `holder_of`, which touches the lock for microseconds.
    """
    deadline = time.monotonic() + _SECOND_LOOK_S
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
        time.sleep(_SECOND_LOOK_S / 10)


def _read(path: Path) -> Holder | None:
    try:
        who = json.loads(path.read_bytes())
        return Holder(
            str(who["run_id"]),
            str(who["host"]),
            int(who["pid"]),
            str(who["started_at"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _close_in_children(file: FileIO) -> None:
    """A forked worker must not keep the lock of a parent that was killed."""
    watched = weakref.ref(file)

    def close() -> None:
        if (inherited := watched()) is not None and not inherited.closed:
            inherited.close()

    os.register_at_fork(after_in_child=close)
