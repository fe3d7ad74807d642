"""Writes what a state folder holds again and again, as long as it changes.

A sandbox that is killed loses a second or two, and not all since it was started.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_EVERY_S = 1.0
_SHARE = 20
"""A save that takes long is followed by a pause this many times as long."""


@dataclass(slots=True)
class Kept:
    """Something that can be written whole; `version` differs once it has changed."""

    version: Callable[[], object]
    save: Callable[[], None]
    saved: object = None

    def keep(self) -> None:
        version = self.version()
        if version != self.saved:
            self.save()
            self.saved = version


class Keeper:
    """Saves on a thread of its own between `start` and `stop`.

    What cannot be written is tried again; the last save, when the sandbox ends, is
    its owner's, and tells.
    """

    def __init__(self, kept: Sequence[Kept]) -> None:
        self._kept = kept
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="keeper", daemon=True)

    def start(self) -> Keeper:
        for one in self._kept:
            one.saved = one.version()
        self._thread.start()
        return self

    def stop(self) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        pause = _EVERY_S
        while not self._over.wait(pause):
            begun = time.monotonic()
            for one in self._kept:
                try:
                    one.keep()
                except OSError:
                    continue
            pause = max(_EVERY_S, _SHARE * (time.monotonic() - begun))
