"""How long nobody has touched the keyboard."""

from __future__ import annotations

import time
from collections.abc import Callable


class IdleTime:
    """Counts from the last touch; a limit of 0 is never over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._touched = clock()
        self.limit_s = 0.0

    def begin(self, limit_s: float) -> None:
        """Count from now, with this limit."""
        self.limit_s = limit_s
        self.touch()

    def touch(self) -> None:
        self._touched = self._clock()

    @property
    def is_over(self) -> bool:
        return 0 < self.limit_s <= self._clock() - self._touched
