"""トラブルシューティング: an error explained, everything checked, the preparation.

Four views of one screen: what somebody pasted, all checks as a list that ticks
itself off, the manual's preparation as far as the checks prove it, and the archive
for support.  All of it is the services of `--diagnose`, `--check` and
`--support-bundle`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import ContentSwitcher

from haihai_tui.errors import Text, text
from haihai_tui.messages import WorkFailed
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.widgets.forms import Entry, Field
from haihai_tui.screens.widgets.pastebox import PasteBox
from haihai_tui.screens.widgets.ticklist import Detail, Part, TickList, TickRow
from haihai_tui.screens.widgets.views import View, ViewLine
from haihai_tui.screens.widgets.words import Heading, Words
from haihai_tui.services import preparation
from haihai_tui.services.checks.model import (
    Area,
    Check,
    CheckResult,
    Status,
    area_label,
    status_label,
    summary,
)
from haihai_tui.services.checks.relevant import checks_for
from haihai_tui.services.preparation import StepResult, StepState
from haihai_tui.services.roles import Action

if TYPE_CHECKING:
    from haihai_tui.services.diagnosis import Cause
    from haihai_tui.services.support_bundle import Bundle

VIEWS = (
    View("diagnose", "F3", text("診断"), "troubleshoot.diagnose"),
    View("checks", "F4", text("確認"), "troubleshoot.checks"),
    View("preparation", "F6", text("準備"), "troubleshoot.preparation"),
    View("bundle", "F7", text("資料"), "troubleshoot.bundle"),
)
_LEVELS = {
    Status.OK: "ok",
    Status.WARN: "warning",
    Status.FAIL: "error",
    Status.SKIPPED: "info",
}
_STEP_LEVELS = {
    StepState.DONE: "ok",
    StepState.OPEN: "error",
    StepState.BY_HAND: "warning",
    StepState.UNKNOWN: "info",
}
_WAITING = text("未実施")
_ASKING = text("確認中")
_CHECK_STATES = (_WAITING, _ASKING, *map(status_label, Status))
_STEP_STATES = tuple(map(preparation.state_label, StepState))
_ASKED = text("調べたこと")
_ANSWERED = text("答え")
_REMEDY = text("対処")
_SEE = text("マニュアルの参照箇所")


class Diagnosed(Message):
    """A paste was explained."""

    def __init__(self, causes: Sequence[Cause]) -> None:
        super().__init__()
        self.causes = causes


class FoundLive(Message):
    """The checks that look for the suspected causes have answered."""

    def __init__(self, results: Sequence[CheckResult]) -> None:
        super().__init__()
        self.results = results


class ChecksListed(Message):
    """It is known which checks the profile gives rise to."""

    def __init__(self, checks: Sequence[Check]) -> None:
        super().__init__()
        self.checks = checks


class CheckBegun(Message):
    def __init__(self, check: Check) -> None:
        super().__init__()
        self.check = check


class CheckAnswered(Message):
    def __init__(self, result: CheckResult) -> None:
        super().__init__()
        self.result = result


class ChecksDone(Message):
    def __init__(self, results: Sequence[CheckResult]) -> None:
        super().__init__()
        self.results = results


class BundleWritten(Message):
    def __init__(self, bundle: Bundle) -> None:
        super().__init__()
        self.bundle = bundle


class TroubleshootScreen(ConsoleScreen):
    """`paste` is put into the box and explained at once; `view` is shown first."""

    TITLE = text("トラブルシューティング")
    NAME = "troubleshoot"

    def __init__(self, paste: str = "", view: str = "diagnose") -> None:
        super().__init__()
        self._paste = paste
        self._view = view
        self._checks: Sequence[Check] = ()
        self._results: dict[str, CheckResult] = {}
        self._causes: Sequence[Cause] = ()
        self._live: Sequence[CheckResult] | None = None
        self._is_running = False
        self._stop = threading.Event()

    def body(self) -> ComposeResult:
        yield ViewLine(VIEWS, self._view)
        with ContentSwitcher(initial=self._view):
            with Vertical(id="diagnose"):
                yield Words(
                    text(
                        "エラーの文、URL、またはページ全体を貼り付けて F5 を押します。"
                    ),
                    classes="wide quiet",
                )
                yield PasteBox(id="paste")
                yield Detail(id="answer")
            with Vertical(id="checks"):
                yield Words("", id="summary")
                yield TickList(_CHECK_STATES, id="check-list")
            with Vertical(id="preparation"):
                yield TickList(_STEP_STATES, id="step-list")
            with Vertical(id="bundle"):
                yield from self._bundle_form()

    def _bundle_form(self) -> ComposeResult:
        yield Heading(text("問い合わせ用の資料"), classes="first")
        yield Words(
            text(
                "設定、版、最近の実行、すべての確認の結果を 1 つの zip に書き出します。"
                "秘密情報は入れず、メールアドレスは伏せます。"
            ),
            classes="wide",
        )
        yield Field(text("書き出すファイル"), Entry("", id="file"))

    # ------------------------------------------------------------------ filling

    def on_mount(self) -> None:
        self.query_one("#file", Entry).value = self._default_file()
        if self._paste:
            self.query_one(PasteBox).text = self._paste
            self.action_go()
        self._show_view(self._view)
        self.background(self._list_checks, "list")

    def on_unmount(self) -> None:
        self._stop.set()

    def fill(self) -> None:
        self._show_answer()
        self._show_summary()
        self._show_steps()

    def why_not(self, action: str) -> Text | None:
        if reason := super().why_not(action):
            return reason
        if (
            action == "troubleshoot.go"
            and self._is_running
            and self._view != "diagnose"
        ):
            return text("確認の途中です。")
        if action == "troubleshoot.go" and self._view == "bundle":
            return self.lacks(Action.RUN)
        if action == "troubleshoot.next" and self._view not in (
            "checks",
            "preparation",
        ):
            return text("確認または準備の一覧で使えます。")
        return None

    def _default_file(self) -> str:
        day = self.ctx.clock().strftime("%Y%m%d")
        return str(Path.home() / f"haihai-tui-{self.ctx.profile}-{day}.zip")

    # -------------------------------------------------------------------- views

    def action_diagnose(self) -> None:
        self._show_view("diagnose")

    def action_checks(self) -> None:
        self._show_view("checks")

    def action_preparation(self) -> None:
        self._show_view("preparation")

    def action_bundle(self) -> None:
        self._show_view("bundle")

    def _show_view(self, view: str) -> None:
        self._view = view
        self.query_one(ContentSwitcher).current = view
        self.query_one(ViewLine).choose(view)
        first = {
            "diagnose": "#paste",
            "checks": "#check-list .rows",
            "preparation": "#step-list .rows",
            "bundle": "#file",
        }[view]
        self.query_one(first).focus()
        self.refresh_keys()

    def action_go(self) -> None:
        """The deed of the view in front."""
        if self._view == "diagnose":
            self._diagnose()
        elif self._view == "bundle":
            self._write_bundle()
        else:
            self._run_checks()

    def action_next(self) -> None:
        listed = self._list_in_front()
        if listed is None or not listed.choose_next(("error", "warning")):
            self.say(text("問題や注意の行はありません。"))

    def _list_in_front(self) -> TickList | None:
        names = {"checks": "#check-list", "preparation": "#step-list"}
        name = names.get(self._view)
        return self.query_one(name, TickList) if name else None

    # ---------------------------------------------------------------- diagnosis

    def _diagnose(self) -> None:
        paste = self.query_one(PasteBox).whole
        if not paste.strip():
            self.say(text("貼り付けられたテキストが空です。"), "warning")
            return
        self.say(text("調べています。"))

        def work() -> Message:
            # Deferred: the rules are needed only when something was pasted.
            from haihai_tui.services.diagnosis import diagnose

            settings = self.ctx.settings()
            url = settings.salesforce.url if settings else ""
            return Diagnosed(diagnose(paste, salesforce_url=url))

        self.background(work, "diagnose")

    def on_diagnosed(self, message: Diagnosed) -> None:
        self._causes, self._live = message.causes, None
        self._show_answer()
        best = message.causes[0]
        self.say(text("考えられる原因: {title}", title=best.title))
        self.query_one("#answer", Detail).focus()
        codes = [cause.code for cause in message.causes]

        def work() -> Message:
            # Deferred: HTTP clients and the store, only for asking.
            from haihai_tui.services.checks.all import check_causes

            ctx = self.ctx
            return FoundLive(check_causes(ctx.home, ctx.profile, codes, ctx.environ))

        self.background(work, "live")

    def on_found_live(self, message: FoundLive) -> None:
        self._live = message.results
        self._show_answer()

    def _show_answer(self) -> None:
        self.query_one("#answer", Detail).show("", tuple(self._answer()))

    def _answer(self) -> Iterator[Part]:
        for number, cause in enumerate(self._causes, start=1):
            title = text(
                "{n}. {title} ({code}、確からしさ {percent} %)",
                n=number,
                title=cause.title,
                code=cause.code,
                percent=round(100 * cause.confidence),
            )
            lines = [cause.what, *self._live_lines(cause.code)]
            lines += map(_step, cause.remedy)
            lines.append(text("参照: マニュアル {see}", see=cause.see))
            yield Part(title, tuple(lines), is_heading=True)

    def _live_lines(self, code: str) -> Iterator[Text]:
        """What the checks that look for a cause say at this moment."""
        if self._live is None:
            yield text("いまの状態: 調べています。")
            return
        meant = {one.name for one in checks_for(code, [r.check for r in self._live])}
        found = [one for one in self._live if one.name in meant]
        bad = [one for one in self._live if one.status is Status.FAIL]
        told = [one for one in found if one.status is not Status.OK] or bad
        for result in told:
            yield text(
                "いまの状態: [{status}] {label}: {what}",
                status=status_label(result.status),
                label=result.check.label,
                what=result.finding.what,
            )
        if found and not told:
            labels = [one.check.label for one in found]
            yield text("いまの状態: 問題は見つかりません（{labels}）。", labels=labels)

    # ------------------------------------------------------------------- checks

    def _list_checks(self) -> Message:
        # Deferred: HTTP clients and the store, 300 ms that the first frame must
        # not wait for.
        from haihai_tui.services.checks.all import all_checks
        from haihai_tui.services.checks.bench import Bench

        bench = Bench(self.ctx.home, self.ctx.profile, self.ctx.environ)
        try:
            return ChecksListed(all_checks(bench))
        finally:
            bench.close()

    def on_checks_listed(self, message: ChecksListed) -> None:
        self._checks = message.checks
        self._results = {}
        self.query_one("#check-list", TickList).show(self._rows())
        self._show_summary()
        self._show_steps()

    def _rows(self) -> Iterator[TickRow]:
        for area in Area:
            group: Text | None = area_label(area)
            for check in self._checks:
                if check.area is area:
                    yield self._row(check, group)
                    group = None

    def _row(self, check: Check, group: Text | None = None) -> TickRow:
        result = self._results.get(check.name)
        if result is None:
            parts = (Part(_ASKED, (check.asks,)),)
            return TickRow(check.name, check.label, _WAITING, "info", group, parts)
        state = status_label(result.status)
        level = _LEVELS[result.status]
        return TickRow(
            check.name, check.label, state, level, group, tuple(_parts(result))
        )

    def _run_checks(self) -> None:
        if self._is_running or not self._checks:
            return
        self._is_running = True
        self._results = {}
        self.query_one("#check-list", TickList).show(self._rows())
        self._show_summary()
        self.say(text("確認しています。"))
        self.refresh_keys()
        self.background(self._ask_everything, "checks")

    def _ask_everything(self) -> Message:
        # Deferred: as above.
        from haihai_tui.services.checks.all import check_profile

        return ChecksDone(
            check_profile(
                self.ctx.home,
                self.ctx.profile,
                self.ctx.environ,
                on_start=lambda check: self._tell(CheckBegun(check)),
                on_result=lambda result: self._tell(CheckAnswered(result)),
                cancelled=self._stop.is_set,
            )
        )

    def _tell(self, message: Message) -> None:
        self.post_message(message)

    def on_check_begun(self, message: CheckBegun) -> None:
        check = message.check
        parts = (Part(_ASKED, (check.asks,)),)
        row = TickRow(check.name, check.label, _ASKING, "info", None, parts)
        self.query_one("#check-list", TickList).change(row)

    def on_check_answered(self, message: CheckAnswered) -> None:
        result = message.result
        self._results[result.name] = result
        self.query_one("#check-list", TickList).change(self._row(result.check))
        self._show_summary()

    def on_checks_done(self, message: ChecksDone) -> None:
        self._is_running = False
        self._results = {one.name: one for one in message.results}
        self._show_steps()
        self._show_summary()
        failed = sum(one.status is Status.FAIL for one in message.results)
        if failed:
            wording = text("問題が {n} 件あります。F8 で次の問題に移ります。", n=failed)
            self.say(wording, "error")
        else:
            self.say(text("問題はありません。"), "ok")
        self.refresh_keys()

    def on_work_failed(self, message: WorkFailed) -> None:
        self._is_running = False
        self.refresh_keys()

    def _show_summary(self) -> None:
        if not self._results:
            line = text("F5 を押すと、すべての項目を確認します。")
        else:
            line = text(
                "{done} / {all} 件: {summary}",
                done=len(self._results),
                all=len(self._checks),
                summary=summary(self._results.values()),
            )
        self.query_one("#summary", Words).show(line)

    # -------------------------------------------------------------- preparation

    def _show_steps(self) -> None:
        rows = [_step_row(one) for one in preparation.judge(self._results)]
        self.query_one("#step-list", TickList).show(rows)

    # ------------------------------------------------------------------- bundle

    def _write_bundle(self) -> None:
        if reason := self.lacks(Action.RUN):
            self.say(reason, "warning")
            return
        path = Path(self.query_one("#file", Entry).value.strip()).expanduser()
        results = list(self._results.values())
        self._is_running = True
        self.say(text("確認してから書き出します。"))

        def work() -> Message:
            # Deferred: as above.
            from haihai_tui.services.checks.all import check_profile
            from haihai_tui.services.support_bundle import write_bundle

            ctx = self.ctx
            fresh = results or check_profile(ctx.home, ctx.profile, ctx.environ)
            return BundleWritten(
                write_bundle(ctx.home, ctx.profile, path, fresh, self.t, ctx.environ)
            )

        self.background(work, "bundle")

    def on_bundle_written(self, message: BundleWritten) -> None:
        self._is_running = False
        bundle = message.bundle
        self.say(
            text(
                "{file} を書き出しました（{size} バイト）。",
                file=str(bundle.path),
                size=f"{bundle.size:,}",
            ),
            "ok",
        )
        self.refresh_keys()


# ------------------------------------------------------------------ wording


def _step(step: Text) -> Text:
    return text("> {step}", step=step)


def _parts(result: CheckResult) -> Iterator[Part]:
    """What was asked and answered, and what to do."""
    yield Part(_ANSWERED, (result.finding.what, *result.finding.facts))
    if result.status not in (Status.OK, Status.SKIPPED) and result.remedy:
        yield Part(_REMEDY, tuple(map(_step, result.remedy)))
    yield Part(_ASKED, (result.check.asks,))
    if result.see:
        see = f"{result.see} ({result.code})" if result.code else result.see
        yield Part(_SEE, (see,))


def _step_row(one: StepResult) -> TickRow:
    step = one.step
    parts = [
        Part(text("必要な状態"), (step.must,)),
        Part(text("設定する場所"), (step.where,)),
    ]
    if one.proven:
        lines = tuple(
            text(
                "[{status}] {label}: {what}",
                status=status_label(result.status),
                label=result.check.label,
                what=result.finding.what,
            )
            for result in one.proven
        )
        parts.append(Part(text("API で確認したこと"), lines))
    elif step.proofs:
        line = text("F5 を押すと、API で確認できることを確認します。")
        parts.append(Part(text("API で確認したこと"), (line,)))
    if step.by_hand is not None:
        parts.append(Part(text("画面で確認すること"), (step.by_hand,)))
    return TickRow(
        step.section,
        text("{section} {title}", section=step.section, title=step.title),
        preparation.state_label(one.state),
        _STEP_LEVELS[one.state],
        None,
        tuple(parts),
    )
