"""Authorised requests to one org.

An access token says nothing about its end of life, so it is used until Salesforce
refuses it, then renewed once and the request repeated.  Whatever cannot get better
by itself (no token, wrong org, limit used up) closes the session: the next call
raises the same error without touching the network.
"""

from __future__ import annotations

import json as json_codec
import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, BinaryIO, TypeVar
from urllib.parse import urlsplit

import httpx

from haihai_tui.errors import (
    AuthorisationNeeded,
    BudgetUsedUp,
    ConnectorError,
    ServiceUnreachable,
    SettingsError,
    text,
)
from haihai_tui.services.http import Channel, Transient, retry_after
from haihai_tui.services.salesforce.budget import Budget
from haihai_tui.services.salesforce.errors import (
    Kind,
    Refusal,
    classify,
    damaged,
    to_error,
)
from haihai_tui.services.salesforce.oauth import OAuth
from haihai_tui.services.salesforce.oauth_answers import check_org, not_stored
from haihai_tui.services.salesforce.tokens import Tokens, TokenStore

T = TypeVar("T")

# Too many requests at once: Salesforce frees a place when a long one ends.
CONCURRENT_WAIT_S = 20.0

# A large body is opened anew for each attempt.
Body = bytes | Callable[[], AbstractContextManager[BinaryIO]]


class Session:
    """Requests under `/services/data/vXX.0` with token, budget and retries.

    Every method may raise ServiceUnreachable, AuthorisationNeeded, BudgetUsedUp,
    SettingsError or Interrupted.
    """

    def __init__(
        self,
        channel: Channel,
        oauth: OAuth,
        store: TokenStore,
        *,
        api_version: str = "66.0",
        expected_org_id: str = "",
        budget: Budget | None = None,
    ) -> None:
        self.channel = channel
        self.budget = budget or Budget()
        self.api_version = api_version
        self._oauth = oauth
        self._store = store
        self._expected_org = expected_org_id
        self._tokens: Tokens | None = None
        self._lock = threading.RLock()

    def path(self, resource: str) -> str:
        """`/query` as `/services/data/v66.0/query`; full paths are left alone.

        Of an absolute URL only path and query are taken: the token goes to the org.
        """
        if "://" in resource:
            parts = urlsplit(resource)
            resource = parts._replace(scheme="", netloc="").geturl()
        if resource.startswith("/services/"):
            return resource
        if resource.startswith("services/"):
            # Bulk's contentUrl comes without its leading slash.
            return f"/{resource}"
        return f"/services/data/v{self.api_version}{resource}"

    def request(
        self,
        method: str,
        resource: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool = True,
    ) -> httpx.Response:
        """One request, repeated where that may help; the answer has status < 300.

        With `repeat=False` it is repeated only where it certainly never arrived.
        """

        def read(response: httpx.Response) -> httpx.Response:
            response.read()
            return response

        return self.fetch(
            method,
            resource,
            read,
            params=params,
            json=json,
            content=content,
            headers=headers,
            repeat=repeat,
        )

    def json(
        self,
        method: str,
        resource: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool = True,
        decode: Callable[[bytes], Any] = json_codec.loads,
    ) -> Any:
        """The JSON document of `request`; an answer that is none is read again."""

        def parse(response: httpx.Response) -> Any:
            try:
                return decode(response.read())
            except (ValueError, RecursionError) as error:
                raise damaged(
                    text("Salesforce の応答が JSON ではありません。")
                ) from error

        return self.fetch(
            method,
            resource,
            parse,
            params=params,
            json=json,
            content=content,
            headers=headers,
            repeat=repeat,
        )

    def fetch(
        self,
        method: str,
        resource: str,
        consume: Callable[[httpx.Response], T],
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        repeat: bool = True,
    ) -> T:
        """`stream` with repetitions; `consume` may raise Transient to ask for one."""
        sent = dict(headers or {})
        if json is not None:
            content = json_codec.dumps(json, ensure_ascii=False).encode()
        if content is not None:
            sent.setdefault("Content-Type", "application/json")

        def call() -> T:
            try:
                return self.stream(
                    method,
                    resource,
                    consume,
                    params=params,
                    content=content,
                    headers=sent,
                )
            except Transient as error:
                if repeat or not error.reached:
                    raise
                raise _uncertain(error) from error

        return self.channel.repeat(f"{method} {self.path(resource)}", call)

    def stream(
        self,
        method: str,
        resource: str,
        consume: Callable[[httpx.Response], T],
        *,
        params: Mapping[str, str] | None = None,
        content: Body | None = None,
        headers: Mapping[str, str] | None = None,
        deadline_s: float | None = None,
    ) -> T:
        """One attempt, and one more after a refused token.

        `consume` reads the body of the good answer.
        """
        refused: Tokens | None = None
        while True:
            tokens = self._current(refused)
            opened = content() if callable(content) else nullcontext(content)
            with opened as body:
                request = self.channel.client.build_request(
                    method,
                    f"{tokens.instance_url}{self.path(resource)}",
                    params=params,
                    content=body,
                    headers={
                        **(headers or {}),
                        "Authorization": f"Bearer {tokens.access_token}",
                    },
                )
                self.budget.spend()
                limit_s = deadline_s or self.channel.policy.total_s
                with self.channel.stream(request, deadline_s=limit_s) as response:
                    usage = response.headers.get("Sforce-Limit-Info", "")
                    self.budget.observe(usage)
                    if response.status_code < 300 or response.status_code == 304:
                        return consume(response)
                    refusal = _refusal(response)
            if refusal.kind is Kind.REFRESH and refused is None:
                refused = tokens
                continue
            raise self._closing(to_error(refusal))

    def tokens(self) -> Tokens:
        """The tokens in use, checked against the expected org."""
        return self._current(None)

    def _current(self, refused: Tokens | None) -> Tokens:
        """Tokens to send; newer ones than `refused`, which Salesforce rejected."""
        with self._lock:
            if self._tokens is None:
                self._tokens = self._opened()
            if refused is not None and (
                self._tokens.access_token == refused.access_token
            ):
                self._tokens = self._renewed(refused.access_token)
            return self._tokens

    def _opened(self) -> Tokens:
        tokens = self._store.read()
        if tokens is None:
            raise self._closing(not_stored())
        if not (tokens.access_token and tokens.instance_url):
            tokens = self._renewed(tokens.access_token)
        if self._expected_org and not tokens.org_id:
            tokens = self._named(tokens)
        self._check(tokens)
        return tokens

    def _renewed(self, stale: str) -> Tokens:
        try:
            tokens = self._oauth.refresh(self._store, stale)
        except ConnectorError as error:
            raise self._closing(error) from error.__cause__
        self._check(tokens)
        return tokens

    def _named(self, tokens: Tokens) -> Tokens:
        """Tokens that were imported by hand do not say whose they are: ask."""
        try:
            who = self._oauth.userinfo(tokens)
        except AuthorisationNeeded:
            return self._renewed(tokens.access_token)
        return replace(
            tokens,
            org_id=str(who.get("organization_id", "")),
            user_id=str(who.get("user_id", "")),
        )

    def _check(self, tokens: Tokens) -> None:
        try:
            check_org(self._expected_org, tokens.org_id)
        except SettingsError as error:
            raise self._closing(error) from None

    def _closing(self, error: ConnectorError) -> ConnectorError:
        final = isinstance(error, AuthorisationNeeded | BudgetUsedUp)
        if final or error.cause in ("wrong_org", "api_disabled"):
            self.budget.close(error)
        return error


def _refusal(response: httpx.Response) -> Refusal:
    response.read()
    refusal = classify(
        response.status_code,
        response.headers.get("Content-Type", ""),
        response.content,
        retry_after=retry_after(response.headers),
    )
    if refusal.kind is Kind.BACK_OFF and refusal.retry_after is None:
        return replace(refusal, retry_after=CONCURRENT_WAIT_S)
    if 300 < response.status_code < 400:
        # Never followed: the token would go to a host that nobody approved.
        target = response.headers.get("Location", "").split("?")[0]
        return replace(
            refusal,
            kind=Kind.CONFIG,
            cause="not_a_salesforce_url",
            message=f"redirect to {target}",
        )
    return refusal


def _uncertain(error: Transient) -> ServiceUnreachable:
    return ServiceUnreachable(error.what, error.remedy, cause=error.cause)
