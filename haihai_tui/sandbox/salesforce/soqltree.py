"""The syntax tree of SOQL: what `soql` reads and the query engine runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "string", "number", "date", "datetime", "null", "boolean", "literal", "query"
]


@dataclass(frozen=True)
class Path:
    """`Account.Name` and where it stands in the text (0-based)."""

    parts: tuple[str, ...]
    at: int

    @property
    def text(self) -> str:
        return ".".join(self.parts)


@dataclass(frozen=True)
class Function:
    """`COUNT(Id) total`; `path` None for `count()`."""

    name: str
    path: Path | None
    alias: str | None
    at: int


@dataclass(frozen=True)
class Value:
    """A constant; `kind` decides which fields it can be compared with.

    A LIKE pattern needs to know which characters were escaped: `raw` is the
    string as written, without its quotes.  A date literal is `(NAME, n)`.
    """

    kind: Kind
    value: Any
    at: int
    raw: str = ""


@dataclass(frozen=True)
class Comparison:
    """`path operator values`; one value except for the list operators."""

    path: Path
    operator: str
    values: list[Value]


@dataclass(frozen=True)
class Group:
    """Conditions joined by AND, OR, or one condition under NOT."""

    operator: Literal["and", "or", "not"]
    conditions: list[Condition]


Condition = Comparison | Group


@dataclass(frozen=True)
class Ordering:
    """One ORDER BY entry; nulls come first unless said otherwise."""

    by: Path | Function
    descending: bool
    nulls_last: bool


@dataclass(frozen=True)
class Query:
    """A whole query; `text` is kept for the refusals that point into it."""

    items: list[Path | Function]
    sobject: str
    sobject_at: int
    where: Condition | None = None
    group: list[Path] = field(default_factory=list)
    order: list[Ordering] = field(default_factory=list)
    limit: int | None = None
    offset: int = 0
    text: str = ""
