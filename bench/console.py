"""The console: its first frame, the log pane, what a live run sends to a terminal.

Lines a second are measured inside the process, from stored events to lines that can
be scrolled to.  Bytes a second are counted at the other end of a real
pseudo-terminal, in which the run screen follows 200 events a second of a run that
another process writes to the state database; so is how far it is behind.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import pty
import select
import statistics
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import date
from pathlib import Path

from haihai_tui.errors import text
from haihai_tui.services.lock import RunLock
from haihai_tui.services.paths import Home, home_at
from haihai_tui.services.store.database import open_database
from haihai_tui.services.store.events import NewEvent, StoredEvent, append_events
from haihai_tui.services.store.runs import Runs
from haihai_tui.services.store.times import stamp, utc_now

OUT = Path(__file__).parent / "out"
LINES_A_SECOND = 200
SIZES = ((80, 24), (200, 60))
_BATCH_S = 0.05
_WARM_S = 2.0


# ---------------------------------------------------------------- lines a second


def made(number: int, level: str = "info") -> StoredEvent:
    wording = text("配配メールが {n} 行を受け付けました (登録)。", n=number)
    at, kind = "2026-02-16T01:02:03.000000Z", "import_accepted"
    return StoredEvent(number, "r", at, kind, "customers", wording, level, {})


async def feed(count: int, batch: int, *, filtered: bool) -> float:
    """Seconds until `count` lines are in the pane and drawn."""
    # Deferred: Textual loads in this part of the bench alone.
    from textual.app import ComposeResult

    from haihai_tui.app import ConsoleApp
    from haihai_tui.screens.base import ConsoleScreen
    from haihai_tui.screens.widgets.log_pane import LogPane
    from haihai_tui.screens.widgets.log_store import LineFilter
    from haihai_tui.services.console import ConsoleContext

    class Host(ConsoleScreen):
        NAME = "run"

        def body(self) -> ComposeResult:
            yield LogPane()

    class HostApp(ConsoleApp):
        def get_default_screen(self) -> Host:
            return Host()

    levels = ("info", "debug", "warning", "info")
    lines = [made(number, levels[number % 4]) for number in range(count)]
    app = HostApp(ConsoleContext(home_at(Path("/nonexistent")), {}))
    async with app.run_test(size=(80, 24)) as pilot:
        pane = app.screen.query_one(LogPane)
        pane.view.use_filter(LineFilter("info" if filtered else "debug"))
        await pilot.pause()
        started = time.perf_counter()
        for at in range(0, count, batch):
            pane.feed(lines[at : at + batch])
            pane.view.flush()
            await asyncio.sleep(0)
        await pilot.pause()
        return time.perf_counter() - started


# ---------------------------------------------------------------- bytes a second


def child(folder: str) -> None:
    """The console on the run screen, in the terminal that it was started in."""
    from haihai_tui.app import ConsoleApp
    from haihai_tui.services.console import ConsoleContext
    from haihai_tui.services.roles import Operator, Role

    context = ConsoleContext(home_at(Path(folder)), os.environ)
    now = stamp(utc_now())
    context.operator = Operator("bench", Role.VIEWER, False, False, now, now, now)
    ConsoleApp(context, first="run").run()


class Terminal:
    """A pseudo-terminal of a given size with the console in it."""

    def __init__(
        self, home: Home, size: tuple[int, int], more: Mapping[str, str]
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(
            slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0)
        )
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        environment.pop("SSH_CONNECTION", None)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.console", str(home.config)],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**environment, **more},
            start_new_session=True,
        )
        os.close(slave)
        self.received = bytearray()

    def read(self, seconds: float) -> int:
        """Take what comes for so long; returns how many bytes."""
        before, until = len(self.received), time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            ready, _, _ = select.select([self._master], [], [], left)
            if not ready:
                break
            try:
                self.received += os.read(self._master, 65_536)
            except OSError:
                # The console has left the terminal.
                break
        return len(self.received) - before

    def close(self) -> None:
        self._process.terminate()
        self.read(1.0)
        self._process.wait(10)
        os.close(self._master)


def live(size: tuple[int, int], seconds: float, *, ssh: bool) -> dict[str, object]:
    """Bytes a second while idle and at 200 lines a second; median seconds behind."""
    more = {"SSH_CONNECTION": "198.51.100.7 50000 198.51.100.1 22"} if ssh else {}
    with tempfile.TemporaryDirectory(prefix="haihai-bench-") as folder:
        home = home_at(Path(folder))
        database = open_database(home)
        terminal = Terminal(home, size, more)
        terminal.read(_WARM_S)
        idle = terminal.read(_WARM_S) / _WARM_S
        runs = Runs(database, "default")
        run_id = runs.start("sync", ("customers",), actor="bench")
        behind: list[float] = []
        sent = 0
        with RunLock(home, "default", run_id):
            terminal.read(1.0)
            started, number = time.monotonic(), 0
            while time.monotonic() - started < seconds:
                due = int((time.monotonic() - started) * LINES_A_SECOND)
                batch = [event(at) for at in range(number, due)]
                append_events(database, run_id, batch)
                number = max(due, number)
                sent += terminal.read(_BATCH_S)
                note_delay(terminal.received, number, started, behind)
            wall = time.monotonic() - started
        terminal.close()
        database.close()
    return {
        "size": f"{size[0]}x{size[1]}",
        "ssh": ssh,
        "lines_a_second": round(number / wall),
        "kib_a_second": round(sent / wall / 1024, 1),
        "idle_bytes_a_second": round(idle),
        "behind_s": round(statistics.median(behind), 2) if behind else None,
    }


def event(number: int) -> NewEvent:
    wording = text("受付 #{n}# 行 (登録、配信グループ 1、山田 花子)。", n=number)
    data = {"stage": "register", "rows": 1}
    return NewEvent(
        stamp(utc_now()), "import_accepted", "customers", wording, data=data
    )


def note_delay(
    received: bytearray, number: int, started: float, behind: list[float]
) -> None:
    """The newest number seen on the terminal tells how old the picture is."""
    tail = bytes(received[-16_384:]).decode(errors="ignore")
    seen = [int(part) for part in tail.split("#")[1::2] if part.isdecimal()]
    if seen:
        made_at = started + max(seen) / LINES_A_SECOND
        behind.append(max(time.monotonic() - made_at, 0.0))


# ------------------------------------------------------------------------- all


def pane(lines: int, rounds: int) -> list[dict[str, object]]:
    """Lines a second into the pane, with and without a filter."""
    rows: list[dict[str, object]] = []
    for filtered in (False, True):
        walls = [
            asyncio.run(feed(lines, 2_000, filtered=filtered)) for _ in range(rounds)
        ]
        rate = lines / statistics.median(walls)
        what = "with a filter" if filtered else "unfiltered"
        print(f"log pane, {what:14} {rate:12,.0f} lines/s", flush=True)
        rows.append({"filter": filtered, "lines_s": rate})
    return rows


def measure_all(rounds: int, lines: int = 1_000_000, seconds: float = 10) -> None:
    """All of the console's numbers, into `console.json`."""
    # Deferred: the child that a terminal starts needs none of it.
    from bench import first_frame, following
    from bench.measure import line

    frames = first_frame.measure(rounds)
    for row in frames:
        print(line(row), flush=True)
    result: dict[str, object] = {
        "date": date.today().isoformat(),
        "first_frame": [asdict(row) for row in frames],
        "pane": pane(lines, rounds),
    }
    seen = []
    for size in SIZES:
        for ssh in (True, False):
            seen.append(live(size, seconds, ssh=ssh))
            print("live run", seen[-1], flush=True)
    result["live"] = seen
    result["following"] = following.measure(rounds)
    print("following", result["following"], flush=True)
    OUT.mkdir(exist_ok=True)
    (OUT / "console.json").write_text(json.dumps(result, indent=1), "utf-8")


if __name__ == "__main__":
    child(sys.argv[1])
