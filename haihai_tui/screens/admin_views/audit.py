"""監査ログ: who did what and when, newest first, and whether the chain holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.widgets import Button

from haihai_tui.errors import Text, text
from haihai_tui.screens.admin_views.base import AdminView, Read, Rows
from haihai_tui.screens.widgets.forms import Deed, Deeds
from haihai_tui.screens.widgets.ticklist import Detail, Part
from haihai_tui.screens.widgets.words import Words
from haihai_tui.services.audit_words import action_label, change_words, value_words
from haihai_tui.services.wording import local_date_time, local_time

if TYPE_CHECKING:
    from haihai_tui.services.administration import Administration
    from haihai_tui.services.store.audit import AuditEntry

PAGE = 200
LONGEST = 60


class AuditView(AdminView):
    def __init__(self) -> None:
        super().__init__(id="audit")
        self._entries: dict[str, AuditEntry] = {}
        self._broken: int | None = None
        self._is_read = False
        self._is_all = False

    def compose(self) -> ComposeResult:
        yield Words("", classes="wide quiet", id="audit-note")
        heads = (text("日時"), text("操作者"), text("操作"), text("対象"), text("変更"))
        yield Rows(heads, id="audit-rows")
        yield Detail(id="audit-detail")
        yield Deeds([Deed(text("さらに前"), id="older")])

    def read(self, admin: Administration) -> Any:
        return admin.audit_log(limit=PAGE), admin.first_broken_line(), False

    def take(self, value: Any) -> None:
        entries, self._broken, is_older = value
        if not is_older:
            self._entries = {}
        self._entries |= {str(one.seq): one for one in entries}
        self._is_read, self._is_all = True, len(entries) < PAGE
        self.relabel()

    def relabel(self) -> None:
        if not self._is_read:
            return
        rows = self.query_one(Rows)
        rows.show((key, self._cells(one)) for key, one in self._entries.items())
        note = self.query_one("#audit-note", Words)
        if self._broken is None:
            wording = text(
                "{n} 行を表示しています。改ざんは見つかりません。", n=len(self._entries)
            )
            note.show(wording, "info")
        else:
            wording = text("{n} 行目以降が改ざんされています。", n=self._broken)
            note.show(wording, "error")
        self.query_one("#older", Deed).disabled = self._is_all
        self._show_detail()

    def _cells(self, one: AuditEntry) -> tuple[str, ...]:
        return (
            local_time(one.at, seconds=True),
            one.actor,
            self.host.t(action_label(one.action)),
            one.subject,
            _cut(self.host.t(change_words(one))),
        )

    def on_data_table_row_highlighted(self, event: Rows.RowHighlighted) -> None:
        event.stop()
        self._show_detail()

    def _show_detail(self) -> None:
        one = self._entries.get(self.query_one(Rows).chosen or "")
        parts = tuple(_parts(one)) if one else ()
        self.query_one(Detail).show("", parts)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        oldest = min(int(key) for key in self._entries)

        def body(admin: Administration) -> Read:
            older = admin.audit_log(oldest, PAGE)
            return Read("audit", (older, self._broken, True))

        self.work(body, "older")


def _cut(line: str) -> str:
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 3]}..."


def _parts(one: AuditEntry) -> Iterator[Part]:
    head: Text = text(
        "{seq} 行目  {at}  {actor}  {action}  {subject}",
        seq=one.seq,
        at=local_date_time(one.at),
        actor=one.actor,
        action=action_label(one.action),
        subject=one.subject,
    )
    yield Part(head, ())
    if one.before is not None:
        yield Part(text("変更前"), (value_words(one, one.before),))
    if one.after is not None:
        yield Part(text("変更後"), (value_words(one, one.after),))
