"""Text on a screen: worded in the operator's language, never read as markup."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from textual.content import Content
from textual.visual import VisualType
from textual.widget import Widget
from textual.widgets import Static

from haihai_tui.errors import Text

if TYPE_CHECKING:
    from haihai_tui.app import ConsoleApp


def words(widget: Widget, message: Text | str) -> str:
    """`message` in the language of the app that the widget belongs to."""
    return cast("ConsoleApp", widget.app).t(message)


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
        return Content(words(self, self._message))


class Heading(Words):
    """A section's name on a quiet line of its own, underlined to the full width."""

    def render(self) -> VisualType:
        shown = Content.styled(words(self, self._message), "bold")
        left = self.size.width - shown.cell_length - 1
        if left < 3:
            return shown
        return Content.assemble(shown, " ", ("-" * left, "dim"))
