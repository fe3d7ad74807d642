"""The only writer of standard output and standard error.

Standard output is the result (with `--json` JSON alone), standard error narrates.
Control characters in data never reach a terminal, secrets neither stream.  A reader
that goes away, or a disk that is full, never stops what the mode is doing: the work
outlives its telling.
"""

from __future__ import annotations

import io
import json
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TextIO

from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.locales import Catalogue
from haihai_tui.services.redaction import conceal, redact

_LEVELS = {
    "debug": text("詳細"),
    "info": text("情報"),
    "warning": text("警告"),
    "error": text("エラー"),
}
_TURNING = (0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A))
"""Marks that turn the direction of text, or begin a line."""
_UNSAFE = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_UNSAFE |= {code: f"\\u{code:04x}" for code in _TURNING}
_UNSAFE_JSON = {code: f"\\u{code:04x}" for code in (*range(127, 160), *_TURNING)}
_UNSAFE_LINES = {code: shown for code, shown in _UNSAFE.items() if code != 10}


class Output:
    """Streams, language and form of one process.

    `undelivered` says that results could not be written, other than because their
    reader has gone.
    """

    def __init__(self, catalogue: Catalogue, *, as_json: bool) -> None:
        self.catalogue = catalogue
        self.as_json = as_json
        self.undelivered = False
        self._progress = False
        self._about: Mapping[str, Any] = {}
        for stream in (sys.stdout, sys.stderr):
            _tolerant(stream)
        self.is_terminal = sys.stderr is not None and sys.stderr.isatty()

    def render(self, message: Text) -> str:
        return self.catalogue.render(message)

    @contextmanager
    def about(self, **facts: str) -> Iterator[None]:
        """Every record inside says what it is about, unless it does so itself."""
        before, self._about = self._about, {**self._about, **facts}
        try:
            yield
        finally:
            self._about = before

    # ------------------------------------------------------------------ stdout

    def record(self, value: Mapping[str, Any], *, reveal: bool = False) -> None:
        """One JSON object on a line of its own; secrets only where they are what was
        asked for."""
        self._clear()
        value = {**value, **{k: v for k, v in self._about.items() if k not in value}}
        plain = not _takes_everything(sys.stdout)
        line = json.dumps(value, ensure_ascii=plain, default=self._rendered)
        shown = line if reveal else conceal(line)
        self._out(shown.translate(_UNSAFE_JSON))

    def line(self, message: Text | str = "") -> None:
        """One line of the result, for people."""
        self._clear()
        shown = self.render(message) if isinstance(message, Text) else message
        self._out(conceal(shown).translate(_UNSAFE_LINES))

    def _rendered(self, value: object) -> object:
        return self.render(value) if isinstance(value, Text) else str(value)

    def _out(self, line: str) -> None:
        try:
            print(line, flush=True)
        except BrokenPipeError:
            _silence(sys.stdout)
        except OSError as error:
            _silence(sys.stdout)
            self.undelivered = True
            self.say(
                text("結果を出力できません: {reason}", reason=error.strerror), "error"
            )

    # ------------------------------------------------------------------ stderr

    def say(self, message: Text, level: str = "info") -> None:
        """One line of narration."""
        self._clear()
        mark = "" if level == "info" else f"{self.render(_LEVELS[level])}: "
        shown = conceal(f"{mark}{self.render(message)}")
        self._err(shown.translate(_UNSAFE_LINES) + "\n")

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
            self._err(redact("".join(traceback.format_exception(error))))

    def _clear(self) -> None:
        if self._progress:
            self._err("\r\x1b[2K")
            self._progress = False

    def _err(self, written: str) -> None:
        if sys.stderr is None:
            return
        try:
            sys.stderr.write(written)
            sys.stderr.flush()
        except OSError:
            _silence(sys.stderr)


def _tolerant(stream: TextIO | None) -> None:
    """Escape what the stream's encoding lacks: data may hold any character."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")


def _takes_everything(stream: TextIO | None) -> bool:
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return encoding.lower().replace("_", "-") in ("utf-8", "utf8")


def _silence(stream: TextIO) -> None:
    """Let what is still buffered, and all to come, end nowhere.

    The descriptor itself is replaced, as the interpreter flushes it once more.
    """
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, stream.fileno())
    except (OSError, ValueError):
        pass
    finally:
        os.close(nowhere)
