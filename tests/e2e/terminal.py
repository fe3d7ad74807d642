"""A real terminal for the real command: a tmux server of its own, real keys.

with Terminal(folder, "--profile", "x") as terminal:
    terminal.wait_for("ログイン")
    terminal.type("yamada")
    terminal.press("Enter")
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
import uuid
from pathlib import Path
from types import TracebackType

import pytest

needs_tmux = pytest.mark.skipif(
    shutil.which("tmux") is None, reason="tmux is not installed: no terminal to drive"
)


class Terminal:
    """One session with one console in it."""

    def __init__(
        self,
        home: Path,
        *arguments: str,
        size: tuple[int, int] = (80, 24),
        environ: dict[str, str] | None = None,
        shell: bool = False,
    ) -> None:
        self._server = f"haihai-{uuid.uuid4().hex[:12]}"
        self._arguments = arguments
        self._size = size
        self._shell = shell
        self._environ = {
            "HAIHAI_HOME": str(home),
            "HAIHAI_LANG": "ja",
            "HAIHAI_TRACEBACK": "1",
            "TZ": "Asia/Tokyo",
            "LANG": "C.UTF-8",
            **(environ or {}),
        }

    def __enter__(self) -> Terminal:
        command = [sys.executable, "-m", "haihai_tui", *self._arguments]
        settings = [f"{key}={value}" for key, value in self._environ.items()]
        shown = f"env {shlex.join(settings)} {shlex.join(command)}"
        width, height = self._size
        # The exit code is shown, and the session stays so that it can be read.
        started = f"{shown}; echo END-OF-CONSOLE $?; sleep 600"
        if self._shell:
            # A shell with job control, in which the console is a job.
            started = "bash --norc --noprofile -i"
        self._tmux(
            *("-f", os.devnull, "new-session", "-d"),
            *("-x", str(width), "-y", str(height), started),
            # What a program copies goes to `clipboard`, as terminals do it.
            *(";", "set-option", "-s", "set-clipboard", "on"),
        )
        if self._shell:
            self.type(shown)
            self.press("Enter")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        subprocess.run(["tmux", "-L", self._server, "kill-server"], capture_output=True)

    # ------------------------------------------------------------ what it does

    def press(self, *keys: str) -> None:
        """Keys by tmux's names: `Enter`, `Tab`, `F5`, `C-q`, `BSpace`."""
        self._tmux("send-keys", *keys)

    def type(self, written: str) -> None:
        self._tmux("send-keys", "-l", written)

    def paste(self, written: str) -> None:
        """As one bracketed paste, as a terminal sends it."""
        self._tmux("set-buffer", "-b", "pasted", "--", written)
        self._tmux("paste-buffer", "-p", "-d", "-b", "pasted")

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def hang_up(self) -> None:
        """Take the terminal away, as a lost SSH connection does."""
        self._tmux("kill-server")

    @property
    def pid(self) -> int:
        """The console's process."""
        shell = int(self._tmux("display-message", "-p", "#{pane_pid}"))
        children = Path(f"/proc/{shell}/task/{shell}/children").read_text().split()
        return int(children[0])

    # ------------------------------------------------------------ what is seen

    @property
    def shown(self) -> str:
        return self._tmux("capture-pane", "-p")

    @property
    def scrollback(self) -> str:
        """Everything that the terminal still holds, not only what is in sight."""
        return self._tmux("capture-pane", "-p", "-S", "-")

    @property
    def clipboard(self) -> str:
        """What the console copied last."""
        return self._tmux("show-buffer")

    def wait_for(self, wanted: str, within_s: float = 30.0) -> str:
        """The screen as soon as it shows `wanted`."""
        deadline = time.monotonic() + within_s
        while wanted not in (shown := self.shown):
            if time.monotonic() > deadline:
                raise AssertionError(f"{wanted!r} is not shown:\n{shown}")
            time.sleep(0.05)
        return shown

    def press_for(self, wanted: str, *keys: str) -> str:
        """The screen that `keys` open: pressed again, as people do, where the focus
        was only on its way when they were pressed."""
        for _ in range(3):
            self.press(*keys)
            try:
                return self.wait_for(wanted, 10)
            except AssertionError:
                continue
        return self.wait_for(wanted)

    def wait_for_end(self, within_s: float = 30.0) -> int:
        """The exit code of the console."""
        shown = self.wait_for("END-OF-CONSOLE", within_s)
        return int(shown.partition("END-OF-CONSOLE")[2].split()[0])

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self._server, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"tmux {arguments[0]}: {done.stderr}"
        return done.stdout.rstrip("\n")
