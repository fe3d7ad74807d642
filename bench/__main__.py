"""`make bench`: the program beside its floor and well-known clients, in one run.

Two servers: the sandboxes, which the program works on, and ready-made pages in
files, which everybody else reads.  curl reads both, so that neither can hide behind
its server.  What is not asked for with `--only` is left out and reported so.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import growth, report
from bench.contenders import all_peers
from bench.goals import Facts, judged
from bench.measure import Row, measured
from bench.ours import Ours
from bench.pages import make_pages
from bench.server import curl, page_server
from bench.site import PAGE_ROWS, Site, bulk_rows, start_site

OUT = Path(__file__).parent / "out"
SMALL = 2_000
PARTS = ("floor", "ours", "suppressions", "peers", "console")


@contextmanager
def running_site(rows: int) -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="haihai-bench-") as folder:
        site = start_site(Path(folder), rows)
        try:
            yield site
        finally:
            site.close()


@contextmanager
def ready_pages(rows: int) -> Iterator[tuple[str, int, str]]:
    """A page server's URL, its number of rows, and curl's URLs on the sandbox."""
    with running_site(rows) as site, tempfile.TemporaryDirectory() as folder:
        count = make_pages(site, bulk_rows(site), Path(folder))
        with page_server(Path(folder)) as url:
            yield url, count, folder


def floor_rows(site: Site, url: str, rows: int, rounds: int) -> list[Row]:
    """curl, plain and packed: on the page server, and on the sandbox."""
    pages = range(-(-rows // PAGE_ROWS))
    base = f"{url}/services/data/v66.0/jobs/query/7/results"
    made = [f"{base}?locator={number}" for number in pages]
    job = bulk_rows(site)
    base = f"{site.api}/jobs/query/{job}/results"
    own = [f"{base}?{_locator(number)}" for number in pages]
    found = []
    for key, urls, packed, what in (
        ("curl", made, False, "pages to disk"),
        ("curl_packed", made, True, "pages to disk, sent packed"),
        ("curl_sandbox", own, False, "pages to disk, from the sandbox"),
        ("curl_sandbox_packed", own, True, "pages to disk, sandbox, sent packed"),
    ):
        with tempfile.TemporaryDirectory() as folder:
            bearer = site.bearer["Authorization"]
            command = curl(urls, bearer, Path(folder), packed=packed)
            found.append(measured(key, "curl", what, command, os.environ, rounds))
    return found


def _locator(page: int) -> str:
    # Deferred: the sandbox is loaded where a name of its own is needed.
    from haihai_tui.sandbox.salesforce.bulk_query import locator_of

    return f"locator={locator_of(page * PAGE_ROWS)}" if page else ""


def measure_all(chosen: argparse.Namespace) -> list[Row]:
    rows: list[Row] = []
    only = set(chosen.only)
    with ExitStack() as stack:
        site = stack.enter_context(running_site(chosen.rows))
        if only & {"floor", "peers"}:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            count = make_pages(site, bulk_rows(site), folder)
            url = stack.enter_context(page_server(folder))
        if "floor" in only:
            rows += floor_rows(site, url, count, chosen.rounds)
        ours = Ours(site, chosen.rows, chosen.rounds)
        if "ours" in only:
            rows += ours.all()
        if "suppressions" in only:
            if "ours" not in only:
                rows.append(ours.first())
            with tempfile.TemporaryDirectory() as scratch:
                rows += ours.suppressions(Path(scratch))
        site.close()
        if "peers" in only:
            small_url, small, _ = stack.enter_context(ready_pages(SMALL))
            rows += all_peers(url, small_url, small, chosen.peer_rounds)
    return rows


def _known(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def _by_key(result: dict[str, Any]) -> dict[str, Any]:
    return {row["key"]: row for row in result.get("table", ())}


def finish(chosen: argparse.Namespace, rows: list[Row]) -> None:
    """Write the JSON and print the goals."""
    target = OUT / f"bench-{chosen.rows}.json"
    # Parts that are measured alone are added to what is known of this size.
    table = _by_key(_known(target)) if set(chosen.only) != set(PARTS) else {}
    table |= {row.key: asdict(row) for row in rows}
    small = OUT / "bench-100000.json"
    facts = Facts(
        chosen.rows,
        table,
        table if small == target else _by_key(_known(small)),
        _known(OUT / "console.json"),
        _known(OUT / "growth.json").get("points", []),
    )
    result = {
        "rows": chosen.rows,
        "rounds": chosen.rounds,
        "peer_rounds": chosen.peer_rounds,
        "command": "make bench " + f"ROWS={chosen.rows}",
        **report.circumstances(),
        "goals": judged(facts),
        "table": list(table.values()),
    }
    target.write_text(json.dumps(result, indent=1, ensure_ascii=False), "utf-8")
    report.tell(result)


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-rounds", type=int, default=0, help="default: --rounds")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--growth", metavar="ROWS,ROWS,…", help="sizes, and no more")
    parser.add_argument("--docs", action="store_true", help="write docs/performance.md")
    chosen = parser.parse_args()
    chosen.peer_rounds = chosen.peer_rounds or chosen.rounds
    OUT.mkdir(exist_ok=True)
    if chosen.docs:
        report.write_docs(OUT)
        return
    if chosen.growth:
        sizes = [int(size) for size in chosen.growth.split(",")]
        growth.measure(sizes, chosen.rounds, OUT)
        return
    rows = measure_all(chosen) if set(chosen.only) != {"console"} else []
    if "console" in chosen.only:
        # Deferred: the console's part loads Textual.
        from bench import console

        console.measure_all(chosen.rounds)
    finish(chosen, rows)


if __name__ == "__main__":
    main()
