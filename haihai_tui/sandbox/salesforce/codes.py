"""Authorization codes and what a browser has in progress at the login host."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from haihai_tui.sandbox.control import Clock

CODE_SECONDS = 15 * 60
_CHARS = string.ascii_letters + string.digits + "_."


@dataclass(frozen=True, slots=True)
class Asked:
    """One authorization request whose client and redirect URI were found good.

    `state`, `scope`, `challenge` and `nonce` are None where they were not sent.
    """

    client_id: str
    redirect_uri: str
    state: str | None
    scope: str | None
    challenge: str | None
    nonce: str | None
    prompt: frozenset[str]
    login_hint: str
    display: str


@dataclass(slots=True)
class Code:
    """A code with what it was given for; `issued` is seconds since the epoch."""

    asked: Asked
    user_id: str
    scopes: list[str]
    issued: float
    used: bool = False


class Codes:
    """Codes live 15 minutes and are good once; requests and logins in progress.

    `fresh_logins` holds requests for which the user has typed the password,
    which is what `prompt=login` asks for.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._codes: dict[str, Code] = {}
        self.asked: dict[str, Asked] = {}
        self.browsers: dict[str, str] = {}
        self.fresh_logins: set[str] = set()

    def remember(self, asked: Asked) -> str:
        """A name for the request that the login and consent pages carry along."""
        source = secrets.token_urlsafe(32)
        self.asked[source] = asked
        return source

    def log_in(self, user_id: str) -> str:
        """A browser session (cookie `sid`) for this user."""
        sid = secrets.token_urlsafe(32)
        self.browsers[sid] = user_id
        return sid

    def issue(self, asked: Asked, user_id: str, scopes: list[str]) -> str:
        """A new code, `aPrx…==`."""
        body = "".join(secrets.choice(_CHARS) for _ in range(72))
        code = f"aPrx{body}=="
        now = self._clock.now().timestamp()
        self._codes[code] = Code(asked, user_id, list(scopes), now)
        return code

    def find(self, code: str) -> Code | None:
        """A code that was issued, whether it is still good or not."""
        return self._codes.get(code)

    def expired(self, code: Code) -> bool:
        """Too old or used before."""
        age = self._clock.now().timestamp() - code.issued
        return code.used or age > CODE_SECONDS

    def forget_browsers(self) -> None:
        """Log every browser out."""
        self.browsers.clear()
