"""One past run: its numbers flow by flow, and its log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from textual.app import ComposeResult

from haihai_tui.errors import Text, text
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.run_watch import RunFollowed, RunWatch
from haihai_tui.screens.widgets.log_pane import LogKeys, LogPane
from haihai_tui.screens.widgets.run_words import COUNTS, joined
from haihai_tui.screens.widgets.words import Words
from haihai_tui.services.history import numbers_of
from haihai_tui.services.store.runs import RunRow
from haihai_tui.services.wording import (
    MODE_LABELS,
    STATUS_LEVELS,
    flow_label,
    local_date_time,
    span,
    status_label,
)


class RunRecordScreen(LogKeys, ConsoleScreen):
    """Opened from the history; Esc goes back to it."""

    TITLE = text("実行の記録")
    NAME = "run_record"

    def __init__(self, run: RunRow) -> None:
        super().__init__()
        self._run = run
        self._watch = RunWatch(self, run.run_id)

    def body(self) -> ComposeResult:
        yield Words(id="head", classes="wide")
        yield Words(id="numbers", classes="wide quiet")
        yield LogPane()

    def on_mount(self) -> None:
        super().on_mount()
        self._watch.start()
        self.log_pane.view.focus()

    def on_unmount(self) -> None:
        self._watch.stop()

    def on_run_followed(self, message: RunFollowed) -> None:
        followed = message.followed
        if followed.run is not None:
            self._run = followed.run
        self.log_pane.feed(followed.events)
        self.fill()

    def fill(self) -> None:
        run = self._run
        duration = numbers_of(run).duration_s
        confirmed: Text | str = ""
        if run.confirmed_by:
            confirmed = text("{name} が確認済み", name=run.confirmed_by)
        head = joined(
            status_label(run.status),
            MODE_LABELS.get(run.mode, run.mode),
            local_date_time(run.started_at),
            span(duration) if duration is not None else "",
            text("実行者 {actor}", actor=run.actor),
            text("実行番号 {run_id}", run_id=run.run_id),
            confirmed,
        )
        self.query_one("#head", Words).show(head, STATUS_LEVELS.get(run.status, "info"))
        flows: Mapping[str, Mapping[str, Any]] = run.summary.get("flows", {})
        rows = [_flow_row(flow, numbers) for flow, numbers in flows.items()]
        self.query_one("#numbers", Words).show(joined(*rows, between="\n"))

    def action_show_plan(self) -> None:
        self.console.open("plan", run_id=self._run.run_id)


def _flow_row(flow: str, numbers: Mapping[str, Any]) -> Text:
    counts = [
        text("{label} {n}", label=label, n=f"{int(numbers[name]):,}")
        for name, label in COUNTS
        if numbers.get(name)
    ]
    calls = numbers.get("api_calls") or {}
    api = text(
        "API {salesforce} + {haihai}",
        salesforce=calls.get("salesforce", 0),
        haihai=calls.get("haihai", 0),
    )
    told = joined(*(counts or [text("変更なし")]), api)
    return text("{flow}: {told}", flow=flow_label(flow), told=told)
