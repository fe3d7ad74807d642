"""Keys typed ahead go where the operator means them to.

Textual hands a key to the focused widget and takes the next one before the first
has moved the focus.  Over a slow line keys arrive in bunches, and a password would
land in the field of the name.  So after a key that may move the focus the next one
waits until everything has come to rest; letters wait for nothing.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING

from textual import events
from textual.message_pump import MessagePump

if TYPE_CHECKING:
    from haihai_tui.app import ConsoleApp

_ROUNDS = 6
_LONGEST_S = 0.5


class TypeAhead:
    """Holds keys back while an earlier one is still at work."""

    def __init__(
        self, app: ConsoleApp, deliver: Callable[[events.Key], Awaitable[None]]
    ) -> None:
        self._app = app
        self._deliver = deliver
        self._held: deque[events.Key] = deque()
        self._released: deque[events.Key] = deque()
        self._task: asyncio.Task[None] | None = None

    async def take(self, key: events.Key) -> None:
        """Deliver the key now, or when those before it have done their work."""
        if self._released and key is self._released[0]:
            self._released.popleft()
        elif self._task is not None:
            self._held.append(key)
            return
        await self._deliver(key)
        if self._task is None and not key.is_printable:
            self._task = asyncio.create_task(self._drain())

    async def _drain(self) -> None:
        try:
            await self._rest()
            while self._held:
                # Through the app's own queue: that is where a key is delivered from.
                key = self._held.popleft()
                self._released.append(key)
                self._app.post_message(key)
                if not key.is_printable or not self._held:
                    await self._rest()
        finally:
            self._task = None

    async def _rest(self) -> None:
        """Wait until no message is under way, several times over in a row."""
        deadline = asyncio.get_running_loop().time() + _LONGEST_S
        quiet = 0
        while quiet < _ROUNDS and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0)
            is_quiet = all(pump.message_queue_size == 0 for pump in self._pumps())
            quiet = quiet + 1 if is_quiet else 0

    def _pumps(self) -> Iterator[MessagePump]:
        yield self._app
        yield self._app.screen
        yield from self._app.screen.query("*")
