"""The command palette: any screen and any action of this screen, by its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from haihai_tui import keys, screens
from haihai_tui.errors import Text, text
from haihai_tui.screens.widgets.cells import fitted
from haihai_tui.screens.widgets.forms import Entry
from haihai_tui.screens.widgets.words import Words

if TYPE_CHECKING:
    from haihai_tui.app import ConsoleApp
    from haihai_tui.screens.base import ConsoleScreen

_LABEL_WIDTH = 22
_KEY_WIDTH = 7


@dataclass(frozen=True, slots=True)
class Command:
    """`id` starts with `screen:` or `action:`."""

    id: str
    label: Text
    tells: Text
    key: str = ""


class PaletteScreen(ModalScreen[str | None]):
    """Dismissed with the id of the command that was chosen, or None."""

    NAME = "palette"
    BINDINGS = [  # noqa: RUF012 - Textual declares it so
        Binding("escape,ctrl+p", "dismiss(None)", show=False),
        Binding("down", "move(1)", show=False),
        Binding("up", "move(-1)", show=False),
    ]

    def __init__(self, screen: ConsoleScreen) -> None:
        super().__init__()
        self._commands = list(commands(screen))

    def compose(self) -> ComposeResult:
        with Vertical(id="palette"):
            yield Words(text("画面と操作を探す"), classes="title")
            yield Entry(hint=text("名前の一部を入力してください"), id="search")
            yield OptionList(id="found")
            yield Words(text("上下で選び、Enter で開きます。Esc で閉じます。"))

    def on_mount(self) -> None:
        self.call_after_refresh(self._list, "")

    def on_resize(self) -> None:
        self.call_after_refresh(self._list, self.query_one(Entry).value)

    def on_input_changed(self, event: Entry.Changed) -> None:
        event.stop()
        self._list(event.value)

    def _list(self, wanted: str) -> None:
        console = cast("ConsoleApp", self.app)
        found = self.query_one(OptionList)
        found.clear_options()
        # Two cells are the list's own margin, one is its scroll bar.
        room = found.size.width - _LABEL_WIDTH - _KEY_WIDTH - 4
        for command in self._commands:
            label, tells = console.t(command.label), console.t(command.tells)
            if wanted.casefold() in f"{label} {tells} {command.id}".casefold():
                shown = Content.assemble(
                    (fitted(label, _LABEL_WIDTH), "bold"),
                    " ",
                    fitted(command.key, _KEY_WIDTH),
                    fitted(tells, max(0, room)),
                )
                found.add_option(Option(shown, command.id))
        found.highlighted = 0 if found.option_count else None

    def action_move(self, by: int) -> None:
        found = self.query_one(OptionList)
        if found.option_count:
            found.highlighted = ((found.highlighted or 0) + by) % found.option_count

    def on_input_submitted(self, event: Entry.Submitted) -> None:
        event.stop()
        found = self.query_one(OptionList)
        if found.highlighted is not None:
            self.dismiss(found.get_option_at_index(found.highlighted).id)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option.id)


def commands(screen: ConsoleScreen) -> list[Command]:
    """The screens, then what can be done here, then what can be done anywhere."""
    found = [
        Command(f"screen:{entry.name}", entry.label, entry.tells)
        for entry in (screens.SCREENS["home"], *screens.menu())
    ]
    for action in (*keys.of_screen(screen.NAME), *keys.everywhere()):
        if action.id in _LEFT_OUT or action.id.startswith("home."):
            continue
        found.append(
            Command(
                f"action:{action.id}", action.label, action.tooltip, action.key_shown
            )
        )
    return found


_LEFT_OUT = ("palette", "next", "previous", "home", "back")
