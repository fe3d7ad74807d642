"""One line of the log with all that is known of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.containers import VerticalScroll

from haihai_tui.errors import Text, text
from haihai_tui.screens.base import ConsoleScreen
from haihai_tui.screens.widgets.words import Heading, Words
from haihai_tui.services.wording import flow_label, local_date_time

if TYPE_CHECKING:
    from haihai_tui.services.store.events import StoredEvent


class LogEntryScreen(ConsoleScreen):
    """Opened from a log pane; Esc goes back to the same place."""

    TITLE: ClassVar[Text] = text("ログの 1 行")
    NAME: ClassVar[str] = "log_entry"

    def __init__(self, line: StoredEvent) -> None:
        super().__init__()
        self._line = line

    def body(self) -> ComposeResult:
        line = self._line
        with VerticalScroll(can_focus=True):
            yield Words(line.text, classes="wide")
            yield Heading(text("項目"))
            yield Words(_fact(text("時刻"), local_date_time(line.at)))
            yield Words(_fact(text("実行番号"), line.run_id))
            if line.flow:
                yield Words(_fact(text("連携"), flow_label(line.flow)))
            yield Words(_fact(text("種類"), line.kind))
            yield Words(_fact(text("レベル"), line.level))
            if line.data:
                yield Heading(text("データ"))
            for key, value in line.data.items():
                yield Words(f"{key}: {_plain(value)}", classes="wide")


def _fact(label: Text, value: Text | str) -> Text:
    return text("{label}: {value}", label=label, value=value)


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)
