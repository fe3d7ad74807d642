"""JSON as the service writes it: compact, or laid out when a client asks.

Pages of records are put together as text, column by column: one layout serves both
forms, and a page costs what its values cost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from json.encoder import encode_basestring
from typing import TYPE_CHECKING, Any

from haihai_tui.sandbox.salesforce.columns import Column
from haihai_tui.sandbox.salesforce.query import QueryResult

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.org import Org

Piece = Callable[[int], str]
Tree = dict[str, Any]  # name -> Column, or (getter of the parent's id, Tree)


class Layout:
    """Separators of one form of JSON; `depth` counts enclosing objects."""

    def __init__(self, pretty: bool) -> None:
        self.pretty = pretty
        self.colon = " : " if pretty else ":"

    def line(self, depth: int) -> str:
        """What stands before a member at `depth`."""
        return "\n" + "  " * depth if self.pretty else ""

    def value(self, value: Any, depth: int = 0) -> str:
        """Any JSON value; arrays keep their brackets on the lines around."""
        if isinstance(value, Mapping):
            members = [
                f"{self.line(depth + 1)}{encode_basestring(str(key))}{self.colon}"
                f"{self.value(each, depth + 1)}"
                for key, each in value.items()
            ]
            if not members:
                return "{ }" if self.pretty else "{}"
            return f"{{{','.join(members)}{self.line(depth)}}}"
        if isinstance(value, (list, tuple)):
            return self.array([self.value(each, depth) for each in value])
        return scalar(value)

    def array(self, values: Iterable[str]) -> str:
        """An array of values that are already text."""
        values = list(values)
        if not self.pretty:
            return f"[{','.join(values)}]"
        return f"[ {', '.join(values)} ]" if values else "[ ]"


def scalar(value: Any) -> str:
    """One value that is neither object nor array."""
    if value is None:
        return "null"
    if type(value) is str:
        return encode_basestring(value)
    if value is True:
        return "true"
    if value is False:
        return "false"
    return json.dumps(value, ensure_ascii=False)


def page(
    org: Org,
    result: QueryResult,
    start: int,
    end: int,
    *,
    version: str,
    pretty: bool,
    next_url: str | None,
) -> str:
    """`{"totalSize":…,"done":…,"nextRecordsUrl":…,"records":[…]}` of some rows."""
    layout = Layout(pretty)
    head: dict[str, Any] = {"totalSize": result.total, "done": next_url is None}
    if next_url is not None:
        head["nextRecordsUrl"] = next_url
    members = [f'"{key}"{layout.colon}{scalar(value)}' for key, value in head.items()]
    if result.is_count:
        records: list[str] = []
    elif result.groups is not None:
        records = [
            layout.value(_aggregate(result.columns, row), 1)
            for row in result.groups[start:end]
        ]
    else:
        record = record_writer(org, result, version, layout)
        records = [record(slot) for slot in result.slots[start:end]]
    members.append(f'"records"{layout.colon}{layout.array(records)}')
    body = ",".join(layout.line(1) + member for member in members)
    return f"{{{body}{layout.line(0)}}}"


def _aggregate(names: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    attributes = {"type": "AggregateResult"}
    return {"attributes": attributes, **dict(zip(names, row, strict=True))}


def record_writer(org: Org, result: QueryResult, version: str, layout: Layout) -> Piece:
    """`slot -> text` of one record with its attributes."""
    tree: Tree = {}
    for column in result.paths:
        branch = tree
        for name, get_id in column.parents:
            branch = branch.setdefault(name, (get_id, {}))[1]
        branch[column.field.name] = column
    return _object(org, tree, result.ids, result.sobject, version, layout, 1)


def _object(
    org: Org,
    tree: Tree,
    get_id: Callable[[int], str | None],
    sobject: str,
    version: str,
    layout: Layout,
    depth: int,
) -> Piece:
    start, end = _attributes(sobject, version, layout, depth + 1)
    pieces = [
        (f",{layout.line(depth + 1)}{encode_basestring(name)}{layout.colon}",
         _member(org, entry, version, layout, depth + 1))
        for name, entry in tree.items()
    ]  # fmt: skip
    close = f"{layout.line(depth)}}}"

    def write(slot: int) -> str:
        parts = [start, str(get_id(slot)), end]
        for prefix, piece in pieces:
            parts += (prefix, piece(slot))
        parts.append(close)
        return "".join(parts)

    return write


def _attributes(
    sobject: str, version: str, layout: Layout, depth: int
) -> tuple[str, str]:
    """The text before and after the id in a record's `attributes`."""
    line, colon = layout.line(depth + 1), layout.colon
    url = f"/services/data/v{version}/sobjects/{sobject}/"
    return (
        f'{{{layout.line(depth)}"attributes"{colon}{{{line}"type"{colon}"{sobject}",'
        f'{line}"url"{colon}"{url}',
        f'"{layout.line(depth)}}}',
    )


def _member(org: Org, entry: Any, version: str, layout: Layout, depth: int) -> Piece:
    if isinstance(entry, Column):
        show = entry.show()
        if entry.field.type == "address":
            return lambda slot: layout.value(show(slot), depth)
        return lambda slot: scalar(show(slot))
    get_id, tree = entry
    writers: dict[str, Piece] = {}
    known: dict[str, str] = {}

    def write(slot: int) -> str:
        parent = get_id(slot)
        found = None if parent is None else org.locate(parent)
        if parent is None or found is None:
            return "null"
        if parent not in known:
            sobject = found[0]
            if sobject not in writers:
                writers[sobject] = _object(
                    org, tree, get_id, sobject, version, layout, depth
                )
            known[parent] = writers[sobject](slot)
        return known[parent]

    return write
