"""エラー一覧: what could not be written, why, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message

from haihai_tui.errors import Text, text
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.widgets.log_view import FLOW_WORDS
from haihai_tui.screens.widgets.row_view import Piece, RowView
from haihai_tui.screens.widgets.run_words import joined
from haihai_tui.screens.widgets.words import Words
from haihai_tui.services.links import haihai_link, salesforce_link
from haihai_tui.services.reject_desk import RejectDesk, flows_of
from haihai_tui.services.roles import Action
from haihai_tui.services.wording import FLOW_LABELS, flow_label, local_time

if TYPE_CHECKING:
    from haihai_tui.services.settings_schema import Settings
    from haihai_tui.services.store.rejects import RejectRow

_PAGE = 200
_FLOWS = ("", *FLOW_LABELS)


class RejectsRead(Message):
    """The next rejects, from the newest on where `anew`."""

    def __init__(
        self,
        rows: list[RejectRow],
        counts: dict[str, int],
        settings: Settings | None,
        *,
        anew: bool,
    ) -> None:
        super().__init__()
        self.rows = rows
        self.settings = settings
        self.counts = counts
        self.anew = anew


class RejectsDismissed(Message):
    """Rejects were put aside."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count


class RetryBegun(Message):
    """A run was started that tries them again."""


class RejectsScreen(ConsoleScreen):
    TITLE = text("エラー一覧")
    NAME = "rejects"

    def __init__(self) -> None:
        super().__init__()
        self._rows: list[RejectRow] = []
        self._marked: set[int] = set()
        self._counts: dict[str, int] = {}
        self._settings: Settings | None = None
        self._flow = ""
        self._complete = False
        self._read = False
        self._asked_twice: tuple[int, ...] = ()

    def body(self) -> ComposeResult:
        yield Words(id="shown", classes="wide")
        yield RowView(self._row, id="rows")
        with VerticalScroll(id="detail", can_focus=False):
            yield Words(id="reject", classes="wide")

    def on_mount(self) -> None:
        super().on_mount()
        self._fetch(anew=True)
        self.query_one("#rows").focus()

    def fill(self) -> None:
        self._tell()

    # ----------------------------------------------------------------- reading

    def _fetch(self, *, anew: bool) -> None:
        before = None if anew or not self._rows else self._rows[-1].id
        flow = self._flow

        def read() -> Message:
            desk = RejectDesk(self.ctx.database, self.ctx.profile)
            rows = desk.page(flow, before, _PAGE)
            return RejectsRead(rows, desk.counts(), self.ctx.settings(), anew=anew)

        self.background(read, "rejects")

    def on_rejects_read(self, message: RejectsRead) -> None:
        self._counts, self._read = message.counts, True
        self._settings = message.settings
        self._complete = len(message.rows) < _PAGE
        rows = self.query_one(RowView)
        if message.anew:
            self._rows = message.rows
            self._marked &= {row.id for row in self._rows}
            rows.show(len(self._rows), min(rows.cursor, len(self._rows)))
        else:
            self._rows += message.rows
            rows.show(len(self._rows), rows.cursor)
        self._tell()
        self.refresh_keys()

    @on(RowView.Moved)
    def _moved(self) -> None:
        near_end = self.query_one(RowView).cursor >= len(self._rows) - 20
        if near_end and not self._complete and self._rows:
            self._complete = True
            self._fetch(anew=False)
        self._tell()

    @property
    def _present(self) -> RejectRow | None:
        cursor = self.query_one(RowView).cursor
        return self._rows[cursor] if cursor < len(self._rows) else None

    @property
    def _chosen(self) -> list[RejectRow]:
        """The marked ones, or the one at the cursor."""
        if self._marked:
            return [row for row in self._rows if row.id in self._marked]
        return [self._present] if self._present else []

    # ----------------------------------------------------------------- drawing

    def _row(self, row: int, width: int) -> Sequence[Piece]:
        reject = self._rows[row]
        wide = width >= 70
        return [
            ("*" if reject.id in self._marked else " ", 2, "warning"),
            (self.t(FLOW_WORDS.get(reject.flow, reject.flow)), 7, "quiet"),
            (reject.record, 20, ""),
            (reject.field or "-", 16 if wide else 10, ""),
            (self.t(reject.cause), 0, "quiet"),
        ]

    def _tell(self) -> None:
        total = sum(self._counts.values())
        shown: Text | str = ""
        if self._read and not total:
            shown = text("エラーはありません。次の実行で何か起きたらここに並びます。")
        elif self._read:
            shown = text(
                "エラー {total} 件  連携: {flow}  選択 {marked} 件",
                total=f"{total:,}",
                flow=flow_label(self._flow) if self._flow else text("すべて"),
                marked=len(self._marked),
            )
        self.query_one("#shown", Words).show(shown)
        present = self._present
        told = self._details(present) if present else ""
        self.query_one("#reject", Words).show(told)

    def _details(self, reject: RejectRow) -> Text:
        value: Text | str = ""
        if reject.value:
            value = text("  値 {value}", value=reject.value)
        return joined(
            text("原因: {cause}{value}", cause=reject.cause, value=value),
            text("対処: {remedy}", remedy=reject.remedy),
            *self._links(reject),
            text(
                "{tries} 回目  初回 {first}  最終 {last}",
                tries=reject.tries,
                first=local_time(reject.first_at),
                last=local_time(reject.last_at),
            ),
            between="\n",
        )

    def _links(self, reject: RejectRow) -> Iterator[Text]:
        """Where the record is seen in each service."""
        settings = self._settings
        link = salesforce_link(settings, reject.record) if settings else ""
        if link:
            yield text("Salesforce: {link}", link=link)
        link = haihai_link(settings, reject.address) if settings else ""
        if link:
            yield text("配配メール: {link}", link=link)
        elif reject.address:
            yield text("配配メール: 顧客検索で {address}", address=reject.address)

    # ------------------------------------------------------------------- deeds

    def why_not(self, action: str) -> Text | None:
        if reason := super().why_not(action):
            return reason
        if action.startswith("rejects.") and action != "rejects.flow":
            if not self._rows:
                return text("エラーはありません。")
            if action in ("rejects.retry", "rejects.dismiss"):
                return self.lacks(Action.RETRY)
        return None

    def action_mark(self) -> None:
        if (present := self._present) is not None:
            self._marked ^= {present.id}
            self.query_one(RowView).action_move(1)
            self.query_one(RowView).refresh()
            self._tell()

    def action_mark_all(self) -> None:
        every = {row.id for row in self._rows}
        self._marked = set() if self._marked == every else every
        self.query_one(RowView).refresh()
        self._tell()

    def action_next_flow(self) -> None:
        self._flow = _FLOWS[(_FLOWS.index(self._flow) + 1) % len(_FLOWS)]
        self._marked.clear()
        self._fetch(anew=True)

    def action_retry(self) -> None:
        operator, flows = self.ctx.operator, flows_of(self._chosen)
        assert operator is not None

        def retry() -> Message:
            self.ctx.runs.retry(flows, operator)
            return RetryBegun()

        self.background(retry, "retry")

    def on_retry_begun(self) -> None:
        self.console.go("run")

    def action_put_aside(self) -> None:
        """More than one takes a second press: it cannot be taken back here."""
        operator, ids = self.ctx.operator, tuple(row.id for row in self._chosen)
        assert operator is not None
        if len(ids) > 1 and self._asked_twice != ids:
            self._asked_twice = ids
            self.say(
                text("もう一度 F6 を押すと {n} 件を一覧から外します。", n=len(ids)),
                "warning",
            )
            return
        self._asked_twice = ()

        def dismiss() -> Message:
            desk = RejectDesk(self.ctx.database, self.ctx.profile)
            return RejectsDismissed(desk.dismiss(ids, operator))

        self.background(dismiss, "dismiss")

    def on_rejects_dismissed(self, message: RejectsDismissed) -> None:
        self._marked.clear()
        self.say(
            text(
                "{n} 件を一覧から外しました。値か原因が変わるとまた現れます。",
                n=message.count,
            ),
            "ok",
        )
        self._fetch(anew=True)

    def action_copy_link(self) -> None:
        """The Salesforce address of the record, into the terminal's clipboard."""
        present, settings = self._present, self._settings
        if present is None or settings is None:
            return
        link = salesforce_link(settings, present.record) or present.record
        self.console.copy_to_clipboard(link)
        self.say(text("コピーしました: {link}", link=link))
