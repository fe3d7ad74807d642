"""Goldens: what a screen shows, as plain text, kept beside the tests.

A golden is the composited screen cell by cell, without colours: it shows what moved,
and a person can read it in a review.  Each one is also held to what Japanese
terminals demand: every line as wide as the screen, no character of ambiguous width.
"""

from __future__ import annotations

import difflib
import unicodedata
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from textual.app import App

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


def assert_golden(app: App[Any], name: str, update: bool) -> None:
    """Compare the screen with `goldens/NAME-80x24.txt`, or write it anew."""
    shown = composited(app)
    assert not ambiguous(shown), f"ambiguous width: {ambiguous(shown)}"
    path = FOLDER / f"{name}-{app.size.width}x{app.size.height}.txt"
    if update:
        FOLDER.mkdir(exist_ok=True)
        path.write_text(shown, "utf-8")
        return
    assert path.exists(), f"{path.name} is missing: run pytest with --update-goldens"
    kept = path.read_text("utf-8")
    difference = difflib.unified_diff(
        kept.splitlines(), shown.splitlines(), "golden", "screen", lineterm=""
    )
    assert kept == shown, "\n" + "\n".join(difference)
