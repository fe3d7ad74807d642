"""Undoing the writes of a request that is to succeed as a whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Rollback(Exception):
    """Raised inside `transaction` to take back what was written there."""


class Journal:
    """Steps that undo the latest writes; kept only inside a transaction."""

    def __init__(self) -> None:
        self._steps: list[Callable[[], None]] | None = None

    def note(self, undo: Callable[[], None]) -> None:
        """Remember how to take back what is about to be written."""
        if self._steps is not None:
            self._steps.append(undo)

    @property
    def recording(self) -> bool:
        """Whether `note` keeps anything (saves making the step otherwise)."""
        return self._steps is not None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Any exception takes the writes back; `Rollback` ends here.

        A transaction inside another one belongs to the outer.
        """
        if self._steps is not None:
            yield
            return
        self._steps = []
        try:
            yield
        except BaseException as error:
            for undo in reversed(self._steps):
                undo()
            if not isinstance(error, Rollback):
                raise
        finally:
            self._steps = None
