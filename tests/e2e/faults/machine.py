"""Runs on a machine that misbehaves: its clock, its disk, its rights, its signals."""

from __future__ import annotations

import ctypes
import json
import resource
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from tests.e2e.stage import Finished, Stage

_CAPBSET_DROP = 24
_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2

# Found by the interpreter before it runs anything else: time goes by as always, and
# from the given reading of the clock on it is another time.
_CLOCK = """
import datetime, os, time
_real, _after, _shift = datetime.datetime, int(os.environ["AFTER"]), float(
    os.environ["SHIFT"]
)
_readings, _time = 0, time.time
def _off():
    global _readings
    _readings += 1
    return _shift if _readings > _after else 0.0
time.time = lambda: _time() + _off()
class datetime_(_real):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(_time() + _off(), tz)
datetime_.__name__ = "datetime"
datetime.datetime = datetime_
"""


def started(
    stage: Stage,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> subprocess.Popen[str]:
    """The command, with a last act of the child process before it begins."""
    return subprocess.Popen(
        [sys.executable, "-m", "haihai_tui", "--run-sync", *arguments, "--json"],
        env={**stage.environment, **(environment or {})},
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=before,
    )


def ended(process: subprocess.Popen[str], begun: str = "") -> Finished:
    out, err = process.communicate(timeout=300)
    return Finished(process.returncode, begun + out, err)


def until_begun(process: subprocess.Popen[str]) -> str:
    """Wait for the first event of the run; its lines so far."""
    assert process.stdout is not None
    line = process.stdout.readline()
    assert json.loads(line)["event"] == "flow_started", line
    return line


def clock(stage: Stage, folder: Path, shift_s: float, after: int) -> dict[str, str]:
    """Environment in which the clock jumps by `shift_s` at a reading of it."""
    folder.mkdir(exist_ok=True)
    (folder / "sitecustomize.py").write_text(_CLOCK)
    root = Path(__file__).parents[3]
    return {
        "PYTHONPATH": f"{folder}:{root}",
        "SHIFT": str(shift_s),
        "AFTER": str(after),
    }


def with_small_files(size: int) -> Callable[[], None]:
    """No file can grow beyond `size` bytes, as on a disk that is full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def without_override() -> None:
    """File modes count, for the superuser too."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        for capability in (_DAC_OVERRIDE, _DAC_READ_SEARCH):
            libc.prctl(_CAPBSET_DROP, capability, 0, 0, 0)
