"""Failures get names, waits get bounds, secrets stay out of logs."""

from __future__ import annotations

import logging
import socket
import threading
import time

import httpx
import pytest
import stamina
from pytest_httpx import HTTPXMock

from haihai_tui.errors import Interrupted, ServiceUnreachable, SettingsError
from haihai_tui.services.http import (
    Channel,
    PatientClient,
    RetryPolicy,
    RetryRecord,
    Timeouts,
    Transient,
    failure,
    new_client,
    retry_after,
)
from haihai_tui.services.redaction import hide, redact
from haihai_tui.services.sockets import Patience
from tests.services.salesforce.scripted import drip, reply, scripted, silence

QUICK = Timeouts(connect=1.0, read=0.4, write=1.0, pool=1.0)


def channel(client: PatientClient, **policy: float) -> Channel:
    return Channel(client, "例", policy=RetryPolicy(**policy))  # type: ignore[arg-type]


def caught(call: Channel, url: str) -> ServiceUnreachable:
    with pytest.raises(ServiceUnreachable) as it:
        call.once(call.client.build_request("GET", url))
    return it.value


def test_connection_refused_never_arrived() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with new_client(timeouts=QUICK) as client:
        error = caught(channel(client), f"http://127.0.0.1:{port}")
    assert isinstance(error, Transient)
    assert (error.cause, error.reached) == ("service_unavailable", False)
    assert "例" in str(error)


def test_a_black_hole_is_a_timeout() -> None:
    with scripted() as server, new_client(timeouts=QUICK) as client:
        server.on("GET /", silence)
        started = time.monotonic()
        error = caught(channel(client), server.url)
    assert error.cause == "timeout"
    assert time.monotonic() - started < 2.0


def test_a_dripping_answer_ends_at_the_deadline() -> None:
    with scripted() as server, new_client(timeouts=Timeouts(read=5.0)) as client:
        server.on("GET /", drip)
        started = time.monotonic()
        error = caught(channel(client, total_s=0.5), server.url)
    assert error.cause == "timeout"
    assert time.monotonic() - started < 2.0


def test_a_reset_and_a_cut_answer_are_noticed() -> None:
    with scripted() as server, new_client(timeouts=QUICK) as client:
        server.on("GET /cut", lambda peer: peer.sendall(reply(b"abc", length=10)))
        server.on("GET /gone", lambda peer: None)
        for path in ("/cut", "/gone"):
            error = caught(channel(client), f"{server.url}{path}")
            assert error.cause == "service_unavailable"


def test_a_plain_server_behind_https_is_a_tls_failure() -> None:
    with scripted() as server, new_client(timeouts=QUICK) as client:
        error = caught(channel(client), server.url.replace("http:", "https:"))
    assert error.cause == "tls"
    assert not isinstance(error, Transient)


def test_an_unknown_name_is_a_dns_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with new_client(timeouts=QUICK) as client:
        error = caught(channel(client), "https://acme.example.com")
    assert error.cause == "dns"


def test_a_refusing_proxy_is_named() -> None:
    error = failure(httpx.ProxyError("407 Proxy Authentication Required"), "例")
    assert "プロキシ" in str(error)


def test_loopback_never_goes_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    with scripted() as server, new_client(timeouts=QUICK) as client:
        server.on("GET /", reply(b"here"))
        response = channel(client).once(client.build_request("GET", server.url))
    assert response.text == "here"


def test_unusable_settings_are_settings_errors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SettingsError) as missing:
        new_client(ca_file="/nonexistent/ca.pem")
    assert missing.value.cause == "tls"
    monkeypatch.setenv("HTTPS_PROXY", "nonsense://host")
    with pytest.raises(SettingsError):
        new_client()


def test_an_interruption_ends_a_wait_for_the_network() -> None:
    stop = threading.Event()
    patience = Patience(stop.is_set)
    with scripted() as server, new_client(patience=patience) as client:
        server.on("GET /", silence)
        threading.Timer(0.2, stop.set).start()
        started = time.monotonic()
        with pytest.raises(Interrupted):
            call = Channel(client, "例", patience=patience)
            call.once(client.build_request("GET", server.url))
    assert time.monotonic() - started < 1.5


def test_tidying_up_is_shielded_from_the_interruption() -> None:
    patience = Patience(lambda: True)
    with pytest.raises(Interrupted):
        patience.check()
    with patience.shielded(1.0):
        patience.check()


def test_repeats_with_growing_waits_and_reports_them() -> None:
    records: list[RetryRecord] = []
    policy = RetryPolicy(attempts=3, first_wait_s=0.01, max_wait_s=0.02, jitter_s=0.0)
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise failure(httpx.ReadError("reset"), "例")

    with new_client() as client:
        call = Channel(client, "例", policy=policy, on_retry=records.append)
        with pytest.raises(Transient):
            call.repeat("GET /x", fail)
    assert len(calls) == 3
    assert [(r.attempt, r.wait_s) for r in records] == [(2, 0.01), (3, 0.02)]
    assert {(r.service, r.request) for r in records} == {("例", "GET /x")}


def test_a_longer_retry_after_than_there_is_time_for_ends_it() -> None:
    calls: list[int] = []

    def fail() -> None:
        calls.append(1)
        raise Transient(failure(OSError(), "例").what, retry_after=3600.0)

    with new_client() as client, pytest.raises(Transient):
        Channel(client, "例", policy=RetryPolicy(total_s=5.0)).repeat("GET /x", fail)
    assert len(calls) == 1


def test_the_total_time_is_bounded() -> None:
    policy = RetryPolicy(attempts=100, total_s=0.3, first_wait_s=0.05, jitter_s=0.0)

    def fail() -> None:
        raise failure(httpx.ReadError("reset"), "例")

    started = time.monotonic()
    with new_client() as client, pytest.raises(Transient):
        Channel(client, "例", policy=policy).repeat("GET /x", fail)
    assert time.monotonic() - started < 2.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "soon"}, None),
        (
            {
                "Retry-After": "Mon, 16 Feb 2026 00:00:30 GMT",
                "Date": "Mon, 16 Feb 2026 00:00:00 GMT",
            },
            30.0,
        ),
    ],
)
def test_reads_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(httpx.Headers(headers)) == seconds


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ("Authorization: Bearer 00D000000000001!AR8AQ.x_y", "AR8AQ"),
        ("b'Authorization', b'Bearer abc.def-ghi'", "abc.def"),
        ("POST /token refresh_token=5Aep861abc.def", "5Aep861abc"),
        ("GET /cb?code=aPrxSECRET%3D%3D&state=1", "aPrxSECRET"),
        ('{"access_token":"hu\\"sh","x":1}', "sh"),
        ("{'client_secret': 'hush-hush'}", "hush"),
        ("url?password=p%40ss&x=1", "p%40ss"),
    ],
)
def test_redacts_what_looks_like_a_secret(line: str, secret: str) -> None:
    assert secret not in redact(line)


def test_log_lines_of_the_http_libraries_hold_no_secret(
    httpx_mock: HTTPXMock, caplog: pytest.LogCaptureFixture
) -> None:
    hide("a-token-of-no-known-form")
    httpx_mock.add_response()
    with caplog.at_level(logging.DEBUG), new_client() as client:
        client.get("https://acme.example.com/?code=aPrxSECRET&x=1")
        logging.getLogger("httpcore.http11").debug("%r", "a-token-of-no-known-form")
    assert "acme.example.com" in caplog.text
    assert "aPrxSECRET" not in caplog.text
    assert "no-known-form" not in caplog.text


def test_test_mode_has_no_waits() -> None:
    def fail() -> None:
        raise Transient(failure(OSError(), "例").what, retry_after=3600.0)

    with (
        stamina.set_testing(True, attempts=4, cap=True),
        new_client() as client,
        pytest.raises(Transient),
    ):
        Channel(client, "例").repeat("GET /x", fail)
