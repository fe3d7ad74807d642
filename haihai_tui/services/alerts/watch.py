"""Watches one profile: keeps its conditions, and tells the channels what changed.

Nothing here may fail a run: whatever goes wrong with a channel is kept beside what
it was not told, shown in 管理 and by `--status`, and made up for the next time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from haihai_tui.errors import ConnectorError, SettingsError, Text, text
from haihai_tui.services.alerts.conditions import after_run, overdue
from haihai_tui.services.alerts.mail import Mail
from haihai_tui.services.alerts.message import Message, compose, compose_test
from haihai_tui.services.alerts.webhook import Webhook
from haihai_tui.services.filelock import file_lock
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.settings_unattended import SMTP_PASSWORD, WEBHOOK_URL
from haihai_tui.services.store.alerts import AlertBook
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.runs import Runs
from haihai_tui.services.store.times import Clock, utc_now
from haihai_tui.services.support_bundle import harmless, known_secrets

LOCK_WAIT_S = 60.0


class Channel(Protocol):
    def send(self, message: Message) -> None:
        """Raises ConnectorError where the message was not taken."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """How one channel took a message; `problem` None where it did."""

    channel: str
    problem: ConnectorError | None = None


def channels_of(settings: Settings, secrets: SecretStore) -> dict[str, Channel]:
    """The channels that the profile sets up, by name: `mail`, `webhook`."""
    alerts = settings.alerts
    found: dict[str, Channel] = {}
    if alerts.smtp_host and alerts.mail_to:
        found["mail"] = Mail(alerts, secrets.get(SMTP_PASSWORD))
    if (url := secrets.get(WEBHOOK_URL)) is not None:
        found["webhook"] = Webhook(url, alerts.webhook_format, alerts.ca_bundle)
    return found


@dataclass(slots=True)
class AlertWatch:
    """One for each opened profile; `folder` is its data folder."""

    settings: Settings
    secrets: SecretStore
    database: Database
    folder: Path
    render: Callable[[Text], str]
    clock: Clock = utc_now

    @property
    def book(self) -> AlertBook:
        return AlertBook(self.database, self.settings.profile, self.clock)

    def after_run(
        self, summary: Mapping[str, Any], error: BaseException | None
    ) -> list[Delivery]:
        """Note how a run ended, and tell whoever is to be told."""
        self.book.note(after_run(summary, error))
        return self.look()

    def look(self) -> list[Delivery]:
        """Find what is overdue, and tell whatever has not been told yet."""
        self._note_overdue()
        found = channels_of(self.settings, self.secrets)
        if not any(self.book.due(name) for name in found):
            return []
        # One at a time: two processes would both tell what is due.
        with file_lock(self.folder / "alerts", wait_s=LOCK_WAIT_S):
            return [
                delivery
                for name, channel in found.items()
                if (delivery := self._tell(name, channel)) is not None
            ]

    def test(self) -> list[Delivery]:
        """Send a test by every channel; SettingsError where there is none."""
        found = channels_of(self.settings, self.secrets)
        if not found:
            raise SettingsError(
                text("通知の送り先が設定されていません。"),
                text(
                    "メールは alerts.smtp_host と alerts.mail_to、"
                    "Webhook は alerts.webhook_url を設定してください。"
                ),
            )
        message = compose_test(self.settings.profile, self.render, self._gate())
        return [self._test(name, channel, message) for name, channel in found.items()]

    def _test(self, name: str, channel: Channel, message: Message) -> Delivery:
        try:
            channel.send(message)
        except ConnectorError as error:
            return Delivery(name, error)
        self.book.works(name)
        return Delivery(name)

    def _note_overdue(self) -> None:
        book, flows = self.book, self.settings.flows.enabled
        completed = Runs(self.database, self.settings.profile).last_completed()
        hours = self.settings.alerts.no_success_hours
        found = overdue(flows, completed, book.conditions(), hours, self.clock())
        book.note(found)
        book.forget_all_but([*flows, *found])

    def _tell(self, name: str, channel: Channel) -> Delivery | None:
        due = self.book.due(name)
        if not due:
            return None
        message = compose(self.settings.profile, due, self.render, self._gate())
        try:
            channel.send(message)
        except ConnectorError as error:
            self.book.failed(name, due, self.render(error.what))
            return Delivery(name, error)
        self.book.told(name, due)
        return Delivery(name)

    def _gate(self) -> Callable[[str], str]:
        secrets: Sequence[str] = known_secrets(self.secrets)
        return lambda content: harmless(content, secrets)
