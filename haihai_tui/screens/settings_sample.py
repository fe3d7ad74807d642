"""The audience's count and first records, after a live check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text as Cell
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import DataTable

from haihai_tui.errors import text
from haihai_tui.screens.widgets.forms import Deed, Deeds
from haihai_tui.screens.widgets.words import Heading, Words

if TYPE_CHECKING:
    from haihai_tui.services.audience import Preview


class Sample(Vertical):
    """Hidden until there is something to show."""

    def __init__(self) -> None:
        super().__init__(id="sample")
        self.display = False

    def compose(self) -> ComposeResult:
        yield Heading(text("対象の見本"))
        yield Words("", id="sample-count", classes="wide")
        yield DataTable[Cell](id="sample-rows", cursor_type="none", cell_padding=1)
        yield Deeds([Deed(text("次の手順へ"), id="next-step")])

    def show(self, preview: Preview | None) -> None:
        self.display = preview is not None
        if preview is None:
            return
        count = text(
            "{n} 件のうち最初の {shown} 件",
            n=f"{preview.total:,}",
            shown=len(preview.sample),
        )
        self.query_one("#sample-count", Words).show(count)
        table = self.query_one("#sample-rows", DataTable)
        table.clear(columns=True)
        for column in preview.columns:
            table.add_column(Cell(column))
        for row in preview.sample:
            table.add_row(*map(Cell, row))
