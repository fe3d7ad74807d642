"""docs/people.md, in both languages, names tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tests

ROOT = Path(tests.__file__).parent
PAGES = [ROOT.parent / "docs" / name for name in ("people.md", "people.ja.md")]


def named(page: Path) -> list[str]:
    return re.findall(r"`(test_\w+)`", page.read_text("utf-8"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_row_names_a_test_that_exists(page: Path) -> None:
    written = "".join(path.read_text("utf-8") for path in ROOT.rglob("test_*.py"))
    known = set(re.findall(r"^def (test_\w+)\(", written, re.MULTILINE))
    assert set(named(page)) <= known
    rows = [
        line
        for line in page.read_text("utf-8").splitlines()
        if line.startswith("| ") and "`test_" not in line
    ]
    # What is left are the two header lines.
    assert len(rows) == 2


def test_both_languages_tell_the_same_cases() -> None:
    english, japanese = map(named, PAGES)
    assert english == japanese
