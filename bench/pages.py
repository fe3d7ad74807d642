"""Ready-made pages: the audience's rows once as files, in each form that is asked.

Taken from the sandbox as Bulk 2.0 gives them, so that everybody extracts the same
rows; REST pages and Bulk 1.0 results are the same rows in JSON.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from bench.site import COLUMNS, TIMEOUT_S, Site

REST_ROWS = 2_000


def make_pages(site: Site, job: str, folder: Path) -> int:
    """Write all pages and `index.json`; returns the number of rows."""
    rest = _RestPages(folder)
    rows: list[int] = []
    with httpx.Client(headers=site.bearer, timeout=TIMEOUT_S) as client:
        locator = ""
        while locator != "null":
            params = {"locator": locator} if locator else {}
            page = client.get(f"{site.api}/jobs/query/{job}/results", params=params)
            page.raise_for_status()
            locator = page.headers.get("Sforce-Locator", "null")
            rows.append(_keep(folder, len(rows), page.content, rest))
    rest.close()
    index = {"rows": rows, "rest": rest.count, "columns": COLUMNS}
    (folder / "index.json").write_text(json.dumps(index), "utf-8")
    return sum(rows)


def _keep(folder: Path, number: int, content: bytes, rest: _RestPages) -> int:
    _write(folder / f"bulk-{number}.csv", content)
    reader = csv.reader(io.StringIO(content.decode(), newline=""))
    next(reader)
    records = [dict(zip(COLUMNS, row, strict=True)) for row in reader]
    flat = json.dumps([_with_attributes(one) for one in records])
    _write(folder / f"bulk-{number}.json", flat.encode())
    rest.add(records)
    return len(records)


def _with_attributes(record: dict[str, str]) -> dict[str, Any]:
    url = f"/services/data/v66.0/sobjects/Contact/{record['Id']}"
    return {"attributes": {"type": "Contact", "url": url}, **record}


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content, 1, mtime=0))


class _RestPages:
    """Pages of 2,000 records; a page is written when the next record is known."""

    def __init__(self, folder: Path) -> None:
        self.count = 0
        self._folder = folder
        self._waiting: list[dict[str, Any]] = []
        self._total = 0

    def add(self, records: list[dict[str, str]]) -> None:
        self._waiting += [_nested(one) for one in records]
        while len(self._waiting) > REST_ROWS:
            self._put(self._waiting[:REST_ROWS], done=False)
            del self._waiting[:REST_ROWS]

    def close(self) -> None:
        self._put(self._waiting, done=True)

    def _put(self, records: list[dict[str, Any]], *, done: bool) -> None:
        page: dict[str, Any] = {"totalSize": -1, "done": done, "records": records}
        if not done:
            following = self.count + 1
            page["nextRecordsUrl"] = f"/services/data/v66.0/query/01g-{following}"
        _write(self._folder / f"rest-{self.count}.json", json.dumps(page).encode())
        self.count += 1


def _nested(record: dict[str, str]) -> dict[str, Any]:
    """As REST shows it: a parent's fields in an object of their own."""
    shown: dict[str, Any] = _with_attributes({"Id": record["Id"]})
    for name, value in _pairs(record):
        parent, _, own = name.rpartition(".")
        if parent:
            shown.setdefault(parent, {"attributes": {"type": parent}})[own] = value
        else:
            shown[name] = value
    return shown


def _pairs(record: dict[str, str]) -> Iterator[tuple[str, str | None]]:
    for name, value in record.items():
        yield name, value or None
