"""The log of a run: what is shown in words above, the lines, a line to search with.

The pane knows no run: whoever owns it feeds it events.  Its keys are rows of the key
table; `LogKeys` gives a screen the actions behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import Input

from haihai_tui.errors import Text, text
from haihai_tui.screens.log_entry import LogEntryScreen
from haihai_tui.screens.widgets.forms import Entry
from haihai_tui.screens.widgets.log_store import LEVELS
from haihai_tui.screens.widgets.log_view import LEVEL_WORDS, LogView
from haihai_tui.screens.widgets.one_line import OneLine
from haihai_tui.services.wording import FLOW_LABELS, flow_label

if TYPE_CHECKING:
    from haihai_tui.app import ConsoleApp
    from haihai_tui.screens.base import ConsoleScreen
    from haihai_tui.services.store.events import StoredEvent

_FLOWS = ("", *FLOW_LABELS)


class _SearchEntry(Entry):
    """Closed by Esc, which otherwise leaves the screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "give_up", show=False, priority=True)
    ]

    def action_give_up(self) -> None:
        cast(LogPane, self.parent).close_search()


class LogPane(Vertical):
    """Head, lines, search."""

    DEFAULT_CSS = """
    LogPane { height: 1fr; min-height: 4; }
    LogPane > .head { width: 100%; height: 1; background: $surface;
      color: $secondary; padding: 0 1; }
    LogPane > _SearchEntry { display: none; }
    LogPane.-searching > _SearchEntry { display: block; }
    """

    def compose(self) -> ComposeResult:
        yield OneLine(classes="head")
        yield LogView(cast("ConsoleApp", self.app).ctx.environ)
        yield _SearchEntry(hint=text("検索する語を入力して Enter、Esc で閉じる"))

    def on_mount(self) -> None:
        self._tell()

    @property
    def view(self) -> LogView:
        return self.query_one(LogView)

    def feed(self, lines: Sequence[StoredEvent]) -> None:
        self.view.feed(lines)

    def clear(self) -> None:
        self.view.clear()

    # -------------------------------------------------------------------- head

    @on(LogView.Changed)
    def _tell(self) -> None:
        self.query_one(".head", OneLine).show(self._head())

    def _head(self) -> Text:
        view = self.view
        wanted = view.store.filter
        level = LEVEL_WORDS[wanted.level]
        shown = (
            text("すべて")
            if wanted.level == "debug"
            else text("{level}以上", level=level)
        )
        return text(
            "ログ {rows} 行  {place}  [v] {shown}  [f] {flow}{search}{dropped}",
            rows=f"{len(view.store):,}",
            place=self._place(),
            shown=shown,
            flow=flow_label(wanted.flow) if wanted.flow else text("全連携"),
            search=f"  / {view.search}" if view.search else "",
            dropped=self._dropped(),
        )

    def _place(self) -> Text:
        view = self.view
        if view.following:
            return text("末尾を表示中")
        if view.unseen:
            return text("{n} 件の新着 (End で末尾へ)", n=f"{view.unseen:,}")
        return text("途中を表示中 (End で末尾へ)")

    def _dropped(self) -> Text | str:
        dropped = self.view.store.dropped
        if not dropped:
            return ""
        return text("  古い {n} 行は省略", n=f"{dropped:,}")

    # ----------------------------------------------------------------- filters

    def next_level(self) -> None:
        wanted = self.view.store.filter
        at = LEVELS.index(wanted.level)
        self.view.use_filter(replace(wanted, level=LEVELS[(at + 1) % len(LEVELS)]))

    def next_flow(self) -> None:
        wanted = self.view.store.filter
        at = _FLOWS.index(wanted.flow)
        self.view.use_filter(replace(wanted, flow=_FLOWS[(at + 1) % len(_FLOWS)]))

    # ------------------------------------------------------------------ search

    def open_search(self) -> None:
        self.add_class("-searching")
        entry = self.query_one(_SearchEntry)
        entry.value = ""
        entry.focus()

    def close_search(self) -> None:
        self.remove_class("-searching")
        self.view.focus()

    @on(Input.Submitted)
    async def _search(self, event: Input.Submitted) -> None:
        event.stop()
        self.view.search = event.value
        self.close_search()
        self.view.refresh()
        if event.value:
            await self.seek(forward=False, here=True)
        self._tell()

    async def seek(self, *, forward: bool, here: bool = False) -> None:
        """Go to the next match, or say that there is none."""
        if not self.view.search:
            self._say(text("先に / で検索する語を入力してください。"), "warning")
        elif not await self.view.seek(forward, here=here):
            self._say(text("「{words}」は見つかりません。", words=self.view.search))

    # -------------------------------------------------------------- one line

    def copy_line(self) -> None:
        """Put the line at the cursor into the clipboard of the terminal."""
        if (line := self.view.line) is None:
            return
        self.app.copy_to_clipboard(self.view.worded(line))
        self._say(text("1 行をコピーしました。"))

    @on(LogView.Opened)
    def _open(self, event: LogView.Opened) -> None:
        self.app.push_screen(LogEntryScreen(event.line))

    def _say(self, message: Text, level: str = "info") -> None:
        cast("ConsoleScreen", self.screen).say(message, level)


class LogKeys:
    """The actions of the key table, for a screen with one log pane."""

    @property
    def log_pane(self) -> LogPane:
        return cast("ConsoleScreen", self).query_one(LogPane)

    def action_log_open(self) -> None:
        self.log_pane.view.action_open()

    def action_log_search(self) -> None:
        self.log_pane.open_search()

    async def action_log_next(self) -> None:
        await self.log_pane.seek(forward=True)

    async def action_log_previous(self) -> None:
        await self.log_pane.seek(forward=False)

    def action_log_level(self) -> None:
        self.log_pane.next_level()

    def action_log_flow(self) -> None:
        self.log_pane.next_flow()

    def action_log_copy(self) -> None:
        self.log_pane.copy_line()
