"""What the checks share: one profile, opened piece by piece.

Each piece is made by whoever asks first and remembered, also when it failed: a
broken profile must still let the disk be checked, so nothing is opened up front.
What the checks reach outside for (names, disk, clock) is handed in.
"""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from haihai_tui.services.http import (
    Channel,
    PatientClient,
    RetryPolicy,
    Timeouts,
    new_client,
)
from haihai_tui.services.paths import Home
from haihai_tui.services.salesforce.errors import SERVICE as SALESFORCE
from haihai_tui.services.salesforce.oauth import App, OAuth
from haihai_tui.services.salesforce.rest import Rest
from haihai_tui.services.salesforce.session import Session
from haihai_tui.services.salesforce.tokens import Tokens
from haihai_tui.services.salesforce.urls import normalise_url
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings import load_profile
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.store.database import Database, open_database
from haihai_tui.services.store.times import utc_now
from haihai_tui.services.tokens import StoredTokens

T = TypeVar("T")

ANSWER_S = 8.0
REFRESH_S = 20.0
"""A refresh gets longer: giving up on it may cost a rotated token."""


class Disk(Protocol):
    @property
    def free(self) -> int: ...
    @property
    def total(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Outside:
    """What is outside of this program and its services; replaced in tests."""

    resolve: Callable[[str, int], Sequence[Any]] = field(
        default=lambda host, port: socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM
        )
    )
    disk: Callable[[Path], Disk] = field(default=shutil.disk_usage)
    now: Callable[[], datetime] = utc_now


class Bench:
    """The pieces of one profile; close it when the checks are over."""

    def __init__(
        self,
        home: Home,
        profile: str,
        environ: Mapping[str, str] | None = None,
        outside: Outside | None = None,
    ) -> None:
        self.home = home
        self.profile = profile
        self.environ = os.environ if environ is None else environ
        self.outside = outside or Outside()
        self._made: dict[str, tuple[Any, BaseException | None]] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._stack = ExitStack()

    def close(self) -> None:
        self._stack.close()

    def once(self, name: str, make: Callable[[], T]) -> T:
        """`make()` of the first caller; its error again for all later ones."""
        with self._guard:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name not in self._made:
                try:
                    self._made[name] = (make(), None)
                except Exception as error:
                    self._made[name] = (None, error)
            value, failure = self._made[name]
        if failure is not None:
            raise failure
        return cast("T", value)

    # ---------------------------------------------------------------- the home

    @property
    def settings(self) -> Settings:
        return self.once("settings", lambda: load_profile(self.home, self.profile))

    @property
    def keys(self) -> KeySource:
        return KeySource(self.home, self.environ)

    @property
    def secrets(self) -> SecretStore:
        return self.once(
            "secrets", lambda: SecretStore(self.home, self.profile, self.keys)
        )

    @property
    def database(self) -> Database:
        def make() -> Database:
            database = open_database(self.home, self.settings.store.url, busy_s=5.0)
            self._stack.callback(database.close)
            return database

        return self.once("database", make)

    # -------------------------------------------------------------- Salesforce

    @property
    def login_url(self) -> str:
        """Scheme and host; SettingsError for what is no Salesforce URL."""
        return normalise_url(self.settings.salesforce.url).url

    @property
    def app(self) -> App:
        settings = self.settings.salesforce
        key = self.secrets.get("salesforce.consumer_key")
        secret = self.secrets.get("salesforce.consumer_secret")
        return App(
            login_url=self.login_url,
            client_id=key.reveal() if key else "",
            callback_url=settings.callback_url,
            client_secret=secret.reveal() if secret else "",
        )

    @property
    def salesforce(self) -> Channel:
        def make() -> Channel:
            ca_file = self.settings.salesforce.ca_bundle
            return Channel(self._client(ca_file), SALESFORCE, policy=_policy(ANSWER_S))

        return self.once("salesforce", make)

    @property
    def oauth(self) -> OAuth:
        """Without a pinned org: which org it is, is a check of its own."""

        def make() -> OAuth:
            ca_file = self.settings.salesforce.ca_bundle
            client = self._client(ca_file, keep_alive=False, read_s=REFRESH_S)
            channel = Channel(client, SALESFORCE, policy=_policy(REFRESH_S))
            return OAuth(channel, self.app)

        return self.once("oauth", make)

    @property
    def token_store(self) -> StoredTokens:
        return StoredTokens(self.secrets)

    @property
    def tokens(self) -> Tokens:
        """Tokens fresh from Salesforce: the refresh token is used, once a round."""

        def make() -> Tokens:
            store = self.token_store
            current = store.read()
            return self.oauth.refresh(store, current.access_token if current else "")

        return self.once("tokens", make)

    @property
    def session(self) -> Session:
        def make() -> Session:
            return Session(
                self.salesforce,
                self.oauth,
                self.token_store,
                api_version=self.settings.salesforce.api_version,
            )

        return self.once("session", make)

    @property
    def rest(self) -> Rest:
        return self.once("rest", lambda: Rest(self.session))

    # ------------------------------------------------------------- HaiHai Mail

    def haihai_channel(self, service: str) -> Channel:
        def make() -> Channel:
            ca_file = self.settings.haihai.ca_bundle
            return Channel(self._client(ca_file), service, policy=_policy(ANSWER_S))

        return self.once("haihai", make)

    def _client(
        self, ca_file: str, *, keep_alive: bool = True, read_s: float = ANSWER_S
    ) -> PatientClient:
        client = new_client(
            timeouts=Timeouts(connect=5.0, read=read_s, write=read_s, pool=read_s),
            ca_file=ca_file,
            keep_alive=keep_alive,
        )
        self._stack.callback(client.close)
        return client


def _policy(total_s: float) -> RetryPolicy:
    """One repetition: a check shall tell what an operator would meet."""
    return RetryPolicy(
        attempts=2, total_s=total_s, first_wait_s=0.2, max_wait_s=0.4, jitter_s=0.1
    )
