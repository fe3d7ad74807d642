"""One authorisation from start to stored token, for console and command alike.

Everything that touches a person is passed in: how the URL is shown, where a
pasted answer comes from.
"""

from __future__ import annotations

from collections.abc import Callable

from haihai_tui.errors import AuthorisationNeeded, text
from haihai_tui.services.salesforce.loopback import Paste, wait_for_callback
from haihai_tui.services.salesforce.oauth import OAuth, PendingAuthorisation
from haihai_tui.services.salesforce.tokens import Tokens, TokenStore


def authorise(
    oauth: OAuth,
    store: TokenStore,
    show: Callable[[str], None],
    *,
    paste: Paste | None = None,
    timeout: float = 600.0,
    cancelled: Callable[[], bool] | None = None,
) -> Tokens:
    """Show the login URL, take the answer, store and return the tokens.

    `show` is called again where the app refuses PKCE and the login has to be
    repeated without it.  `timeout` is in seconds.  Raises AuthorisationNeeded or
    SettingsError, each with its cause.
    """
    pending = oauth.start_authorisation()
    while True:
        kept: list[Tokens] = []
        again: list[PendingAuthorisation] = []

        def finish(answer: str, pending: PendingAuthorisation = pending) -> None:
            plain = oauth.without_pkce(pending, answer)
            if plain is not None:
                again.append(plain)  # noqa: B023 - read before the next round
                return
            tokens = oauth.exchange(pending, answer)
            keep(store, tokens)
            kept.append(tokens)  # noqa: B023 - read before the next round

        show(pending.url)
        wait_for_callback(pending, paste, timeout, finish=finish, cancelled=cancelled)
        if kept:
            return kept[0]
        pending = again[0]


def keep(store: TokenStore, tokens: Tokens) -> None:
    """Store new tokens.  Raises AuthorisationNeeded, cause `token_not_stored`."""
    try:
        with store.lock():
            store.write(tokens)
    except OSError as error:
        raise AuthorisationNeeded(
            text("連携トークンの保管に失敗しました。再度実施してください。"),
            text("設定フォルダの空き容量と書き込み権限を確認してください。"),
            cause="token_not_stored",
        ) from error
