"""The way to both services: proxy, names, transport, and the clock."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit
from urllib.request import getproxies_environment, proxy_bypass

from haihai_tui.errors import ConnectorError, SettingsError, Text, text
from haihai_tui.services.checks.bench import Bench
from haihai_tui.services.checks.model import (
    Area,
    Check,
    Finding,
    Run,
    fail,
    failed_by,
    ok,
    warn,
)
from haihai_tui.services.haihai.client import SERVICE as HAIHAI
from haihai_tui.services.haihai.wire import Wire
from haihai_tui.services.http import Channel, Response

LOOPBACK = ("localhost", "127.0.0.1", "::1")
SKEW_FAIL = timedelta(minutes=5)
SKEW_WARN = timedelta(seconds=60)
_CONNECT_S = 4.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer and our own time in the middle of asking."""

    response: Response
    asked_at: datetime
    seconds: float


def checks() -> tuple[Check, ...]:
    return (
        Check(
            "proxy",
            text("プロキシ"),
            text("環境変数 HTTPS_PROXY と NO_PROXY を調べ、プロキシに接続します。"),
            Area.NETWORK,
            _proxy,
            needs=("profile",),
            see="6.3",
        ),
        Check(
            "salesforce_dns",
            text("Salesforce の名前解決"),
            text("Salesforce URL のホスト名を IP アドレスに変換します。"),
            Area.NETWORK,
            _dns(_login_url),
            needs=("salesforce_url", "proxy"),
            see="6.3",
        ),
        Check(
            "salesforce_tls",
            text("Salesforce への接続 (TLS)"),
            text("Salesforce に接続し、証明書を検証します。"),
            Area.NETWORK,
            _transport(_login_url, salesforce_answer),
            needs=("salesforce_dns",),
            see="6.3",
        ),
        Check(
            "clock",
            text("時計のずれ"),
            text("Salesforce の応答の Date ヘッダーとこのマシンの時計を比べます。"),
            Area.NETWORK,
            _clock,
            needs=("salesforce_tls",),
            see="6.3",
        ),
        Check(
            "haihai_dns",
            text("配配メールの名前解決"),
            text("契約 ID から決まる接続先を IP アドレスに変換します。"),
            Area.NETWORK,
            _dns(haihai_url),
            needs=("haihai_account", "proxy"),
            see="6.3",
        ),
        Check(
            "haihai_tls",
            text("配配メールへの接続 (TLS)"),
            text("配配メールに接続し、証明書を検証します。"),
            Area.NETWORK,
            _transport(haihai_url, _haihai_answer),
            needs=("haihai_dns",),
            see="6.3",
        ),
    )


def _login_url(bench: Bench) -> str:
    return bench.login_url


def haihai_url(bench: Bench) -> str:
    settings = bench.settings.haihai
    pattern = Wire.from_table(settings.wire).host_pattern
    server = settings.contract_id.partition("-")[0]
    return settings.base_url or pattern.format(server=server)


# -------------------------------------------------------------------- proxy


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for `url`, None for a direct way."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxies = getproxies_environment()
    if host in LOOPBACK or proxy_bypass(host, proxies):
        return None
    return proxies.get(parts.scheme) or proxies.get("all")


def _proxy(bench: Bench) -> Finding:
    used: dict[str, list[str]] = {}
    for url in _known_urls(bench):
        proxy = proxy_for(url)
        if proxy:
            used.setdefault(proxy, []).append(urlsplit(url).hostname or "")
    # Making a client reads the environment; an unusable value is refused here.
    bench.haihai_channel(HAIHAI)
    for proxy in used:
        problem = _unreachable(bench, proxy)
        if problem is not None:
            return problem
    if not used:
        return ok(text("プロキシは使いません。直接接続します。"))
    facts = tuple(
        text("{proxy}: {hosts}", proxy=_shown_proxy(proxy), hosts=hosts)
        for proxy, hosts in used.items()
    )
    return ok(text("プロキシに接続できます。"), *facts)


def _known_urls(bench: Bench) -> list[str]:
    urls = []
    for url_of in (_login_url, haihai_url):
        try:
            urls.append(url_of(bench))
        except SettingsError:
            # What is wrong with it is told by the check of that URL.
            continue
    return urls


def _unreachable(bench: Bench, proxy: str) -> Finding | None:
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    host, port = parts.hostname or "", parts.port or 8080
    shown = _shown_proxy(proxy)
    try:
        bench.outside.resolve(host, port)
        with socket.create_connection((host, port), timeout=_CONNECT_S):
            return None
    except socket.gaierror:
        what = text("プロキシ {proxy} のホスト名を解決できません。", proxy=shown)
        return fail(what, code="dns", remedy=(_PROXY_REMEDY,))
    except TimeoutError:
        what = text("プロキシ {proxy} が応答しません。", proxy=shown)
        return fail(what, code="timeout", remedy=(_PROXY_REMEDY,))
    except OSError:
        what = text("プロキシ {proxy} に接続できません。", proxy=shown)
        return fail(what, code="service_unavailable", remedy=(_PROXY_REMEDY,))


_PROXY_REMEDY = text(
    "環境変数 HTTPS_PROXY、HTTP_PROXY、ALL_PROXY、NO_PROXY の値を確認してください。"
)


def _shown_proxy(proxy: str) -> str:
    """Without the credentials that may stand in it."""
    parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{parts.hostname}{port}"


# ---------------------------------------------------------- names, transport


def _dns(url_of: Callable[[Bench], str]) -> Run:
    def run(bench: Bench) -> Finding:
        url = url_of(bench)
        parts = urlsplit(url)
        host = parts.hostname or ""
        if proxy_for(url):
            return ok(text("{host} の名前はプロキシが解決します。", host=host))
        try:
            found = bench.outside.resolve(host, parts.port or 443)
        except OSError:
            what = text("ホスト名 {host} を解決できません。", host=host)
            return fail(what, code="dns")
        addresses = sorted({str(one[4][0]) for one in found})
        return ok(
            text("ホスト名 {host} を解決できました。", host=host),
            text("IP アドレス: {addresses}", addresses=addresses),
        )

    return run


def _transport(url_of: Callable[[Bench], str], ask: Callable[[Bench], Answer]) -> Run:
    def run(bench: Bench) -> Finding:
        url = url_of(bench)
        try:
            answer = ask(bench)
        except ConnectorError as error:
            return failed_by(error)
        facts = (
            text("接続先: {url}", url=url),
            text("HTTP {status}", status=answer.response.status_code),
            text("{ms} ミリ秒", ms=round(answer.seconds * 1000)),
        )
        if urlsplit(url).scheme == "http":
            what = text("接続できました。このマシンの中なので暗号化していません。")
        else:
            what = text("接続でき、証明書も正しいものでした。")
        return ok(what, *facts)

    return run


def salesforce_answer(bench: Bench) -> Answer:
    """The list of versions: the one thing that Salesforce tells everybody."""
    url = f"{bench.login_url}/services/data"
    return bench.once("salesforce_answer", lambda: _get(bench, bench.salesforce, url))


def _haihai_answer(bench: Bench) -> Answer:
    channel = bench.haihai_channel(HAIHAI)
    url = f"{haihai_url(bench).rstrip('/')}/"
    return bench.once("haihai_answer", lambda: _get(bench, channel, url))


def _get(bench: Bench, channel: Channel, url: str) -> Answer:
    def attempt() -> Answer:
        asked, started = bench.outside.now(), time.monotonic()
        response = channel.once(channel.client.build_request("GET", url))
        seconds = time.monotonic() - started
        return Answer(response, asked + timedelta(seconds=seconds / 2), seconds)

    return channel.repeat(f"GET {urlsplit(url).path}", attempt)


# -------------------------------------------------------------------- clock


def _clock(bench: Bench) -> Finding:
    answer = salesforce_answer(bench)
    try:
        theirs = parsedate_to_datetime(answer.response.headers["Date"])
    except (KeyError, ValueError):
        return ok(text("応答に時刻がないため、時計を比べられませんでした。"))
    skew = answer.asked_at - theirs
    seconds = round(skew.total_seconds())
    facts = (
        text("このマシン: {at}", at=answer.asked_at.isoformat(timespec="seconds")),
        text("Salesforce: {at}", at=theirs.isoformat(timespec="seconds")),
    )
    if abs(skew) < SKEW_WARN:
        return ok(text("時計は合っています（差は {s} 秒）。", s=abs(seconds)), *facts)
    what = _skewed(seconds)
    if abs(skew) < SKEW_FAIL:
        return warn(what, *facts, code="clock_skew")
    return fail(what, *facts, code="clock_skew")


def _skewed(seconds: int) -> Text:
    if seconds > 0:
        return text("このマシンの時計が {s} 秒進んでいます。", s=seconds)
    return text("このマシンの時計が {s} 秒遅れています。", s=-seconds)
