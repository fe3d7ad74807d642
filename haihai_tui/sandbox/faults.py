"""Faults that a sandbox is told to commit, as plain values.

A fault is data (`match`, `times`, `after`, `do`), so that tests, benchmarks and a
shell script state it in the same words; `control` carries it out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_ARGUMENT = {
    "status": int,
    "truncate": int,
    "delay": float,
    "error": str,
    "reset": None,
    "lose_reply": None,
}


@dataclass(slots=True)
class Fault:
    """What the next matching requests meet.

    `match` is "METHOD path-regex" (`*` for any method), searched in the path with
    its query.  `after` matches are let through first, then `times` are hit (None:
    all).  `headers` and `body` dress the answer of `status:N`.
    """

    match: str
    do: str
    times: int | None = 1
    after: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: str | None = None

    @classmethod
    def parse(cls, values: Mapping[str, object]) -> Fault:
        """Read one JSON object; ValueError says what is wrong with it."""
        unknown = set(values) - {"match", "do", "times", "after", "headers", "body"}
        if unknown or not isinstance(values, Mapping):
            raise ValueError(f"unknown keys of a fault: {sorted(unknown)}")
        times, headers = values.get("times", 1), values.get("headers", {})
        if not isinstance(headers, Mapping):
            raise ValueError("headers is an object")
        body = values.get("body")
        fault = cls(
            match=str(values.get("match", "")),
            do=str(values.get("do", "")),
            times=None if times is None else int(str(times)),
            after=int(str(values.get("after", 0))),
            headers={str(name): str(value) for name, value in headers.items()},
            body=None if body is None else str(body),
        )
        fault.check()
        return fault

    def check(self) -> None:
        """Raise ValueError unless `match` and `do` can be carried out."""
        if not self.match:
            raise ValueError('a fault needs "match": "METHOD path-regex"')
        try:
            re.compile(self._pattern)
        except re.error as error:
            raise ValueError(f"match {self.match!r}: {error}") from None
        if (self.times is not None and self.times < 1) or self.after < 0:
            raise ValueError("times: from 1, or null for all; after: from 0")
        if self.action not in _ARGUMENT:
            raise ValueError(f"do {self.do!r}: one of {', '.join(_ARGUMENT)}")
        convert = _ARGUMENT[self.action]
        if convert is not None:
            convert(self.argument)

    @property
    def action(self) -> str:
        return self.do.partition(":")[0]

    @property
    def argument(self) -> str:
        return self.do.partition(":")[2]

    @property
    def _pattern(self) -> str:
        first, _, rest = self.match.partition(" ")
        return rest or first

    @property
    def _method(self) -> str:
        first, _, rest = self.match.partition(" ")
        return first.upper() if rest else "*"

    def matches(self, method: str, path: str) -> bool:
        if self._method not in ("*", method.upper()):
            return False
        return re.search(self._pattern, path) is not None

    def as_json(self) -> dict[str, object]:
        answer: dict[str, object] = {
            "match": self.match,
            "do": self.do,
            "times": self.times,
            "after": self.after,
        }
        if self.headers:
            answer["headers"] = self.headers
        if self.body is not None:
            answer["body"] = self.body
        return answer


class Faults:
    """The faults that are still to come, in the order they were given."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []

    def add(self, faults: Iterable[Mapping[str, object]]) -> None:
        """Append faults; an empty list clears all that are left."""
        parsed = [Fault.parse(values) for values in faults]
        if parsed:
            self._waiting.extend(parsed)
        else:
            self._waiting.clear()

    def left(self) -> list[dict[str, object]]:
        return [fault.as_json() for fault in self._waiting]

    def take(self, method: str, path: str) -> Fault | None:
        """The fault that this request meets.

        Every fault counts every match for itself, so that "the first, then the
        second" can be said as two faults of which the second has `after` 1.
        """
        taken: Fault | None = None
        for fault in list(self._waiting):
            if not fault.matches(method, path):
                continue
            if fault.after > 0:
                fault.after -= 1
            elif taken is None:
                taken = fault
                self._use_up(fault)
        return taken

    def _use_up(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self._waiting.remove(fault)
