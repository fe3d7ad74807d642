"""The states of conditions in words; apart, for readers without SQLAlchemy."""

from __future__ import annotations

from haihai_tui.errors import Text, text

STATES: dict[str, Text] = {
    "failed": text("失敗"),
    "partial": text("一部エラー"),
    "halted": text("安全停止"),
    "paused": text("一時停止"),
    "authorise": text("再認可が必要"),
    "overdue": text("完了していません"),
    "ok": text("正常"),
}
"""The states of conditions, the most urgent first."""


def state_label(state: str) -> Text:
    return STATES.get(state) or text("{state}", state=state)


def flow_of(name: str) -> str:
    """The flow that the condition `name` is about."""
    return name.removeprefix("overdue.")


def channel_label(channel: str) -> Text:
    return _CHANNELS.get(channel) or text("{channel}", channel=channel)


_CHANNELS: dict[str, Text] = {"mail": text("メール"), "webhook": text("Webhook")}
