"""Blocking work of screens, on daemon threads that post what they found.

Not Textual's own workers: leaving the console would wait for them, and a service
that does not answer may take a minute.
"""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from textual.message import Message

from haihai_tui.errors import ConnectorError
from haihai_tui.messages import WorkFailed

if TYPE_CHECKING:
    from haihai_tui.app import ConsoleApp
    from haihai_tui.screens.base import ConsoleScreen


class Background:
    """Counts the work under way and knows the newest of each group."""

    def __init__(self, app: ConsoleApp) -> None:
        self._app = app
        self._lock = threading.Lock()
        self._count = 0
        self._newest: dict[tuple[int, str], int] = {}

    @property
    def count(self) -> int:
        """How much has not posted its message yet."""
        with self._lock:
            return self._count

    def begin(
        self, screen: ConsoleScreen, work: Callable[[], Message], group: str
    ) -> None:
        """Start a thread; its message goes to `screen` unless newer work of the
        same group was begun meanwhile."""
        key = (id(screen), group)
        with self._lock:
            self._count += 1
            number = self._newest[key] = self._newest.get(key, 0) + 1

        def body() -> None:
            try:
                message = _outcome(work, group)
                with self._lock:
                    is_newest = not group or self._newest[key] == number
                if is_newest:
                    screen.post_message(message)
            except Exception as error:
                self._app.tell_defect(error)
            finally:
                with self._lock:
                    self._count -= 1

        # The copied context is how a message finds its app from another thread.
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(body,), daemon=True).start()


def _outcome(work: Callable[[], Message], group: str) -> Message:
    try:
        return work()
    except ConnectorError as error:
        return WorkFailed(error, group)
