"""What the tests of the Salesforce client share: a token store and an opened org."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from haihai_tui.services.http import Channel, RetryPolicy, Timeouts, new_client
from haihai_tui.services.http import RetryRecord as RetryRecord
from haihai_tui.services.salesforce.budget import Budget
from haihai_tui.services.salesforce.oauth import App, OAuth
from haihai_tui.services.salesforce.session import Session
from haihai_tui.services.salesforce.tokens import Tokens
from haihai_tui.services.sockets import Patience

LOGIN = "https://login.salesforce.com"
HOST = "https://acme.my.salesforce.com"
ORG = "00D000000000001EAA"
USER = "005000000000001AAA"
DATA = f"{HOST}/services/data/v66.0"


class MemoryStore:
    """A token store that remembers what was written, and in which order."""

    def __init__(self, tokens: Tokens | None = None) -> None:
        self.tokens = tokens
        self.written: list[Tokens] = []
        self._lock = threading.Lock()

    def read(self) -> Tokens | None:
        return self.tokens

    def write(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.written.append(tokens)

    @contextmanager
    def lock(self) -> Iterator[None]:
        with self._lock:
            yield


def tokens(
    access: str = "00D000000000001!one",
    refresh: str = "5Aep861.one",
    instance: str = HOST,
    rotates: bool | None = None,
) -> Tokens:
    return Tokens(
        access_token=access,
        refresh_token=refresh,
        instance_url=instance,
        id_url=f"{LOGIN}/id/{ORG}/{USER}",
        scope="api refresh_token",
        org_id=ORG,
        user_id=USER,
        rotates=rotates,
    )


def token_answer(
    access: str = "00D000000000001!two", refresh: str = "", instance: str = HOST
) -> dict[str, str]:
    answer = {
        "access_token": access,
        "signature": "c2lnbmF0dXJl",
        "scope": "refresh_token api",
        "instance_url": instance,
        "id": f"{LOGIN}/id/{ORG}/{USER}",
        "token_type": "Bearer",
        "issued_at": "1778066860000",
    }
    return {**answer, "refresh_token": refresh} if refresh else answer


@dataclass
class Opened:
    """A session with everything that it was built from."""

    session: Session
    oauth: OAuth
    store: MemoryStore
    channel: Channel
    retries: list[RetryRecord] = field(default_factory=list)
    usage: list[tuple[int, int]] = field(default_factory=list)


@contextmanager
def opened(
    store: MemoryStore | None = None,
    *,
    login: str = LOGIN,
    expected_org_id: str = "",
    share: float = 1.0,
    secret: str = "s3cr3t-of-app",
    policy: RetryPolicy | None = None,
    timeouts: Timeouts | None = None,
    cancelled: Callable[[], bool] | None = None,
    callback: str = "http://localhost:8711/sflogged",
    client_id: str = "3MVG9.key",
) -> Iterator[Opened]:
    patience = Patience(cancelled)
    retries: list[RetryRecord] = []
    usage: list[tuple[int, int]] = []
    kept = store or MemoryStore(tokens())
    with (
        new_client(timeouts=timeouts, patience=patience) as client,
        new_client(timeouts=timeouts, keep_alive=False) as own,
    ):
        channel = Channel(
            client,
            "Salesforce",
            policy=policy,
            patience=patience,
            on_retry=retries.append,
        )
        oauth = OAuth(
            Channel(own, "Salesforce", policy=policy),
            App(login, client_id, callback, secret),
            expected_org_id=expected_org_id,
        )
        session = Session(
            channel,
            oauth,
            kept,
            expected_org_id=expected_org_id,
            budget=Budget(share, lambda u, most: usage.append((u, most))),
        )
        yield Opened(session, oauth, kept, channel, retries, usage)


def form(request: httpx.Request) -> dict[str, str]:
    """The fields of a form that was posted."""
    return dict(httpx.QueryParams(request.content.decode()))
