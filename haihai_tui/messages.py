"""Messages that cross screens: frozen facts, told after they happened.

Threads never touch a widget; they post one of these and the screen that owns the
widget reacts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from textual.message import Message

from haihai_tui.errors import ConnectorError

if TYPE_CHECKING:
    from haihai_tui.services.roles import Operator


class WorkFailed(Message):
    """Work in the background ended with an error that the operator can mend."""

    def __init__(self, error: ConnectorError, group: str) -> None:
        super().__init__()
        self.error = error
        self.group = group


class SignedIn(Message):
    """Somebody signed in; `operator.must_change` may still hold them up."""

    def __init__(self, operator: Operator) -> None:
        super().__init__()
        self.operator = operator


class StatusRead(Message):
    """The profile's status as `services.status.status` gives it."""

    def __init__(self, status: Mapping[str, Any]) -> None:
        super().__init__()
        self.status = status
