"""Words that several screens and services need: flows, outcomes, moments, spans.

Times are kept in UTC and shown in the machine's own time zone, short enough for a
table; a person wants to know how long ago, and only then the hour.
"""

from __future__ import annotations

from datetime import datetime

from haihai_tui.errors import Text, text
from haihai_tui.services.store.times import moment_of

FLOW_LABELS: dict[str, Text] = {
    "customers": text("顧客連携"),
    "suppressions": text("配信停止禁止顧客連携"),
    "page-views": text("顧客閲覧 URL 連携"),
}

STATUS_LABELS: dict[str, Text] = {
    "ok": text("正常終了"),
    "partial": text("一部エラー"),
    "failed": text("失敗"),
    "paused": text("一時停止"),
    "halted": text("安全停止"),
    "stopped": text("中断"),
    "running": text("実行中"),
}

STATUS_LEVELS = {
    "ok": "ok",
    "partial": "warning",
    "failed": "error",
    "paused": "warning",
    "halted": "error",
    "stopped": "warning",
    "running": "info",
}
"""How serious an outcome is, in the words of the message bar."""

MODE_LABELS: dict[str, Text] = {
    "sync": text("差分"),
    "full": text("全件"),
    "plan": text("計画"),
    "retry": text("再実行"),
    "reconcile": text("突合"),
    "fix": text("突合の反映"),
}

WRITELESS_MODES = frozenset(("plan", "reconcile"))
"""Runs that only look: neither a success nor a failure of the sync."""

DIFFERENCE_LABELS: dict[str, Text] = {
    "missing": text("配配メールに未登録"),
    "superfluous": text("配配メールに余分"),
    "different": text("値の不一致"),
    "stop_mismatch": text("配信状態の不一致"),
    "broken_link": text("紐付けの不整合"),
}
"""What a comparison of both sides finds, in the words of a list."""


def flow_label(flow: str) -> Text:
    """The manual's name of a flow; an unknown one as it is."""
    return FLOW_LABELS.get(flow) or text("{flow}", flow=flow)


def status_label(status: str) -> Text:
    """A run's outcome in words; an unknown one as it is."""
    return STATUS_LABELS.get(status) or text("{status}", status=status)


def local_time(stamped: str | None, *, seconds: bool = False) -> str:
    """`02/16 10:02` of an RFC 3339 time, in the machine's time zone; `-` for None."""
    if not stamped:
        return "-"
    pattern = "%m/%d %H:%M:%S" if seconds else "%m/%d %H:%M"
    return moment_of(stamped).astimezone().strftime(pattern)


def local_date_time(stamped: str | None) -> str:
    """`2026-02-16 10:02:03`, as `local_time`."""
    if not stamped:
        return "-"
    return moment_of(stamped).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def ago(stamped: str, now: datetime) -> Text:
    """How long ago, in the largest unit that is not zero."""
    seconds = int((now - moment_of(stamped)).total_seconds())
    if seconds < 60:
        return text("たった今")
    if seconds < 3600:
        return text("{n} 分前", n=seconds // 60)
    if seconds < 2 * 86_400:
        return text("{n} 時間前", n=seconds // 3600)
    return text("{n} 日前", n=seconds // 86_400)


def span(seconds: float) -> Text:
    """A length of time: `42 秒`, `3 分 05 秒`, `2 時間 07 分`."""
    whole = round(seconds)
    if whole < 60:
        return text("{seconds} 秒", seconds=whole)
    if whole < 3600:
        minutes, rest = divmod(whole, 60)
        return text("{minutes} 分 {seconds} 秒", minutes=minutes, seconds=f"{rest:02d}")
    hours, rest = divmod(whole // 60, 60)
    return text("{hours} 時間 {minutes} 分", hours=hours, minutes=f"{rest:02d}")
