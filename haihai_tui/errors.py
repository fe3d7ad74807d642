"""Errors, sorted by what has to be done next.

Every error that an operator can meet names what happened and the remedy as
`Text`: a message whose wording is looked up in the operator's language only
where it is shown.  The exit code follows from the class and from nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum


class ExitCode(IntEnum):
    """What the process tells cron and systemd; a promise to operators."""

    OK = 0
    REJECTS = 1
    USAGE = 2
    UNREACHABLE = 3
    AUTHORISE = 4
    LOCKED = 5
    PAUSED = 6
    HALTED = 7
    DEFECT = 70
    INTERRUPTED = 130
    TERMINATED = 143


@dataclass(frozen=True, slots=True)
class Text:
    """A message in its Japanese source wording, with named parameters.

    `msgid` is a `str.format` pattern and the key of the message catalogue.
    """

    msgid: str
    params: Mapping[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.msgid.format(**self.params) if self.params else self.msgid


def text(msgid: str, **params: object) -> Text:
    """Mark `msgid` for the catalogue (extraction keyword) and bind its parameters."""
    return Text(msgid, params)


class ConnectorError(Exception):
    """Base of all errors that are the operator's business rather than a defect.

    `cause` is one of the codes that `--diagnose` and `--check` speak.
    """

    exit_code = ExitCode.DEFECT

    def __init__(
        self, what: Text, remedy: Text | None = None, *, cause: str = "unknown"
    ) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
        self.cause = cause

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}" if self.remedy else str(self.what)


class SettingsError(ConnectorError):
    """Settings or usage are wrong; the person at the keyboard mends them."""

    exit_code = ExitCode.USAGE


class NotOffered(SettingsError):
    """The service does not offer this to the account; there may be another way."""


class ServiceUnreachable(ConnectorError):
    """A service gave no usable answer, after retries; try again later."""

    exit_code = ExitCode.UNREACHABLE


class AuthorisationNeeded(ConnectorError):
    """A token or permission is gone; a person must authorise again."""

    exit_code = ExitCode.AUTHORISE


class LockHeld(ConnectorError):
    """Another run of this profile is under way."""

    exit_code = ExitCode.LOCKED


class BudgetUsedUp(ConnectorError):
    """A daily API budget is used up; the next run goes on from here."""

    exit_code = ExitCode.PAUSED


class OnHold(ConnectorError):
    """No run may begin now: the profile is paused, or within its blackout hours.

    `reason` is `paused` or `blackout`.
    """

    exit_code = ExitCode.PAUSED

    def __init__(self, what: Text, remedy: Text | None = None, *, reason: str) -> None:
        super().__init__(what, remedy)
        self.reason = reason


class SafetyStop(ConnectorError):
    """The plan passes a limit of the guard; nothing has been written."""

    exit_code = ExitCode.HALTED


class Interrupted(ConnectorError):
    """A signal or the operator asked the run to stop; the next one goes on."""

    exit_code = ExitCode.INTERRUPTED


def exit_code_for(error: BaseException | None) -> ExitCode:
    """The exit code of a run that ended with `error` (None: it ended well)."""
    if error is None:
        return ExitCode.OK
    if isinstance(error, ConnectorError):
        return error.exit_code
    return ExitCode.DEFECT
