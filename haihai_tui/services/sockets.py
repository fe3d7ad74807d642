"""Sockets that can be interrupted and that know when to give up.

httpx bounds the wait for each piece of an answer, not the answer: a server that
drips a byte a minute is never late.  So the deadline and the question "has the
operator asked to stop?" sit below it, where every byte passes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from ssl import SSLContext
from typing import Any

import httpcore

from haihai_tui.errors import Interrupted, text

SLICE_S = 0.25


class Patience:
    """How long the calling thread may wait, and whether it should go on at all."""

    def __init__(self, cancelled: Callable[[], bool] | None = None) -> None:
        self.cancelled = cancelled or (lambda: False)
        self._local = threading.local()

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[None]:
        """Bound everything this thread sends and receives inside, in sum."""
        before: float | None = getattr(self._local, "until", None)
        until = time.monotonic() + seconds
        self._local.until = until if before is None else min(until, before)
        try:
            yield
        finally:
            self._local.until = before

    @contextmanager
    def shielded(self, seconds: float) -> Iterator[None]:
        """Let this thread tidy up after an interruption, for so long at most."""
        before = getattr(self._local, "shielded", False)
        self._local.shielded = True
        try:
            with self.deadline(seconds):
                yield
        finally:
            self._local.shielded = before

    def check(self) -> None:
        """Raise Interrupted when the operator or a signal asked to stop."""
        if not getattr(self._local, "shielded", False) and self.cancelled():
            raise Interrupted(text("中断の指示により通信を止めました。"))

    def left(self, timeout: float | None, late: type[Exception]) -> float | None:
        """`timeout`, shortened to the deadline; raises `late` when it has passed."""
        until: float | None = getattr(self._local, "until", None)
        if until is None:
            return timeout
        remaining = until - time.monotonic()
        if remaining <= 0:
            raise late("deadline passed")
        return remaining if timeout is None else min(timeout, remaining)

    def sleep(self, seconds: float) -> None:
        """Wait, waking up at once when asked to stop."""
        until = time.monotonic() + seconds
        self.check()
        while (remaining := until - time.monotonic()) > 0:
            time.sleep(min(remaining, SLICE_S))
            self.check()


class PatientStream(httpcore.NetworkStream):
    """A connection whose reads wait in slices, asking in between."""

    def __init__(self, inner: httpcore.NetworkStream, patience: Patience) -> None:
        self._inner = inner
        self._patience = patience

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        started = time.monotonic()
        while True:
            self._patience.check()
            allowed = self._patience.left(timeout, httpcore.ReadTimeout)
            try:
                return self._inner.read(max_bytes, min(SLICE_S, allowed or SLICE_S))
            except httpcore.ReadTimeout:
                if timeout is not None and time.monotonic() - started >= timeout:
                    raise

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        # Never in slices: after a timeout nobody knows how much has gone out.
        self._patience.check()
        allowed = self._patience.left(timeout, httpcore.WriteTimeout)
        self._inner.write(buffer, allowed)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        allowed = self._patience.left(timeout, httpcore.ConnectTimeout)
        inner = self._inner.start_tls(ssl_context, server_hostname, allowed)
        return PatientStream(inner, self._patience)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class PatientBackend(httpcore.NetworkBackend):
    """Opens connections as `inner` does and makes them patient."""

    def __init__(self, inner: httpcore.NetworkBackend, patience: Patience) -> None:
        self._inner = inner
        self._patience = patience

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        self._patience.check()
        allowed = self._patience.left(timeout, httpcore.ConnectTimeout)
        stream = self._inner.connect_tcp(
            host, port, allowed, local_address, socket_options
        )
        return PatientStream(stream, self._patience)

    def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._inner.connect_unix_socket(path, timeout, socket_options)
        return PatientStream(stream, self._patience)

    def sleep(self, seconds: float) -> None:
        self._patience.sleep(seconds)
