"""Asks the login host about an authorisation before a person is sent there.

Salesforce judges consumer key, callback URL and PKCE before it shows a login page.
One request without cookies therefore tells the commonest mistakes at once, where a
browser would show a bare error page that never comes back to us.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from haihai_tui.errors import ConnectorError, SettingsError, text
from haihai_tui.services.http import Channel
from haihai_tui.services.salesforce.errors import SERVICE
from haihai_tui.services.salesforce.oauth import PendingAuthorisation
from haihai_tui.services.salesforce.oauth_answers import parse_answer, token_error
from haihai_tui.services.salesforce.oauth_errors import callback_error, refuses_pkce


def probe(channel: Channel, pending: PendingAuthorisation) -> ConnectorError | None:
    """What Salesforce says to the URL of an authorisation; None: log in, please.

    Raises ServiceUnreachable where the host does not answer.
    """

    def call() -> httpx.Response:
        return channel.once(channel.client.build_request("GET", pending.url))

    response = channel.repeat("GET /services/oauth2/authorize", call)
    if 300 <= response.status_code < 400:
        return _judge_redirect(response.headers.get("Location", ""), pending)
    if response.status_code >= 500:
        return _unavailable(response.status_code)
    if response.text.startswith("error=") or response.status_code == 404:
        return token_error(response)
    # A login page; or something that only a person at a browser can judge.
    return None


def _judge_redirect(
    target: str, pending: PendingAuthorisation
) -> ConnectorError | None:
    """Back to our callback means refused; anywhere else is the way to the login."""
    if "error=" not in urlsplit(target).query:
        return None
    answer = parse_answer(target)
    if refuses_pkce(answer):
        return None  # the authorisation itself goes on without PKCE
    return callback_error(answer)


def _unavailable(status: int) -> ConnectorError:
    return SettingsError(
        text(
            "{service} が HTTP {status} を返しました。", service=SERVICE, status=status
        ),
        text("Salesforce URL と稼働状況を確認してください。"),
        cause="service_unavailable",
    )
