"""計画: what a run would change, record by record, before it is written.

The rows are read from the kept plan as they come into sight; a filter reads the
plan once on a thread.  A run that a safety stop halted is let go on here, by typing
its number.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.widgets import Input

from haihai_tui.errors import Text, text
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.widgets.forms import Entry, Field
from haihai_tui.screens.widgets.log_view import FLOW_WORDS
from haihai_tui.screens.widgets.plan_words import (
    TONES,
    action_words,
    change_words,
    entry_words,
)
from haihai_tui.screens.widgets.row_view import Piece, RowView
from haihai_tui.screens.widgets.run_words import joined
from haihai_tui.screens.widgets.words import Words
from haihai_tui.services.plans import (
    Plan,
    PlanFilter,
    Selection,
    changes_of,
    kept_plans,
    open_plan,
)
from haihai_tui.services.roles import Action
from haihai_tui.services.wording import (
    MODE_LABELS,
    flow_label,
    local_time,
    status_label,
)

if TYPE_CHECKING:
    from haihai_tui.services.store.runs import RunRow
    from haihai_tui.sync.services import PlanEntry

_PAGE = 100
_PAGES = 8


class PlanRead(Message):
    """A run's plan is open, or there is none; `why` a safety stop halted the run."""

    def __init__(
        self,
        run: RunRow | None,
        plan: Plan | None,
        kept: list[str],
        why: Text | None,
    ) -> None:
        super().__init__()
        self.run = run
        self.plan = plan
        self.kept = kept
        self.why = why


class Selected(Message):
    """The entries that pass the filter are known."""

    def __init__(self, selection: Selection, wanted: PlanFilter) -> None:
        super().__init__()
        self.selection = selection
        self.wanted = wanted


class Begun(Message):
    """The halted run was let go on, or the differences are being written."""


class _SearchEntry(Entry):
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", show=False, priority=True)
    ]

    def action_give_up(self) -> None:
        cast(PlanScreen, self.screen).end_search()


class PlanScreen(ConsoleScreen):
    TITLE = text("計画")
    NAME = "plan"

    def __init__(self, run_id: str | None = None) -> None:
        super().__init__()
        self._run_id = run_id
        self._run: RunRow | None = None
        self._plan: Plan | None = None
        self._kept: list[str] = []
        self._why: Text | None = None
        self._selection: Selection | None = None
        self._wanted = PlanFilter()
        self._pages: dict[int, list[PlanEntry]] = {}
        self._stop = threading.Event()

    def body(self) -> ComposeResult:
        yield Words(id="run", classes="wide")
        yield Words(id="counts", classes="wide quiet")
        with Vertical(id="halted"):
            yield Words(id="why", classes="wide")
            yield Field(text("実行番号を入力して続行"), Entry(id="typed"))
        yield _SearchEntry(
            id="words", hint=text("探す語を入力して Enter、空なら絞り込みを解く")
        )
        yield Words(id="shown", classes="wide")
        yield RowView(self._row, id="entries")
        with VerticalScroll(id="detail", can_focus=False):
            yield Words(id="fields", classes="wide")

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#halted").display = False
        self.query_one("#words").display = False
        self._open(self._run_id)
        self.query_one("#entries").focus()

    def on_unmount(self) -> None:
        self._stop.set()
        if self._plan is not None:
            self._plan.close()

    def fill(self) -> None:
        self._tell_run()
        self._tell_shown()
        self._tell_entry()

    # ----------------------------------------------------------------- reading

    def _open(self, run_id: str | None) -> None:
        def read() -> Message:
            # Deferred: the database loads on the thread that this runs on.
            from haihai_tui.services.store.events import last_events
            from haihai_tui.services.store.runs import Runs

            context = self.ctx
            kept = kept_plans(context.home, context.profile)
            wanted = run_id or (kept[0] if kept else None)
            if wanted is None:
                return PlanRead(None, None, kept, None)
            run = Runs(context.database, context.profile).get(wanted)
            why = None
            if run is not None and run.status == "halted":
                events = last_events(context.database, wanted, limit=20)
                why = next((e.text for e in events if e.kind == "flow_failed"), None)
            plan = open_plan(context.home, context.profile, wanted)
            return PlanRead(run, plan, kept, why)

        self.background(read, "plan")

    def on_plan_read(self, message: PlanRead) -> None:
        if self._plan is not None:
            self._plan.close()
        self._run, self._plan, self._kept = message.run, message.plan, message.kept
        self._why = message.why
        self._wanted = PlanFilter()
        self.query_one("#halted").display = self._may_go_on
        self._use(Selection(self._plan, None) if self._plan else None)
        self._tell_run()
        self.refresh_keys()

    def _use(self, selection: Selection | None) -> None:
        self._selection = selection
        self._pages.clear()
        self.query_one(RowView).show(len(selection) if selection else 0)
        self._tell_shown()
        self._tell_entry()

    def _entry(self, row: int) -> PlanEntry | None:
        """The entry in a row, from a page that is kept for a while."""
        if self._selection is None:
            return None
        number, place = divmod(row, _PAGE)
        page = self._pages.get(number)
        if page is None:
            page = self._selection.page(number * _PAGE, _PAGE)
            while len(self._pages) >= _PAGES:
                self._pages.pop(next(iter(self._pages)))
            self._pages[number] = page
        return page[place] if place < len(page) else None

    # ----------------------------------------------------------------- drawing

    def _row(self, row: int, width: int) -> Sequence[Piece]:
        entry = self._entry(row)
        if entry is None:
            return [("", 0, "")]
        who = entry.address or entry.record
        wide = width >= 70
        return [
            (self.t(FLOW_WORDS.get(entry.flow, entry.flow)), 7, "quiet"),
            (
                self.t(action_words(entry.action)),
                15 if wide else 13,
                TONES.get(entry.action, ""),
            ),
            (who, 34 if width >= 100 else 30 if wide else 22, ""),
            (self.t(entry_words(entry)), 0, "quiet"),
        ]

    def _tell_run(self) -> None:
        run = self._run
        if run is None:
            self.query_one("#run", Words).show(
                text("保存された計画はありません。連携の実行の F6 で計画できます。")
            )
            self.query_one("#counts", Words).show("")
            return
        mode = MODE_LABELS.get(run.mode, run.mode)
        status = status_label(run.status)
        self.query_one("#run", Words).show(
            joined(run.run_id, mode, status, local_time(run.started_at))
        )
        self.query_one("#counts", Words).show(self._counts())
        if self._why is not None:
            self.query_one("#why", Words).show(
                text("安全停止しました。何も書き込んでいません。{why}", why=self._why),
                "error",
            )

    def _counts(self) -> Text:
        if self._plan is None:
            return text("この実行に変更はないか、計画の保存期間が過ぎています。")
        facts = self._plan.facts
        parts: list[Text] = []
        for flow, actions in facts.kept.items():
            named = [
                text("{label} {n}", label=action_words(action), n=f"{count:,}")
                for action, count in actions.items()
            ]
            cut: Text | str = text("(先頭のみ保存)") if facts.cut(flow) else ""
            parts.append(
                text(
                    "{flow}: {counts}{cut}",
                    flow=flow_label(flow),
                    counts=joined(*named, between=" "),
                    cut=cut,
                )
            )
        return joined(*parts)

    def _tell_shown(self) -> None:
        count = len(self._selection) if self._selection is not None else 0
        wanted = self._wanted
        self.query_one("#shown", Words).show(
            text(
                "{n} 件を表示  連携: {flow}  種類: {kind}{words}",
                n=f"{count:,}",
                flow=flow_label(wanted.flow) if wanted.flow else text("すべて"),
                kind=action_words(wanted.action) if wanted.action else text("すべて"),
                words=text("  検索: {words}", words=wanted.words)
                if wanted.words
                else "",
            )
            if self._plan is not None
            else ""
        )

    @on(RowView.Moved)
    def _tell_entry(self) -> None:
        entry = self._entry(self.query_one(RowView).cursor)
        self.query_one("#fields", Words).show(_details(entry) if entry else "")

    # ---------------------------------------------------------------- filtering

    def _select(self, wanted: PlanFilter) -> None:
        plan = self._plan
        if plan is None:
            return
        self._stop.set()
        stop = self._stop = threading.Event()

        def select() -> Message:
            return Selected(plan.select(wanted, stop.is_set), wanted)

        self.background(select, "select")

    def on_selected(self, message: Selected) -> None:
        if message.selection.plan is self._plan:
            self._wanted = message.wanted
            self._use(message.selection)

    def action_next_flow(self) -> None:
        if self._plan is not None:
            flows = ("", *self._plan.facts.kept)
            flow = _following(flows, self._wanted.flow)
            self._select(replace(self._wanted, flow=flow, action=""))

    def action_next_kind(self) -> None:
        if self._plan is not None:
            found = _kinds(self._plan.facts.kept, self._wanted.flow)
            action = _following(("", *found), self._wanted.action)
            self._select(replace(self._wanted, action=action))

    def action_search(self) -> None:
        entry = self.query_one("#words", Entry)
        entry.display = True
        entry.value = self._wanted.words
        entry.focus()

    def end_search(self) -> None:
        self.query_one("#words").display = False
        self.query_one("#entries").focus()

    @on(Input.Submitted, "#words")
    def _search(self, event: Input.Submitted) -> None:
        self.end_search()
        self._select(replace(self._wanted, words=event.value.strip()))

    def action_other_plan(self) -> None:
        shown = self._run.run_id if self._run else ""
        older = [one for one in self._kept if one < shown]
        if self._kept:
            self._open((older or self._kept)[0])

    # ------------------------------------------------------------- confirmation

    @property
    def _may_go_on(self) -> bool:
        run = self._run
        return run is not None and run.status == "halted" and not run.confirmed_at

    def why_not(self, action: str) -> Text | None:
        if reason := super().why_not(action):
            return reason
        if action == "plan.confirm":
            if not self._may_go_on:
                return text("確認を待っている安全停止ではありません。")
            return self.lacks(Action.CONFIRM)
        if action == "plan.fix":
            if self._run is None or self._run.mode != "reconcile" or not self._plan:
                return text("突き合わせの結果ではないか、不一致がありません。")
            return self.lacks(Action.FIX)
        if action == "plan.other" and len(self._kept) < 2:
            return text("ほかに保存された計画はありません。")
        if action.startswith("plan.") and action != "plan.other" and not self._plan:
            return text("表示する計画がありません。")
        return None

    @on(Input.Submitted, "#typed")
    async def _typed(self) -> None:
        await self.action_perform("plan.confirm")

    def action_confirm(self) -> None:
        run, operator = self._run, self.ctx.operator
        assert run is not None and operator is not None
        typed = self.query_one("#typed", Entry).value

        def confirm() -> Message:
            self.ctx.runs.confirm(run.run_id, typed, operator)
            return Begun()

        self.background(confirm, "confirm")

    def action_fix(self) -> None:
        run, operator = self._run, self.ctx.operator
        assert run is not None and operator is not None

        def fix() -> Message:
            self.ctx.runs.reconcile(run.flows, operator, fix=True)
            return Begun()

        self.background(fix, "fix")

    def on_begun(self) -> None:
        self.console.go("run")


def _details(entry: PlanEntry) -> Text:
    """Every field on a line of its own, old beside new."""
    head = joined(action_words(entry.action), entry.record, entry.address)
    rows = [
        text("  {field}: {change}", field=field, change=change_words(old, new))
        for field, old, new in changes_of(entry)
    ]
    return joined(head, *rows, between="\n")


def _kinds(kept: Mapping[str, Mapping[str, int]], flow: str) -> list[str]:
    found = dict.fromkeys(
        action
        for name, actions in kept.items()
        if flow in ("", name)
        for action in actions
    )
    return list(found)


def _following(values: Sequence[str], present: str) -> str:
    """The next one in a circle."""
    at = values.index(present) if present in values else -1
    return values[(at + 1) % len(values)]
