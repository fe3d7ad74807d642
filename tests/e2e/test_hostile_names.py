"""A customer whose name speaks to terminals, through the real command."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from haihai_tui.errors import text
from haihai_tui.headless.output import Output
from haihai_tui.locales import Catalogue
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.e2e

EVIL = "\x1b]0;taken\x07\x1b[2J\x9b31m\u202eevil\u2028name"
FORBIDDEN = [bytes([code]) for code in range(32) if code not in (9, 10)] + [
    f"{one}".encode() for one in "\x7f\x9b\u202e\u2028"
]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path / "home", customers=20) as made:
        yield made


def spoken(content: bytes) -> list[bytes]:
    return [one for one in FORBIDDEN if one in content]


def test_neither_stream_obeys_a_name(stage: Stage, tmp_path: Path) -> None:
    stage.create("Contact", LastName=EVIL, Email="evil@example.com")
    for arguments in (
        ("--run-sync", "--plan"),
        ("--run-sync", "--plan", "--json"),
        ("--run-sync",),
        ("--status",),
        ("--retry", "--json"),
        ("--reconcile",),
        ("--diagnose", f"https://x.example/?error={EVIL}".replace("\x00", "")),
    ):
        finished = stage.command(*arguments)
        assert finished.code in (0, 1), finished.err
        assert spoken(finished.out.encode()) == [], arguments
        assert spoken(finished.err.encode()) == [], arguments
        if "--json" in arguments:
            assert finished.events


def test_a_program_gets_the_name_whole(capsys: pytest.CaptureFixture[str]) -> None:
    output = Output(Catalogue("en"), as_json=True)
    output.record({"name": EVIL})
    output.line(EVIL)
    output.say(text("{name}", name=EVIL))
    told = capsys.readouterr()
    assert spoken(told.out.encode()) == spoken(told.err.encode()) == []
    assert json.loads(told.out.splitlines()[0]) == {"name": EVIL}


def test_the_support_bundle_holds_no_escape(stage: Stage, tmp_path: Path) -> None:
    stage.create("Contact", LastName=EVIL, Email="evil@example.com")
    stage.run()
    bundle = tmp_path / "bundle.zip"
    assert stage.command("--support-bundle", str(bundle)).code in (0, 1)
    with zipfile.ZipFile(io.BytesIO(bundle.read_bytes())) as archive:
        for name in archive.namelist():
            assert spoken(archive.read(name)) == [], name
