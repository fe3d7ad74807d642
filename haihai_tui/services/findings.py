"""What a check found: one shape for `--check`, the wizard and troubleshooting.

A finding speaks the cause codes of `--diagnose`, so that the same trouble has the
same title, remedy and section of the manual wherever it is met.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.services.causes import cause_text

Status = Literal["ok", "warn", "fail", "skipped"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check and its outcome.

    `check` is a stable name, `title` what was looked at, `what` what was found.
    `code` is a cause code, "" where there is none; `see` a section of the manual.
    """

    check: str
    title: Text
    status: Status
    what: Text
    code: str = ""
    remedy: tuple[Text, ...] = ()
    see: str = ""

    def as_record(self) -> dict[str, Any]:
        """The line that `--check --json` prints; texts are rendered by the writer."""
        return {
            "check": self.check,
            "status": self.status,
            "code": self.code,
            "what": self.what,
            "remedy": list(self.remedy),
            "see": self.see,
        }


def fine(check: str, title: Text, what: Text) -> Finding:
    return Finding(check, title, "ok", what)


def skipped(check: str, title: Text, why: Text) -> Finding:
    return Finding(check, title, "skipped", why)


def trouble(
    check: str,
    title: Text,
    what: Text,
    code: str,
    *,
    status: Status = "fail",
    remedy: tuple[Text, ...] | None = None,
) -> Finding:
    """A finding with the remedies and the section that its cause has."""
    known = cause_text(code)
    return Finding(
        check, title, status, what, code, known.remedy if remedy is None else remedy,
        known.see,
    )  # fmt: skip


def from_error(check: str, title: Text, error: ConnectorError) -> Finding:
    """What an error says about the thing that was looked at."""
    if error.cause != "unknown":
        return trouble(check, title, error.what, error.cause)
    remedy = () if error.remedy is None else (error.remedy,)
    return Finding(check, title, "fail", error.what, "unknown", remedy)


def status_label(status: Status) -> Text:
    """The state in a word: colours alone tell nothing."""
    return {
        "ok": text("正常"),
        "warn": text("注意"),
        "fail": text("エラー"),
        "skipped": text("省略"),
    }[status]


def worst(findings: tuple[Finding, ...] | list[Finding]) -> Status:
    """The gravest status among them; `ok` where there is none."""
    order: tuple[Status, ...] = ("fail", "warn", "ok", "skipped")
    found = {finding.status for finding in findings}
    return next((status for status in order if status in found), "ok")
