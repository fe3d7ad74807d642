"""連携の実行: what to run, how far it has come, what it says.

The screen shows whichever run is under way, also one that cron started, and the
last one otherwise.  It owns no run: leaving it stops nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.timer import Timer

from haihai_tui.errors import Text, text
from haihai_tui.messages import WorkFailed
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.run_watch import RunFollowed, RunWatch
from haihai_tui.screens.widgets.forms import Tick
from haihai_tui.screens.widgets.log_pane import LogKeys, LogPane
from haihai_tui.screens.widgets.log_view import flush_interval
from haihai_tui.screens.widgets.one_line import OneLine
from haihai_tui.screens.widgets.run_words import flow_words, joined, usage_words
from haihai_tui.services.progress import FlowProgress, RunProgress
from haihai_tui.services.roles import Action
from haihai_tui.services.store.times import moment_of
from haihai_tui.services.wording import (
    FLOW_LABELS,
    MODE_LABELS,
    STATUS_LEVELS,
    local_time,
    span,
    status_label,
)
from haihai_tui.sync.services import Options

if TYPE_CHECKING:
    from haihai_tui.services.follow import Followed
    from haihai_tui.services.run_control import Attempt
    from haihai_tui.services.usage import Usage

_TICK_WIDTH = 28
_TICK_S = 1.0


class ChoiceRead(Message):
    """What the profile enables, and the API use known before a run."""

    def __init__(self, enabled: tuple[str, ...], usage: list[Usage]) -> None:
        super().__init__()
        self.enabled = enabled
        self.usage = usage


class RunBegun(Message):
    """A run was started; what becomes of it is followed."""


class StopAsked(Message):
    """A run was asked to stop, or there was none."""

    def __init__(self, told: Text, level: str = "info") -> None:
        super().__init__()
        self.told = told
        self.level = level


class RunScreen(LogKeys, ConsoleScreen):
    TITLE = text("連携の実行")
    NAME = "run"

    def __init__(self) -> None:
        super().__init__()
        self._watch = RunWatch(self)
        self._followed: Followed | None = None
        self._progress = RunProgress()
        self._usage: dict[tuple[str, str], Usage] = {}
        self._told: object = None
        self._told_run: str | None = None
        self._is_chosen = False
        self._has_begun = False
        self._wanted: bool | None = None
        self._drawing: Timer | None = None
        self._clock: Timer | None = None

    def body(self) -> ComposeResult:
        with Vertical(id="flows"):
            for flow, label in FLOW_LABELS.items():
                with Horizontal(classes="flow"):
                    yield Tick(label, id=f"flow-{flow}")
                    yield OneLine(id=f"progress-{flow}", classes="progress")
            with Horizontal(classes="flow"):
                yield Tick(text("全件を読み直す"), id="full")
                yield OneLine(id="state", classes="progress")
        yield OneLine(id="usage-salesforce", classes="quiet")
        yield OneLine(id="usage-haihai", classes="quiet")
        yield LogPane()

    def on_mount(self) -> None:
        super().on_mount()
        self.background(self._read_choice, "choice")
        self._watch.start()

    def on_unmount(self) -> None:
        self._watch.stop()

    def fill(self) -> None:
        self._draw()

    # ------------------------------------------------------------ what is known

    def _read_choice(self) -> Message:
        # Deferred: the database loads on the thread that this runs on.
        from haihai_tui.services.usage import known_usage

        settings = self.ctx.settings()
        if settings is None:
            return ChoiceRead((), [])
        usage = known_usage(self.ctx.database, settings, self.ctx.clock())
        return ChoiceRead(settings.flows.enabled, usage)

    def on_choice_read(self, message: ChoiceRead) -> None:
        for flow in message.enabled:
            self.query_one(f"#flow-{flow}", Tick).value = True
        for usage in message.usage:
            self._usage.setdefault((usage.service, usage.api), usage)
        self._is_chosen = True
        if not message.enabled:
            self.say(text("連携設定がまだありません。先に連携設定を行ってください。"))
        elif self._wanted is not None:
            self._begin(plan=self._wanted)
        self._wanted = None
        self._draw()

    def on_work_failed(self, message: WorkFailed) -> None:
        if message.group == "choice":
            self._wanted = None
        super().on_work_failed(message)

    def on_run_followed(self, message: RunFollowed) -> None:
        followed = message.followed
        before, self._followed = self._followed, followed
        if followed.began and followed.run is not None:
            self._progress = RunProgress(followed.run.flows)
            self.log_pane.clear()
        for event in followed.events:
            self._progress.take(event)
        self._usage |= self._progress.budgets
        self.log_pane.feed(followed.events)
        self._tell_refusal(message.attempt)
        was_live = before is not None and before.live
        self._tell_end(message.attempt)
        if before is None or was_live != followed.live or followed.began:
            self.refresh_keys()
        self._keep_time(followed.live)
        self._draw_soon()

    # ---------------------------------------------------------------- drawing

    def _draw_soon(self) -> None:
        """As seldom as the log: each drawing is bytes over SSH."""
        if self._drawing is None:
            pause = flush_interval(self.ctx.environ, self.log_pane.view.size)
            self._drawing = self.set_timer(pause, self._draw)

    def _keep_time(self, live: bool) -> None:
        if live and self._clock is None:
            self._clock = self.set_interval(_TICK_S, self._draw_state)
        elif not live and self._clock is not None:
            self._clock.stop()
            self._clock = None

    def _draw(self) -> None:
        self._drawing = None
        width = max(self.size.width - _TICK_WIDTH - 4, 20)
        numbers = _flow_numbers(self._progress.summary)
        for flow in FLOW_LABELS:
            progress = self._progress.flows.get(flow)
            shown = self._flow_words(progress, numbers.get(flow, {}), width)
            self.query_one(f"#progress-{flow}", OneLine).show(
                shown, _flow_level(progress, numbers.get(flow, {}))
            )
        for service in ("salesforce", "haihai"):
            self._draw_usage(service)
        self._draw_state()

    def _flow_words(
        self, progress: FlowProgress | None, numbers: Mapping[str, Any], width: int
    ) -> Text | str:
        if progress is None:
            return "-"
        if not self._live and progress.phase not in ("done", "failed", "planned"):
            return text("実行せずに終了")
        return flow_words(progress, numbers, width)

    def _draw_usage(self, service: str) -> None:
        found = [one for one in self._usage.values() if one.service == service]
        shown: Text | str = text("API の使用量はまだわかりません。")
        if found:
            fullest = max(found, key=lambda one: one.used / max(one.limit, 1))
            shown = usage_words(fullest, self.size.width)
        if service == "haihai" and not found:
            shown = ""
        words = self.query_one(f"#usage-{service}", OneLine)
        words.show(shown)
        words.display = bool(str(shown))

    def _draw_state(self) -> None:
        self.query_one("#state", OneLine).show(*self._state())

    def _state(self) -> tuple[Text | str, str]:
        followed = self._followed
        if followed is None:
            return "", "info"
        run = followed.run
        if run is None:
            return text("まだ実行していません。F6 で計画を確かめられます。"), "info"
        mode = MODE_LABELS.get(run.mode, run.mode)
        if followed.live:
            passed = self.ctx.clock() - moment_of(run.started_at)
            return self._live_words(followed, mode, passed.total_seconds()), "ok"
        if followed.killed:
            began = local_time(run.started_at)
            return joined(text("強制終了"), mode, began), "error"
        when = local_time(run.finished_at)
        level = STATUS_LEVELS.get(run.status, "info")
        return joined(status_label(run.status), mode, when), level

    def _live_words(self, followed: Followed, mode: Text | str, passed: float) -> Text:
        where: Text | str = text("この画面の実行")
        if not followed.ours and followed.holder is not None:
            where = text(
                "{host} のプロセス {pid}",
                host=followed.holder.host,
                pid=followed.holder.pid,
            )
        return joined(text("実行中"), mode, span(max(passed, 0)), where)

    # ------------------------------------------------------------ what is told

    def _tell_refusal(self, attempt: Attempt | None) -> None:
        if attempt is None or not attempt.over or attempt is self._told:
            return
        self._told = attempt
        if attempt.refusal is not None:
            self.say_error(attempt.refusal)
        elif attempt.error is not None:
            kind = type(attempt.error).__name__
            self.say(text("プログラムの不具合です: {kind}", kind=kind), "error")

    def _tell_end(self, attempt: Attempt | None) -> None:
        """Once for each run, also for one that was over between two looks."""
        followed = self._followed
        run = followed.run if followed is not None else None
        if followed is None or run is None or followed.live:
            self._told_run = self._told_run or ""
            return
        if self._told_run is None and not self._is_of(attempt, run.run_id):
            # Over before this screen was opened, unless ours is only now beginning.
            if not self._has_begun or (attempt is not None and attempt.over):
                self._told_run = run.run_id
            return
        if self._told_run == run.run_id:
            return
        self._told_run = run.run_id
        if followed.killed:
            again = text("次の実行が続きから再開します。")
            self.say(joined(text("強制終了"), again), "error")
            return
        progress = self._progress
        level = STATUS_LEVELS.get(run.status, "info")
        advice: Text | str = ""
        if run.status == "halted":
            advice = text("F8 で計画を確かめ、正しければ実行番号を入力して続行します。")
        elif run.mode == "reconcile" and run.status in ("ok", "partial"):
            advice = text("F8 で不一致を確かめられます。")
        elif run.status == "partial":
            advice = text("F4 でエラーの内容と直し方を確かめてください。")
        elif run.status == "failed":
            advice = progress.remedy or ""
        elif run.mode == "plan":
            advice = text("F8 で変更の内容を確かめられます。")
        why: Text | str = progress.failure or ""
        self.say(joined(status_label(run.status), why, advice), level)

    def _is_of(self, attempt: Attempt | None, run_id: str) -> bool:
        """Whether the run shown is the one that was started on this screen."""
        result = attempt.result if attempt is not None and self._has_begun else None
        return result is not None and result.run_id == run_id

    # ----------------------------------------------------------------- deeds

    @property
    def _live(self) -> bool:
        return self._followed is not None and self._followed.live

    def why_not(self, action: str) -> Text | None:
        if reason := super().why_not(action):
            return reason
        if action in ("run.start", "run.plan", "run.reconcile"):
            if self._live:
                return text("別の実行が終わるのを待つか、F7 で中断してください。")
            return self.lacks(Action.RUN)
        if action == "run.stop":
            if not self._live:
                return text("実行中の連携はありません。")
            return self.lacks(Action.RUN)
        if action == "run.show_plan" and (
            self._followed is None or self._followed.run is None
        ):
            return text("まだ計画はありません。F6 で計画できます。")
        return None

    def _chosen(self) -> tuple[str, ...]:
        return tuple(
            flow for flow in FLOW_LABELS if self.query_one(f"#flow-{flow}", Tick).value
        )

    def action_start(self) -> None:
        self._begin(plan=False)

    def action_plan_only(self) -> None:
        self._begin(plan=True)

    def _begin(self, *, plan: bool) -> None:
        operator = self.ctx.operator
        assert operator is not None
        if not self._is_chosen:
            # Typed ahead, or the profile could not be read when it was last tried.
            self._wanted = plan
            self.background(self._read_choice, "choice")
            return
        self._has_begun = True
        # Before it begins: a short run may be over before the thread has told.
        self.say(text("計画を始めます。") if plan else text("実行を始めます。"))
        flows, full = self._chosen(), self.query_one("#full", Tick).value

        def begin() -> Message:
            options = Options(plan=plan, full=full)
            self.ctx.runs.start(flows, options, operator)
            return RunBegun()

        self.background(begin, "begin")

    def action_reconcile(self) -> None:
        operator = self.ctx.operator
        assert operator is not None
        self._has_begun = True
        self.say(text("突き合わせを始めます。"))
        flows = self._chosen()

        def begin() -> Message:
            self.ctx.runs.reconcile(flows, operator)
            return RunBegun()

        self.background(begin, "begin")

    def action_stop(self) -> None:
        operator = self.ctx.operator
        assert operator is not None

        def stop() -> Message:
            if not self.ctx.runs.stop(operator):
                return StopAsked(text("実行中の連携はありません。"))
            told = text("中断します。処理中の一括分が終わるまでお待ちください。")
            return StopAsked(told, "warning")

        self.background(stop, "stop")

    def on_stop_asked(self, message: StopAsked) -> None:
        self.say(message.told, message.level)

    def action_show_plan(self) -> None:
        assert self._followed is not None and self._followed.run is not None
        self.console.open("plan", run_id=self._followed.run.run_id)

    def action_show_rejects(self) -> None:
        self.console.open("rejects")


def _flow_numbers(summary: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return summary.get("flows", {}) if summary else {}


def _flow_level(progress: FlowProgress | None, numbers: Mapping[str, Any]) -> str:
    if progress is None:
        return "info"
    if progress.phase == "failed":
        return STATUS_LEVELS.get(progress.outcome, "error")
    if numbers.get("rejected") or numbers.get("held"):
        return "warning"
    return "ok" if progress.phase == "done" else "info"
