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
from haihai_tui.screens import troubleshoot_rows as rows
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.troubleshoot_messages import (
    BundleWritten,
    CheckAnswered,
    CheckBegun,
    ChecksDone,
    ChecksListed,
    Diagnosed,
    FoundLive,
)
from haihai_tui.screens.widgets.forms import Entry, Field
from haihai_tui.screens.widgets.pastebox import PasteBox
from haihai_tui.screens.widgets.ticklist import Detail, TickList, TickRow
from haihai_tui.screens.widgets.views import View, ViewLine
from haihai_tui.screens.widgets.words import Heading, Words
from haihai_tui.services import preparation
from haihai_tui.services.checks.model import (
    Area,
    Check,
    CheckResult,
    Status,
    area_label,
    summary,
)
from haihai_tui.services.roles import Action

if TYPE_CHECKING:
    from haihai_tui.services.diagnosis import Cause

VIEWS = (
    View("diagnose", "F3", text("診断"), "troubleshoot.diagnose"),
    View("checks", "F4", text("確認"), "troubleshoot.checks"),
    View("preparation", "F6", text("準備"), "troubleshoot.preparation"),
    View("bundle", "F7", text("資料"), "troubleshoot.bundle"),
)


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
                    text("エラー、URL、ページ全体を貼り付けて F5 を押します。"),
                    classes="wide quiet",
                )
                yield PasteBox(id="paste")
                yield Detail(id="answer")
            with Vertical(id="checks"):
                yield Words("", id="summary")
                yield TickList(rows.CHECK_STATES, id="check-list")
            with Vertical(id="preparation"):
                yield TickList(rows.STEP_STATES, id="step-list")
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
        parts = tuple(rows.cause_parts(self._causes, self._live))
        self.query_one("#answer", Detail).show("", parts)

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
                    found = self._results.get(check.name)
                    yield (
                        rows.check_row(found, group)
                        if found
                        else rows.waiting_row(check, group)
                    )
                    group = None

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
        row = rows.waiting_row(message.check, is_asking=True)
        self.query_one("#check-list", TickList).change(row)

    def on_check_answered(self, message: CheckAnswered) -> None:
        result = message.result
        self._results[result.name] = result
        self.query_one("#check-list", TickList).change(rows.check_row(result))
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
        steps = preparation.judge(self._results)
        self.query_one("#step-list", TickList).show(map(rows.step_row, steps))

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
                write_bundle(
                    ctx.home, ctx.profile, path, fresh, self.t, ctx.environ, ctx.actor
                )
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
