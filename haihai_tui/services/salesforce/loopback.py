"""Receives the browser's way back from the Salesforce login.

It listens on loopback only, for one answer to one authorisation; a pasted address
races with it, for callback URLs that lead elsewhere and for consoles over SSH.
"""

from __future__ import annotations

import errno
import hmac
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from urllib.parse import urlsplit

from haihai_tui.errors import (
    AuthorisationNeeded,
    ConnectorError,
    Interrupted,
    SettingsError,
    text,
)
from haihai_tui.services.salesforce.callback_page import (
    DONE,
    LATE,
    NOT_HERE,
    POLICY,
    STRANGER,
    USED,
    Page,
    failed,
    preferred,
)
from haihai_tui.services.salesforce.oauth import PendingAuthorisation
from haihai_tui.services.salesforce.oauth_answers import parse_answer
from haihai_tui.services.salesforce.oauth_errors import callback_error
from haihai_tui.services.salesforce.urls import Callback, parse_callback

Paste = queue.Queue[str] | Callable[[], str | None]
OUTCOME_WAIT_S = 90.0
_LOOPBACK_NAMES = frozenset(("localhost", "127.0.0.1", "[::1]"))


@dataclass
class _Answer:
    """A redirect URL on its way, and the page that its browser waits for.

    `written` is set when the browser has its page (at once where there is none).
    """

    url: str
    page: queue.Queue[Page] = field(default_factory=lambda: queue.Queue(1))
    written: threading.Event = field(default_factory=threading.Event)

    def show(self, page: Page) -> None:
        self.page.put(page)
        self.written.wait(2.0)


class _Desk:
    """Judges what reaches the listener; the first good answer wins."""

    def __init__(self, pending: PendingAuthorisation, callback: Callback) -> None:
        self.answers: queue.Queue[_Answer] = queue.Queue()
        self.strangers = 0
        self._state = pending.state
        self._callback = callback
        self._used = False
        self._lock = threading.Lock()

    def receive(self, target: str, host: str) -> tuple[Page, _Answer | None]:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        parts = urlsplit(target)
        if name.lower() not in _LOOPBACK_NAMES:
            # Another site whose name was pointed here.
            return STRANGER, None
        if parts.path != self._callback.path:
            return NOT_HERE, None
        with self._lock:
            if self._used:
                return USED, None
            if not self._is_ours(parse_answer(target)):
                self.strangers += 1
                return STRANGER, None
            self._used = True
        answer = _Answer(f"{self._callback.url.split('?')[0]}?{parts.query}")
        self.answers.put(answer)
        try:
            return answer.page.get(timeout=OUTCOME_WAIT_S), answer
        except queue.Empty:
            return LATE, answer

    def _is_ours(self, parameters: dict[str, str]) -> bool:
        state = parameters.get("state")
        if state is None:
            # Salesforce leaves it out with some errors, never with a code.
            return "error" in parameters and "code" not in parameters
        known = "code" in parameters or "error" in parameters
        return known and hmac.compare_digest(state.encode(), self._state.encode())


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    server_version = "haihai-tui"
    sys_version = ""
    timeout = 30

    def do_GET(self) -> None:
        host = self.headers.get("Host", "")
        page, answer = self.server.desk.receive(self.path, host)
        body = page.encode(preferred(self.headers.get("Accept-Language", "")))
        self.send_response(page.status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Vary", "Accept-Language")
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        if answer is not None:
            answer.written.set()

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the request line holds the code."""


class _Server(ThreadingMixIn, TCPServer):
    # Not HTTPServer: its bind asks DNS for the machine's full name.
    allow_reuse_address = True
    daemon_threads = True
    # Do not wait for a browser that keeps its connection open.
    block_on_close = False

    def __init__(
        self, family: socket.AddressFamily, host: str, port: int, desk: _Desk
    ) -> None:
        self.address_family = family
        self.desk = desk
        super().__init__((host, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that hangs up is nothing to report."""


def _open_servers(desk: _Desk, port: int) -> list[_Server]:
    servers: list[_Server] = []
    # Browsers may take `localhost` for ::1 first; not every machine has it.
    places = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))
    for family, host in places:
        try:
            servers.append(_Server(family, host, port, desk))
        except OSError as error:
            if servers and error.errno != errno.EADDRINUSE:
                continue
            for server in servers:
                server.server_close()
            raise SettingsError(
                text("コールバック URL のポート {port} を使えません。", port=port),
                text(
                    "同じポートを使うプログラムを終了するか、ポートを変えてください。"
                ),
                cause="callback_port_busy",
            ) from error
    return servers


@contextmanager
def _listening(desk: _Desk, port: int) -> Iterator[None]:
    servers = _open_servers(desk, port)
    threads = [
        threading.Thread(target=s.serve_forever, args=(0.05,), daemon=True)
        for s in servers
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for server, thread in zip(servers, threads, strict=True):
            server.shutdown()
            thread.join()
            server.server_close()


def wait_for_callback(
    pending: PendingAuthorisation,
    paste: Paste | None = None,
    timeout: float = 600.0,
    *,
    finish: Callable[[str], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
    ready: Callable[[], None] | None = None,
) -> str:
    """The redirect URL that the browser brings, or that was pasted.

    `paste` is a queue, or a function that blocks until a line was pasted (None: no
    more).  `finish` exchanges and stores; the browser is shown its outcome.  `ready`
    is called once the browser may come: a port in use is told before that.
    Raises SettingsError (`callback_port_busy`), AuthorisationNeeded (`no_answer`,
    `state_mismatch`), Interrupted, and whatever `finish` raises.
    """
    callback = parse_callback(pending.redirect_uri)
    desk = _Desk(pending, callback)
    begin = ready or _nothing
    if callback.listen is None:
        begin()
        return _finish(_wait(desk, paste, timeout, cancelled), finish)
    with _listening(desk, callback.listen):
        begin()
        return _finish(_wait(desk, paste, timeout, cancelled), finish)


def _nothing() -> None:
    """Nobody waits for the listener."""


def _finish(answer: _Answer, finish: Callable[[str], None] | None) -> str:
    refused = callback_error(parse_answer(answer.url))
    try:
        if finish is not None:
            finish(answer.url)
    except ConnectorError as error:
        answer.show(failed(error))
        raise
    answer.show(failed(refused) if refused and finish is None else DONE)
    return answer.url


def _wait(
    desk: _Desk,
    paste: Paste | None,
    timeout: float,
    cancelled: Callable[[], bool] | None,
) -> _Answer:
    pasted = _pasted_lines(paste)
    until = time.monotonic() + timeout
    while time.monotonic() < until:
        if cancelled is not None and cancelled():
            raise Interrupted(text("認可を中断しました。"))
        try:
            return desk.answers.get(timeout=0.05)
        except queue.Empty:
            pass
        try:
            line = pasted.get_nowait().strip()
        except queue.Empty:
            continue
        if line:
            answer = _Answer(line)
            answer.written.set()
            return answer
    raise _no_answer(desk)


def _pasted_lines(paste: Paste | None) -> queue.Queue[str]:
    if isinstance(paste, queue.Queue):
        return paste
    lines: queue.Queue[str] = queue.Queue()
    if paste is not None:
        source = paste

        def read() -> None:
            while (line := source()) is not None:
                lines.put(line)
                if line.strip():
                    return

        # A daemon: nothing can wake a thread that waits for a terminal.
        threading.Thread(target=read, daemon=True).start()
    return lines


def _no_answer(desk: _Desk) -> AuthorisationNeeded:
    if desk.strangers:
        return AuthorisationNeeded(
            text("別の認可への応答だけが届きました（state の不一致）。"),
            text("連携トークンの更新（認可）を最初からやり直してください。"),
            cause="state_mismatch",
        )
    return AuthorisationNeeded(
        text("Salesforce から応答がありませんでした。"),
        text(
            "応答がないときは、アプリが組織にインストールされていない、コンシューマ鍵の"
            "誤り、コールバック URL の誤りのどれかです。ログイン画面の URL 全体を"
            "トラブル診断に貼り付けてください。"
        ),
        cause="no_answer",
    )
