"""Fields of forms, one line high, drawn with characters of certain width only.

Every one of them is worded from a `Text` and worded anew when the language changes.
The focus is told by reversed colours and a mark, so that it is seen without colour.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.text import Text as RichText
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Button, Checkbox, Input, RadioButton

from haihai_tui.errors import Text
from haihai_tui.screens.widgets.words import Words, words


class Entry(Input):
    """A line of input.  The cursor does not blink: an idle screen sends nothing."""

    def __init__(
        self,
        value: str | None = None,
        *,
        hint: Text | str = "",
        password: bool = False,
        id: str | None = None,
        classes: str | None = None,
        disabled: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(
            value,
            password=password,
            id=id,
            classes=classes,
            disabled=disabled,
            compact=True,
            select_on_focus=False,
            **options,
        )
        self._hint = hint
        self.cursor_blink = False

    @property
    def _value(self) -> RichText:
        # Textual hides a password behind bullets, which are of ambiguous width.
        if self.password:
            hidden = "*" * len(self.value)
            return RichText(hidden, no_wrap=True, overflow="ignore", end="")
        return super()._value

    def on_mount(self) -> None:
        self.relabel()

    def relabel(self) -> None:
        self.placeholder = words(self, self._hint)


class Field(Horizontal):
    """A label, its input, and below them a line that says what is wrong with it."""

    def __init__(
        self,
        label: Text | str,
        entry: Widget,
        *,
        note: Text | str = "",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._label = Words(label, classes="label")
        self._entry = entry
        self._note = Words(note, classes="note")
        self._note.display = bool(str(note))

    def compose(self) -> ComposeResult:
        yield self._label
        with Vertical(classes="entry"):
            yield self._entry
            yield self._note

    @property
    def entry(self) -> Widget:
        """What takes the input."""
        return self._entry

    def tell(self, note: Text | str = "", level: str = "info") -> None:
        """The line below the input: info, ok, warning or error; "" hides it."""
        self._note.show(note, level)
        self._note.display = bool(str(note))


class Deed(Button):
    """A button, `[ 実行 ]`, or without the brackets where `plain`; Enter presses."""

    def __init__(
        self,
        label: Text | str,
        *,
        id: str | None = None,
        classes: str | None = None,
        disabled: bool = False,
        action: str | None = None,
        plain: bool = False,
    ) -> None:
        super().__init__(
            Content(""),
            id=id,
            classes=classes,
            disabled=disabled,
            action=action,
            compact=True,
        )
        self._message = label
        self._pattern = "{}" if plain else "[ {} ]"

    def on_mount(self) -> None:
        self.relabel()

    def show(self, label: Text | str) -> None:
        """Replace the label."""
        self._message = label
        self.relabel()

    def relabel(self) -> None:
        self.label = Content(self._pattern.format(words(self, self._message)))


class Tick(Checkbox):
    """A box to tick, `[x] 顧客連携`."""

    BUTTON_LEFT = "["
    BUTTON_INNER = "x"
    BUTTON_RIGHT = "]"

    def __init__(
        self,
        label: Text | str,
        value: bool = False,
        *,
        id: str | None = None,
        classes: str | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(
            Content(""), value, id=id, classes=classes, disabled=disabled, compact=True
        )
        self._message = label

    def on_mount(self) -> None:
        self.relabel()

    def relabel(self) -> None:
        self.label = Content(words(self, self._message))

    @property
    def _button(self) -> Content:
        return _mark(self, self.BUTTON_INNER)


class Option(RadioButton):
    """One of several, `(o) 除外`; to be put into a `RadioSet`."""

    BUTTON_LEFT = "("
    BUTTON_INNER = "o"
    BUTTON_RIGHT = ")"

    def __init__(
        self,
        label: Text | str,
        value: bool = False,
        *,
        id: str | None = None,
        classes: str | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(
            Content(""), value, id=id, classes=classes, disabled=disabled, compact=True
        )
        self._message = label

    def on_mount(self) -> None:
        self.relabel()

    def relabel(self) -> None:
        self.label = Content(words(self, self._message))

    @property
    def _button(self) -> Content:
        return _mark(self, self.BUTTON_INNER)


def _mark(box: Tick | Option, inner: str) -> Content:
    """Ticked or not is told by the letter, not by its colour."""
    return Content(f"{box.BUTTON_LEFT}{inner if box.value else ' '}{box.BUTTON_RIGHT}")


class Deeds(Horizontal):
    """A row of buttons."""

    def __init__(self, deeds: Iterable[Deed], *, id: str | None = None) -> None:
        super().__init__(*deeds, id=id)
