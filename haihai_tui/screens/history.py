"""実行履歴: past runs as a table and as charts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from haihai_tui.errors import Text, text
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.widgets.row_view import Piece, RowView
from haihai_tui.screens.widgets.words import Words
from haihai_tui.services.history import MEASURES, RunNumbers, numbers_of
from haihai_tui.services.wording import (
    MODE_LABELS,
    STATUS_LEVELS,
    local_time,
    span,
    status_label,
)

if TYPE_CHECKING:
    from haihai_tui.screens.widgets.run_chart import RunChart

_PAGE = 100
_CHARTED = 40
_TONES = {"ok": "", "warning": "warning", "error": "error", "info": "ok"}


class HistoryRead(Message):
    """The next page of runs, the newest first."""

    def __init__(self, rows: list[RunNumbers], *, anew: bool) -> None:
        super().__init__()
        self.rows = rows
        self.anew = anew


class HistoryScreen(ConsoleScreen):
    TITLE = text("実行履歴")
    NAME = "history"

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[RunNumbers] = []
        self._complete = False
        self._read = False
        self._measure: str | None = None

    def body(self) -> ComposeResult:
        yield Words(id="shown", classes="wide")
        yield RowView(self._row, id="runs")
        yield Vertical(id="chart")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#chart").display = False
        self._fetch(anew=True)
        self.query_one("#runs").focus()

    def fill(self) -> None:
        self._tell()

    # ----------------------------------------------------------------- reading

    def _fetch(self, *, anew: bool) -> None:
        before = None if anew or not self._rows else self._rows[-1].run.run_id

        def read() -> Message:
            # Deferred: the database loads on the thread that this runs on.
            from haihai_tui.services.store.runs import Runs

            runs = Runs(self.ctx.database, self.ctx.profile)
            rows = runs.recent(before=before, limit=_PAGE)
            return HistoryRead([numbers_of(run) for run in rows], anew=anew)

        self.background(read, "history")

    def on_history_read(self, message: HistoryRead) -> None:
        self._rows = message.rows if message.anew else self._rows + message.rows
        self._complete = len(message.rows) < _PAGE
        self._read = True
        runs = self.query_one(RowView)
        runs.show(len(self._rows), runs.cursor)
        self._tell()
        self._draw_chart()
        self.refresh_keys()

    @on(RowView.Moved)
    def _moved(self, message: RowView.Moved) -> None:
        if message.row >= len(self._rows) - 20 and not self._complete:
            self._complete = True
            self._fetch(anew=False)

    # ----------------------------------------------------------------- drawing

    def _row(self, row: int, width: int) -> Sequence[Piece]:
        one = self._rows[row]
        run = one.run
        tone = _TONES[STATUS_LEVELS.get(run.status, "info")]
        duration = self.t(span(one.duration_s)) if one.duration_s is not None else "-"
        pieces: list[Piece] = [
            (local_time(run.started_at), 12, ""),
            (self.t(MODE_LABELS.get(run.mode, run.mode)), 7, "quiet"),
            (self.t(status_label(run.status)), 11, tone),
        ]
        if width >= 70:
            pieces.append((duration, 13, "quiet"))
        return [
            *pieces,
            (f"{one.read:>9,}", 10, ""),
            (f"{one.written:>9,}", 10, ""),
            (f"{one.rejected:>6,}", 7, "warning" if one.rejected else "quiet"),
            (run.actor, 0, "quiet"),
        ]

    def _head(self) -> Text | str:
        if not self._read:
            return ""
        if not self._rows:
            return text(
                "まだ実行していません。連携の実行の F6 で計画から始められます。"
            )
        if self._measure is not None:
            return text(
                "{measure}  直近 {n} 回 (右が新しい)",
                measure=MEASURES[self._measure],
                n=min(len(self._rows), _CHARTED),
            )
        columns = [(text("開始"), 12), (text("方式"), 7), (text("結果"), 11)]
        if self.size.width >= 74:
            columns.append((text("所要時間"), 13))
        columns += [(text(" 読み取り"), 10), (text(" 書き込み"), 10)]
        columns += [(text("エラー"), 7), (text("実行者"), 7)]
        # Deferred: only to line up a heading.
        from rich.cells import set_cell_size

        return "".join(set_cell_size(self.t(name), width) for name, width in columns)

    def _tell(self) -> None:
        self.query_one("#shown", Words).show(self._head())

    def on_resize(self) -> None:
        self._tell()

    # ------------------------------------------------------------------ charts

    def action_chart(self) -> None:
        """Table or chart in the same place: both need the room."""
        self._measure = None if self._measure else next(iter(MEASURES))
        self.query_one("#chart").display = self._measure is not None
        self.query_one("#runs").display = self._measure is None
        if self._measure is None:
            self.query_one("#runs").focus()
        self._tell()
        self._draw_chart()
        self.refresh_keys()

    def action_measure(self) -> None:
        names = list(MEASURES)
        at = names.index(self._measure) if self._measure in names else -1
        self._measure = names[(at + 1) % len(names)]
        self._tell()
        self._draw_chart()

    def _draw_chart(self) -> None:
        if self._measure is None or not self._rows:
            return
        shown = [one for one in self._rows if one.run.finished_at][:_CHARTED][::-1]
        if shown:
            values = [one.value(self._measure) for one in shown]
            labels = _labels([local_time(one.run.started_at) for one in shown])
            self._chart().call_after_refresh(self._chart().show, values, labels)

    def _chart(self) -> RunChart:
        # Deferred: plotext loads when the first chart is asked for.
        from haihai_tui.screens.widgets.run_chart import RunChart

        place = self.query_one("#chart")
        found = place.query(RunChart)
        if found:
            return found.first()
        chart = RunChart()
        place.mount(chart)
        return chart

    # ------------------------------------------------------------------- deeds

    def why_not(self, action: str) -> Text | None:
        if reason := super().why_not(action):
            return reason
        if action.startswith("history.") and not self._rows:
            return text("まだ実行していません。")
        if action == "history.measure" and self._measure is None:
            return text("先に F6 でグラフを表示してください。")
        return None

    def action_open_run(self) -> None:
        # Deferred: the log's widgets load when the first run is opened.
        from haihai_tui.screens.run_record import RunRecordScreen

        at = self.query_one(RowView).cursor
        self.app.push_screen(RunRecordScreen(self._rows[at].run))


def _labels(times: Sequence[str]) -> list[str]:
    """`MM/DD HH:MM` cut to the day, or to the hour where all are of one day."""
    days = [one[:5] for one in times]
    return days if len(set(days)) > 1 else [one[6:] for one in times]
