"""Starts the page server on a folder of ready-made pages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def page_server(folder: Path) -> Iterator[str]:
    """The URL of a page server in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.pageserver", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def curl(urls: list[str], bearer: str, folder: Path, *, packed: bool) -> list[str]:
    """curl's command line to fetch `urls`, each into a file of its own.

    `packed` asks for gzip and writes what it unpacks to.
    """
    lines = [f'header = "Authorization: {bearer}"', *(["compressed"] if packed else [])]
    for number, url in enumerate(urls):
        lines += [f'url = "{url}"', f'output = "{folder}/page-{number}"']
    config = folder / "curl.conf"
    config.write_text("\n".join(lines), "utf-8")
    return ["curl", "-q", "-sS", "--fail", "-K", str(config)]
