"""The way back from the browser: one answer, from nobody else."""

from __future__ import annotations

import http.client
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from pytest_httpx import HTTPXMock

from haihai_tui.errors import (
    AuthorisationNeeded,
    ConnectorError,
    Interrupted,
    SettingsError,
    text,
)
from haihai_tui.services.redaction import hide
from haihai_tui.services.salesforce.authorise import authorise
from haihai_tui.services.salesforce.callback_page import failed, preferred
from haihai_tui.services.salesforce.loopback import Paste, wait_for_callback
from haihai_tui.services.salesforce.oauth import PendingAuthorisation
from haihai_tui.services.salesforce.tokens import Tokens
from tests.services.salesforce.support import MemoryStore, form, opened, token_answer

STATE = "s" * 32


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@dataclass
class Waiting:
    """A wait on a thread of its own, and what came of it."""

    port: int
    pending: PendingAuthorisation
    thread: threading.Thread | None = None
    result: list[str] = field(default_factory=list)
    error: list[Exception] = field(default_factory=list)

    def get(
        self, target: str, host: str | None = None, method: str = "GET"
    ) -> tuple[int, str]:
        for _ in range(100):
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port)
                headers = {"Host": host} if host else {}
                connection.request(method, target, headers=headers)
                break
            except ConnectionRefusedError:
                time.sleep(0.02)
        response = connection.getresponse()
        self.headers = dict(response.getheaders())
        body = response.read().decode()
        connection.close()
        return response.status, body

    def join(self) -> None:
        assert self.thread is not None
        self.thread.join(5.0)
        assert not self.thread.is_alive()


@contextmanager
def waiting(
    paste: Paste | None = None,
    timeout: float = 5.0,
    finish: Callable[[str], None] | None = None,
    callback: str = "http://localhost:{port}/sflogged",
) -> Iterator[Waiting]:
    port = free_port()
    pending = PendingAuthorisation(
        "https://login.salesforce.com/x", STATE, callback.format(port=port), 0.0
    )
    it = Waiting(port, pending)

    def wait() -> None:
        try:
            it.result.append(wait_for_callback(pending, paste, timeout, finish=finish))
        except Exception as error:
            it.error.append(error)

    it.thread = threading.Thread(target=wait)
    it.thread.start()
    yield it
    it.join()


def test_takes_the_answer_and_shows_that_it_worked() -> None:
    finished: list[str] = []
    with waiting(finish=finished.append) as it:
        status, body = it.get(f"/sflogged?code=aPrx1%3D%3D&state={STATE}")
    assert status == 200
    assert "連携トークンを受け取りました" in body
    assert body.index('<section lang="ja">') < body.index('<section lang="en">')
    assert "aPrx1" not in body
    assert "history.replaceState" in body
    assert it.headers["Cache-Control"] == "no-store"
    assert it.headers["Referrer-Policy"] == "no-referrer"
    expected = f"{it.pending.redirect_uri}?code=aPrx1%3D%3D&state={STATE}"
    assert it.result == finished == [expected]


def test_shows_what_failed_in_the_browser_too() -> None:
    def refuse(_: str) -> None:
        raise AuthorisationNeeded(text("<コード>期限切れ"), cause="code_expired")

    with waiting(finish=refuse) as it:
        _, body = it.get(f"/sflogged?code=a&state={STATE}")
    assert "code_expired" in body
    assert "&lt;コード&gt;" in body
    assert isinstance(it.error[0], ConnectorError)


@pytest.mark.parametrize(
    ("asked", "first"),
    [
        ("", "ja"),
        ("ja,en-US;q=0.9,en;q=0.8", "ja"),
        ("en-US,en;q=0.9,ja;q=0.8", "en"),
        ("fr-FR, en;q=0.7", "en"),
        ("fr, ja;q=0.9, en;q=0.7", "ja"),
        ("de", "ja"),
    ],
)
def test_the_browsers_language_comes_first(asked: str, first: str) -> None:
    assert preferred(asked)[0] == first
    assert set(preferred(asked)) == {"ja", "en"}


def test_a_secret_in_an_error_does_not_reach_the_page() -> None:
    hide("s3cr3t-of-the-app")
    error = AuthorisationNeeded(
        text("refused: client_secret=abc {told}", told="s3cr3t-of-the-app"),
        cause="unknown",
    )
    page = failed(error).encode(preferred("")).decode()
    assert "s3cr3t" not in page and "client_secret=abc" not in page


def test_an_error_without_state_is_taken() -> None:
    with waiting() as it:
        _, body = it.get("/sflogged?error=access_denied&error_description=denied")
    assert "access_denied" in body
    assert "error=access_denied" in it.result[0]


@pytest.mark.parametrize(
    ("target", "host", "status"),
    [
        ("/sflogged?code=a&state=other", None, 400),
        ("/sflogged?code=a", None, 400),
        ("/sflogged", None, 400),
        ("/sflogged/?code=a&state=" + STATE, None, 404),
        ("/favicon.ico", None, 404),
        ("/sflogged?code=a&state=" + STATE, "evil.example.com", 400),
    ],
)
def test_strangers_are_turned_away_and_the_wait_goes_on(
    target: str, host: str | None, status: int
) -> None:
    with waiting() as it:
        assert it.get(target, host)[0] == status
        assert it.result == []
        assert it.get(f"/sflogged?code=good&state={STATE}")[0] == 200
    assert "code=good" in it.result[0]


def test_only_get_is_answered() -> None:
    with waiting() as it:
        assert it.get(f"/sflogged?code=a&state={STATE}", method="POST")[0] == 501
        it.get(f"/sflogged?code=a&state={STATE}")


def test_an_answer_is_used_once() -> None:
    go = threading.Event()

    def slowly(_: str) -> None:
        go.wait(3.0)

    with waiting(finish=slowly) as it:
        first: list[tuple[int, str]] = []
        target = f"/sflogged?code=a&state={STATE}"
        browser = threading.Thread(target=lambda: first.append(it.get(target)))
        browser.start()
        time.sleep(0.3)
        assert it.get(target)[0] == 410
        go.set()
        browser.join()
    assert first[0][0] == 200
    assert len(it.result) == 1


def test_a_pasted_url_wins_the_race() -> None:
    lines: queue.Queue[str] = queue.Queue()
    with waiting(paste=lines) as it:
        lines.put("  \n")
        lines.put(f"http://localhost/sflogged?code=pasted&state={STATE}\n")
    assert it.result == [f"http://localhost/sflogged?code=pasted&state={STATE}"]


def test_a_line_from_a_blocking_source_is_taken() -> None:
    answers = iter(["", "aPrx1%3D%3D"])
    with waiting(paste=lambda: next(answers, None)) as it:
        pass
    assert it.result == ["aPrx1%3D%3D"]


def test_without_loopback_the_answer_is_pasted() -> None:
    lines: queue.Queue[str] = queue.Queue()
    lines.put("https://connector.example.jp/sflogged?code=a")
    with waiting(paste=lines, callback="https://connector.example.jp/sflogged") as it:
        pass
    assert len(it.result) == 1


def test_no_answer_and_strangers_alone_are_told_apart() -> None:
    with waiting(timeout=0.2) as silent:
        pass
    with waiting(timeout=0.8) as misused:
        misused.get("/sflogged?code=a&state=other")
    assert [getattr(it.error[0], "cause", "") for it in (silent, misused)] == [
        "no_answer",
        "state_mismatch",
    ]


def test_a_busy_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        pending = PendingAuthorisation("", STATE, f"http://localhost:{port}/cb", 0.0)
        with pytest.raises(SettingsError) as caught:
            wait_for_callback(pending, None, 1.0)
    assert caught.value.cause == "callback_port_busy"
    assert str(port) in str(caught.value)


def test_a_busy_port_is_told_before_the_url_is_shown() -> None:
    shown: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            opened(callback=f"http://localhost:{port}/sflogged") as org,
            pytest.raises(SettingsError) as caught,
        ):
            authorise(org.oauth, MemoryStore(), shown.append, timeout=3.0)
    assert caught.value.cause == "callback_port_busy"
    assert shown == []


def test_the_browser_may_come_as_soon_as_the_url_is_shown(
    httpx_mock: HTTPXMock,
) -> None:
    httpx_mock.add_response(json=token_answer(refresh="5Aep861.new"))
    port = free_port()
    statuses: list[int] = []

    def show(url: str) -> None:
        state = url.split("state=")[1].split("&")[0]

        def come() -> None:
            browser = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            browser.request("GET", f"/sflogged?code=a&state={state}")
            statuses.append(browser.getresponse().status)
            browser.close()

        with socket.create_connection(("127.0.0.1", port), timeout=30):
            pass
        threading.Thread(target=come).start()

    with opened(callback=f"http://localhost:{port}/sflogged") as org:
        tokens = authorise(org.oauth, MemoryStore(), show, timeout=30.0)
    assert tokens.refresh_token == "5Aep861.new"


def test_the_port_is_free_again_afterwards() -> None:
    with waiting(timeout=0.1) as it:
        pass
    with socket.create_server(("127.0.0.1", it.port)):
        pass


def test_can_be_interrupted() -> None:
    pending = PendingAuthorisation("", STATE, f"http://localhost:{free_port()}/c", 0.0)
    with pytest.raises(Interrupted):
        wait_for_callback(pending, None, 5.0, cancelled=lambda: True)


def test_authorises_from_start_to_stored_token(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json=token_answer(refresh="5Aep861.new"))
    shown: list[str] = []
    store = MemoryStore()
    lines: queue.Queue[str] = queue.Queue()

    def show(url: str) -> None:
        shown.append(url)
        state = url.split("state=")[1].split("&")[0]
        lines.put(f"http://localhost/sflogged?code=aPrx1%3D%3D&state={state}")

    with opened(store, callback=f"http://localhost:{free_port()}/sflogged") as org:
        got = authorise(org.oauth, store, show, paste=lines, timeout=3.0)
    assert store.written == [got]
    assert "code_challenge=" in shown[0]


def test_authorises_without_pkce_where_the_app_refuses_it(
    httpx_mock: HTTPXMock,
) -> None:
    httpx_mock.add_response(json=token_answer(refresh="5Aep861.new"))
    shown: list[str] = []
    store = MemoryStore()
    lines: queue.Queue[str] = queue.Queue()

    def show(url: str) -> None:
        shown.append(url)
        state = url.split("state=")[1].split("&")[0]
        refused = "error=invalid_request&error_description=code_challenge+unsupported"
        answer = refused if len(shown) == 1 else "code=aPrx1"
        lines.put(f"http://localhost/sflogged?{answer}&state={state}")

    with opened(store, callback=f"http://localhost:{free_port()}/sflogged") as org:
        authorise(org.oauth, store, show, paste=lines, timeout=3.0)
    assert ["code_challenge=" in url for url in shown] == [True, False]


@pytest.mark.parametrize(
    "trouble",
    [
        OSError(28, "No space left on device"),
        SettingsError(text("ディスクに空きがありません。")),
    ],
)
def test_a_token_that_cannot_be_stored_says_so_and_is_given_back(
    httpx_mock: HTTPXMock, trouble: Exception
) -> None:
    class Full(MemoryStore):
        def write(self, tokens: Tokens) -> None:
            raise trouble

    httpx_mock.add_response(json=token_answer(refresh="5Aep861.new"))
    httpx_mock.add_response()
    lines: queue.Queue[str] = queue.Queue()

    def show(url: str) -> None:
        state = url.split("state=")[1].split("&")[0]
        lines.put(f"http://localhost/sflogged?code=a&state={state}")

    with (
        opened(callback=f"http://localhost:{free_port()}/sflogged") as org,
        pytest.raises(AuthorisationNeeded) as caught,
    ):
        authorise(org.oauth, Full(), show, paste=lines, timeout=3.0)
    assert caught.value.cause == "token_not_stored"
    assert form(httpx_mock.get_requests()[-1]) == {"token": "5Aep861.new"}
