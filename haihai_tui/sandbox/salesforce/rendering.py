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
from haihai_tui.sandbox.salesforce.table import Slots

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.org import Org

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


_NO_ID = "000000000000000AAA"
"""Stands in the address of a record that has no id, as of OauthToken."""


def page(
    org: Org,
    result: QueryResult,
    start: int,
    end: int,
    *,
    version: str,
    pretty: bool,
    next_url: str | None,
    base: str = "",
) -> str:
    """`{"totalSize":…,"done":…,"nextRecordsUrl":…,"records":[…]}` of some rows.

    `base` is `tooling/` for the Tooling API, which also tells the size of the page
    and the type of its records.
    """
    layout = Layout(pretty)
    head: dict[str, Any] = {"totalSize": result.total, "done": next_url is None}
    if base:
        head = {"size": end - start, **head, "queryLocator": None}
        head["entityTypeName"] = result.sobject
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
        place = f"/services/data/v{version}/{base}sobjects"
        records = record_texts(org, result, result.slots[start:end], place, layout)
    members.append(f'"records"{layout.colon}{layout.array(records)}')
    body = ",".join(layout.line(1) + member for member in members)
    return f"{{{body}{layout.line(0)}}}"


def _aggregate(names: list[str], row: tuple[Any, ...]) -> dict[str, Any]:
    attributes = {"type": "AggregateResult"}
    return {"attributes": attributes, **dict(zip(names, row, strict=True))}


def record_texts(
    org: Org, result: QueryResult, slots: Slots, place: str, layout: Layout
) -> list[str]:
    """Each record as text, with its attributes; `place` begins their addresses."""
    tree: Tree = {}
    for column in result.paths:
        branch = tree
        for name, get_id in column.parents:
            branch = branch.setdefault(name, (get_id, {}))[1]
        branch[column.field.name] = column
    writer = _Writer(org, place, layout)
    ids = [result.ids(slot) or _NO_ID for slot in slots]
    return writer.objects(result.sobject, ids, tree, slots, 1)


class _Writer:
    """Puts objects together from one list of texts for each member."""

    def __init__(self, org: Org, place: str, layout: Layout) -> None:
        self._org = org
        self._place = place
        self._layout = layout

    def objects(
        self, sobject: str, ids: list[str], tree: Tree, slots: Slots, depth: int
    ) -> list[str]:
        """Objects of one type; `slots` are those of the records they belong to."""
        line, colon = self._layout.line, self._layout.colon
        parts = [self._attributes(sobject, depth + 1)]
        columns = [ids]
        for name, entry in tree.items():
            parts.append(f',{line(depth + 1)}"{name}"{colon}%s')
            columns.append(self._member(entry, slots, depth + 1))
        template = "".join([*parts, line(depth), "}"])
        return [template % row for row in zip(*columns, strict=True)]

    def _attributes(self, sobject: str, depth: int) -> str:
        line, colon = self._layout.line, self._layout.colon
        url = f"{self._place}/{sobject}/%s"
        return (
            f'{{{line(depth)}"attributes"{colon}{{{line(depth + 1)}'
            f'"type"{colon}"{sobject}",{line(depth + 1)}"url"{colon}"{url}"'
            f"{line(depth)}}}"
        )

    def _member(self, entry: Any, slots: Slots, depth: int) -> list[str]:
        if not isinstance(entry, Column):
            get_id, tree = entry
            return self._parents(get_id, tree, slots, depth)
        values = map(entry.show(), slots)
        if entry.field.type == "address":
            return [self._layout.value(value, depth) for value in values]
        return [
            encode_basestring(value) if type(value) is str else scalar(value)
            for value in values
        ]

    def _parents(
        self,
        get_id: Callable[[int], str | None],
        tree: Tree,
        slots: Slots,
        depth: int,
    ) -> list[str]:
        """Parents, each put together once however many records share it."""
        ids = list(map(get_id, slots))
        first = dict(zip(ids, slots, strict=True))
        by_type: dict[str, list[str]] = {}
        for parent in first:
            found = None if parent is None else self._org.locate(parent)
            if parent is not None and found is not None:
                by_type.setdefault(found[0], []).append(parent)
        texts: dict[str | None, str] = {}
        for sobject, parents in by_type.items():
            theirs = [first[parent] for parent in parents]
            made = self.objects(sobject, parents, tree, theirs, depth)
            texts.update(zip(parents, made, strict=True))
        return [texts.get(parent, "null") for parent in ids]
