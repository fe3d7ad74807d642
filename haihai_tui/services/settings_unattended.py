"""The settings of what goes on with nobody looking: alerts, figures, hours.

Apart from the rest of the schema, since no run's outcome depends on them, except
that `[schedule]` says when there is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from haihai_tui.errors import text
from haihai_tui.services.settings_rules import (
    Choice,
    Several,
    Span,
    Switch,
    Whole,
    Words,
    key,
)

WEBHOOK_URL = "alerts.webhook_url"
SMTP_PASSWORD = "alerts.smtp_password"

_ADDRESS = Words(
    r"[^\s@,;<>\"]+@[^\s@,;<>\"]+",
    text("メールアドレスを 1 つ指定してください。"),
)
_HOST = Words(
    r"[A-Za-z0-9]([A-Za-z0-9.:-]*[A-Za-z0-9])?",
    text("サーバーのホスト名だけを指定してください（例: smtp.example.jp）。"),
)


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """`[alerts]`: who is told when the state of a flow changes.

    Mail goes out where `smtp_host` and `mail_to` are set, the webhook is called
    where the secret `alerts.webhook_url` is stored.
    """

    mail_to: tuple[str, ...] = key(Several(_ADDRESS), (), text("通知メールの宛先"))
    mail_from: str = key(_ADDRESS, "", text("通知メールの差出人"))
    smtp_host: str = key(_HOST, "", text("SMTP サーバー"))
    smtp_port: int = key(Whole(1, 65535), 587, text("SMTP のポート番号"))
    smtp_security: Literal["starttls", "tls", "none"] = key(
        Choice(("starttls", "tls", "none")), "starttls", text("SMTP の暗号化")
    )
    smtp_user: str = key(Words(), "", text("SMTP の利用者名"))
    webhook_format: Literal["slack", "json"] = key(
        Choice(("slack", "json")), "slack", text("Webhook の形式")
    )
    no_success_hours: int = key(
        Whole(0, 8760), 26, text("完了しないまま何時間で通知するか（0: しない）")
    )
    ca_bundle: str = key(Words(), "", text("認証局証明書のファイル（通知）"))


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """`[metrics]`: a text file for the Prometheus node exporter; "" writes none."""

    file: str = key(
        Words(
            r"/.*\.prom",
            text("/ で始まり .prom で終わるファイル名を指定してください。"),
        ),
        "",
        text("メトリクスのファイル"),
    )


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """`[schedule]`: when no run may begin.  Hours are Japan's."""

    paused: bool = key(Switch(), False, text("連携を止めておく"))
    blackout: tuple[str, ...] = key(
        Several(Span()), (), text("実行しない時間帯（日本時間）")
    )
