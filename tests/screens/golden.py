"""Goldens: what a screen shows, as plain text, kept beside the tests.

A golden is the composited screen cell by cell, without colours: it shows what moved,
and a person can read it in a review.  Each one is also held to what Japanese
terminals demand: every line as wide as the screen, no character of ambiguous width.
"""

from __future__ import annotations

import difflib
import time
import unicodedata
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from textual.app import App
from textual.pilot import Pilot

FOLDER = Path(__file__).parent / "goldens"


def composited(app: App[Any]) -> str:
    """The screen in front as lines of text, blanks at their ends cut."""
    lines = []
    for strip in app.screen._compositor.render_strips():
        line = "".join(segment.text for segment in strip)
        assert cell_len(line) == app.size.width, f"{cell_len(line)} cells: {line!r}"
        lines.append(line.rstrip())
    return "\n".join(lines) + "\n"


def ambiguous(shown: str) -> set[str]:
    """The characters that some terminals draw one cell wide and some two."""
    return {
        character
        for character in shown
        if unicodedata.east_asian_width(character) == "A"
    }


async def assert_golden(
    pilot: Pilot[Any], name: str, update: bool, most_s: float = 10
) -> None:
    """Wait until the screen is as `goldens/NAME-80x24.txt` has it, or write that."""
    size = pilot.app.size
    path = FOLDER / f"{name}-{size.width}x{size.height}.txt"
    if update:
        await pilot.pause(0.5)
        FOLDER.mkdir(exist_ok=True)
        path.write_text(composited(pilot.app), "utf-8")
    assert path.exists(), f"{path.name} is missing: run pytest with --update-goldens"
    kept = path.read_text("utf-8")
    deadline = time.monotonic() + most_s
    while (shown := composited(pilot.app)) != kept and time.monotonic() < deadline:
        await pilot.pause(0.05)
    assert not ambiguous(shown), f"ambiguous width: {ambiguous(shown)}"
    difference = difflib.unified_diff(
        kept.splitlines(), shown.splitlines(), "golden", "screen", lineterm=""
    )
    assert kept == shown, "\n" + "\n".join(difference)
