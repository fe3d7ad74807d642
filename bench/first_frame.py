"""Seconds to the first usable frame under a real pseudo-terminal.

Usable means that a key is taken: from the start on a letter that nothing else would
send is typed after the first screen stands, again and again, until the terminal is
told to draw it.  Everybody is asked the same, in turns, in one run; the terminal
answers the questions that a modern one answers.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.contenders import HARLEQUIN, POSTING, Home, prepare
from bench.measure import Failed, Row

LETTER = "ß"
SIZE = (80, 24)
_PATIENCE_S = 60.0
_AGAIN_S = 0.01
_ANSWERS = (
    # Synchronised output is known, other modes are not.
    (re.compile(rb"\x1b\[\?2026\$p"), lambda found: b"\x1b[?2026;2$y"),
    (re.compile(rb"\x1b\[\?2048\$p"), lambda found: b"\x1b[?2048;0$y"),
    (re.compile(rb"\x1b\[>0?q"), lambda found: b"\x1bP>|bench\x1b\\"),
    (re.compile(rb"\x1b\[c"), lambda found: b"\x1b[?62;c"),
)
_MINIMAL = """
from textual.app import App
from textual.widgets import Input

class Minimal(App):
    def compose(self):
        yield Input()

Minimal().run()
"""


@dataclass(frozen=True)
class Console:
    """A program that draws a screen and takes keys in a field."""

    key: str
    who: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)


def first_frame(console: Console, folder: Path) -> float:
    """Seconds until a typed letter is drawn.  Raises Failed."""
    master, slave = pty.openpty()
    size = struct.pack("HHHH", SIZE[1], SIZE[0], 0, 0)
    fcntl.ioctl(slave, termios.TIOCSWINSZ, size)
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    environment |= {"HOME": str(folder), "LANG": "C.UTF-8", "HAIHAI_HOME": str(folder)}
    environment |= console.environment
    for name in ("SSH_CONNECTION", "NO_COLOR", "XDG_CONFIG_HOME"):
        environment.pop(name, None)
    started = time.perf_counter()
    process = subprocess.Popen(
        console.command,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=environment,
        start_new_session=True,
        cwd=folder,
    )
    os.close(slave)
    try:
        _until_drawn(master, started)
        return time.perf_counter() - started
    finally:
        process.kill()
        process.wait()
        os.close(master)


def _until_drawn(master: int, started: float) -> None:
    received = b""
    typed = asked = 0
    while time.perf_counter() - started < _PATIENCE_S:
        ready, _, _ = select.select([master], [], [], _AGAIN_S)
        if ready:
            try:
                received += os.read(master, 65_536)
            except OSError:
                break
            asked = _answer(master, received, asked)
            # What the terminal echoes before raw mode is not a frame.
            if typed and LETTER.encode() in received[typed:]:
                return
        elif b"\x1b[?1049h" in received:
            typed = typed or len(received)
            os.write(master, LETTER.encode())
    raise Failed(f"no frame: {received[-300:].decode(errors='replace')!r}")


def _answer(master: int, received: bytes, asked: int) -> int:
    """Answer the questions that came since `asked`; how far was looked."""
    for pattern, reply in _ANSWERS:
        for found in pattern.finditer(received, asked):
            os.write(master, reply(found))
    return len(received)


# -------------------------------------------------------------------- contenders


def consoles(folder: Path) -> tuple[list[Console], list[Row]]:
    """Who is measured, and a row with the reason for whoever cannot be."""
    found = [
        Console("ours", "haihai-tui, login", [sys.executable, "-m", "haihai_tui"]),
        Console("minimal", "a minimal Textual app", [sys.executable, "-c", _MINIMAL]),
    ]
    missing = []
    for home in (POSTING, HARLEQUIN):
        try:
            version = prepare(home)
        except Failed as failed:
            what = "first usable frame"
            missing.append(Row(home.name, home.name, what, why_not=str(failed)))
            continue
        found.append(_peer(home, version))
    return found, missing


def _peer(home: Home, version: str) -> Console:
    command = [str(home.folder / "bin" / home.name)]
    return Console(home.name, f"{home.name} {version}", command, {"PYTHONPATH": ""})


def measure(rounds: int) -> list[Row]:
    """A row each; rounds are taken in turns, one more at first to warm the disk."""
    with tempfile.TemporaryDirectory(prefix="haihai-bench-") as name:
        folder = Path(name)
        _one_operator(folder)
        found, rows = consoles(folder)
        walls: dict[str, list[float]] = {one.key: [] for one in found}
        reasons: dict[str, str] = {}
        for number in range(rounds + 1):
            for one in found:
                try:
                    wall = first_frame(one, folder)
                except Failed as failed:
                    reasons[one.key] = str(failed)
                else:
                    walls[one.key] += [wall] if number else []
    for one in found:
        row = Row(one.key, one.who, "first usable frame", walls=walls[one.key])
        row.why_not = reasons.get(one.key, "")
        if row.walls and not row.why_not:
            row.wall_s = statistics.median(row.walls)
        rows.append(row)
    return rows


def _one_operator(folder: Path) -> None:
    """So that the login stands first."""
    subprocess.run(
        [sys.executable, "-m", "haihai_tui", "--add-operator", "bench"],
        env={**os.environ, "HAIHAI_HOME": str(folder)},
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
