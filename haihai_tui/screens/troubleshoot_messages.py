"""What the threads of トラブルシューティング tell their screen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from haihai_tui.services.checks.model import Check, CheckResult
    from haihai_tui.services.diagnosis import Cause
    from haihai_tui.services.support_bundle import Bundle


class Diagnosed(Message):
    """A paste was explained."""

    def __init__(self, causes: Sequence[Cause]) -> None:
        super().__init__()
        self.causes = causes


class FoundLive(Message):
    """The checks that look for the suspected causes have answered."""

    def __init__(self, results: Sequence[CheckResult]) -> None:
        super().__init__()
        self.results = results


class ChecksListed(Message):
    """It is known which checks the profile gives rise to."""

    def __init__(self, checks: Sequence[Check]) -> None:
        super().__init__()
        self.checks = checks


class CheckBegun(Message):
    """A check is being asked."""

    def __init__(self, check: Check) -> None:
        super().__init__()
        self.check = check


class CheckAnswered(Message):
    """A check has its answer."""

    def __init__(self, result: CheckResult) -> None:
        super().__init__()
        self.result = result


class ChecksDone(Message):
    """All checks have been asked."""

    def __init__(self, results: Sequence[CheckResult]) -> None:
        super().__init__()
        self.results = results


class BundleWritten(Message):
    """The archive for support is on the disk."""

    def __init__(self, bundle: Bundle) -> None:
        super().__init__()
        self.bundle = bundle
