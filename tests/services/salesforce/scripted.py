"""A server that sends exactly the bytes it is told, and then hangs up if told so.

Damage happens below HTTP libraries; a server made with one could not commit it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

Reply = bytes | Callable[[socket.socket], None]


def reply(
    body: bytes,
    headers: Mapping[str, str] | None = None,
    *,
    status: str = "200 OK",
    length: int | None = None,
    close: bool = False,
) -> bytes:
    """An answer; with `close` its end is the end of the connection."""
    lines = [f"HTTP/1.1 {status}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if close:
        lines.append("Connection: close")
    else:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Script:
    """Replies by "METHOD path" (without query), each used once, the last for ever."""

    url: str = ""
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    seen: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)

    def on(self, request: str, *replies: Reply) -> None:
        self.replies.setdefault(request, []).extend(replies)

    def asked(self, request: str) -> int:
        return sum(line.split("?")[0] == request for line, _, _ in self.seen)

    def _next(self, line: str) -> Reply:
        for name in (line, line.split("?")[0]):
            waiting = self.replies.get(name)
            if waiting:
                return waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return reply(f"no reply for {line}".encode(), status="501 Not Implemented")

    def serve(self, connection: socket.socket) -> None:
        with (
            connection,
            suppress(OSError, ValueError),
            connection.makefile("rb") as source,
        ):
            while start := source.readline().decode():
                method, target, _ = start.split(" ")
                headers: dict[str, str] = {}
                while (line := source.readline().decode().strip()) != "":
                    name, _, value = line.partition(":")
                    headers[name.lower()] = value.strip()
                body = source.read(int(headers.get("content-length", 0)))
                self.seen.append((f"{method} {target}", headers, body))
                answer = self._next(f"{method} {target}")
                if callable(answer):
                    answer(connection)
                    return
                connection.sendall(answer)
                if b"\r\nConnection: close\r\n" in answer:
                    return


def silence(_: socket.socket) -> None:
    """No byte at all, for longer than any test waits."""
    time.sleep(3.0)


def drip(connection: socket.socket) -> None:
    """An answer that never ends, one byte at a time."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    with suppress(OSError):
        for _ in range(60):
            connection.sendall(b" ")
            time.sleep(0.05)


@contextmanager
def scripted() -> Iterator[Script]:
    script = Script()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        script.url = f"http://127.0.0.1:{listener.getsockname()[1]}"

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    threading.Thread(
                        target=script.serve, args=(connection,), daemon=True
                    ).start()

        threading.Thread(target=accept, daemon=True).start()
        yield script
        listener.shutdown(socket.SHUT_RDWR)
