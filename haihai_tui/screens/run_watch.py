"""A thread that follows a run for a screen, and says only what is new.

The thread ends with the screen; the run does not.  Nothing new, nothing posted: an
idle screen sends nothing to the terminal.
"""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING

from textual.message import Message

from haihai_tui.errors import ConnectorError
from haihai_tui.messages import WorkFailed

if TYPE_CHECKING:
    from haihai_tui.screens.base import ConsoleScreen
    from haihai_tui.services.follow import Followed, Follower
    from haihai_tui.services.run_control import Attempt

_AGAIN_S = 2.0
_LAST_LOOK_S = 1.0


class RunFollowed(Message):
    """What happened to the run that is followed, and to what this console started."""

    def __init__(self, followed: Followed, attempt: Attempt | None) -> None:
        super().__init__()
        self.followed = followed
        self.attempt = attempt


class RunWatch:
    """Follows the profile's present or last run, or the one with `run_id`."""

    def __init__(self, screen: ConsoleScreen, run_id: str | None = None) -> None:
        self._screen = screen
        self._run_id = run_id
        self._left = threading.Event()
        self._last: tuple[object, ...] = ()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        # The copied context is how a message finds its app from another thread.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._body,), name="follow", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End within one look: the database may be closed right after."""
        self._left.set()
        if self._thread is not None:
            self._thread.join(_LAST_LOOK_S)

    def _body(self) -> None:
        try:
            self._watch()
        except Exception as error:
            if not self._left.is_set():
                self._screen.console.tell_defect(error)

    def _watch(self) -> None:
        # Deferred: the database driver loads on this thread, not on the screen's.
        from haihai_tui.services.follow import POLL_S, Follower

        follower: Follower | None = None
        failure = ""
        pause = 0.0
        while not self._left.wait(pause):
            context = self._screen.ctx
            try:
                if follower is None:
                    follower = Follower(
                        context.home, context.database, context.profile, self._run_id
                    )
                pause = self._look(follower, POLL_S)
                failure = ""
            except ConnectorError as error:
                if str(error) != failure:
                    self._screen.post_message(WorkFailed(error, "follow"))
                failure, pause = str(error), _AGAIN_S

    def _look(self, follower: Follower, pause: float) -> float:
        followed = follower.poll()
        attempt = self._screen.ctx.runs.current()
        now = (followed.run, followed.live, followed.holder, attempt)
        if followed.events or followed.began or now != self._last:
            self._last = now
            self._screen.post_message(RunFollowed(followed, attempt))
        return 0.0 if followed.more else pause
