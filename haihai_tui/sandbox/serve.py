"""Runs a sandbox's ASGI app under uvicorn in a thread of this process.

Both loopback families are bound to one port, because `localhost` means either.
The HTTP parser forgives what real clients of the imitated services do: bytes that
follow a body whose Content-Length was too small belong to nobody.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
import time
from collections.abc import Sequence
from typing import Any

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from haihai_tui.sandbox.control import TRANSPORT

_HEADER_BYTES = 256 * 1024
_KEEP_ALIVE_S = 75
_START_S = 10.0
_GRACE_S = 1.0
_STRAY = b"-\r\n"
"""What the tail of a multipart body is made of; no request line begins with it."""


class _Connection(h11.Connection):
    """An HTTP/1.1 connection that skips stray bytes before a request line."""

    def next_event(self) -> Any:
        if self.their_state is h11.IDLE:
            waiting = self.trailing_data[0]
            stray = len(waiting) - len(waiting.lstrip(_STRAY))
            if stray:
                self._receive_buffer.maybe_extract_at_most(stray)
        return super().next_event()


class _Protocol(H11Protocol):
    """uvicorn's protocol with our connection, its transport put in the scope."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.conn = _Connection(h11.SERVER, _HEADER_BYTES)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(transport)
        self.app_state = {**self.app_state, TRANSPORT: transport}


class _Server(uvicorn.Server):
    """uvicorn's server, stopped by an event: its own polling costs 0.3 s a stop."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over = asyncio.Event()

    @property
    def ready(self) -> bool:
        """Whether requests are answered and `end` would be heard."""
        return self._loop is not None

    async def main_loop(self) -> None:
        self._loop = asyncio.get_running_loop()
        await self._over.wait()

    def end(self) -> None:
        """Ask for the end, from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._over.set)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        if self.server_state.tasks:
            await asyncio.wait(list(self.server_state.tasks), timeout=_GRACE_S)
        for task in list(self.server_state.tasks):
            task.cancel()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await asyncio.sleep(0.001)  # lets the transports close their sockets


def listen(port: int = 0) -> list[socket.socket]:
    """Bind `port` (0: any free one) on 127.0.0.1 and, where it exists, on ::1."""
    for _ in range(20):
        first = _bind(socket.AF_INET, "127.0.0.1", port)
        chosen = first.getsockname()[1]
        try:
            return [first, _bind(socket.AF_INET6, "::1", chosen)]
        except OSError as error:
            if port or error.errno != errno.EADDRINUSE:
                return [first]
            first.close()
    raise OSError(errno.EADDRINUSE, "no port is free on both loopback addresses")


def _bind(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    # With the protocol named, asyncio sets TCP_NODELAY; without, answers wait 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(256)
    except OSError:
        listener.close()
        raise
    return listener


class Served:
    """One app on one loopback port, from `start` until `stop`.

    `listeners` come from `listen` when the port must be known before the app is
    made; otherwise `port` is bound here.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        port: int = 0,
        listeners: Sequence[socket.socket] | None = None,
    ) -> None:
        self._listeners = list(listeners) if listeners is not None else listen(port)
        self.port: int = self._listeners[0].getsockname()[1]
        self.url = f"http://localhost:{self.port}"
        self._server = _Server(_config(app))
        self._thread = threading.Thread(
            target=self._server.run,
            kwargs={"sockets": self._listeners},
            name=f"sandbox-{self.port}",
            daemon=True,
        )

    def start(self) -> Served:
        """Returns when requests are answered; RuntimeError if that never happens."""
        self._thread.start()
        deadline = time.monotonic() + _START_S
        while not self._server.ready:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise RuntimeError(f"sandbox server on port {self.port} did not start")
            time.sleep(0.002)
        return self

    def stop(self) -> None:
        """Close the port; answers under way get a second to finish."""
        self._server.end()
        if self._thread.is_alive():
            self._thread.join(5)
        for listener in self._listeners:
            listener.close()

    def __enter__(self) -> Served:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.stop()


def _config(app: ASGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_keep_alive=_KEEP_ALIVE_S,
    )
