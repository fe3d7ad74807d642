"""What a person at a real browser sees, from the login to the way back."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from haihai_tui.locales import Catalogue, Language
from haihai_tui.services.causes import cause_text
from haihai_tui.services.salesforce.callback_page import DONE, STRANGER, USED
from haihai_tui.services.salesforce.loopback import wait_for_callback
from haihai_tui.services.salesforce.oauth import PendingAuthorisation
from tests.e2e.chromium import Chromium, browser_paths, chromium
from tests.e2e.stage import Stage, staged

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        browser_paths() is None, reason="chromium and chromedriver are not installed"
    ),
]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("stage"), customers=10) as made:
        yield made


@pytest.fixture(scope="module", params=["ja", "en-GB"])
def browser(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Chromium, Language]]:
    profile = tmp_path_factory.mktemp("browser")
    language: Language = "ja" if request.param == "ja" else "en"
    with chromium(profile, request.param) as window:
        yield window, language


def photograph(window: Chromium, name: str) -> None:
    """A picture for whoever wants to look, where HAIHAI_PICTURES names a folder."""
    if folder := os.environ.get("HAIHAI_PICTURES"):
        window.picture(Path(folder) / f"{name}.png")


class Authorising:
    """`--authorize --json` under way, and what it told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self.url = ""
        assert process.stdout is not None
        self.url = json.loads(process.stdout.readline())["url"]

    def outcome(self) -> tuple[int, dict[str, Any]]:
        out, _ = self._process.communicate(timeout=120)
        return self._process.returncode, json.loads(out.splitlines()[-1])


@contextmanager
def authorising(stage: Stage) -> Iterator[Authorising]:
    process = stage.start("--authorize", "--json")
    try:
        yield Authorising(process)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)


def log_in(window: Chromium, stage: Stage, url: str) -> None:
    """Over the login page to the consent, as far as it is asked for."""
    ready = stage.world.ready["salesforce"]
    # The person of the test before has logged out.
    window.open(f"{stage.world.salesforce_url}/secur/logout.jsp")
    window.open(url)
    window.fill("#username", ready["username"])
    window.fill("#password", ready["password"])
    photograph(window, "login")
    window.click("[name=Login]")


def reads(window: Chromium, language: Language, *messages: Any) -> None:
    """The page tells the messages, in both languages, the browser's first."""
    assert window.run("return document.documentElement.lang") == language
    for each in ("ja", "en"):
        told = window.run(f"return document.querySelector('[lang={each}]').innerText")
        heading = window.run("return document.querySelector('h1').innerText")
        for message in messages:
            words = Catalogue(each).render(message)
            assert words in told + heading, (each, told)
    order = window.run(
        "return [...document.querySelectorAll('section')].map(s=>s.lang)"
    )
    assert order == [language, "en" if language == "ja" else "ja"]


def holds_nothing(window: Chromium, stage: Stage, *secrets: str) -> None:
    """Neither the page nor the address nor the history holds a secret."""
    assert window.url.endswith("/sflogged"), window.url
    ready = stage.world.ready["salesforce"]
    page = window.source
    for secret in (
        *secrets,
        ready["client_id"],
        ready["client_secret"],
        "aPrx",
        "5Aep861",
        "state=",
        "code=",
    ):
        assert secret not in page
    assert window.run("return location.search + location.hash") == ""
    loaded = window.run(
        "return performance.getEntriesByType('resource').map(e => e.name)"
    )
    assert [one for one in loaded if not one.endswith("/favicon.ico")] == []
    # The style is in force: the policy lets it through.
    back = window.run("return getComputedStyle(document.body).display")
    assert back == "flex"


def test_success(browser: tuple[Chromium, Language], stage: Stage) -> None:
    window, language = browser
    with authorising(stage) as command:
        log_in(window, stage, command.url)
        window.until(lambda: window.has("#oaapprove"))
        photograph(window, "consent")
        window.click("#oaapprove")
        window.until(lambda: window.url.endswith("/sflogged"))
        reads(window, language, DONE.title, DONE.next)
        holds_nothing(window, stage)
        assert window.has("main.ok")
        photograph(window, f"success-{language}")
        code, told = command.outcome()
    assert code == 0 and told["event"] == "authorised"
    window.run("history.back()")
    window.until(lambda: "/sflogged" not in window.url)
    assert "code=" not in window.url


def test_a_refusal_tells_cause_and_remedy(
    browser: tuple[Chromium, Language], stage: Stage
) -> None:
    window, language = browser
    with authorising(stage) as command:
        log_in(window, stage, command.url)
        window.click("#oadeny")
        window.until(lambda: window.url.endswith("/sflogged"))
        known = cause_text("access_denied")
        reads(window, language, known.title, *known.remedy)
        holds_nothing(window, stage)
        assert window.has("main.bad")
        photograph(window, f"denied-{language}")
        code, told = command.outcome()
    assert (code, told["code"]) == (4, "access_denied")


def test_a_failure_after_the_login_tells_cause_and_remedy(
    browser: tuple[Chromium, Language], stage: Stage
) -> None:
    window, language = browser
    switch = {"token_error": "invalid_client: invalid client credentials"}
    stage.salesforce_control("switches", switch, "PUT")
    try:
        with authorising(stage) as command:
            log_in(window, stage, command.url)
            window.click("#oaapprove")
            window.until(lambda: window.url.endswith("/sflogged"))
            known = cause_text("invalid_client_secret")
            reads(window, language, known.title, *known.remedy)
            holds_nothing(window, stage)
            photograph(window, f"failure-{language}")
            code, told = command.outcome()
    finally:
        stage.salesforce_control("switches", {"token_error": ""}, "PUT")
    assert (code, told["code"]) == (2, "invalid_client_secret")


def test_the_login_host_itself_refuses(
    browser: tuple[Chromium, Language], stage: Stage
) -> None:
    """Where Salesforce never calls back, its own page must be telling."""
    window, _ = browser
    stage.salesforce_control("switches", {"app_installed": "off"}, "PUT")
    try:
        with authorising(stage) as command:
            log_in(window, stage, command.url)
            window.until(lambda: window.has("#error"))
            photograph(window, "not-installed")
            pasted = window.url
    finally:
        stage.salesforce_control("switches", {"app_installed": "on"}, "PUT")
    told = stage.command("--diagnose", pasted, "--json").events[-1]
    assert told["causes"][0]["code"] == "app_not_installed"


def test_an_answer_is_used_once_and_strangers_are_refused(
    browser: tuple[Chromium, Language], stage: Stage
) -> None:
    window, language = browser
    callback = stage.world.ready["salesforce"]["callback_url"]
    pending = PendingAuthorisation(
        url="", state="state-of-this-login", redirect_uri=callback, expires=1e18
    )
    taken: queue.Queue[str] = queue.Queue()
    finish = threading.Event()

    def done(answer: str) -> None:
        taken.put(answer)
        assert finish.wait(60)

    waiting = threading.Thread(
        target=wait_for_callback, args=(pending,), kwargs={"finish": done}
    )
    waiting.start()
    answer = f"{callback}?code=aPrxSecret%3D%3D&state={pending.state}"
    first: list[httpx.Response] = []
    other = f"{callback}?code=aPrxOther%3D%3D&state=another"

    def serving() -> bool:
        window.open(other)
        return window.url.endswith("/sflogged")

    window.until(serving)
    reads(window, language, STRANGER.title, cause_text("state_mismatch").title)
    holds_nothing(window, stage, "another")
    photograph(window, f"stranger-{language}")
    opening = threading.Thread(
        target=lambda: first.append(httpx.get(answer, timeout=60, trust_env=False))
    )
    opening.start()
    taken.get(timeout=60)
    window.open(answer)
    reads(window, language, USED.title, USED.next)
    holds_nothing(window, stage, "aPrxSecret", pending.state)
    photograph(window, f"used-{language}")
    finish.set()
    opening.join(60)
    waiting.join(60)
    assert first[0].status_code == 200
