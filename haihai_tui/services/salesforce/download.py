"""One result page from the network to the disk, checked on the way.

Checking a page means unpacking it, so it is stored unpacked: the reader would
otherwise do the same work again, for a file that lives for seconds.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx

from haihai_tui.errors import text
from haihai_tui.services.http import Transient
from haihai_tui.services.salesforce.page_check import PageCheck, broken
from haihai_tui.services.salesforce.session import Session
from haihai_tui.sync.ports import PageFile

# A page may take long; a page that drips may not.
PAGE_DEADLINE_S = 1800.0
DRIP_AFTER_S = 30.0
DRIP_BYTES_PER_S = 1024


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A whole page.  `locator` leads to the next one ("" on the last)."""

    file: PageFile
    columns: tuple[str, ...]
    first_id: str
    locator: str


def download(
    session: Session,
    resource: str,
    target: Path,
    *,
    params: Mapping[str, str] | None = None,
) -> Downloaded:
    """One attempt to read a page into `target`, as plain CSV.

    Raises Transient where the page is damaged; nothing is left behind then.
    """
    part = target.with_name(f"{target.name}.part")

    def consume(response: httpx.Response) -> Downloaded:
        compressed = _is_compressed(response)
        promised = response.headers.get("Sforce-NumberOfRecords", "")
        check = PageCheck(compressed=compressed)
        _to_disk(response, part, check)
        unended: bool = check.finish(
            int(promised) if promised.isdigit() else None, framed=_is_framed(response)
        )
        if unended:
            # Complete by count, yet readers rely on the last line's end.
            with part.open("ab") as file:
                file.write(b"\n")
        part.replace(target)
        locator = response.headers.get("Sforce-Locator", "")
        return Downloaded(
            file=PageFile(target, check.rows, gzip=False),
            columns=check.columns(),
            first_id=check.first_id() if check.rows else "",
            locator="" if locator == "null" else locator,
        )

    try:
        return session.stream(
            "GET",
            resource,
            consume,
            params=params,
            headers={"Accept": "text/csv"},
            deadline_s=PAGE_DEADLINE_S,
        )
    finally:
        part.unlink(missing_ok=True)


def _is_compressed(response: httpx.Response) -> bool:
    kind = response.headers.get("Content-Type", "").lower()
    if "csv" not in kind:
        raise broken(text("CSV ではない応答です（{kind}）。", kind=kind or "-"))
    encoding = response.headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("gzip", "identity", ""):
        raise broken(text("未知の圧縮形式です（{kind}）。", kind=encoding))
    return bool(encoding == "gzip")


def _is_framed(response: httpx.Response) -> bool:
    """Whether a cut body would have been noticed by the transport."""
    transfer: str = response.headers.get("Transfer-Encoding", "")
    return "chunked" in transfer.lower() or "Content-Length" in response.headers


def _to_disk(response: httpx.Response, part: Path, check: PageCheck) -> None:
    started, received = time.monotonic(), 0
    with part.open("wb") as file:
        for chunk in response.iter_raw():
            file.write(check.feed(chunk))
            received += len(chunk)
            elapsed = time.monotonic() - started
            if elapsed > DRIP_AFTER_S and received < elapsed * DRIP_BYTES_PER_S:
                raise Transient(
                    text("Salesforce からの受信が遅すぎるため中止しました。"),
                    cause="timeout",
                )
