"""The operator's terminal: Textual's driver, made to outlive what SSH does to it.

A lost terminal brings SIGHUP and SIGCONT together, and on SIGCONT Textual starts to
read a second time: two threads then share the keys, and one of them never ends.  So
the signals are handled here, in the loop and not in between; and where reading finds
the end, or writing fails, the terminal is taken for lost even if no signal comes.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
from codecs import getincrementaldecoder
from typing import IO, Any, cast

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

_LOOK_S = 0.1
_CHUNK = 4096
_TRIES = 3


class TerminalDriver(LinuxDriver):
    """Draws on the terminal and reads its keys; its app has `terminal_lost()`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._file = cast("Any", _Outliving(cast("IO[str]", self._file)))
        self._is_continued = False
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTSTP, self._sigtstp_application)
        loop.add_signal_handler(signal.SIGCONT, self._sigcont_application)

    # ------------------------------------------------------ to the shell and back

    def _sigtstp_application(self, *_: object) -> None:
        """To the shell; the next line is reached when the shell brings us back."""
        if not self._auto_restart:
            os.kill(os.getpid(), signal.SIGSTOP)
            return
        self.suspend_application_mode()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._is_continued = True
        self._begin_again()

    def _sigcont_application(self, *_: object) -> None:
        """Continued by somebody else than ourselves: the screen may be spoilt."""
        if self._is_continued or not self._auto_restart:
            self._is_continued = False
        elif self._is_in_front():
            self.suspend_application_mode()
            self._begin_again()

    def _begin_again(self) -> None:
        # Brought back into the background we are stopped once more in here, and
        # Textual then gives up half way.
        for _ in range(_TRIES):
            self._must_signal_resume = True
            self.resume_application_mode()
            if self._writer_thread is not None and self._writer_thread.is_alive():
                return
        self._lost()

    def _is_in_front(self) -> bool:
        try:
            return os.tcgetpgrp(self.fileno) == os.getpgrp()
        except OSError:
            return False

    # --------------------------------------------------------------------- keys

    def run_input_thread(self) -> None:
        """Hand on what is typed until the app ends or the terminal is lost."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(_LOOK_S):
                    sent = self._read()
                    if not sent:
                        self._lost()
                        return
                    for event in parser.feed(decode(sent)):
                        self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)

    def _read(self) -> bytes:
        """What has come in; nothing where the terminal is gone."""
        try:
            return os.read(self.fileno, _CHUNK)
        except OSError:
            return b""

    def _lost(self) -> None:
        try:
            self._loop.call_soon_threadsafe(cast("Any", self._app).terminal_lost)
        except RuntimeError:
            # The loop is closed: the console has ended anyway.
            return


class _Outliving:
    """A stream whose writer does not die with the terminal.

    Textual's writing thread would end at the first failure, and the app would wait
    for room in its queue ever after.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file
        self._is_lost = False

    def write(self, written: str) -> int:
        return self._try(lambda: self._file.write(written)) or len(written)

    def flush(self) -> None:
        self._try(self._file.flush)

    def fileno(self) -> int:
        return self._file.fileno()

    def isatty(self) -> bool:
        return self._file.isatty()

    def _try(self, deed: Any) -> Any:
        if self._is_lost:
            return None
        try:
            return deed()
        except OSError:
            self._is_lost = True
            return None
