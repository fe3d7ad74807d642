"""The lines around every screen: title, message, keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from textual.content import Content
from textual.style import Style
from textual.visual import VisualType
from textual.widgets import Static

from haihai_tui import keys
from haihai_tui.errors import Text, text
from haihai_tui.screens.widgets.words import words
from haihai_tui.services.roles import role_label

if TYPE_CHECKING:
    from haihai_tui.app import ConsoleApp
    from haihai_tui.screens.base import ConsoleScreen

PRODUCT = text("配配メール連携")
_LEVEL_WORDS = {
    "ok": text("完了"),
    "warning": text("注意"),
    "error": text("エラー"),
}


class TopBar(Static):
    """Product and screen at the left, profile and operator at the right."""

    def __init__(self) -> None:
        super().__init__(markup=False)

    def relabel(self) -> None:
        self.refresh()

    def render(self) -> VisualType:
        screen = cast("ConsoleScreen", self.screen)
        left = Content.assemble(
            (f" {words(self, PRODUCT)} ", "bold"), f" {words(self, screen.TITLE)} "
        )
        right = Content(f" {self._who()} ")
        gap = self.size.width - left.cell_length - right.cell_length
        if gap < 1:
            left = Content.styled(f" {words(self, screen.TITLE)} ", "bold")
            gap = max(0, self.size.width - left.cell_length - right.cell_length)
        return Content.assemble(left, " " * gap, right)

    def _who(self) -> str:
        context = cast("ConsoleApp", self.app).ctx
        if context.operator is None:
            return context.profile
        role = words(self, role_label(context.operator.role))
        return f"{context.profile} / {context.operator.name} ({role})"


class MessageBar(Static):
    """The last thing said, with its level in words."""

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._message: Text | str = ""
        self._level = "info"

    @property
    def message(self) -> Text | str:
        return self._message

    @property
    def level(self) -> str:
        return self._level

    def show(self, message: Text | str, level: str) -> None:
        self._message, self._level = message, level
        self.set_classes(f"-level-{level}")
        self.refresh(layout=True)

    def relabel(self) -> None:
        self.refresh(layout=True)

    def render(self) -> VisualType:
        shown = words(self, self._message)
        if shown and (level := _LEVEL_WORDS.get(self._level)):
            return Content(f"{words(self, level)}: {shown}")
        return Content(shown)


class KeyBar(Static):
    """The keys that work here, as many as there is room for; F1 tells them all."""

    def __init__(self) -> None:
        super().__init__(markup=False)

    def relabel(self) -> None:
        self.refresh()

    def render(self) -> VisualType:
        parts: list[Content] = []
        left = self.size.width
        for action in self._order():
            part = self._part(action)
            if part.cell_length > left:
                continue
            parts.append(part)
            left -= part.cell_length
        return Content.assemble(*parts, " " * left)

    def _order(self) -> Iterator[keys.Action]:
        """The help first, then the screen's own, then the rest."""
        screen = cast("ConsoleScreen", self.screen)
        yield keys.by_id("help")
        yield from (one for one in keys.of_screen(screen.NAME) if one.shown)
        for action in keys.everywhere():
            if action.shown and action.id != "help" and screen.offers(action.id):
                yield action

    def _part(self, action: keys.Action) -> Content:
        screen = cast("ConsoleScreen", self.screen)
        style = Style.from_meta({"@click": f"screen.perform('{action.id}')"})
        label = words(self, action.label)
        if screen.why_not(action.id) is not None:
            dim = f" {action.key_shown} ({label}) "
            return Content.styled(dim, "dim").stylize(style)
        return Content.assemble(
            (f" {action.key_shown} ", "bold $primary"), f"{label} "
        ).stylize(style)
