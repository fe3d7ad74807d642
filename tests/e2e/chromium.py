"""A real browser, driven over the WebDriver protocol, that sees loopback alone.

A dozen calls of the protocol are all that is needed, so that no client library is.
"""

from __future__ import annotations

import base64
import os
import queue
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

PATIENCE_S = 60.0
_ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
_OPTIONS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--window-size=900,1100",
    # Whatever is not this machine has no address.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


def browser_paths() -> tuple[str, str] | None:
    """Browser and driver; None where either is not installed."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    return (browser, driver) if browser and driver else None


class Chromium:
    """One window."""

    def __init__(self, http: httpx.Client, session: str) -> None:
        self._http = http
        self._session = session

    def open(self, url: str) -> None:
        self._call("POST", "url", {"url": url})

    @property
    def url(self) -> str:
        return str(self._call("GET", "url"))

    @property
    def title(self) -> str:
        return str(self._call("GET", "title"))

    @property
    def source(self) -> str:
        return str(self._call("GET", "source"))

    @property
    def text(self) -> str:
        """What a person reads on the page."""
        return str(self.run("return document.body ? document.body.innerText : ''"))

    def run(self, script: str) -> Any:
        return self._call("POST", "execute/sync", {"script": script, "args": []})

    def fill(self, selector: str, value: str) -> None:
        element = self._find(selector)
        self._call("POST", f"element/{element}/clear", {})
        self._call("POST", f"element/{element}/value", {"text": value})

    def click(self, selector: str) -> None:
        self._call("POST", f"element/{self._find(selector)}/click", {})

    def back(self) -> None:
        self._call("POST", "back", {})

    def picture(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self._call("GET", "screenshot")))

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait for a condition; a page that is being left answers with an error."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                if is_so():
                    return
            except AssertionError:
                pass
            assert time.monotonic() < deadline, f"{self.url}\n{self.text}"
            time.sleep(0.05)

    def has(self, selector: str) -> bool:
        return bool(self.run(f"return !!document.querySelector({selector!r})"))

    def _find(self, selector: str) -> str:
        self.until(lambda: self.has(selector))
        found = self._call(
            "POST", "element", {"using": "css selector", "value": selector}
        )
        return str(found[_ELEMENT])

    def _call(self, method: str, path: str, body: object = None) -> Any:
        answer = self._http.request(
            method, f"/session/{self._session}/{path}", json=body
        )
        value = answer.json()["value"]
        assert answer.status_code == 200, value
        return value


@contextmanager
def chromium(profile: Path, language: str) -> Iterator[Chromium]:
    """A window whose person reads `language` (`ja`, `en-GB`)."""
    paths = browser_paths()
    assert paths is not None, "chromium and chromedriver are not installed"
    with _driver(paths[1]) as port, _client(port) as http:
        options = [*_OPTIONS, f"--user-data-dir={profile}", f"--lang={language}"]
        if os.geteuid() == 0:
            options.append("--no-sandbox")
        wanted = {
            "pageLoadStrategy": "normal",
            "goog:chromeOptions": {
                "binary": paths[0],
                "args": options,
                "prefs": {"intl.accept_languages": language},
            },
        }
        made = http.post("/session", json={"capabilities": {"alwaysMatch": wanted}})
        assert made.status_code == 200, made.text
        session = made.json()["value"]["sessionId"]
        try:
            yield Chromium(http, session)
        finally:
            http.delete(f"/session/{session}")


def _client(port: int) -> httpx.Client:
    base = f"http://127.0.0.1:{port}"
    return httpx.Client(base_url=base, timeout=PATIENCE_S * 2, trust_env=False)


@contextmanager
def _driver(path: str) -> Iterator[int]:
    process = subprocess.Popen(
        [path, "--port=0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    lines: queue.Queue[str] = queue.Queue()
    stream = process.stdout

    def read() -> None:
        for line in stream:
            lines.put(line)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        while True:
            started = re.search(
                r"started successfully on port (\d+)", lines.get(timeout=60)
            )
            if started:
                break
        yield int(started[1])
    finally:
        process.terminate()
        process.wait(30)
        reader.join(30)
        stream.close()
