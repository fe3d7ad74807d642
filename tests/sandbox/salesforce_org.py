"""A Salesforce sandbox under test, and the few calls that its tests repeat."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx

from haihai_tui.sandbox.control import Clock, Control, Switches
from haihai_tui.sandbox.salesforce import seed
from haihai_tui.sandbox.salesforce.app import build_app, build_context
from haihai_tui.sandbox.salesforce.context import Context
from haihai_tui.sandbox.salesforce.errors import error_body
from haihai_tui.sandbox.salesforce.org import Org
from haihai_tui.sandbox.salesforce.switches import CHOICES, DEFAULTS
from haihai_tui.sandbox.serve import Served

CALLBACK = "http://localhost:8711/sflogged"
VERIFIER = "v" * 20 + "-_" + "A1" * 15
API = "/services/data/v66.0"
EXPIRED = (400, "invalid_grant", "expired access/refresh token")
"""The one refusal of a refresh token that is not good, whatever the reason."""


def challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


@dataclass
class Sandbox:
    """One running org; `http` follows no redirect and keeps cookies."""

    ctx: Context
    url: str
    http: httpx.Client

    @property
    def org(self) -> Org:
        return self.ctx.org

    def switch(self, **values: object) -> None:
        answer = self.http.put("/_sandbox/switches", json=values)
        assert answer.status_code == 200, answer.text

    def advance(self, seconds: float) -> None:
        self.http.post("/_sandbox/clock", json={"advance_s": seconds})

    def app(self, client_id: str, **values: object) -> None:
        answer = self.http.post(
            "/_sandbox/apps", json={"client_id": client_id, **values}
        )
        assert answer.status_code == 200, answer.text

    # ------------------------------------------------------------------- OAuth

    def authorize(self, **changes: str | None) -> httpx.Response:
        """The authorization request of the default app; None leaves a key out."""
        values = {
            "response_type": "code",
            "client_id": self.ctx.apps.default.client_id,
            "redirect_uri": CALLBACK,
            "state": "s/1",
            **changes,
        }
        query = {name: value for name, value in values.items() if value is not None}
        return self.http.get("/services/oauth2/authorize", params=query)

    def log_in(self, answer: httpx.Response, **typed: str) -> httpx.Response:
        """Follow a redirect to the login page and send its form."""
        assert answer.status_code == 302
        page = self.http.get(urljoin(self.url, answer.headers["location"]))
        typed = {"username": self.org.admin_username, "pw": self.password, **typed}
        return self.submit(page, "Login", **typed)

    @property
    def password(self) -> str:
        return self.ctx.sessions.password

    def follow(self, answer: httpx.Response) -> httpx.Response:
        """Follow redirects up to a page or to the client's callback."""
        while answer.status_code == 302:
            target = answer.headers["location"]
            if target.startswith("http") and not target.startswith(self.url):
                return answer
            answer = self.http.get(urljoin(self.url, target))
        return answer

    def submit(self, page: httpx.Response, button: str, **typed: str) -> httpx.Response:
        """Send the page's form as a browser does when `button` (name) is pressed."""
        form = re.search(r'<form[^>]*action="([^"]*)"', page.text)
        assert form, page.text
        fields = dict(_inputs(page.text))
        buttons = {n for n, kind in _types(page.text).items() if kind == "submit"}
        assert button in buttons
        sent = {n: v for n, v in fields.items() if n == button or n not in buttons}
        target = urljoin(str(page.url), form[1])
        return self.http.post(target, data={**sent, **typed})

    def walk(self, button: str = "save", **changes: str | None) -> dict[str, str]:
        """Authorize, log in, answer the consent page; what the callback gets."""
        answer = self.authorize(**changes)
        if "/?ec=302" in answer.headers["location"]:
            answer = self.log_in(answer)
        consent = self.follow(answer)
        back = self.follow(self.submit(consent, button))
        assert back.status_code == 302, back.text
        return query_of(back.headers["location"])

    def token(self, **form: str | None) -> httpx.Response:
        """A token request of the default app; None leaves a key out."""
        app = self.ctx.apps.default
        values = {
            "client_id": app.client_id,
            "client_secret": app.client_secret,
            **form,
        }
        sent = {name: value for name, value in values.items() if value is not None}
        return self.http.post("/services/oauth2/token", data=sent)

    def exchange(
        self, code: str, redirect_uri: str = CALLBACK, **form: str | None
    ) -> httpx.Response:
        return self.token(
            grant_type="authorization_code",
            code=code,
            redirect_uri=redirect_uri,
            **form,
        )

    def refresh(self, refresh_token: str, **form: str | None) -> httpx.Response:
        return self.token(
            grant_type="refresh_token", refresh_token=refresh_token, **form
        )

    def grant(self, **changes: str | None) -> dict[str, Any]:
        """A whole authorization; the token answer."""
        answer = self.exchange(self.walk("save", **changes)["code"])
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def access_token(self) -> str:
        """A session as `sandbox_ready` gives it."""
        app = self.ctx.apps.default
        user = self.org.admin_user_id
        return self.ctx.sessions.open(user, app.client_id, app.scopes).token

    # -------------------------------------------------------------------- data

    def api(self) -> httpx.Client:
        """A client with a session, for `/services/data`."""
        token = self.access_token()
        return httpx.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {token}"}
        )


def query_of(url: str) -> dict[str, str]:
    found = parse_qs(urlsplit(url).query, keep_blank_values=True)
    return {name: values[0] for name, values in found.items()}


def error_of(answer: httpx.Response) -> tuple[int, str, str]:
    """Status, error and description of an OAuth refusal."""
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    body = answer.json()
    assert list(body) == ["error", "error_description"]
    return answer.status_code, body["error"], body["error_description"]


def _inputs(html: str) -> Iterator[tuple[str, str]]:
    for tag in re.findall(r"<input[^>]*>", html):
        name = re.search(r'name="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        if name:
            yield name[1], value[1].replace("&amp;", "&") if value else ""


def _types(html: str) -> dict[str, str]:
    kinds = {}
    for tag in re.findall(r"<input[^>]*>", html):
        name, kind = re.search(r'name="([^"]*)"', tag), re.search(r'type="(\w+)"', tag)
        assert name and kind
        kinds[name[1]] = kind[1]
    return kinds


@contextmanager
def running(customers: int = 0) -> Iterator[Sandbox]:
    """A sandbox on a free port."""
    clock, switches = Clock(), Switches(DEFAULTS, CHOICES)
    control = Control(clock=clock, switches=switches, error_body=error_body)
    org = Org(clock, 1, switches)
    if customers:
        seed.fill(org, customers)
    ctx = build_context(org, control, CALLBACK)
    app = build_app(org, control, context=ctx)
    with (
        Served(app) as server,
        httpx.Client(base_url=server.url, timeout=20) as http,
    ):
        yield Sandbox(ctx, server.url, http)
