"""The base of all screens: the frame, the keys from the table, work in threads.

A screen gives `body()` and `fill()`; the frame around it, the message bar and the
line of keys are the same everywhere.  Blocking work goes through `background()`,
which runs it on a thread and posts what it returns.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, Protocol, cast, runtime_checkable

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget

from haihai_tui import keys
from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.messages import WorkFailed
from haihai_tui.screens.styles import sheet
from haihai_tui.screens.widgets.bars import KeyBar, MessageBar, TopBar
from haihai_tui.services import roles

if TYPE_CHECKING:
    from haihai_tui.app import ConsoleApp
    from haihai_tui.services.console import ConsoleContext


@runtime_checkable
class Relabelled(Protocol):
    """A widget that words itself anew when the language changes."""

    def relabel(self) -> None: ...


class ConsoleScreen(Screen[None]):
    """Header, body, message bar, keys.

    Class attributes: `NAME` is the name in the registry and the section of the key
    table, `TITLE` stands in the header, `PUBLIC` screens need nobody signed in.
    Keyword arguments of `app.open(name, ...)` go to `__init__`.
    """

    TITLE: ClassVar[Text] = text("")  # type: ignore[assignment]
    NAME: ClassVar[str] = ""
    PUBLIC: ClassVar[bool] = False

    def __init_subclass__(
        cls,
        inherit_css: bool = True,
        inherit_bindings: bool = True,
        inherit_component_classes: bool = True,
    ) -> None:
        if "NAME" in cls.__dict__:
            cls.BINDINGS = [*cls.__dict__.get("BINDINGS", []), *_bindings(cls.NAME)]
            if own := sheet(cls.NAME):
                cls.CSS_PATH = own
        super().__init_subclass__(
            inherit_css, inherit_bindings, inherit_component_classes
        )

    # --------------------------------------------------- what a screen gives

    def body(self) -> ComposeResult:
        """What stands between header and message bar."""
        yield from ()

    def fill(self) -> None:
        """Put data into the widgets; called after mounting and after `relabel`."""

    def why_not(self, action: str) -> Text | None:
        """Why the action with this id is not possible now; None where it is.

        Overrides ask `super().why_not(action)` first.
        """
        return self.console.why_not(action)

    def offers(self, action: str) -> bool:
        """Whether an action of every screen is shown among the keys here."""
        if action in ("back", "palette", "home", "logout"):
            return self.console.why_not(action) is None
        return True

    def relabel(self) -> None:
        """Word everything anew: widgets that can do so do, then `fill()`."""
        for widget in self.query(Widget):
            if isinstance(widget, Relabelled):
                widget.relabel()
        self.fill()

    # ------------------------------------------------------ what it is given

    @property
    def console(self) -> ConsoleApp:
        return cast("ConsoleApp", self.app)

    @property
    def ctx(self) -> ConsoleContext:
        return self.console.ctx

    def t(self, message: Text | str) -> str:
        """`message` in the operator's language."""
        return self.console.t(message)

    def say(self, message: Text | str, level: str = "info") -> None:
        """Put a line into the message bar: info, ok, warning or error."""
        self.query_one(MessageBar).show(message, level)

    def say_error(self, error: ConnectorError) -> None:
        """What happened and the remedy, in the message bar."""
        if error.remedy is None:
            self.say(error.what, "error")
            return
        self.say(text("{what} {remedy}", what=error.what, remedy=error.remedy), "error")

    def lacks(self, action: roles.Action) -> Text | None:
        """Why the operator may not do it (the service refuses anyway), or None."""
        if self.ctx.operator is None:
            return text("先にログインしてください。")
        try:
            roles.require(self.ctx.operator, action)
        except ConnectorError as error:
            return text("{what} {remedy}", what=error.what, remedy=error.remedy)
        return None

    def background(self, work: Callable[[], Message], group: str = "") -> None:
        """Do `work` on a thread and post the message it returns to this screen.

        A ConnectorError arrives as `WorkFailed`; what is superseded by newer work
        of the same `group` (a name, "" never is) is dropped on arrival.
        """
        self.console.background.begin(self, work, group)

    # --------------------------------------------------------------- frame

    def compose(self) -> ComposeResult:
        yield TopBar()
        with Vertical(id="body"):
            yield from self.body()
        yield MessageBar()
        yield KeyBar()

    def on_mount(self) -> None:
        self.fill()

    def on_work_failed(self, message: WorkFailed) -> None:
        self.say_error(message.error)

    def refresh_keys(self) -> None:
        """Draw the line of keys anew, after `why_not` has changed its mind."""
        self.query_one(KeyBar).refresh()

    async def action_perform(self, identifier: str) -> None:
        """Do an action of the table, or say why not."""
        if reason := self.why_not(identifier):
            self.say(reason, "warning")
            return
        await self.run_action(keys.by_id(identifier).action)


def _bindings(name: str) -> list[BindingType]:
    return [binding_of(action) for action in keys.of_screen(name)]


def binding_of(action: keys.Action) -> Binding:
    """The table's row as Textual wants it."""
    first = action.keys.split(",")[0]
    return Binding(
        action.keys,
        f"screen.perform('{action.id}')",
        str(action.label),
        show=False,
        # A text area has keys of its own on F6 and F7.
        priority=(first.startswith("f") and first[1:].isdigit()) or first == "ctrl+q",
        tooltip=str(action.tooltip),
        id=action.id,
    )
