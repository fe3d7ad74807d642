"""The one place where HTTP clients are made, and where failures get their names.

Both services are reached through a `Channel`: it repeats what may be repeated,
reports each repetition, bounds the whole, and stops at once when asked to.  What
comes out is a complete answer or one of the errors by what to do next.
"""

from __future__ import annotations

import os
import random
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

import httpx
import stamina
import stamina.instrumentation

from haihai_tui import __version__
from haihai_tui.errors import ServiceUnreachable, SettingsError, Text, text
from haihai_tui.services.redaction import guard_loggers
from haihai_tui.services.sockets import Patience, PatientBackend

T = TypeVar("T")

Response = httpx.Response
"""For modules that read answers but make no requests of their own."""

USER_AGENT = f"haihai-tui/{__version__}"

# Retries are told by our own hook; stamina's default would write to stderr.
stamina.instrumentation.set_on_retry_hooks([])


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, for the next bytes either way, for a free connection."""

    connect: float = 10.0
    read: float = 60.0
    write: float = 60.0
    pool: float = 60.0


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long a request is repeated; times in seconds.

    `total_s` bounds all attempts and waits of one request together.
    """

    attempts: int = 5
    total_s: float = 120.0
    first_wait_s: float = 0.5
    max_wait_s: float = 30.0
    jitter_s: float = 1.0


@dataclass(frozen=True, slots=True)
class RetryRecord:
    """One repetition about to happen.  `request` holds no secret."""

    service: str
    request: str
    attempt: int
    wait_s: float
    cause: str


OnRetry = Callable[[RetryRecord], None]


class Transient(ServiceUnreachable):
    """A failure that may pass when the request is repeated.

    `retry_after` is what the service asked for, in seconds.  `reached` is False
    where the request certainly never arrived.
    """

    def __init__(
        self,
        what: Text,
        remedy: Text | None = None,
        *,
        cause: str = "service_unavailable",
        retry_after: float | None = None,
        reached: bool = True,
    ) -> None:
        super().__init__(what, remedy, cause=cause)
        self.retry_after = retry_after
        self.reached = reached


@lru_cache(maxsize=8)
def _tls_context(ca_file: str, environment: tuple[str, str]) -> ssl.SSLContext:
    """Loading the CA bundle takes tens of milliseconds: once for all clients.

    `environment` (SSL_CERT_FILE, SSL_CERT_DIR) is only part of the cache's key.
    """
    try:
        context = httpx.create_ssl_context()
        if ca_file:
            context.load_verify_locations(cafile=str(Path(ca_file).expanduser()))
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            text(
                "CA 証明書ファイル {path} を読めません。",
                path=ca_file or environment[0],
            ),
            text("PEM 形式のファイルを指定してください。"),
            cause="tls",
        ) from error
    return context


class PatientClient(httpx.Client):
    """A client that knows how long its sockets may wait; made by `new_client`."""

    patience: Patience


def new_client(
    *,
    timeouts: Timeouts | None = None,
    ca_file: str = "",
    patience: Patience | None = None,
    connections: int = 10,
    keep_alive: bool = True,
) -> PatientClient:
    """A client with keep-alive, following no redirect and keeping no cookie.

    Proxies and CA bundle come from the environment (HTTPS_PROXY, NO_PROXY,
    SSL_CERT_FILE, SSL_CERT_DIR); `ca_file` is trusted in addition.  Loopback never
    goes through a proxy.  Raises SettingsError for an unreadable `ca_file` or an
    unusable proxy setting.
    """
    guard_loggers()
    times = timeouts or Timeouts()
    environment = (
        os.environ.get("SSL_CERT_FILE", ""),
        os.environ.get("SSL_CERT_DIR", ""),
    )
    context = _tls_context(ca_file, environment)
    limits = httpx.Limits(
        max_connections=connections,
        max_keepalive_connections=connections if keep_alive else 0,
        keepalive_expiry=60.0,
    )
    direct = {
        f"all://{host}": httpx.HTTPTransport(verify=context, limits=limits)
        for host in ("localhost", "127.0.0.1", "[::1]")
    }
    try:
        client = PatientClient(
            verify=context,
            limits=limits,
            timeout=httpx.Timeout(
                connect=times.connect,
                read=times.read,
                write=times.write,
                pool=times.pool,
            ),
            headers={
                "User-Agent": USER_AGENT,
                "Accept-Encoding": "gzip",
                "Accept": "application/json",
            },
            follow_redirects=False,
            mounts=direct,
        )
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise SettingsError(
            text("プロキシの設定（環境変数）が正しくありません。"),
            cause="service_unavailable",
        ) from error
    client.patience = patience or Patience()
    _make_patient(client)
    return client


def _make_patient(client: PatientClient) -> None:
    """Put our sockets below httpx, which has no public place for them."""
    for transport in (client._transport, *client._mounts.values()):
        pool = getattr(transport, "_pool", None)
        inner = getattr(pool, "_network_backend", None)
        if pool is not None and inner is not None:
            pool._network_backend = PatientBackend(inner, client.patience)


def failure(error: Exception, service: str) -> ServiceUnreachable:
    """The named form of a transport failure (an httpx exception)."""
    cause, detail = _cause_of(error)
    what = text("{service} に接続できません: {detail}", service=service, detail=detail)
    if cause == "tls":
        remedy = text("証明書、CA の設定、時計、途中のプロキシを確認してください。")
        return ServiceUnreachable(what, remedy, cause=cause)
    reached = not isinstance(
        error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout
    )
    remedy = text("ネットワークとサービスの稼働状況を確認し、後で再実行してください。")
    return Transient(what, remedy, cause=cause, reached=reached)


def _cause_of(error: Exception) -> tuple[str, Text]:
    chain: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in chain:
        chain.append(step)
        step = step.__cause__ or step.__context__
    if any(isinstance(link, socket.gaierror) for link in chain):
        return "dns", text("ホスト名を解決できません。")
    if any(isinstance(link, ssl.SSLError) for link in chain):
        return "tls", text("TLS の接続を確立できません。")
    if isinstance(error, httpx.TimeoutException):
        return "timeout", text("時間内に応答がありません。")
    if isinstance(error, httpx.ProxyError):
        return "service_unavailable", text("プロキシが接続を拒否しました。")
    if isinstance(error, httpx.DecodingError):
        return "service_unavailable", text("応答の圧縮データが壊れています。")
    if isinstance(error, httpx.ConnectError):
        return "service_unavailable", text("接続が拒否されました。")
    return "service_unavailable", text("接続が途中で切れました。")


class Channel:
    """Requests to one service: repeated, bounded, interruptible, reported.

    `service` is the name that operators read in errors.
    """

    def __init__(
        self,
        client: PatientClient,
        service: str,
        *,
        policy: RetryPolicy | None = None,
        patience: Patience | None = None,
        on_retry: OnRetry | None = None,
    ) -> None:
        self.client = client
        self.service = service
        self.policy = policy or RetryPolicy()
        # The client's own: a deadline set elsewhere would never reach the sockets.
        self.patience = patience or client.patience
        self._on_retry = on_retry

    def once(
        self, request: httpx.Request, *, deadline_s: float | None = None
    ) -> httpx.Response:
        """One attempt; the answer is read whole.  Raises ServiceUnreachable."""
        self.patience.check()
        with self.patience.deadline(deadline_s or self.policy.total_s):
            try:
                return self.client.send(request)
            except (httpx.HTTPError, httpx.StreamError) as error:
                raise failure(error, self.service) from error

    @contextmanager
    def stream(
        self, request: httpx.Request, *, deadline_s: float
    ) -> Iterator[httpx.Response]:
        """One attempt; the caller reads the body inside the block."""
        self.patience.check()
        with self.patience.deadline(deadline_s):
            try:
                response = self.client.send(request, stream=True)
                try:
                    yield response
                finally:
                    response.close()
            except (httpx.HTTPError, httpx.StreamError) as error:
                raise failure(error, self.service) from error

    def repeat(self, request: str, call: Callable[[], T]) -> T:
        """Call until it raises no Transient, within the policy's bounds.

        `request` names the call in reports.  The last Transient is raised when the
        bounds are reached.
        """
        policy, wait_s = self.policy, 0.0
        started = time.monotonic()
        failed: list[Transient] = []

        def retry_on(error: Exception) -> bool | float:
            if not isinstance(error, Transient):
                return False
            failed.append(error)
            if stamina.is_testing():
                return True
            # Waiting here would not be interruptible, so: no wait by stamina.
            left = policy.total_s - (time.monotonic() - started)
            return 0.0 if (error.retry_after or 0.0) <= left else False

        for attempt in stamina.retry_context(
            on=retry_on,
            attempts=policy.attempts,
            timeout=policy.total_s,
            wait_initial=policy.first_wait_s,
            wait_max=policy.max_wait_s,
            wait_jitter=0.0,
        ):
            if failed:
                self._pause(request, attempt.num, wait_s, failed[-1])
            wait_s = attempt.next_wait
            with attempt:
                return call()
        raise AssertionError("stamina ends by returning or raising")

    def _pause(
        self, request: str, attempt: int, wait_s: float, error: Transient
    ) -> None:
        if not stamina.is_testing():
            wait_s += random.uniform(0.0, self.policy.jitter_s)
            wait_s = max(wait_s, error.retry_after or 0.0)
        record = RetryRecord(self.service, request, attempt, wait_s, error.cause)
        if self._on_retry is not None:
            self._on_retry(record)
        self.patience.sleep(wait_s)


def retry_after(headers: httpx.Headers) -> float | None:
    """Seconds of a Retry-After header (number or HTTP date), or None."""
    value = headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    # Deferred: only a service in trouble sends a date here.
    from email.utils import mktime_tz, parsedate_tz

    parsed = parsedate_tz(value)
    here = parsedate_tz(headers.get("Date", ""))
    if parsed is None:
        return None
    now = mktime_tz(here) if here else time.time()
    return max(0.0, mktime_tz(parsed) - now)
