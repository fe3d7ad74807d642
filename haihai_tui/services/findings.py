"""What the wizard's live checks found, in the words of `--check`.

A check of the wizard looks at answers that are not saved yet, so it is no check of
a profile; statuses, cause codes and remedies are the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from haihai_tui.errors import ConnectorError, Text
from haihai_tui.services.causes import cause_text
from haihai_tui.services.checks.model import Status, failed_by


@dataclass(frozen=True, slots=True)
class Found:
    """One thing looked at, and what was found.

    `check` is a stable name, `title` what was looked at.  `code` is a cause code,
    "" where there is none; `see` a section of the manual.
    """

    check: str
    title: Text
    status: Status
    what: Text
    code: str = ""
    remedy: tuple[Text, ...] = ()

    @property
    def see(self) -> str:
        return cause_text(self.code).see if self.code else ""


def fine(check: str, title: Text, what: Text) -> Found:
    return Found(check, title, Status.OK, what)


def doubtful(check: str, title: Text, what: Text) -> Found:
    return Found(check, title, Status.WARN, what)


def skipped(check: str, title: Text, why: Text) -> Found:
    return Found(check, title, Status.SKIPPED, why)


def trouble(
    check: str, title: Text, what: Text, code: str, status: Status = Status.FAIL
) -> Found:
    """With the remedies that the cause has."""
    return Found(check, title, status, what, code, cause_text(code).remedy)


def from_error(check: str, title: Text, error: ConnectorError) -> Found:
    """What an error says about the thing that was looked at."""
    finding = failed_by(error)
    return Found(
        check, title, finding.status, finding.what, finding.code, finding.remedy
    )
