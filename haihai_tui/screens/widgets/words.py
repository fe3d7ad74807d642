"""Text on a screen: worded in the operator's language, never read as markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.content import Content
from textual.css.styles import RulesMap
from textual.strip import Strip
from textual.style import Style
from textual.visual import RenderOptions, VisualType
from textual.widget import Widget
from textual.widgets import Static

from haihai_tui.errors import Text
from haihai_tui.screens.widgets.wrapping import wrapped

if TYPE_CHECKING:
    from haihai_tui.app import ConsoleApp


def words(widget: Widget, message: Text | str) -> str:
    """`message` in the language of the app that the widget belongs to."""
    return cast("ConsoleApp", widget.app).t(message)


class Flowing(Content):
    """Text that is broken as Japanese is, at whatever width it is drawn."""

    def _broken(self, rules: RulesMap, width: int) -> Content:
        if rules.get("text_wrap") == "nowrap":
            return Content(self.plain)
        lines = self.plain.split("\n")
        return Content(
            "\n".join(part for line in lines for part in wrapped(line, width))
        )

    def get_height(self, rules: RulesMap, width: int) -> int:
        return self._broken(rules, width).get_height(rules, width)

    def render_strips(
        self, width: int, height: int | None, style: Style, options: RenderOptions
    ) -> list[Strip]:
        broken = self._broken(options.rules, width)
        return broken.render_strips(width, height, style, options)


class Words(Static):
    """A message; worded anew when the language changes."""

    def __init__(
        self,
        message: Text | str = "",
        *,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__("", id=id, classes=classes, markup=False)
        self._message = message

    @property
    def message(self) -> Text | str:
        return self._message

    def show(self, message: Text | str, level: str | None = None) -> None:
        """Replace the message; `level` (info, ok, warning, error) sets its colour."""
        if level is not None:
            self.set_classes(
                [one for one in self.classes if not one.startswith("-level-")]
            )
            self.add_class(f"-level-{level}")
        self._message = message
        self.refresh(layout=True)

    def relabel(self) -> None:
        self.refresh(layout=True)

    def render(self) -> VisualType:
        return Flowing(words(self, self._message))


class Heading(Words):
    """A section's name on a quiet line of its own, underlined to the full width."""

    def render(self) -> VisualType:
        shown = Content.styled(words(self, self._message), "bold")
        left = self.size.width - shown.cell_length - 1
        if left < 3:
            return shown
        return Content.assemble(shown, " ", ("-" * left, "dim"))
