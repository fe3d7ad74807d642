"""A question below a list: what it is about, fields, and two buttons.

It stands in the screen rather than over it, so that the row it is about stays in
sight; Esc takes the question back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar

from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Button, Input

from haihai_tui.errors import Text, text
from haihai_tui.screens.widgets.forms import Deed, Deeds
from haihai_tui.screens.widgets.words import Heading, Words

Then = Callable[[], Awaitable[None] | None]


class Panel(Vertical):
    """Hidden while nothing is asked."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "close", "")]

    class Closed(Message):
        """Nothing is asked any more."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, classes="panel")
        self.display = False
        self._then: Then | None = None

    async def ask(
        self,
        title: Text,
        then: Then,
        *,
        yes: Text,
        words: Text | None = None,
        fields: Sequence[Widget] = (),
    ) -> None:
        """Show the question; `then` is called when `yes` is pressed."""
        deeds = [Deed(yes, id="panel-yes"), Deed(text("やめる"), id="panel-no")]
        await self._show(title, words, fields, deeds)
        self._then = then

    async def tell(self, title: Text, words: Text) -> None:
        """Show something that must be read before it is gone."""
        deed = Deed(text("閉じる"), id="panel-no")
        await self._show(title, words, (), [deed])

    async def _show(
        self,
        title: Text,
        words: Text | None,
        fields: Sequence[Widget],
        deeds: Sequence[Deed],
    ) -> None:
        await self.remove_children()
        self._then = None
        parts: list[Widget] = [Heading(title, classes="first")]
        if words is not None:
            parts.append(Words(words, classes="wide", id="panel-words"))
        await self.mount(*parts, *fields, Deeds(deeds))
        self._open(True)
        first = next((one for one in self.query("Input, RadioSet")), deeds[-1])
        first.focus()

    def _open(self, is_open: bool) -> None:
        """`-asking` on the parent lets it make room."""
        self.display = is_open
        assert isinstance(self.parent, Widget)
        self.parent.set_class(is_open, "-asking")

    async def action_close(self) -> None:
        """Take the question back."""
        self._then = None
        self._open(False)
        await self.remove_children()
        self.post_message(self.Closed())

    async def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        if event.button.id == "panel-yes":
            await self._do()
        else:
            await self.action_close()

    async def on_input_submitted(self, event: Input.Submitted) -> None:
        event.stop()
        await self._do()

    async def _do(self) -> None:
        if self._then is None:
            return
        done = self._then()
        if done is not None:
            await done
