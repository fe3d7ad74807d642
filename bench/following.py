"""What a console costs the run that it follows, when another process runs it.

First runs of `customers`, in turns with and without a console on the run screen of
the same home; each fills an empty group.
"""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bench.console import Terminal
from bench.ours import run_sync
from bench.site import Site, start_site
from haihai_tui.services.paths import home_at

ROWS = 100_000
_STEP_S = 0.02


def measure(rounds: int) -> dict[str, float]:
    """Median seconds of both kinds, and by which share the followed one is slower."""
    alone: list[float] = []
    followed: list[float] = []
    with tempfile.TemporaryDirectory(prefix="haihai-bench-") as folder:
        site = start_site(Path(folder), ROWS)
        try:
            _run(site, 1, watched=False)
            for number in range(rounds):
                alone.append(_run(site, 100 + number, watched=False))
                followed.append(_run(site, 200 + number, watched=True))
        finally:
            site.close()
    without, with_one = statistics.median(alone), statistics.median(followed)
    return {
        "alone_s": round(without, 3),
        "followed_s": round(with_one, 3),
        "slower": round(with_one / without - 1, 4),
    }


def _run(site: Site, group: int, *, watched: bool) -> float:
    site.forget()
    site.new_group(str(group))
    if not watched:
        return _until_done(site, None)
    terminal = Terminal(home_at(site.home), (80, 24), {})
    try:
        terminal.read(2.0)
        return _until_done(site, terminal)
    finally:
        terminal.close()


def _until_done(site: Site, terminal: Terminal | None) -> float:
    started = time.perf_counter()
    process = subprocess.Popen(
        run_sync("customers"),
        env=site.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while process.poll() is None:
        if terminal is None:
            time.sleep(_STEP_S)
        else:
            terminal.read(_STEP_S)
    if process.returncode:
        raise SystemExit(f"the followed run ended with {process.returncode}")
    return time.perf_counter() - started
