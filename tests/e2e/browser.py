"""The person at the browser: logs in at the sandbox, consents, follows the way back."""

from __future__ import annotations

import threading
from urllib.parse import parse_qs, urlsplit

import httpx

from tests.e2e.stage import Stage


class Browser:
    """Logs in and consents, as a person would, and follows the way back."""

    def __init__(self, stage: Stage, *, deny: bool = False) -> None:
        ready = stage.world.ready["salesforce"]
        self._name, self._password = ready["username"], ready["password"]
        self._base = ready["login_url"]
        self._deny = deny
        self.page = ""
        self.answer = ""

    def answer_of(self, url: str) -> str:
        """The redirect URL that the consent ends in."""
        with httpx.Client(base_url=self._base, timeout=20) as client:
            login = client.get(url).headers["location"]
            start = parse_qs(urlsplit(login).query)["startURL"][0]
            sent = client.post(
                "/",
                data={"username": self._name, "pw": self._password, "startURL": start},
            )
            consent = sent.headers["location"]
            client.get(consent)
            source = parse_qs(urlsplit(consent).query)["source"][0]
            press = {"cancel": "Deny"} if self._deny else {"save": "Allow"}
            path = urlsplit(consent).path
            done = client.post(path, data={"source": source, **press})
            return str(done.headers["location"])

    def open(self, url: str) -> None:
        def follow() -> None:
            self.answer = self.answer_of(url)
            self.page = httpx.get(self.answer, timeout=20).text

        threading.Thread(target=follow).start()
