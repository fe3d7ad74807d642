"""ホーム: how everything stands, in words and colour, and what to do next.

The most urgent thing is the first that has the focus.  What is shown is read again
every few seconds on a thread and drawn only where it changed, so that an idle front
page sends nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Grid, Horizontal, Vertical
from textual.content import Content
from textual.message import Message
from textual.visual import VisualType
from textual.widgets import Static

from haihai_tui import screens
from haihai_tui.errors import Text, text
from haihai_tui.messages import WorkFailed
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.widgets.cells import fitted
from haihai_tui.screens.widgets.flow_table import FlowTable
from haihai_tui.screens.widgets.forms import Deed
from haihai_tui.screens.widgets.words import Heading, Words, words
from haihai_tui.services.overview import Connection, Overview, Step, overview
from haihai_tui.services.wording import ago

_REFRESH_S = 5.0
_STEPS = 2
_SERVICE_WIDTH = 12
_STATE_WIDTH = 16
_LEVEL_STYLES = {"ok": "$success", "warning": "$warning", "error": "bold $error"}


class OverviewRead(Message):
    """The front page's facts were read."""

    def __init__(self, found: Overview) -> None:
        super().__init__()
        self.found = found


class StepLine(Horizontal):
    """One thing to do next, and why."""

    def __init__(self, at: int) -> None:
        super().__init__(id=f"step-{at}")
        self._at = at
        self.step: Step | None = None
        self.display = False

    def compose(self) -> ComposeResult:
        yield Deed("", id=f"do-{self._at}", classes="first" if not self._at else "")
        yield Words("", classes="quiet")

    def show(self, step: Step | None) -> None:
        self.step = step
        self.display = step is not None
        if step is not None:
            self.query_one(Deed).show(step.label)
            self.query_one(Words).show(step.why)


class ConnectionLine(Static):
    """One service, its state in words, and whom it knows us as."""

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self._connection: Connection | None = None

    def show(self, connection: Connection) -> None:
        self._connection = connection
        self.refresh(layout=True)

    def relabel(self) -> None:
        self.refresh(layout=True)

    def render(self) -> VisualType:
        one = self._connection
        if one is None:
            return Content("")
        return Content.assemble(
            fitted(words(self, one.service), _SERVICE_WIDTH),
            (fitted(words(self, one.state), _STATE_WIDTH), _LEVEL_STYLES[one.level]),
            (self._detail(words(self, one.detail)), "$secondary"),
        )

    def _detail(self, shown: str) -> str:
        """What there is room for: one line each, at any width."""
        room = max(0, self.size.width - _SERVICE_WIDTH - _STATE_WIDTH)
        return fitted(shown, room).rstrip()


class HomeScreen(ConsoleScreen):
    TITLE = text("ホーム")
    NAME = "home"

    def __init__(self, notice: Text | None = None) -> None:
        super().__init__()
        self._notice = notice
        self._found: Overview | None = None
        self._drawn: object = None
        self._asked = False
        self._menu = screens.menu()

    def offers(self, action: str) -> bool:
        return action != "home" and super().offers(action)

    def body(self) -> ComposeResult:
        yield Heading(text("次の作業"), classes="first")
        with Vertical(id="steps"):
            yield Words(text("読み込んでいます。"), id="loading", classes="quiet")
            for at in range(_STEPS):
                yield StepLine(at)
        yield Heading(text("接続"))
        with Vertical(id="connections"):
            yield ConnectionLine()
            yield ConnectionLine()
        yield Heading(text("連携の状態"))
        yield FlowTable(id="flows")
        yield Heading(text("メニュー"))
        with Grid(id="menu"):
            for number, entry in enumerate(self._menu, 1):
                mark = number if number < 10 else " "
                label = text("{n} {label}", n=mark, label=entry.label)
                yield Deed(label, id=f"menu-{number}", plain=True)

    def on_mount(self) -> None:
        super().on_mount()
        if self._notice is not None:
            self.say(self._notice)
        self.set_interval(_REFRESH_S, self._refresh_quietly)

    def on_screen_resume(self) -> None:
        self._read()

    def action_reload(self) -> None:
        """Read everything again, because the operator asked for it."""
        self._asked = True
        self._read()

    def _read(self) -> None:
        self.background(lambda: OverviewRead(overview(self.ctx)), "overview")

    def _refresh_quietly(self) -> None:
        if self.is_current:
            self._read()

    def on_overview_read(self, message: OverviewRead) -> None:
        if self._asked:
            self._asked = False
            self.say(text("状態を読み直しました。"))
        is_first = self._found is None
        self._found = message.found
        if (told := self._told(message.found)) == self._drawn:
            return
        self._drawn = told
        self.fill()
        if is_first and self.focused is None:
            self.focus_next()

    def _told(self, found: Overview) -> object:
        """What the page says, to be compared with what it said before."""
        now = self.ctx.clock()
        since = [ago(flow.read_until, now) for flow in found.flows if flow.read_until]
        return found, since

    def on_work_failed(self, message: WorkFailed) -> None:
        self.query_one("#loading").display = False
        super().on_work_failed(message)

    def fill(self) -> None:
        if self._found is None:
            return
        self._show_steps(self._found.steps)
        lines = self.query(ConnectionLine)
        for line, connection in zip(lines, self._found.connections, strict=True):
            line.show(connection)
        self.query_one(FlowTable).show(self._found.flows, self.ctx.clock())

    def _show_steps(self, steps: Sequence[Step]) -> None:
        possible = [step for step in steps if screens.exists(step.screen)]
        waiting = self.query_one("#loading", Words)
        waiting.show(text("いま必要な作業はありません。"))
        waiting.display = not possible
        for at, line in enumerate(self.query(StepLine)):
            line.show(possible[at] if at < len(possible) else None)

    def on_button_pressed(self, event: Deed.Pressed) -> None:
        event.stop()
        kind, _, number = (event.button.id or "").partition("-")
        if kind == "menu":
            self.action_menu(int(number))
        else:
            step = self.query_one(f"#step-{number}", StepLine).step
            if step is not None:
                self.console.open(step.screen)

    def action_menu(self, number: int) -> None:
        """Open the screen with this number in the menu."""
        if number <= len(self._menu):
            self.console.open(self._menu[number - 1].name)
