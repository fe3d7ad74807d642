"""Runs of the real command without the cost of starting Python each time.

A process of its own has everything imported and no thread; it forks one child for
each run, which is then a process like any other: own signals, own files, own end.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, Any, NoReturn

from tests.e2e.stage import Finished


class Nursery:
    """The parent of runs; `close` it.

    `constants` are set in each child ("module:NAME" or "module:Class.NAME"): waits
    that have no place in a test.
    """

    def __init__(self, folder: Path, constants: Mapping[str, Any]) -> None:
        self._folder = folder
        self._constants = dict(constants)
        folder.mkdir(parents=True, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "tests.e2e.faults.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.runs = 0

    def start(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        *,
        at: tuple[str, int] | None = None,
        deed: str = "SIGKILL",
        watched: bool = True,
        constants: Mapping[str, Any] | None = None,
        clock_s: float = 0.0,
    ) -> int:
        """Begin a run; its process id.

        `watched`: with fault points, of which `at` meets the `deed` (see `points`).
        `clock_s`: by how much this machine's clock is wrong.
        """
        self.runs += 1
        for name in ("out", "err", "points"):
            (self._folder / name).write_bytes(b"")
        self._tell(
            {
                "arguments": list(arguments),
                "environment": dict(environment),
                "folder": str(self._folder),
                "constants": {**self._constants, **(constants or {})},
                "at": at,
                "deed": deed,
                "watched": watched,
                "clock_s": clock_s,
            }
        )
        return int(self._hear()["pid"])

    def finished(self) -> Finished:
        """Wait for the run that was started; a signal's number is negative."""
        code = int(self._hear()["code"])
        out, err = ((self._folder / name).read_text("utf-8") for name in ("out", "err"))
        return Finished(code, out, err)

    def points(self) -> list[tuple[str, int]]:
        """The points that the last run has met, in order."""
        lines = (self._folder / "points").read_text("utf-8").splitlines()
        cut = (line.split("\t", 1) for line in lines)
        return [(name, int(number)) for number, name in cut]

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def _tell(self, order: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        heard: dict[str, Any] = json.loads(self._process.stdout.readline())
        return heard


# ------------------------------------------------------------------ the process


def serve(orders: IO[str], answers: IO[str]) -> None:
    for line in orders:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _work(order)
        print(json.dumps({"pid": child}), file=answers, flush=True)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        _import_what_it_needed(Path(order["folder"]) / "modules")
        print(json.dumps({"code": code}), file=answers, flush=True)


def _import_what_it_needed(listed: Path) -> None:
    if not listed.exists():
        return
    for name in listed.read_text("utf-8").split():
        if name not in sys.modules and name != "__main__":
            with suppress(ImportError):
                importlib.import_module(name)
    listed.unlink()


def _work(order: Mapping[str, Any]) -> NoReturn:
    folder = Path(order["folder"])
    for number, name in enumerate(("", "out", "err")):
        place = folder / name if name else os.devnull
        os.dup2(os.open(place, os.O_RDWR), number)
    code = 70
    try:
        os.environ.clear()
        os.environ.update(order["environment"])
        _prepare(order, folder)
        sys.argv = ["haihai-tui", *order["arguments"]]
        # Deferred: as late as in the command itself.
        from haihai_tui.__main__ import main

        code = main()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        (folder / "modules").write_text("\n".join(sys.modules), "utf-8")
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(code)


def _prepare(order: Mapping[str, Any], folder: Path) -> None:
    for where, value in order["constants"].items():
        module, _, name = where.partition(":")
        owner: Any = importlib.import_module(module)
        *path, last = name.split(".")
        for part in path:
            owner = getattr(owner, part)
        if last == "__kwdefaults__":
            owner.__kwdefaults__.update(value)
        else:
            assert hasattr(owner, last), where
            setattr(owner, last, tuple(value) if isinstance(value, list) else value)
    if order["clock_s"]:
        _shift_clock(order["clock_s"])
    if order["watched"]:
        # Deferred: only a watched child is wrapped.
        from tests.e2e.faults.points import Points, install

        at = tuple(order["at"]) if order["at"] else None
        points = Points(folder / "points", at, order["deed"])
        install(points, Path(order["environment"]["HAIHAI_HOME"]))


def _shift_clock(seconds: float) -> None:
    """Let every module of the program believe in another time of day."""

    class Shifted(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + timedelta(seconds=seconds)

    real = time.time
    time.time = lambda: real() + seconds
    for name, module in list(sys.modules.items()):
        if name.startswith("haihai_tui.") and vars(module).get("datetime") is datetime:
            setattr(module, "datetime", Shifted)  # noqa: B010


if __name__ == "__main__":
    serve(sys.stdin, sys.stdout)
