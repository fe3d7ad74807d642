"""What the connecting guide says is what the program says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from haihai_tui.arguments import parse
from haihai_tui.services.causes import CAUSES
from haihai_tui.services.diagnosis import diagnose

DOCS = Path(__file__).parents[1] / "docs"
GUIDES = (DOCS / "connecting.md", DOCS / "connecting.ja.md")
# Told by its own check or by the port alone: nothing is seen that could be pasted.
_NOT_PASTED = {"wrong_org", "no_answer", "callback_port_busy", "not_yet_active"}


def rows(guide: Path) -> list[tuple[str, str]]:
    """What is seen, and the code, of each row of the table of failures."""
    table = re.findall(
        r"^\| (.+?) \| .+ \| `([a-z_]+)` \|$", guide.read_text("utf-8"), re.M
    )
    assert len(table) >= 15
    return [(str(seen), str(code)) for seen, code in table]


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_every_command_of_the_guide_is_one(guide: Path) -> None:
    blocks = re.findall(r"```\n(.*?)```", guide.read_text("utf-8"), re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    assert len(lines) >= 4
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "haihai-tui"
        assert parse(arguments).mode


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.name)
def test_every_failure_of_the_guide_is_diagnosed_as_it_says(guide: Path) -> None:
    for seen, code in rows(guide):
        assert code in CAUSES
        quoted = re.search(r"`([^`]+)`|(「[^」]+」)", seen)
        if code not in _NOT_PASTED and quoted and "lightning" not in code:
            paste = quoted[1] or quoted[2]
            assert diagnose(paste)[0].code == code, paste


def test_both_guides_tell_of_the_same() -> None:
    one, other = ([code for _, code in rows(guide)] for guide in GUIDES)
    assert one == other
