"""A box for a paste of any size.

A whole error page can be a hundred kilobytes on one line, which no text area lays
out in time: the box keeps all of it and shows the beginning.
"""

from __future__ import annotations

from textual import events
from textual.widgets import TextArea

from haihai_tui.errors import Text, text
from haihai_tui.screens.widgets.words import words

SHOWN = 2_000
KEPT = 1_000_000


class PasteBox(TextArea):
    """`whole` is what was pasted or typed, however much of it is shown."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(
            id=id, soft_wrap=True, tab_behavior="focus", highlight_cursor_line=False
        )
        self.cursor_blink = False
        self._hidden = ""
        self._beginning = ""

    @property
    def whole(self) -> str:
        """Everything, as long as what is shown of it was left alone."""
        if self._hidden and self.text == self._beginning:
            return self._hidden
        return self.text

    async def _on_paste(self, event: events.Paste) -> None:
        if len(event.text) <= SHOWN:
            await super()._on_paste(event)
            return
        event.stop()
        event.prevent_default()
        self._hidden = event.text[:KEPT]
        self._beginning = self._shortened(event.text)
        self.text = self._beginning

    def _shortened(self, pasted: str) -> str:
        note: Text = text(
            "({n} 文字を受け取り、先頭だけを表示しています)", n=f"{len(pasted):,}"
        )
        return f"{words(self, note)}\n{pasted[: SHOWN // 4]}"
