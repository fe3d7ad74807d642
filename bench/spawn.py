"""Runs one command and tells its time and memory: `spawn.py REPORT COMMAND …`.

A process of its own, and a small one: what a child's peak memory counts begins with
whoever started it.
"""

from __future__ import annotations

import json
import os
import sys
import time


def main(report: str, *command: str) -> None:
    started = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    found = {
        "wall_s": time.perf_counter() - started,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss / 1024,
        "exit": os.waitstatus_to_exitcode(status),
    }
    with open(report, "w", encoding="utf-8") as file:  # noqa: PTH123 - stay small
        json.dump(found, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
