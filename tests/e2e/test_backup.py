"""Backup, restore and upgrade, done as the operator's manual says."""

from __future__ import annotations

import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from haihai_tui.services.paths import home_at
from tests.e2e.stage import Stage, staged

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        not (shutil.which("flock") and shutil.which("tar")),
        reason="flock and tar are needed",
    ),
]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path / "home", customers=30) as made:
        yield made


def backup_command(archive: Path) -> list[str]:
    """As it stands in the manual, with another place for the archive."""
    manual = (ROOT / "docs" / "operations.md").read_text("utf-8")
    (line,) = re.findall(r"^flock .*$", manual, re.MULTILINE)
    return shlex.split(line.replace("/backup/haihai.tar.gz", str(archive)))


def test_a_restored_home_goes_on_and_repeats_nothing(
    stage: Stage, tmp_path: Path
) -> None:
    assert stage.run().code == 0
    address, *_ = sorted(stage.members())
    archive, restored = tmp_path / "haihai.tar.gz", tmp_path / "restored"
    subprocess.run(backup_command(archive), cwd=stage.folder, check=True)
    # Life goes on after the backup: a change that the restored home has not seen.
    stage.stop(address)
    assert stage.run().code == 0
    record = stage.query(f"SELECT Id FROM Contact WHERE Email = '{address}'")[0]["Id"]
    shutil.rmtree(stage.folder)
    restored.mkdir()
    subprocess.run(
        ["tar", "--extract", "--preserve-permissions", "--file", str(archive)],
        cwd=restored,
        check=True,
    )
    stage.folder = restored
    stage.forget_requests()
    finished = stage.run("--full")
    assert finished.code == 0, finished.err
    assert stage.imports() == []
    assert stage.members()[address] == "配信停止"
    assert stage.difference() == {}
    state = stage.query(f"SELECT HaihaiState__c FROM Contact WHERE Id = '{record}'")
    assert state[0]["HaihaiState__c"] == "配信停止"
    audit = stage.command("--status", "--verify-audit", "--json").events[0]
    assert audit["first_broken"] is None


def test_no_run_begins_while_the_backup_is_taken(stage: Stage) -> None:
    assert stage.run("customers").code == 0
    lock = home_at(stage.folder).run_lock("default")
    program = "import sys; print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        ["flock", str(lock), sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert stage.run().code == 5
        holder.communicate("")
    assert stage.run().code == 0


def test_a_home_of_the_first_version_is_lifted_by_the_first_run(stage: Stage) -> None:
    home = home_at(stage.folder)
    home.state.mkdir(mode=0o700, exist_ok=True)
    home.database.unlink(missing_ok=True)
    schema = ROOT / "tests/services/store/first_schema.sql"
    with closing(sqlite3.connect(home.database)) as connection:
        connection.executescript(schema.read_text("utf-8"))
    home.database.chmod(0o600)
    before = stage.command("--status", "--json").events[0]
    assert before["rejects"] == {"customers": 1}
    finished = stage.run("--full")
    assert finished.code in (0, 1), finished.err
    after = stage.command("--status", "--json").events[0]
    assert len(after["last_runs"]) == 2
    audit = stage.command("--status", "--verify-audit", "--json").events[0]
    assert (audit["first_broken"], audit["lines"]) == (None, 3)
