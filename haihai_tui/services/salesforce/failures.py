"""Refused rows on their way to the caller: on disk, not in memory.

One file an update, one JSON line a row, so that a million refusals cost no more
memory than one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from haihai_tui.sync.ports import RowFailure


class FailureFile:
    """Takes refusals while open, gives them back afterwards (and again if asked)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.count = 0
        self._file = path.open("w", encoding="utf-8")

    def add(self, failure: RowFailure) -> None:
        line = [failure.record_id, failure.code, failure.message, failure.fields]
        # ASCII with escapes: a lone surrogate in a message can be written too.
        self._file.write(json.dumps(line) + "\n")
        self.count += 1

    def __enter__(self) -> FailureFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __iter__(self) -> Iterator[RowFailure]:
        with self.path.open(encoding="utf-8") as lines:
            for line in lines:
                record_id, code, message, fields = json.loads(line)
                yield RowFailure(record_id, code, message, tuple(fields))
