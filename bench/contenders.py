"""Who is measured beside us, where each is installed, and how its rows are counted.

Each has an environment of its own below `bench/peers/.venvs`, made at the first use.
Who cannot be installed, or cannot be brought to read from loopback, keeps a row in
the table with the reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.measure import Failed, Row, line, measured, take
from bench.site import COLUMNS, SOQL

PEERS = Path(__file__).parent / "peers"
VENVS = PEERS / ".venvs"
GIT = "git+https://github.com"


@dataclass(frozen=True)
class Home:
    """An environment: what is installed into it, and a repository to lie beside.

    `variable` may name a local copy of what is not in the package index.
    """

    name: str
    packages: tuple[str, ...]
    shows: str
    repository: str = ""
    variable: str = ""

    @property
    def folder(self) -> Path:
        return VENVS / self.name

    @property
    def python(self) -> Path:
        return self.folder / "bin" / "python"


SIMPLE = Home("simple-salesforce", ("simple-salesforce",), "simple-salesforce")
AIO = Home("aiosalesforce", ("aiosalesforce",), "aiosalesforce")
SINGER = Home("singer", ("tap-salesforce",), "tap-salesforce")
MELTANO = Home(
    "meltano",
    (f"{GIT}/MeltanoLabs/tap-salesforce.git",),
    "tap-salesforce",
    variable="BENCH_MELTANO_TAP",
)
DLT = Home(
    "dlt",
    ("dlt[filesystem]", "simple-salesforce"),
    "dlt",
    repository="https://github.com/dlt-hub/verified-sources.git",
    variable="BENCH_DLT_SOURCES",
)
# Newer tree-sitter crashes it.
POSTING = Home("posting", ("posting", "tree-sitter<0.26"), "posting")
HARLEQUIN = Home("harlequin", ("harlequin",), "harlequin")
HOMES = (SIMPLE, AIO, SINGER, MELTANO, DLT, POSTING, HARLEQUIN)


def prepare(home: Home) -> str:
    """Make an environment that is not there; the version in it.  Raises Failed."""
    marker = home.folder / ".ready"
    if not marker.exists():
        print(f"installing {home.name} …", flush=True)
        shutil.rmtree(home.folder, ignore_errors=True)
        _do([sys.executable, "-m", "venv", str(home.folder)])
        local = os.environ.get(home.variable, "") if home.variable else ""
        wanted = (local,) if local and not home.repository else home.packages
        quiet = ("-q", "--disable-pip-version-check")
        _do([str(home.python), "-m", "pip", "install", *quiet, *wanted])
        if home.repository:
            source = local or home.repository
            target = home.folder / "sources"
            _do(["git", "clone", "-q", "--depth", "1", source, str(target)])
        marker.touch()
    return _version(home)


def _version(home: Home) -> str:
    ask = f"from importlib.metadata import version; print(version('{home.shows}'))"
    return take([str(home.python), "-c", ask], os.environ).output.decode().strip()


def _do(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Failed(f"{' '.join(command[:4])} …: {said[-1] if said else ''}")


@dataclass(frozen=True)
class Peer:
    """One way of extracting; `counted` reads the number of rows off its output."""

    key: str
    home: Home
    who: str
    what: str
    script: str
    arguments: Callable[[str], tuple[str, ...]]
    counted: Callable[[bytes], int]


def _last_number(output: bytes) -> int:
    return int(output.split()[-1])


def _records(output: bytes) -> int:
    lines = output.splitlines()
    return sum(1 for one in lines if b'"RECORD"' in one[:60] or b'"RECORD"' in one)


def _dlt(how: str) -> Callable[[str], tuple[str, ...]]:
    return lambda url: (url, how)


_NAMES = ",".join(COLUMNS)
CONTENDERS = (
    Peer(
        *("simple_files", SIMPLE, "simple-salesforce", "Bulk 2.0, to files"),
        *("simple_bulk.py", lambda url: (url, SOQL, "files"), _last_number),
    ),
    Peer(
        *("simple_rows", SIMPLE, "simple-salesforce", "Bulk 2.0, rows as dicts"),
        *("simple_bulk.py", lambda url: (url, SOQL, "rows"), _last_number),
    ),
    Peer(
        *("aio_rest", AIO, "aiosalesforce", "REST, rows as dicts"),
        *("aio_rest.py", lambda url: (url, SOQL), _last_number),
    ),
    Peer(
        *("simple_rest", SIMPLE, "simple-salesforce", "REST, rows as dicts"),
        *("simple_rest.py", lambda url: (url, SOQL), _last_number),
    ),
    Peer(
        *("dlt_extract", DLT, "dlt", "Salesforce source, extract"),
        *("dlt_source.py", _dlt("extract"), _last_number),
    ),
    Peer(
        *("dlt_load", DLT, "dlt", "Salesforce source, extract to load"),
        *("dlt_source.py", _dlt("load"), _last_number),
    ),
    Peer(
        *("meltano", MELTANO, "Meltano tap-salesforce", "BULK2, Singer messages"),
        *("singer_tap.py", lambda url: (url, "BULK2", _NAMES), _records),
    ),
    Peer(
        *("singer", SINGER, "Singer tap-salesforce", "BULK, Singer messages"),
        *("singer_tap.py", lambda url: (url, "BULK", _NAMES), _records),
    ),
)


def all_peers(url: str, small_url: str, small: int, rounds: int) -> list[Row]:
    """Every contender's row.  Each first reads the small pages, and is measured only
    if it gave all `small` rows."""
    return [_row(peer, url, small_url, small, rounds) for peer in CONTENDERS]


def _row(peer: Peer, url: str, small_url: str, small: int, rounds: int) -> Row:
    row = Row(peer.key, peer.who, peer.what)
    try:
        version = prepare(peer.home)
        _try(peer, small_url, small)
    except Failed as failed:
        row.why_not = str(failed)
        print(line(row), flush=True)
        return row
    who = f"{peer.who} {version}"
    command = [*_command(peer), *peer.arguments(url)]
    return measured(peer.key, who, peer.what, command, _environment(peer), rounds)


def _try(peer: Peer, url: str, rows: int) -> None:
    """Raises Failed unless the peer reads all rows of the small pages."""
    taken = take([*_command(peer), *peer.arguments(url)], _environment(peer))
    try:
        found = peer.counted(taken.output)
    except (ValueError, IndexError):
        found = 0
    if found != rows:
        raise Failed(f"it gave {found} rows of {rows}")


def _command(peer: Peer) -> list[str]:
    return [str(peer.home.python), str(PEERS / peer.script)]


def _environment(peer: Peer) -> dict[str, str]:
    sources = peer.home.folder / "sources" / "sources"
    environment = {**os.environ, "NO_PROXY": "127.0.0.1,localhost"}
    environment["PYTHONPATH"] = str(sources) if sources.exists() else ""
    return environment
