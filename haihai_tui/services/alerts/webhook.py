"""An alert as one POST: `{"text": …}` as Slack and its kin take it, or plain JSON.

The URL is itself the credential, so it is a secret, appears in no message, and a
redirect is never followed.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import Any

from haihai_tui.errors import ServiceUnreachable, SettingsError, text
from haihai_tui.services.alerts.message import Message
from haihai_tui.services.http import Channel, Timeouts, new_client
from haihai_tui.services.redaction import hide
from haihai_tui.services.secret import Secret
from haihai_tui.services.settings_rules import BadValue, Url
from haihai_tui.services.store.times import stamp, utc_now

SERVICE = "Webhook"
TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Webhook:
    """The channel `webhook` of one profile; `form` is slack or json."""

    url: Secret
    form: str = "slack"
    ca_bundle: str = ""
    timeout_s: float = TIMEOUT_S

    def send(self, message: Message) -> None:
        """Post the message; raises ConnectorError."""
        url = self.url.reveal()
        hide(url)
        try:
            Url().check(url)
        except BadValue as error:
            raise SettingsError(
                text("alerts.webhook_url が URL として正しくありません。"),
                error.expected,
            ) from error
        times = Timeouts(
            connect=self.timeout_s, read=self.timeout_s, write=self.timeout_s
        )
        with new_client(timeouts=times, ca_file=self.ca_bundle) as client:
            channel = Channel(client, SERVICE)
            request = client.build_request("POST", url, json=self._body(message))
            answer = channel.once(request, deadline_s=2 * self.timeout_s)
        if not answer.is_success:
            raise ServiceUnreachable(
                text(
                    "Webhook の送信先が受け取りませんでした（HTTP {status}）。",
                    status=answer.status_code,
                ),
                text("alerts.webhook_url が今も有効か確認してください。"),
                cause="service_unavailable",
            )

    def _body(self, message: Message) -> dict[str, Any]:
        if self.form == "slack":
            return {"text": message.whole}
        return {
            "application": "haihai-tui",
            "kind": message.kind,
            "profile": message.profile,
            "host": socket.gethostname(),
            "at": stamp(utc_now()),
            "subject": message.subject,
            "text": message.body,
            "conditions": list(message.facts),
        }
