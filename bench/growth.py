"""How time and memory grow with the rows: several sizes, one picture.

Sizes that were measured before stay in the file, so that a large one can be added
without repeating the small ones.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.ours import Ours
from bench.report import circumstances
from bench.site import Site, start_site

KEYS = ("first", "full", "quiet")


def measure(sizes: list[int], rounds: int, out: Path) -> None:
    """First run, full run and quiet run at each size, into `growth.json`."""
    target = out / "growth.json"
    known = json.loads(target.read_text("utf-8"))["points"] if target.exists() else []
    points = {point["rows"]: point for point in known}
    for size in sizes:
        with _site(size) as site:
            ours = Ours(site, size, rounds)
            point: dict[str, Any] = {"rows": size}
            for key in KEYS:
                point[key] = asdict(getattr(ours, key)())
        points[size] = point
        ordered = [points[rows] for rows in sorted(points)]
        result = {"rounds": rounds, **circumstances(), "points": ordered}
        target.write_text(json.dumps(result, indent=1), "utf-8")


@contextmanager
def _site(rows: int) -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="haihai-bench-") as folder:
        site = start_site(Path(folder), rows)
        try:
            yield site
        finally:
            site.close()
