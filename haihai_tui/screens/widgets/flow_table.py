"""The flows at a glance: last success, how long ago, rejects, the last runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.cells import cell_len
from textual.content import Content
from textual.visual import VisualType
from textual.widgets import Static

from haihai_tui.errors import Text, text
from haihai_tui.screens.widgets.cells import fitted
from haihai_tui.screens.widgets.words import words
from haihai_tui.services.overview import LEGEND, PICTURED, FlowState
from haihai_tui.services.wording import ago, flow_label, local_time

_MARK_STYLES = {
    "o": "$success",
    "!": "$warning",
    "p": "$warning",
    "-": "$warning",
    "x": "bold $error",
    "H": "bold $error",
    ">": "$primary",
}
_ROOMY = 70
_GAP = "  "


class FlowTable(Static):
    """A small table that leaves columns out where there is no room."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._flows: Sequence[FlowState] = ()
        self._now: datetime | None = None

    def show(self, flows: Sequence[FlowState], now: datetime) -> None:
        self._flows, self._now = flows, now
        self.refresh(layout=True)

    def relabel(self) -> None:
        self.refresh(layout=True)

    def render(self) -> VisualType:
        if self._now is None:
            return Content("")
        rows = [self._row(flow, self._now) for flow in self._flows]
        heads = [words(self, head) for head in _HEADS]
        shown = [at for at in range(len(heads)) if self._has_room_for(at)]
        widths = {
            at: max(cell_len(heads[at]), *(cell_len(row[at]) for row in rows))
            for at in shown
        }
        lines = [
            Content.styled(
                _GAP.join(
                    fitted(heads[at], widths[at], right=at in _NUMBERS) for at in shown
                ),
                "$secondary",
            )
        ]
        lines += [
            self._line(flow, row, shown, widths)
            for flow, row in zip(self._flows, rows, strict=True)
        ]
        return Content("\n").join([*lines, self._legend()])

    def _has_room_for(self, column: int) -> bool:
        return self.size.width >= _ROOMY or column not in _ROOMY_ONLY

    def _row(self, flow: FlowState, now: datetime) -> list[str]:
        since = ago(flow.read_until, now) if flow.read_until else "-"
        return [
            words(self, flow_label(flow.flow)),
            local_time(flow.last_success),
            words(self, since if flow.enabled else text("無効")),
            str(flow.rejects),
            str(flow.reviews),
            flow.picture.rjust(PICTURED, "."),
        ]

    def _line(
        self,
        flow: FlowState,
        row: Sequence[str],
        shown: Sequence[int],
        widths: dict[int, int],
    ) -> Content:
        parts = []
        for at in shown:
            cell = fitted(row[at], widths[at], right=at in _NUMBERS)
            if at == _PICTURE:
                parts.append(_pictured(cell))
            elif at in _NUMBERS and row[at] != "0":
                parts.append(Content.styled(cell, "bold $warning"))
            else:
                parts.append(Content(cell) if flow.enabled else _quiet(cell))
        return Content(_GAP).join(parts)

    def _legend(self) -> Content:
        """What the marks mean, broken between them where a line is full."""
        parts = [f"{mark} {words(self, label)}" for mark, label in LEGEND]
        parts.append(words(self, text("(右が最新)")))
        lines = [""]
        for part in parts:
            longer = f"{lines[-1]}{_GAP}{part}" if lines[-1] else part
            if cell_len(longer) <= self.size.width:
                lines[-1] = longer
            else:
                lines.append(part)
        return _quiet("\n".join(lines))


_HEADS: tuple[Text, ...] = (
    text("連携"),
    text("最終成功"),
    text("経過"),
    text("エラー"),
    text("確認"),
    text("直近 14 回"),
)
_NUMBERS = (3, 4)
_PICTURE = 5
_ROOMY_ONLY = (1, 4)


def _quiet(shown: str) -> Content:
    return Content.styled(shown, "$secondary")


def _pictured(marks: str) -> Content:
    return Content.assemble(
        *((mark, _MARK_STYLES.get(mark, "$secondary")) for mark in marks)
    )
