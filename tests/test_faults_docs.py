"""docs/faults.md tells every row of the fault matrix and names tests that there are.

A row may name what no test shows, but it names at least one test that does something.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tests

ROOT = Path(tests.__file__).parent
PAGES = [ROOT.parent / "docs" / name for name in ("faults.md", "faults.ja.md")]
ROWS = [str(number) for number in range(1, 31)]


def rows(page: Path) -> dict[str, list[str]]:
    """Number of each row → the tests it names, in the order of the page."""
    lines = re.findall(r"^\| (\d+) \|(.*)$", page.read_text("utf-8"), re.MULTILINE)
    assert [number for number, _ in lines] == ROWS
    return {number: re.findall(r"`(test_\w+)`", line) for number, line in lines}


def known() -> set[str]:
    written = "".join(path.read_text("utf-8") for path in ROOT.rglob("test_*.py"))
    return set(re.findall(r"^def (test_\w+)\(", written, re.MULTILINE))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_row_is_there_and_its_tests_exist(page: Path) -> None:
    there = known()
    for number, named in rows(page).items():
        assert named, f"row {number} names no test"
        assert set(named) <= there, f"row {number}: {set(named) - there}"


def test_both_languages_name_the_same_tests() -> None:
    english, japanese = map(rows, PAGES)
    assert english == japanese


def test_both_languages_own_up_to_the_same_gaps() -> None:
    lines = [page.read_text("utf-8").splitlines() for page in PAGES]
    english = [at for at, line in enumerate(lines[0]) if "not shown by a test" in line]
    japanese = [at for at, line in enumerate(lines[1]) if "示すテストなし" in line]
    numbers = [
        [lines[which][at].split(" | ")[0] for at in found]
        for which, found in enumerate((english, japanese))
    ]
    assert numbers[0] == numbers[1]
