"""What the threads behind 連携設定 tell its screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from haihai_tui.errors import Text
    from haihai_tui.screens.settings_pick import Choice
    from haihai_tui.services.findings import Found
    from haihai_tui.services.live_checks import Seen
    from haihai_tui.services.settings_edit import Change
    from haihai_tui.services.wizard import Wizard
    from haihai_tui.services.wizard_questions import Step


class WizardOpened(Message):
    """The profile was read; the wizard goes on where it was left."""

    def __init__(self, wizard: Wizard) -> None:
        super().__init__()
        self.wizard = wizard


class FoundOne(Message):
    """One live check has answered."""

    def __init__(self, step: Step, found: Found) -> None:
        super().__init__()
        self.step = step
        self.found = found


class StepChecked(Message):
    """All live checks of a step have answered; `changes` is None if not saved."""

    def __init__(
        self, step: Step, seen: Seen, changes: Sequence[Change] | None
    ) -> None:
        super().__init__()
        self.step = step
        self.seen = seen
        self.changes = changes


class DraftKept(Message):
    """What was typed is remembered."""


class ChoicesRead(Message):
    """What a question could be answered with, read from a service."""

    def __init__(self, key: str, title: Text, choices: Sequence[Choice]) -> None:
        super().__init__()
        self.key = key
        self.title = title
        self.choices = choices


class ConditionRead(Message):
    """The condition that a list view or campaign stands for."""

    def __init__(self, condition: str, told: Text) -> None:
        super().__init__()
        self.condition = condition
        self.told = told


class FieldsMade(Message):
    """Missing fields were created; `names` as `Contact.State__c`."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self.names = names


class ProfileOpened(Message):
    """Another profile is in use; `stays`: so does whoever is signed in."""

    def __init__(self, name: str, stays: bool) -> None:
        super().__init__()
        self.name = name
        self.stays = stays


class PlanAsked(Message):
    """A run that only plans was begun."""
