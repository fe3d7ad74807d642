"""`make bench`: the main job beside its floor and a well-known client, in one run.

The sandbox serves ready-made pages from files, so that it is not what is measured;
curl's row says what it costs.  Every row is a process of its own; its wall time is
the median of the rounds, its peak memory that of the child alone.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from importlib.metadata import version
from pathlib import Path

OUT = Path(__file__).parent / "out"
SELECT = "Id, Email, LastName, FirstName, Account.Name, Phone"
AUDIENCE = "HasOptedOutOfEmail = false AND Email != null"
SOQL = f"SELECT {SELECT} FROM Contact WHERE ({AUDIENCE})"


@dataclass(frozen=True)
class Row:
    who: str
    what: str
    wall_s: float
    peak_mb: float


@dataclass(frozen=True)
class Site:
    """A running sandbox with a ready profile in `home`."""

    home: Path
    salesforce: dict[str, str]
    process: subprocess.Popen[str]

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "HAIHAI_HOME": str(self.home)}


def start_site(home: Path, rows: int) -> Site:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "haihai_tui", "--sandbox", "--write-profile"),
            *("--customers", str(rows)),
        ],
        env={**os.environ, "HAIHAI_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    return Site(home, ready["salesforce"], process)


def measure(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Wall seconds and peak resident megabytes of one child."""
    started = time.perf_counter()
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    complaint = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command}: {complaint.decode(errors='replace')[-2000:]}")
    return wall, usage.ru_maxrss / 1024


def rounds(
    who: str,
    what: str,
    command: list[str],
    site: Site,
    count: int,
    before: Callable[[], None] = lambda: None,
) -> Row:
    walls, peaks = [], []
    for _ in range(count):
        before()
        wall, peak = measure(command, site.environment)
        walls.append(wall)
        peaks.append(peak)
    row = Row(who, what, statistics.median(walls), max(peaks))
    print(f"{row.who:20} {row.what:44} {row.wall_s:8.2f} s {row.peak_mb:7.0f} MB")
    return row


def run_sync(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "haihai_tui", "--run-sync", *arguments, "--json"]


def peer(script: str, site: Site) -> list[str]:
    folder = Path(__file__).parent / "peers"
    salesforce = site.salesforce
    return [
        *(sys.executable, str(folder / script), salesforce["login_url"]),
        *(salesforce["access_token"], salesforce["api_version"], SOQL),
    ]


def forget(site: Site) -> None:
    """The next run is a first one: no cursor, no snapshot, no counted calls."""
    for path in (site.home / "state").rglob("*"):
        if path.is_file():
            path.unlink()


def all_rows(site: Site, count: int) -> list[Row]:
    ours = "haihai-tui"
    # Once unmeasured: the sandbox renders its pages when they are first asked for.
    measure(peer("floor.py", site), site.environment)
    return [
        rounds(
            "floor", "download by Bulk 2.0 to disk", peer("floor.py", site), site, count
        ),
        rounds(
            f"simple-salesforce {version('simple-salesforce')}",
            "Bulk 2.0 rows as dicts",
            peer("simple_rows.py", site),
            site,
            count,
        ),
        rounds(
            ours,
            "customers, first run, whole",
            run_sync("customers"),
            site,
            count,
            lambda: forget(site),
        ),
        rounds(ours, "customers, --full", run_sync("customers", "--full"), site, count),
        rounds(ours, "customers, nothing changed", run_sync("customers"), site, count),
        rounds(ours, "all flows, nothing changed", run_sync(), site, count),
        rounds(
            ours,
            "--version",
            [sys.executable, "-m", "haihai_tui", "--version"],
            site,
            count,
        ),
        rounds(
            ours,
            "--status",
            [sys.executable, "-m", "haihai_tui", "--status", "--json"],
            site,
            count,
        ),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="haihai-bench-") as folder:
        site = start_site(Path(folder), chosen.rows)
        try:
            rows = all_rows(site, chosen.rounds)
        finally:
            site.process.terminate()
            site.process.wait()
    OUT.mkdir(exist_ok=True)
    result = {
        "rows": chosen.rows,
        "rounds": chosen.rounds,
        "date": date.today().isoformat(),
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "table": [asdict(row) for row in rows],
    }
    target = OUT / f"bench-{chosen.rows}.json"
    target.write_text(json.dumps(result, indent=1), "utf-8")
    print(f"\n{chosen.rows:,} contacts, medians of {chosen.rounds}; {target.name}")


if __name__ == "__main__":
    main()
