"""An alert by mail, over TLS whose certificate is always verified.

Plain SMTP is for a server on this very machine alone; the settings refuse it for any
other.
"""

from __future__ import annotations

import smtplib
import socket
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from pathlib import Path

from haihai_tui.errors import ConnectorError, ServiceUnreachable, SettingsError, text
from haihai_tui.services.alerts.message import Message
from haihai_tui.services.secret import Secret
from haihai_tui.services.settings_unattended import AlertSettings

TIMEOUT_S = 15.0


@dataclass(frozen=True, slots=True)
class Mail:
    """The channel `mail` of one profile."""

    settings: AlertSettings
    password: Secret | None = None
    timeout_s: float = TIMEOUT_S

    def send(self, message: Message) -> None:
        """Hand the message to the server; raises ConnectorError."""
        settings = self.settings
        try:
            with self._connected() as server:
                if settings.smtp_user:
                    server.login(
                        settings.smtp_user,
                        self.password.reveal() if self.password else "",
                    )
                refused = server.send_message(self._mail(message))
        except (smtplib.SMTPException, OSError, ValueError) as error:
            raise _failure(error, self._place()) from error
        if refused:
            raise ServiceUnreachable(
                text(
                    "メールサーバーが宛先の一部を拒否しました: {n} 件", n=len(refused)
                ),
                text("alerts.mail_to の宛先を確認してください。"),
            )

    def _connected(self) -> smtplib.SMTP:
        settings = self.settings
        if settings.smtp_security == "tls":
            return smtplib.SMTP_SSL(
                settings.smtp_host,
                settings.smtp_port,
                timeout=self.timeout_s,
                context=self._context(),
            )
        server = smtplib.SMTP(
            settings.smtp_host, settings.smtp_port, timeout=self.timeout_s
        )
        if settings.smtp_security == "starttls":
            try:
                server.starttls(context=self._context())
            except BaseException:
                server.close()
                raise
        return server

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if path := self.settings.ca_bundle:
            try:
                context.load_verify_locations(cafile=str(Path(path).expanduser()))
            except (OSError, ssl.SSLError) as error:
                raise SettingsError(
                    text("CA 証明書ファイル {path} を読めません。", path=path),
                    text("PEM 形式のファイルを指定してください。"),
                    cause="tls",
                ) from error
        return context

    def _mail(self, message: Message) -> EmailMessage:
        settings = self.settings
        mail = EmailMessage()
        mail["From"] = settings.mail_from or settings.mail_to[0]
        mail["To"] = ", ".join(settings.mail_to)
        mail["Subject"] = message.subject
        mail["Date"] = formatdate()
        mail["Message-ID"] = make_msgid(domain=socket.gethostname() or "localhost")
        # Out-of-office robots must not answer.
        mail["Auto-Submitted"] = "auto-generated"
        # Not every server between here and the reader takes eight bits.
        mail.set_content(message.body + "\n", cte="base64")
        return mail

    def _place(self) -> str:
        return f"{self.settings.smtp_host}:{self.settings.smtp_port}"


def _failure(error: Exception, place: str) -> ConnectorError:
    """What an operator can do; the server's own words may repeat what we sent."""
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return SettingsError(
            text("メールサーバー {place} が認証を拒否しました。", place=place),
            text("alerts.smtp_user と alerts.smtp_password を確認してください。"),
            cause="login_failed",
        )
    if isinstance(error, ssl.SSLError):
        return ServiceUnreachable(
            text("メールサーバー {place} の証明書を確認できません。", place=place),
            text("alerts.ca_bundle とサーバーの証明書を確認してください。"),
            cause="tls",
        )
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return SettingsError(
            text(
                "メールサーバー {place} は指定の暗号化か認証に対応していません。",
                place=place,
            ),
            text("alerts.smtp_security と alerts.smtp_port を確認してください。"),
            cause="tls",
        )
    if isinstance(error, smtplib.SMTPResponseException):
        return ServiceUnreachable(
            text(
                "メールサーバー {place} が受け取りませんでした（応答 {code}）。",
                place=place,
                code=error.smtp_code,
            ),
            text("差出人、宛先、サーバーの状態を確認してください。"),
            cause="service_unavailable",
        )
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return ServiceUnreachable(
            text("メールサーバー {place} が宛先を拒否しました。", place=place),
            text("alerts.mail_to の宛先を確認してください。"),
        )
    cause = "timeout" if isinstance(error, TimeoutError) else "service_unavailable"
    if isinstance(error, socket.gaierror):
        cause = "dns"
    return ServiceUnreachable(
        text("メールサーバー {place} に接続できません。", place=place),
        text("alerts.smtp_host、alerts.smtp_port とネットワークを確認してください。"),
        cause=cause,
    )
