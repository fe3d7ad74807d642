"""SOQL as text: grammar and syntax tree, knowing nothing of objects or fields.

As in the service, AND and OR may not stand side by side without parentheses, and
a refusal names row and column under a cut-out of 30 characters either side,
widened to whole words.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from haihai_tui.sandbox.salesforce.errors import ApiError
from haihai_tui.sandbox.salesforce.soqltree import (
    Comparison,
    Condition,
    Function,
    Group,
    Ordering,
    Path,
    Query,
    Value,
)

__all__ = [
    "Comparison",
    "Condition",
    "Function",
    "Group",
    "Ordering",
    "Path",
    "Query",
    "Value",
    "parse",
    "refusal",
]

GRAMMAR = r"""
start: query
query: "SELECT"i items "FROM"i PATH [alias] [where] [group] [order] _tail
_tail: [limit] [offset] _view?
items: item ("," item)*
?item: path
     | PATH "(" [PATH] ")" [alias] -> function
     | "(" query ")" -> subquery
alias: "AS"i? PATH
path: PATH
where: "WHERE"i _condition
_condition: simple | conjunction | disjunction
conjunction: simple ("AND"i simple)+
disjunction: simple ("OR"i simple)+
?simple: "NOT"i simple -> negation
       | "(" _condition ")"
       | comparison
comparison: PATH OPERATOR value -> compare
          | PATH "IN"i constants -> within
          | PATH "NOT"i "IN"i constants -> without
          | PATH "INCLUDES"i constants -> includes
          | PATH "EXCLUDES"i constants -> excludes
          | PATH "LIKE"i value -> like
constants: "(" value ("," value)* ")"
    | "(" query ")" -> semijoin
value: STRING -> string
     | DATETIME -> datetime
     | DATE -> date
     | NUMBER -> number
     | "NULL"i -> null
     | "TRUE"i -> true
     | "FALSE"i -> false
     | PATH -> literal
     | PATH ":" INTEGER -> literal_n
group: "GROUP"i "BY"i path ("," path)*
order: "ORDER"i "BY"i ordering ("," ordering)*
ordering: (path | ordered_function) [DIRECTION] ["NULLS"i NULLS]
ordered_function: PATH "(" [PATH] ")"
limit: "LIMIT"i INTEGER
offset: "OFFSET"i INTEGER
_view: "FOR"i "VIEW"i | "FOR"i "REFERENCE"i
DIRECTION.2: /(asc|desc)\b/i
NULLS.2: /(first|last)\b/i
OPERATOR: "=" | "!=" | "<>" | "<=" | ">=" | "<" | ">"
PATH: /[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*/i
STRING: /'(\\.|[^'\\])*'/s
DATETIME.3: /\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)/i
DATE.2: /\d{4}-\d\d-\d\d(?!T)/
INTEGER: /\d+/
NUMBER.1: /[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?/i
%ignore /\s+/
"""

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


def refusal(code: str, text: str, at: int, message: str) -> ApiError:
    """400 with the cut-out, caret, row and column in front of `message`."""
    row = text.count("\n", 0, at) + 1
    line_start = text.rfind("\n", 0, at) + 1
    line_end = text.find("\n", at)
    line = text[line_start : line_end if line_end >= 0 else len(text)]
    column = at - line_start
    start, end = max(column - 30, 0), min(column + 30, len(line))
    while start > 0 and re.match(r"\w", line[start - 1]):
        start -= 1
    while end < len(line) and re.match(r"\w", line[end]):
        end += 1
    return ApiError(
        400,
        code,
        f"\n{line[start:end]}\n{' ' * (column - start)}^\n"
        f"ERROR at Row:{row}:Column:{column + 1}\n{message}",
    )


def unescape(raw: str) -> str:
    """The text of a string literal; `\\%` and `\\_` stay for LIKE to see."""
    return re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1].lower(), m[1]), raw, flags=re.S)


def _path(token: Token) -> Path:
    return Path(tuple(str(token).split(".")), token.start_pos or 0)


@v_args(inline=True)
class _Tree(Transformer[Token, Query]):
    """Builds the syntax tree; names are those of the grammar's rules."""

    def start(self, query: Query) -> Query:
        return query

    def path(self, token: Token) -> Path:
        return _path(token)

    def alias(self, token: Token) -> Token:
        return token

    def function(
        self, name: Token, argument: Token | None, alias: Token | None
    ) -> Function:
        path = None if argument is None else _path(argument)
        alias_text = None if alias is None else str(alias)
        return Function(str(name).lower(), path, alias_text, name.start_pos or 0)

    def ordered_function(self, name: Token, argument: Token | None) -> Function:
        return self.function(name, argument, None)

    def subquery(self, query: Query) -> Query:
        return query

    def items(self, *items: Any) -> list[Any]:
        return list(items)

    def string(self, token: Token) -> Value:
        raw = str(token)[1:-1]
        return Value("string", unescape(raw), token.start_pos or 0, raw)

    def number(self, token: Token) -> Value:
        text = str(token)
        whole = re.fullmatch(r"[+-]?\d+", text)
        return Value(
            "number", int(text) if whole else float(text), token.start_pos or 0
        )

    def date(self, token: Token) -> Value:
        return Value("date", str(token), token.start_pos or 0)

    def datetime(self, token: Token) -> Value:
        return Value("datetime", str(token).upper(), token.start_pos or 0)

    def null(self) -> Value:
        return Value("null", None, 0)

    def true(self) -> Value:
        return Value("boolean", True, 0)

    def false(self) -> Value:
        return Value("boolean", False, 0)

    def literal(self, token: Token) -> Value:
        return Value("literal", (str(token).upper(), None), token.start_pos or 0)

    def literal_n(self, token: Token, number: Token) -> Value:
        pair = (str(token).upper(), int(number))
        return Value("literal", pair, token.start_pos or 0)

    def semijoin(self, query: Query) -> list[Value]:
        return [Value("query", query, query.sobject_at)]

    def constants(self, *values: Value) -> list[Value]:
        return [*values]

    def compare(self, path: Token, operator: Token, value: Value) -> Comparison:
        name = "!=" if operator == "<>" else str(operator)
        return Comparison(_path(path), name, [value])

    def like(self, path: Token, value: Value) -> Comparison:
        return Comparison(_path(path), "like", [value])

    def within(self, path: Token, values: list[Value]) -> Comparison:
        return Comparison(_path(path), "in", values)

    def without(self, path: Token, values: list[Value]) -> Comparison:
        return Comparison(_path(path), "not in", values)

    def includes(self, path: Token, values: list[Value]) -> Comparison:
        return Comparison(_path(path), "includes", values)

    def excludes(self, path: Token, values: list[Value]) -> Comparison:
        return Comparison(_path(path), "excludes", values)

    def conjunction(self, *conditions: Condition) -> Group:
        return Group("and", [*conditions])

    def disjunction(self, *conditions: Condition) -> Group:
        return Group("or", [*conditions])

    def negation(self, condition: Condition) -> Group:
        return Group("not", [condition])

    def where(self, condition: Condition) -> Condition:
        return condition

    def group(self, *paths: Path) -> list[Path]:
        return [*paths]

    def ordering(
        self, by: Path | Function, direction: Token | None, nulls: Token | None
    ) -> Ordering:
        descending = direction is not None and direction.lower() == "desc"
        # Nulls are the lowest values, yet stay first when DESC does not say so.
        nulls_last = nulls is not None and nulls.lower() == "last"
        return Ordering(by, descending, nulls_last)

    def order(self, *orderings: Ordering) -> list[Ordering]:
        return [*orderings]

    def limit(self, token: Token) -> int:
        return int(token)

    def offset(self, token: Token) -> int:
        return int(token)

    def query(
        self,
        items: list[Any],
        sobject: Token,
        alias: Token | None,
        where: Condition | None,
        group: list[Path] | None,
        order: list[Ordering] | None,
        limit: int | None,
        offset: int | None,
    ) -> Query:
        query = Query(
            items,
            str(sobject),
            sobject.start_pos or 0,
            where,
            group or [],
            order or [],
            limit,
            offset or 0,
        )
        return query if alias is None else _without_alias(query, str(alias))


def _without_alias(query: Query, alias: str) -> Query:
    """The query with `c.Name` written as `Name`, for `FROM Contact c`."""

    def strip(path: Path) -> Path:
        if len(path.parts) > 1 and path.parts[0].lower() == alias.lower():
            return Path(path.parts[1:], path.at)
        return path

    def strip_item(item: Any) -> Any:
        if isinstance(item, Path):
            return strip(item)
        if isinstance(item, Function) and item.path is not None:
            return Function(item.name, strip(item.path), item.alias, item.at)
        return item

    def strip_condition(condition: Condition) -> Condition:
        if isinstance(condition, Comparison):
            return Comparison(
                strip(condition.path), condition.operator, condition.values
            )
        return Group(
            condition.operator, [strip_condition(c) for c in condition.conditions]
        )

    return Query(
        [strip_item(item) for item in query.items],
        query.sobject,
        query.sobject_at,
        None if query.where is None else strip_condition(query.where),
        [strip(path) for path in query.group],
        [Ordering(strip_item(o.by), o.descending, o.nulls_last) for o in query.order],
        query.limit,
        query.offset,
    )


@cache
def _parser() -> Lark:
    return Lark(
        GRAMMAR,
        parser="lalr",
        lexer="contextual",
        maybe_placeholders=True,
        transformer=_Tree(),
    )


def _unexpected(text: str, error: UnexpectedInput) -> ApiError:
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return refusal(
            "MALFORMED_QUERY", text, len(text.rstrip()), "unexpected token: '<EOF>'"
        )
    at = error.pos_in_stream or 0
    if isinstance(error, UnexpectedToken):
        token = str(error.token)
    elif isinstance(error, UnexpectedCharacters):
        if text[at] == ":":
            message = "Bind variables only allowed in Apex code"
            return refusal("MALFORMED_QUERY", text, at, message)
        token = text[at]
    else:  # the contextual lexer raises nothing else
        token = ""
    return refusal("MALFORMED_QUERY", text, at, f"unexpected token: '{token}'")


def parse(text: str) -> Query:
    """The syntax tree of `text`; ApiError MALFORMED_QUERY says where it ends."""
    if not text.strip():
        raise ApiError(400, "MALFORMED_QUERY", "A query string has to be specified")
    try:
        tree: Any = _parser().parse(text)
    except UnexpectedInput as error:
        raise _unexpected(text, error) from None
    query: Query = tree
    return Query(**{**query.__dict__, "text": text})
