"""How far an authorisation has come: a line a milestone, its state in a word."""

from __future__ import annotations

from collections.abc import Iterator

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Size
from textual.visual import VisualType
from textual.widgets import Static

from haihai_tui.errors import Text, text
from haihai_tui.screens.widgets.words import words

STEPS: tuple[tuple[str, Text], ...] = (
    ("url_made", text("認可 URL を作成")),
    ("waiting", text("ブラウザーでのログインと許可")),
    ("code_received", text("認可コードを受信")),
    ("exchanged", text("トークンに交換")),
    ("identified", text("ユーザーと組織を確認")),
    ("stored", text("暗号化して保管")),
)
"""The milestones in order; the names are the service's."""

_DONE, _NOW, _AHEAD, _FAILED = text("済"), text("中"), text("未"), text("失敗")
_STATES = (_DONE, _NOW, _AHEAD, _FAILED)


class Milestones(Static):
    """The milestones, each with its state in a word in front of it."""

    def __init__(self) -> None:
        super().__init__("", markup=False, id="milestones")
        self._passed: set[str] = set()
        self._now = ""
        self._failed = False
        self.left_s: float | None = None

    def start(self) -> None:
        self._passed, self._now, self._failed = set(), STEPS[0][0], False
        self.refresh(layout=True)

    def reset(self) -> None:
        self._passed, self._now, self._failed, self.left_s = set(), "", False, None
        self.refresh(layout=True)

    def pass_(self, name: str) -> None:
        names = [step for step, _ in STEPS]
        at = names.index(name)
        if name == "waiting":
            self._passed.discard("waiting")
            self._now = "waiting"
        else:
            self._passed.update(names[: at + 1])
            self._now = names[at + 1] if at + 1 < len(names) else ""
        self.refresh(layout=True)

    def tick(self, left_s: float) -> None:
        """So many seconds are left of the waiting."""
        self.left_s = left_s
        self.refresh()

    def fail(self) -> None:
        self._failed = True
        self.refresh(layout=True)

    @property
    def now(self) -> str:
        """The milestone being worked on, "" where none is."""
        return self._now

    def relabel(self) -> None:
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        return len(list(self._shown()))

    def render(self) -> VisualType:
        return Content("\n").join(self._shown())

    def _shown(self) -> list[Content]:
        """All lines; on a short screen only the one that is being worked on."""
        lines = list(self._lines())
        names = [name for name, _ in STEPS]
        if self._now and self.screen.has_class("-short"):
            return [lines[names.index(self._now)]]
        return lines

    def _lines(self) -> Iterator[Content]:
        margin = 3 + max(cell_len(words(self, one)) for one in _STATES)
        for number, (name, label) in enumerate(STEPS, start=1):
            state, style = self._state(name)
            told = words(self, label)
            if name == self._now == "waiting" and not self._failed and self.left_s:
                minutes, seconds = divmod(max(0, round(self.left_s)), 60)
                left = text("（残り {m}:{s}）", m=minutes, s=f"{seconds:02}")
                told += words(self, left)
            word = f"[{words(self, state)}]"
            gap = " " * (margin - cell_len(word))
            yield Content.assemble((word, style), gap, f"{number} {told}")

    def _state(self, name: str) -> tuple[Text, str]:
        if name in self._passed:
            return _DONE, "$success"
        if name == self._now:
            return (_FAILED, "bold $error") if self._failed else (_NOW, "bold $primary")
        return _AHEAD, "$secondary"
