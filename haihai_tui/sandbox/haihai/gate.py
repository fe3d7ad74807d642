"""Who may call: address allow-list, contract, login, token, calls a day.

The checks stand in the order in which a service learns of them: the connection
first, then the credentials, then the count.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.requests import Request

from haihai_tui.sandbox.control import Control
from haihai_tui.sandbox.haihai.answers import Refusal
from haihai_tui.sandbox.haihai.limits import DailyCalls
from haihai_tui.services.haihai.wire import Wire


@dataclass(frozen=True, slots=True)
class Credentials:
    """What the account's administrator would read off the service's screens."""

    contract_id: str
    login_id: str
    api_token: str

    @property
    def aid(self) -> str:
        return self.contract_id.partition("-")[2]


class Gate:
    """Admits a call or raises Refusal.

    Switches read: `allowed_addresses` (empty: all), `token_place`, `daily_calls`.
    """

    def __init__(
        self, wire: Wire, credentials: Credentials, control: Control, calls: DailyCalls
    ) -> None:
        self._wire = wire
        self.credentials = credentials
        self._control = control
        self._calls = calls

    def check(self, request: Request, form: Mapping[str, bytes], api: str) -> None:
        self._check_address(request)
        self._check_credentials(request, form)
        limit = int(str(self._control.switches["daily_calls"]))
        if self._calls.used(api, self._control.clock.now()) >= limit:
            raise Refusal(self._wire.limit_codes[0], "too many calls")

    def _check_address(self, request: Request) -> None:
        allowed = self._control.switches["allowed_addresses"]
        assert isinstance(allowed, list)
        host = request.client.host if request.client else ""
        host = "127.0.0.1" if host == "::1" else host
        if allowed and host not in allowed:
            raise Refusal(
                self._wire.address_denied_codes[0], f"ip address not allowed: {host}"
            )

    def _check_credentials(self, request: Request, form: Mapping[str, bytes]) -> None:
        wire, known = self._wire, self.credentials
        matches = (
            hmac.compare_digest(_part(form, wire.aid_part), known.aid.encode()),
            hmac.compare_digest(_part(form, wire.login_part), known.login_id.encode()),
            hmac.compare_digest(self._token(request, form), known.api_token.encode()),
        )
        if not all(matches):
            raise Refusal(wire.token_codes[0], "authentication failed")

    def _token(self, request: Request, form: Mapping[str, bytes]) -> bytes:
        place = self._control.switches["token_place"]
        header = request.headers.get(self._wire.token_header, "").encode()
        if place == "header":
            return header
        part = _part(form, self._wire.token_part)
        return part if place == "form" else part or header


def _part(form: Mapping[str, bytes], name: str) -> bytes:
    return form.get(name, b"").strip()
