"""The authorisation URL whole, and as a QR code for a phone.

The code is drawn with blanks of two colours: the block elements that would halve it
are two cells wide in terminals set to Japanese.  They are there on request, for a
terminal that is known to draw them narrow.
"""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Size
from textual.style import Style
from textual.visual import VisualType
from textual.widgets import Static

from haihai_tui.errors import Text, text
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.widgets.words import Heading, Words
from haihai_tui.services.qr import qr_rows

_DARK = "black on black"
_LIGHT = "white on white"
_UPPER = "\u2580"


class Code(Static):
    """A QR code; `is_small` puts two rows into one line."""

    def __init__(self, content: str) -> None:
        super().__init__("", markup=False)
        self._rows = qr_rows(content)
        self.is_small = False

    @property
    def needs(self) -> Size:
        """Columns and lines that the code takes."""
        side = len(self._rows)
        if self.is_small:
            return Size(side, -(-side // 2))
        return Size(2 * side, side)

    def show_small(self, is_small: bool) -> None:
        self.is_small = is_small
        self.refresh(layout=True)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        return self.needs.width

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return self.needs.height

    def render(self) -> VisualType:
        lines = self._small() if self.is_small else map(_large, self._rows)
        return Content("\n").join(lines)

    def _small(self) -> list[Content]:
        blank = (False,) * len(self._rows)
        pairs = zip(
            self._rows[::2], [*self._rows[1::2], blank][: -(-len(self._rows) // 2)],
            strict=True,
        )  # fmt: skip
        return [
            Content.assemble(
                *(
                    (_UPPER, _half(upper, lower))
                    for upper, lower in zip(*pair, strict=True)
                )
            )
            for pair in pairs
        ]


def _large(row: tuple[bool, ...]) -> Content:
    return Content.assemble(*(("  ", _DARK if dark else _LIGHT) for dark in row))


def _half(upper: bool, lower: bool) -> str:
    colours = ("white", "black")
    return f"{colours[upper]} on {colours[lower]}"


class AuthoriseUrlScreen(ConsoleScreen):
    """Opened from 連携トークンの更新; Esc goes back while the waiting goes on."""

    TITLE: ClassVar[Text] = text("認可 URL")
    NAME: ClassVar[str] = "authorise_url"

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def body(self) -> ComposeResult:
        with VerticalScroll(can_focus=True):
            yield Heading(text("URL"), classes="first")
            yield Link(self._url)
            yield Heading(text("QR コード"))
            yield Words("", id="room", classes="wide")
            yield Code(self._url)

    def fill(self) -> None:
        self._tell_room()

    def on_resize(self) -> None:
        self._tell_room()

    def _tell_room(self) -> None:
        code, room = self.query_one(Code), self.query_one("#room", Words)
        needs, has = code.needs, self.size
        if needs.width <= has.width and needs.height <= has.height - 3:
            room.show(text("スマートフォンで読み取れます。"), "ok")
            return
        room.show(
            text(
                "全体を表示するには、端末を {width} 桁 {height} 行以上にしてください"
                "（いま {columns} 桁 {lines} 行）。文字を小さくすると入ります。",
                width=needs.width + 4,
                height=needs.height + 6,
                columns=has.width,
                lines=has.height,
            ),
            "warning",
        )

    def action_copy(self) -> None:
        self.app.copy_to_clipboard(self._url)
        self.say(text("URL を端末のクリップボードに送りました。"), "ok")

    def action_smaller(self) -> None:
        code = self.query_one(Code)
        code.show_small(not code.is_small)
        self._tell_room()


class Link(Static):
    """An address that terminals make clickable (OSC 8).

    `lines` (0: all) is how much of it is shown; the link leads to the whole.
    """

    def __init__(self, url: str = "", *, lines: int = 0, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._url = url
        self._most = lines

    def show(self, url: str) -> None:
        self._url = url
        self.refresh(layout=True)

    @property
    def url(self) -> str:
        return self._url

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return max(1, len(self._lines(width)))

    def _lines(self, width: int) -> list[str]:
        if width < 4:
            return [self._url]
        shown = self._url
        if self._most and len(shown) > self._most * width:
            shown = f"{shown[: self._most * width - 3]}..."
        return [shown[at : at + width] for at in range(0, len(shown), width)]

    def render(self) -> VisualType:
        style = Style(link=self._url, underline=True) if self._url else Style()
        lines = self._lines(self.size.width)
        return Content("\n").join(Content.styled(line, style) for line in lines)
