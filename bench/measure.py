"""One child process measured: wall time, peak memory, what it printed.

Peak memory is that of the child alone, from the usage that the kernel returns when
it is waited for.  A row is the median of its rounds' wall times and the largest
peak among them.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SPAWN = Path(__file__).parent / "spawn.py"


class Failed(Exception):
    """A measured command did not do its work; the message says why."""


@dataclass(frozen=True)
class Taken:
    """One run of a command: seconds, megabytes, standard output."""

    wall_s: float
    cpu_s: float
    peak_mb: float
    output: bytes


@dataclass
class Row:
    """One line of the table.  `why_not` stands in place of numbers."""

    key: str
    who: str
    what: str
    wall_s: float | None = None
    peak_mb: float | None = None
    walls: list[float] = field(default_factory=list)
    why_not: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


def take(command: Sequence[str], environment: Mapping[str, str]) -> Taken:
    """Run a command to its end.  Raises Failed with the end of its complaint."""
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as complaint,
        tempfile.NamedTemporaryFile() as report,
    ):
        subprocess.run(
            [sys.executable, "-I", "-S", str(SPAWN), report.name, *command],
            env=dict(environment),
            stdout=out,
            stderr=complaint,
            check=True,
        )
        found = json.loads(report.read())
        if found["exit"]:
            complaint.seek(0)
            said = complaint.read().decode(errors="replace").strip()
            raise Failed(f"exit {found['exit']}: {said[-1500:]}")
        out.seek(0)
        walls = found["wall_s"], found["cpu_s"], found["peak_mb"]
        return Taken(*walls, out.read())


def measured(
    key: str,
    who: str,
    what: str,
    command: Sequence[str],
    environment: Mapping[str, str],
    rounds: int,
    *,
    before: Callable[[], None] = lambda: None,
    look: Callable[[Taken], dict[str, Any]] = lambda taken: {},
) -> Row:
    """Run a command `rounds` times; `look` turns the last run into facts."""
    row = Row(key, who, what)
    peaks, cpus = [], []
    try:
        for _ in range(rounds):
            before()
            taken = take(command, environment)
            row.walls.append(taken.wall_s)
            cpus.append(taken.cpu_s)
            peaks.append(taken.peak_mb)
            row.facts |= look(taken)
    except Failed as failed:
        row.why_not = str(failed)
    if peaks:
        row.wall_s = statistics.median(row.walls)
        row.peak_mb = max(peaks)
        row.facts["cpu_s"] = round(statistics.median(cpus), 3)
    print(line(row), flush=True)
    return row


def line(row: Row) -> str:
    """A row as it is printed."""
    head = f"{row.who:28} {row.what:46}"
    if row.wall_s is None:
        return f"{head} {row.why_not.splitlines()[-1][:70] if row.why_not else '-'}"
    peak = "" if row.peak_mb is None else f" {row.peak_mb:7.0f} MB"
    return f"{head} {row.wall_s:8.2f} s{peak}"
