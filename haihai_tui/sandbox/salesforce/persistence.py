"""The whole org in one file, written beside the old one and then renamed.

One JSON value a line, a line a column: the records of a million contacts are read
back by the fast path of the JSON decoder, and no row is ever built.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.org import Org

FILE = "salesforce-org.jsonl"
_FORMAT = 1


def save(org: Org, directory: Path) -> None:
    """Write `salesforce-org.jsonl`; a crash leaves the old file as it was."""
    directory.mkdir(parents=True, exist_ok=True)
    part = directory / f"{FILE}.part"
    with part.open("w", encoding="utf-8") as out:
        for value in _lines(org):
            out.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
            out.write("\n")
        out.flush()
        os.fsync(out.fileno())
    part.replace(directory / FILE)


def _lines(org: Org) -> Iterator[Any]:
    yield {
        "format": _FORMAT,
        "seed": org.seed,
        "instance": org.instance,
        "org_id": org.org_id,
        "admin_user_id": org.admin_user_id,
        "objects": org.custom_objects(),
        "fields": org.custom_fields(),
        "field_serials": dict(org.field_serials),
        "definitions": org.definitions,
    }
    for name, table in org.tables().items():
        yield {"table": name, **table.dump()}
        for column, values in table.columns.items():
            yield {"table": name, "column": column}
            yield list(values)


def load(org: Org, directory: Path) -> bool:
    """Take over what `save` wrote; False if there is no file.

    Raises ValueError for a file of another format.
    """
    path = directory / FILE
    if not path.exists():
        return False
    with path.open(encoding="utf-8") as source:
        head = json.loads(source.readline())
        if head.get("format") != _FORMAT:
            raise ValueError(f"{path}: unknown format {head.get('format')!r}")
        org.become(head)
        _read_tables(org, source)
    org.forget_access()
    return True


def _read_tables(org: Org, source: IO[str]) -> None:
    for line in source:
        entry = json.loads(line)
        table = org.table(entry["table"])
        if "column" in entry:
            table.restore_column(entry["column"], json.loads(source.readline()))
        else:
            table.restore(entry)
