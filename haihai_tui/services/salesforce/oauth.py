"""The web-server flow with PKCE, and the care that a rotating token needs.

Authlib's transport-free core builds the protocol messages; they travel over our
own channel, so that timeouts, proxies and redaction are the same everywhere.
"""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

import httpx

# Authlib ships no types.
from authlib.common.security import generate_token  # type: ignore[import-untyped]
from authlib.oauth2.client import OAuth2Client  # type: ignore[import-untyped]

from haihai_tui.errors import (
    AuthorisationNeeded,
    ConnectorError,
    SettingsError,
    text,
)
from haihai_tui.services.http import Channel, Transient
from haihai_tui.services.redaction import hide
from haihai_tui.services.salesforce.oauth_answers import (
    AGAIN,
    about_unknown_verifier,
    check_org,
    expired,
    json_object,
    not_stored,
    parse_answer,
    reused,
    state_mismatch,
    token_error,
    tokens_of,
)
from haihai_tui.services.salesforce.oauth_errors import callback_error, refuses_pkce
from haihai_tui.services.salesforce.tokens import Tokens, TokenStore

# Only what is needed: a scope that the app lacks makes the login fail.
SCOPES = "api refresh_token"
CODE_LIFE_S = 15 * 60


@dataclass(frozen=True, slots=True)
class App:
    """The app registered in Salesforce; a public app has no secret."""

    login_url: str
    client_id: str
    callback_url: str
    client_secret: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        hide(self.client_secret)


@dataclass(frozen=True, slots=True)
class PendingAuthorisation:
    """An authorisation that waits for a person.  `expires` is monotonic seconds.

    `verifier` is "" where the app refuses PKCE.
    """

    url: str
    state: str
    redirect_uri: str
    expires: float
    verifier: str = field(default="", repr=False)


class _Auth(Protocol):
    def prepare(
        self, method: str, uri: str, headers: dict[str, str], body: str
    ) -> tuple[str, dict[str, str], str]: ...


class _Wire:
    """What Authlib takes for a `requests` session: one POST over our channel."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def post(
        self, url: str, data: Mapping[str, str], headers: dict[str, str], auth: _Auth
    ) -> httpx.Response:
        url, headers, body = auth.prepare("POST", url, headers, urlencode(data))
        request = self._channel.client.build_request(
            "POST", url, content=body.encode("ascii"), headers=headers
        )
        response = self._channel.once(request)
        if response.status_code != 200:
            raise token_error(response)
        json_object(response)
        return response


class OAuth:
    """Authorisation of one app; every method may raise ServiceUnreachable.

    Give it a channel of its own that nothing interrupts and that keeps no idle
    connection: a refresh must not lose its answer to a signal or to a stale socket.
    """

    def __init__(
        self,
        channel: Channel,
        app: App,
        *,
        expected_org_id: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channel = channel
        self._app = app
        self._expected_org = expected_org_id
        self._clock = clock
        self._one_at_a_time = threading.Lock()

    # ------------------------------------------------------------ authorise

    def start_authorisation(
        self, *, pkce: bool = True, scope: str = SCOPES, login_hint: str = ""
    ) -> PendingAuthorisation:
        """The URL for the browser, with what is needed to judge the answer."""
        state = str(generate_token(32))
        # Alphanumeric only: Salesforce refuses "~", which the RFC allows.
        verifier = str(generate_token(64)) if pkce else ""
        hide(verifier)
        extra = {"login_hint": login_hint} if login_hint else {}
        url, _ = self._client().create_authorization_url(
            f"{self._app.login_url}/services/oauth2/authorize",
            state=state,
            code_verifier=verifier or None,
            scope=scope,
            **extra,
        )
        return PendingAuthorisation(
            url=url,
            state=state,
            redirect_uri=self._app.callback_url,
            expires=self._clock() + CODE_LIFE_S,
            verifier=verifier,
        )

    def without_pkce(
        self, pending: PendingAuthorisation, answer: str
    ) -> PendingAuthorisation | None:
        """A new start without PKCE where `answer` says that the app refuses it."""
        if pending.verifier and refuses_pkce(parse_answer(answer)):
            return self.start_authorisation(pkce=False)
        return None

    def exchange(self, pending: PendingAuthorisation, answer: str) -> Tokens:
        """Turn the redirect URL (or a bare code, still encoded) into tokens.

        Raises AuthorisationNeeded (`state_mismatch`, `code_expired`, …) or
        SettingsError (`wrong_org` among others).  The tokens are not stored yet.
        """
        code = self._code_of(pending, answer)
        try:
            tokens = self._fetch(pending, code, pending.verifier)
        except ConnectorError as error:
            # "code_verifier not supported": the app cannot do PKCE.
            if not (pending.verifier and about_unknown_verifier(error)):
                raise
            tokens = self._fetch(pending, code, "")
        try:
            self._check_org(tokens)
        except SettingsError:
            self.discard(tokens)
            raise
        return tokens

    def _code_of(self, pending: PendingAuthorisation, answer: str) -> str:
        parameters = parse_answer(answer)
        state = parameters.get("state")
        if state is not None and not hmac.compare_digest(
            state.encode(), pending.state.encode()
        ):
            raise state_mismatch()
        # Salesforce leaves out `state` with some errors, never with a code.
        refused = callback_error(parameters)
        if refused is not None:
            raise refused
        code = parameters.get("code", "")
        if not code:
            raise AuthorisationNeeded(
                text("貼り付けられた URL に認可コードがありません。"),
                text("ログイン後の画面の URL 全体を貼り付けてください。"),
                cause="no_answer",
            )
        if state is None and "://" in answer:
            raise state_mismatch()
        if self._clock() > pending.expires:
            raise AuthorisationNeeded(
                text("認可コードの期限（15 分）が切れました。"),
                AGAIN,
                cause="code_expired",
            )
        return code

    def _fetch(self, pending: PendingAuthorisation, code: str, verifier: str) -> Tokens:
        hide(code)
        answer = self._client().fetch_token(
            self._token_url(),
            grant_type="authorization_code",
            code=code,
            redirect_uri=pending.redirect_uri,
            code_verifier=verifier,
        )
        return tokens_of(answer, None)

    def _check_org(self, tokens: Tokens) -> None:
        check_org(self._expected_org, tokens.org_id)

    # -------------------------------------------------------------- refresh

    def refresh(self, store: TokenStore, stale: str = "") -> Tokens:
        """Tokens newer than the access token `stale`; stored before they are used.

        One refresh at a time, across threads and processes.  Where the answer of a
        refresh is lost and the refresh token may rotate, it is never repeated:
        reuse would revoke the whole authorisation.  Raises AuthorisationNeeded.
        """
        with self._one_at_a_time, store.lock():
            current = store.read()
            if current is None:
                raise not_stored()
            if current.access_token and current.access_token != stale:
                return current
            if not current.refresh_token:
                raise expired()
            if current.rotates is not False:
                # A full disk shows here, where nothing is lost yet: the answer of a
                # rotation that cannot be stored would be the end of the authorisation.
                store.write(current)
            fresh = self._channel.repeat(
                "POST /services/oauth2/token", lambda: self._renew(store, current)
            )
            self._check_org(fresh)
            return fresh

    def _renew(self, store: TokenStore, current: Tokens) -> Tokens:
        try:
            answer = self._client().refresh_token(
                self._token_url(), refresh_token=current.refresh_token
            )
        except Transient as error:
            lost = error.reached and isinstance(error.__cause__, httpx.HTTPError)
            if not lost or current.rotates is False:
                raise
            return self._after_lost_reply(store, current, error)
        except AuthorisationNeeded as error:
            if error.cause == "token_expired" and current.rotates:
                raise reused() from error
            raise
        fresh = tokens_of(answer, current)
        # From here on the old refresh token may be dead: stored before all else.
        store.write(fresh)
        return fresh

    def _after_lost_reply(
        self, store: TokenStore, current: Tokens, error: Transient
    ) -> Tokens:
        stored = store.read()
        if stored is not None and stored.refresh_token != current.refresh_token:
            return stored
        raise AuthorisationNeeded(
            text("トークン更新の応答が失われ、更新トークンが使えるか分かりません。"),
            text("連携トークンを更新（再認可）してください。"),
            cause="token_expired",
        ) from error

    # ---------------------------------------------------------------- others

    def revoke(self, token: str) -> bool:
        """Give a token back; False where it was dead already, which is no error."""
        name = "POST /services/oauth2/revoke"
        return self._channel.repeat(name, lambda: self._revoke(token))

    def discard(self, tokens: Tokens) -> None:
        """Give back tokens that will never be used, as far as that is possible.

        A user has five approvals of an app: the sixth revokes the oldest, which may
        be the one in use.
        """
        with suppress(ConnectorError):
            self._revoke(tokens.refresh_token or tokens.access_token)

    def _revoke(self, token: str) -> bool:
        request = self._channel.client.build_request(
            "POST",
            f"{self._app.login_url}/services/oauth2/revoke",
            data={"token": token},
        )
        response = self._channel.once(request)
        if response.status_code == 200:
            return True
        error = token_error(response)
        if b"invalid_token" not in response.content:
            raise error
        return False

    def userinfo(self, tokens: Tokens) -> dict[str, Any]:
        """Who the token belongs to: `user_id`, `organization_id`, `urls` …"""
        url = f"{tokens.instance_url}/services/oauth2/userinfo"
        return self._who("GET /services/oauth2/userinfo", url, tokens)

    def identity(self, tokens: Tokens) -> dict[str, Any]:
        """The identity document: `username`, `user_id`, `organization_id` …"""
        # The host in the id URL is login or test even for a My Domain: the org's
        # own host serves the same path and is the one that was allowed.
        url = f"{tokens.instance_url}{urlsplit(tokens.id_url).path}?format=json"
        return self._who("GET /id", url, tokens)

    def _who(self, name: str, url: str, tokens: Tokens) -> dict[str, Any]:
        def call() -> dict[str, Any]:
            headers = {"Authorization": f"Bearer {tokens.access_token}"}
            request = self._channel.client.build_request("GET", url, headers=headers)
            response = self._channel.once(request)
            if response.status_code != 200:
                raise token_error(response)
            return json_object(response)

        return self._channel.repeat(name, call)

    def _token_url(self) -> str:
        return f"{self._app.login_url}/services/oauth2/token"

    def _client(self) -> OAuth2Client:
        method = "client_secret_post" if self._app.client_secret else "none"
        # No `scope` here: Authlib would send it with every refresh.
        return OAuth2Client(
            _Wire(self._channel),
            client_id=self._app.client_id,
            client_secret=self._app.client_secret or None,
            token_endpoint_auth_method=method,
            redirect_uri=self._app.callback_url,
            code_challenge_method="S256",
        )
