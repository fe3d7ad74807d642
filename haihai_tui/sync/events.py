"""What a run tells while it goes on.

The sync emits plain facts; whoever is given them stores, prints or draws them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from haihai_tui.errors import Text

Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Event:
    """`kind` names the fact (`flow_started`, `progress`, `change`, …)."""

    kind: str
    flow: str
    text: Text
    level: Level = "info"
    data: Mapping[str, object] = field(default_factory=dict)


class Listener(Protocol):
    """Takes events; must not raise, and must be quick."""

    def __call__(self, event: Event, /) -> None: ...


class Pacer(Protocol):
    """Time and stopping, from outside: the sync has no clock of its own."""

    def check(self) -> None:
        """Raise Interrupted when the run was asked to stop."""

    def sleep(self, seconds: float) -> None:
        """Wait, but raise Interrupted as soon as the run was asked to stop."""

    def seconds(self) -> float:
        """A monotonic clock."""
