"""One authorisation from start to stored token, for console and command alike.

Everything that touches a person is passed in: how the URL is shown, where a
pasted answer comes from, who is told how far it has come.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from haihai_tui.errors import (
    AuthorisationNeeded,
    ConnectorError,
    SettingsError,
    text,
)
from haihai_tui.services.salesforce.loopback import Paste, wait_for_callback
from haihai_tui.services.salesforce.oauth import OAuth, PendingAuthorisation
from haihai_tui.services.salesforce.oauth_answers import parse_answer
from haihai_tui.services.salesforce.tokens import Tokens, TokenStore


class Milestone(StrEnum):
    """The steps of an authorisation, each told when it is done (WAITING: begun)."""

    URL_MADE = "url_made"
    WAITING = "waiting"
    CODE_RECEIVED = "code_received"
    EXCHANGED = "exchanged"
    IDENTIFIED = "identified"
    STORED = "stored"


OnMilestone = Callable[[Milestone], None]
Probe = Callable[[PendingAuthorisation], ConnectorError | None]


def authorise(
    oauth: OAuth,
    store: TokenStore,
    show: Callable[[str], None],
    *,
    paste: Paste | None = None,
    timeout: float = 600.0,
    cancelled: Callable[[], bool] | None = None,
    on_milestone: OnMilestone | None = None,
    probe: Probe | None = None,
    identify: Callable[[Tokens], None] | None = None,
) -> Tokens:
    """Show the login URL, take the answer, store and return the tokens.

    `show` is called again where the app refuses PKCE and the login has to be
    repeated without it.  `timeout` is in seconds.  `probe` asks the login host
    about the URL before a person does; what it finds is raised.  `identify` is
    given the new tokens before they are stored.  Raises AuthorisationNeeded or
    SettingsError, each with its cause.
    """
    tell = on_milestone or _silent
    pending = oauth.start_authorisation()
    while True:
        kept: list[Tokens] = []
        again: list[PendingAuthorisation] = []

        def finish(answer: str, pending: PendingAuthorisation = pending) -> None:
            if "code" in parse_answer(answer):
                tell(Milestone.CODE_RECEIVED)
            plain = oauth.without_pkce(pending, answer)
            if plain is not None:
                again.append(plain)  # noqa: B023 - read before the next round
                return
            tokens = oauth.exchange(pending, answer)
            tell(Milestone.EXCHANGED)
            if identify is not None:
                identify(tokens)
                tell(Milestone.IDENTIFIED)
            try:
                keep(store, tokens)
            except ConnectorError:
                oauth.discard(tokens)
                raise
            tell(Milestone.STORED)
            kept.append(tokens)  # noqa: B023 - read before the next round

        tell(Milestone.URL_MADE)
        refused = probe(pending) if probe is not None else None
        if refused is not None:
            raise refused

        def begin(pending: PendingAuthorisation = pending) -> None:
            show(pending.url)
            tell(Milestone.WAITING)

        wait_for_callback(
            pending,
            paste,
            timeout,
            finish=finish,
            cancelled=cancelled,
            ready=begin,
        )
        if kept:
            return kept[0]
        pending = again[0]


def keep(store: TokenStore, tokens: Tokens) -> None:
    """Store new tokens.  Raises AuthorisationNeeded, cause `token_not_stored`."""
    try:
        with store.lock():
            store.write(tokens)
    except (OSError, SettingsError) as error:
        remedy = text("設定フォルダの空き容量と書き込み権限を確認してください。")
        if isinstance(error, SettingsError):
            # The store names the file and what is wrong with it.
            remedy = text("{what} {remedy}", what=error.what, remedy=remedy)
        raise AuthorisationNeeded(
            text("連携トークンの保管に失敗しました。再度実施してください。"),
            remedy,
            cause="token_not_stored",
        ) from error


def _silent(stage: Milestone) -> None:
    """Nobody wants to know."""
