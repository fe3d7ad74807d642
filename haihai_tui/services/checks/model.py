"""The shape of a check and of what it answers.

A check never decides what it depends on at run time: it names the checks that must
have passed before, so that one broken thing turns one check red and those behind
it into `skipped`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.services.causes import cause_text

if TYPE_CHECKING:
    from haihai_tui.services.checks.bench import Bench

LIMIT_S = 10.0
"""How long a check may take, in seconds, where it names no other limit."""


class Status(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIPPED = "skipped"


class Area(StrEnum):
    """What a check is about; lists are grouped by it."""

    MACHINE = "machine"
    NETWORK = "network"
    APP = "app"
    ORG = "org"
    DATA = "data"
    HAIHAI = "haihai"


def area_label(area: Area) -> Text:
    return {
        Area.MACHINE: text("このマシン"),
        Area.NETWORK: text("ネットワーク"),
        Area.APP: text("Salesforce アプリケーションとトークン"),
        Area.ORG: text("Salesforce 組織"),
        Area.DATA: text("オブジェクトと項目"),
        Area.HAIHAI: text("配配メール"),
    }[area]


def status_label(status: Status) -> Text:
    return {
        Status.OK: text("正常"),
        Status.WARN: text("注意"),
        Status.FAIL: text("問題"),
        Status.SKIPPED: text("未確認"),
    }[status]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    `code` is a cause's code, "" where there is none.  `facts` are the answers that
    the finding rests on.  Without `remedy` those of the code are told.
    """

    status: Status
    what: Text
    code: str = ""
    facts: tuple[Text, ...] = ()
    remedy: tuple[Text, ...] = ()


Run = Callable[["Bench"], Finding]


@dataclass(frozen=True, slots=True)
class Check:
    """One question.  `needs` are names of checks that must be ok or warn before."""

    name: str
    label: Text
    asks: Text
    area: Area
    run: Run
    needs: tuple[str, ...] = ()
    see: str = ""
    limit_s: float = LIMIT_S


@dataclass(frozen=True, slots=True)
class CheckResult:
    """A check with its answer; `seconds` is how long it took."""

    check: Check
    finding: Finding
    seconds: float = 0.0

    @property
    def name(self) -> str:
        return self.check.name

    @property
    def status(self) -> Status:
        return self.finding.status

    @property
    def code(self) -> str:
        return self.finding.code

    @property
    def remedy(self) -> tuple[Text, ...]:
        if self.finding.remedy or not self.code:
            return self.finding.remedy
        return cause_text(self.code).remedy

    @property
    def see(self) -> str:
        """The manual's section: the cause's, else the check's own."""
        return cause_text(self.code).see if self.code else self.check.see

    def as_json(self, render: Callable[[Text], str]) -> dict[str, Any]:
        """The contract's object, with what was asked and answered beside it."""
        return {
            "check": self.name,
            "status": self.status.value,
            "code": self.code,
            "what": render(self.finding.what),
            "remedy": [render(step) for step in self.remedy],
            "see": self.see,
            "label": render(self.check.label),
            "asked": render(self.check.asks),
            "answered": [render(fact) for fact in self.finding.facts],
            "seconds": round(self.seconds, 3),
        }


def ok(what: Text, *facts: Text) -> Finding:
    return Finding(Status.OK, what, facts=facts)


def warn(
    what: Text, *facts: Text, code: str = "", remedy: tuple[Text, ...] = ()
) -> Finding:
    return Finding(Status.WARN, what, code, facts, remedy)


def fail(what: Text, *facts: Text, code: str, remedy: tuple[Text, ...] = ()) -> Finding:
    return Finding(Status.FAIL, what, code, facts, remedy)


def skipped(what: Text, *facts: Text) -> Finding:
    """Not answered: the question does not arise, or nobody can answer it."""
    return Finding(Status.SKIPPED, what, facts=facts)


def failed_by(error: ConnectorError, *facts: Text, cause: str = "") -> Finding:
    """A failure in an error's own words.

    The error's remedy stands first, then those of its cause; `cause` names one
    where the error itself has none.
    """
    code = error.cause if error.cause != "unknown" else cause or "unknown"
    first = (error.remedy,) if error.remedy else ()
    known = cause_text(code).remedy if code != "unknown" or not first else ()
    return Finding(Status.FAIL, error.what, code, facts, (*first, *known))


def summary(results: Iterable[CheckResult]) -> Text:
    """How many answers of each status, for one line."""
    count = Counter(result.status for result in results)
    return text(
        "{ok} 件正常、{warn} 件注意、{fail} 件問題、{skipped} 件未確認",
        ok=count[Status.OK],
        warn=count[Status.WARN],
        fail=count[Status.FAIL],
        skipped=count[Status.SKIPPED],
    )
