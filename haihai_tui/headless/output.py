"""The only writer of standard output and standard error.

Standard output is the result (with `--json` JSON alone), standard error narrates.
Control characters in data never reach a terminal.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Mapping
from typing import Any

from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.locales import Catalogue

_LEVELS = {
    "debug": text("詳細"),
    "info": text("情報"),
    "warning": text("警告"),
    "error": text("エラー"),
}
_UNSAFE = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_UNSAFE_LINES = {code: shown for code, shown in _UNSAFE.items() if code != 10}


class Output:
    """Streams, language and form of one process."""

    def __init__(self, catalogue: Catalogue, *, as_json: bool) -> None:
        self.catalogue = catalogue
        self.as_json = as_json
        self._progress = False
        self.is_terminal = sys.stderr.isatty()

    def render(self, message: Text) -> str:
        return self.catalogue.render(message)

    # ------------------------------------------------------------------ stdout

    def record(self, value: Mapping[str, Any]) -> None:
        """One JSON object on a line of its own."""
        self._clear()
        line = json.dumps(value, ensure_ascii=False, default=self._rendered)
        print(line, flush=True)

    def line(self, message: Text | str = "") -> None:
        """One line of the result, for people."""
        self._clear()
        shown = self.render(message) if isinstance(message, Text) else message
        print(shown.translate(_UNSAFE_LINES), flush=True)

    def _rendered(self, value: object) -> object:
        return self.render(value) if isinstance(value, Text) else str(value)

    # ------------------------------------------------------------------ stderr

    def say(self, message: Text, level: str = "info") -> None:
        """One line of narration."""
        self._clear()
        mark = "" if level == "info" else f"{self.render(_LEVELS[level])}: "
        self._err(f"{mark}{self.render(message)}".translate(_UNSAFE_LINES) + "\n")

    def progress(self, message: Text) -> None:
        """A line that the next one replaces; on a terminal only."""
        if not self.is_terminal:
            return
        shown = self.render(message).translate(_UNSAFE)
        self._err(f"\r\x1b[2K{shown}")
        self._progress = True

    def error(self, error: ConnectorError) -> None:
        self.say(error.what, "error")
        if error.remedy:
            self.say(error.remedy)
        if self.as_json:
            self.record(
                {
                    "event": "error",
                    "code": error.cause,
                    "what": error.what,
                    "remedy": error.remedy,
                    "exit_code": int(error.exit_code),
                }
            )

    def defect(self, error: BaseException) -> None:
        """A defect: what to report, and where it happened, without values."""
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{os.path.basename(frame.filename)}:{frame.lineno}"  # noqa: PTH119
        self.say(
            text(
                "プログラムの不具合です: {kind} ({place})",
                kind=type(error).__name__,
                place=place,
            ),
            "error",
        )
        self.say(text("開発元に、この行と操作の内容をお知らせください。"))
        if os.environ.get("HAIHAI_TRACEBACK"):
            traceback.print_exception(error, file=sys.stderr)

    def no_console(self) -> None:
        self.say(
            text(
                "モードを指定してください。--help で一覧、--demo --run-sync で試行が"
                "できます。"
            ),
            "error",
        )

    def close_broken(self) -> None:
        """The reader is gone: let the interpreter end without complaining."""
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123

    def _clear(self) -> None:
        if self._progress:
            self._err("\r\x1b[2K")
            self._progress = False

    def _err(self, written: str) -> None:
        sys.stderr.write(written)
        sys.stderr.flush()
