"""Fault points: every place where a run becomes durable or leaves the machine.

They are found at the border to the system (files, locks, commits, sockets) and not
written into the program: a place that is added later is met by itself, and a
program that is not under test carries none of it.
"""

from __future__ import annotations

import errno
import fcntl
import functools
import os
import re
import select
import shutil
import signal
import sqlite3
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.engine.default import DefaultDialect

import haihai_tui
from haihai_tui.services.sockets import PatientStream

_PACKAGE = str(Path(haihai_tui.__file__).parent)
_IDS = re.compile(r"(?<=/)(?=\w*\d)\w{15,18}(?=/|$)|(?<=/)[^/]*-\d+(?=/|$)")
_FILES = ("fsync", "replace", "rename", "unlink", "remove", "mkdir", "ftruncate")


class Points:
    """Notes each point that is met, and commits a deed at one of them.

    A point is a name and how often it was met before; names tell what is about to
    happen (`before`), has happened (`after`), or was done by a service whose answer
    nobody has read (`unread`).  A deed is the name of a signal, sent to this process,
    or of an error number, raised from the call.
    """

    def __init__(
        self, log: Path, at: tuple[str, int] | None, deed: str = "SIGKILL"
    ) -> None:
        self._log = log.open("ab", buffering=0)
        self._at = at
        self._deed = deed
        self._met: Counter[str] = Counter()
        self._lock = threading.Lock()

    def meet(self, name: str) -> None:
        with self._lock:
            number = self._met[name]
            self._met[name] += 1
        self._log.write(f"{number}\t{name}\n".encode())
        if self._at == (name, number):
            self._commit_deed(name)

    def _commit_deed(self, name: str) -> None:
        if self._deed.startswith("SIG"):
            os.kill(os.getpid(), signal.Signals[self._deed])
        elif "commit" in name:
            error = sqlite3.OperationalError("database or disk is full")
            error.sqlite_errorcode = sqlite3.SQLITE_FULL
            raise error
        else:
            number: int = getattr(errno, self._deed)
            raise OSError(number, os.strerror(number), "somewhere")


def install(points: Points, home: Path) -> None:
    """Put the points around the system calls of this process, for good."""
    for name in _FILES:
        _wrap(os, name, points, lambda call: _place(call))
    _wrap(fcntl, "flock", points, lambda call: _place(call))
    _wrap(shutil, "copyfile", points, lambda call: _place(call))
    _wrap(DefaultDialect, "do_commit", points, lambda call: _place("commit"))
    _watch_new_files(points, home)
    _watch_requests(points)


def _wrap(
    owner: Any, name: str, points: Points, named: Callable[[str], str | None]
) -> None:
    original = getattr(owner, name)

    @functools.wraps(original)
    def around(*args: Any, **kwargs: Any) -> Any:
        place = named(name)
        if place is None:
            return original(*args, **kwargs)
        points.meet(f"before {place}")
        result = original(*args, **kwargs)
        points.meet(f"after {place}")
        return result

    setattr(owner, name, around)


def _place(call: str) -> str | None:
    """The call and who in the package makes it; None where nobody there does."""
    frame = sys._getframe(2)
    while frame is not None:
        code = frame.f_code
        if code.co_filename.startswith(_PACKAGE):
            module = Path(code.co_filename).relative_to(_PACKAGE).with_suffix("")
            return f"{call} in {module.as_posix()}:{code.co_qualname}"
        if frame.f_back is None:
            return None
        frame = frame.f_back
    return None


def _watch_new_files(points: Points, home: Path) -> None:
    own = f"{home}{os.sep}"

    def hook(event: str, args: tuple[Any, ...]) -> None:
        if event != "open" or not str(args[0]).startswith(own):
            return
        if args[2] & (os.O_WRONLY | os.O_RDWR):
            place = _place("write")
            if place is not None:
                points.meet(f"before {place}")

    sys.addaudithook(hook)


def _watch_requests(points: Points) -> None:
    """Before a request, when its answer waits unread, and when it begins."""
    under_way = threading.local()
    send, read = httpx.Client.send, PatientStream.read

    def sent(self: httpx.Client, request: httpx.Request, **kwargs: Any) -> Any:
        name = _request_name(request)
        points.meet(f"before {name}")
        under_way.name = name
        response = send(self, request, **kwargs)
        points.meet(f"after {name}")
        return response

    def received(self: PatientStream, *args: Any, **kwargs: Any) -> bytes:
        name, under_way.name = getattr(under_way, "name", None), None
        if name is not None:
            connection = self.get_extra_info("socket")
            select.select([connection], [], [], 30.0)
            points.meet(f"unread {name}")
        return read(self, *args, **kwargs)

    setattr(httpx.Client, "send", sent)  # noqa: B010
    setattr(PatientStream, "read", received)  # noqa: B010


def _request_name(request: httpx.Request) -> str:
    action = request.url.params.get("ac")
    path = f"/?ac={action}" if action else _IDS.sub("*", request.url.path)
    return f"{request.method} {path}"
