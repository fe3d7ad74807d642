"""The gate that every call on a port passes: where a run can be disturbed.

A call passes it twice, before and after its effect, so that "the work was done and
the answer lost" is as likely as "it never began".  A run that was killed stays dead:
whatever it tries afterwards fails, as in a process that is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from haihai_tui.errors import BudgetUsedUp, Interrupted, ServiceUnreachable, text

Kind = Literal["kill", "hiccup", "outage", "budget", "interrupt", "defect"]
KINDS: tuple[Kind, ...] = (
    "kill",
    "hiccup",
    "outage",
    "budget",
    "interrupt",
    "defect",
)
SERVICES = frozenset(("salesforce", "haihai"))


class Killed(BaseException):
    """kill -9: no handler of the program runs to any effect."""


class Defect(Exception):
    """A mistake in the program, as exit code 70 means it."""


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What happens at the `at`-th point (from 1) that a run passes."""

    kind: Kind
    at: int


@dataclass(slots=True)
class Gate:
    """Counts the points of a run and disturbs it where it was told to."""

    disturbance: Disturbance | None = None
    meanwhile: Callable[[], None] | None = None
    meanwhile_at: int = 0
    passed: int = 0
    _hit: bool = False
    _told: bool = False

    def arm(
        self,
        disturbance: Disturbance | None,
        meanwhile: Callable[[], None] | None = None,
        meanwhile_at: int = 0,
    ) -> None:
        self.disturbance, self.meanwhile = disturbance, meanwhile
        self.meanwhile_at = meanwhile_at
        self.passed, self._hit, self._told = 0, False, False

    def disarm(self) -> None:
        self.arm(None)

    @property
    def was_hit(self) -> bool:
        return self._hit

    def before(self, port: str) -> None:
        self._point(port, done=False)

    def after(self, port: str) -> None:
        self._point(port, done=True)

    def _point(self, port: str, *, done: bool) -> None:
        self.passed += 1
        if self.meanwhile is not None and self.passed == self.meanwhile_at:
            self.meanwhile()
        told = self.disturbance
        if told is None or self.passed < told.at:
            return
        if told.kind == "kill":
            self._hit = True
            raise Killed
        if port in SERVICES or (told.kind == "interrupt" and port == "pacer"):
            self._disturb(told.kind, done)

    def _disturb(self, kind: Kind, done: bool) -> None:
        if kind == "budget" and done:
            return
        once = kind in ("hiccup", "defect")
        if once and self._told:
            return
        self._hit = self._told = True
        if kind == "budget":
            raise BudgetUsedUp(text("本日の予算を使い切りました。"))
        if kind == "interrupt":
            raise Interrupted(text("実行を中断しました。"))
        if kind == "defect":
            raise Defect
        raise ServiceUnreachable(text("サービスが応答しません。"))
