"""Enough SOQL for what the sync asks: comparisons, IN, AND, OR, brackets.

Written apart from the sandbox's parser, so that one mistake does not agree with
itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

Get = Callable[[str], str]
"""A field path to its value as CSV text; null is empty."""
Test = Callable[[Get], bool]

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<mark>!=|>=|<=|[()=<>,])"
    r"|(?P<word>[A-Za-z0-9_.:+\-]+))"
)
_QUERY = re.compile(
    r"SELECT (?P<columns>.+?) FROM (?P<sobject>\w+)(?: WHERE (?P<where>.+?))?"
    r"(?: ORDER BY (?P<order>[\w., ]+?))?(?: LIMIT (?P<limit>\d+))?",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Query:
    columns: tuple[str, ...]
    sobject: str
    test: Test
    order: tuple[str, ...]
    limit: int | None


@lru_cache(maxsize=4096)
def parse(soql: str) -> Query:
    found = _QUERY.fullmatch(soql)
    assert found is not None, soql
    where = found["where"]
    return Query(
        columns=tuple(found["columns"].split(", ")),
        sobject=found["sobject"],
        test=_Parser(where).whole() if where else lambda get: True,
        order=tuple(found["order"].split(", ")) if found["order"] else (),
        limit=int(found["limit"]) if found["limit"] else None,
    )


class _Parser:
    def __init__(self, where: str) -> None:
        self._tokens: list[str] = []
        at = 0
        while at < len(where):
            found = _TOKEN.match(where, at)
            assert found is not None, where[at:]
            self._tokens.append(found[0].strip())
            at = found.end()
        self._at = 0

    def whole(self) -> Test:
        test = self._any()
        assert self._at == len(self._tokens), self._tokens[self._at :]
        return test

    def _next(self) -> str:
        self._at += 1
        return self._tokens[self._at - 1]

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _any(self) -> Test:
        tests = [self._all()]
        while self._peek() == "OR":
            self._next()
            tests.append(self._all())
        return lambda get: any(test(get) for test in tests)

    def _all(self) -> Test:
        tests = [self._one()]
        while self._peek() == "AND":
            self._next()
            tests.append(self._one())
        return lambda get: all(test(get) for test in tests)

    def _one(self) -> Test:
        if self._peek() == "(":
            self._next()
            test = self._any()
            assert self._next() == ")"
            return test
        return self._comparison()

    def _comparison(self) -> Test:
        field, sign = self._next(), self._next()
        if sign == "IN":
            wanted = frozenset(one.lower() for one in self._listed())
            return lambda get: get(field).lower() in wanted
        value = _value(self._next())
        if sign == "=":
            return lambda get: get(field).lower() == value.lower()
        if sign == "!=":
            return lambda get: get(field).lower() != value.lower()
        assert sign == ">=", sign
        return lambda get: get(field) != "" and get(field) >= value

    def _listed(self) -> list[str]:
        assert self._next() == "("
        values = [_value(self._next())]
        while self._next() == ",":
            values.append(_value(self._next()))
        return values


def _value(token: str) -> str:
    if token.startswith("'"):
        return re.sub(r"\\(.)", r"\1", token[1:-1])
    # A time as the records hold it: to the millisecond.
    if re.fullmatch(r"[\d-]+T[\d:]+Z", token):
        return token.replace("Z", ".000Z")
    return "" if token == "null" else token
