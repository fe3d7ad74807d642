"""Units, container file and the operator's manual agree with the program."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from haihai_tui.arguments import parse
from haihai_tui.errors import ExitCode
from haihai_tui.services.alerts.wording import STATES

ROOT = Path(__file__).parents[1]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))
TIMERS = sorted((ROOT / "deploy" / "systemd").glob("*.timer"))
MANUALS = (ROOT / "docs" / "operations.md", ROOT / "docs" / "operations.ja.md")

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd is not installed"
)


def values(unit: Path, key: str) -> list[str]:
    lines = unit.read_text("utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_calls_a_mode_that_there_is(unit: Path) -> None:
    (command,) = values(unit, "ExecStart")
    program, *arguments = shlex.split(command.replace("%i", "default"))
    assert Path(program).name == "haihai-tui"
    parsed = parse(arguments)
    assert parsed.profile == "default"
    assert unit.with_suffix(".timer") in TIMERS


def test_a_unit_knows_which_codes_are_no_failure() -> None:
    for unit in UNITS:
        for code in " ".join(values(unit, "SuccessExitStatus")).split():
            assert ExitCode(int(code)) in (
                ExitCode.REJECTS,
                ExitCode.LOCKED,
                ExitCode.PAUSED,
            )


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_is_hardened(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for .*: ([\d.]+)", done.stdout)
    if found is None:
        pytest.skip("this systemd judges no files")
    assert float(found[1]) < 2.0


@needs_systemd
def test_the_units_are_well_formed() -> None:
    done = subprocess.run(
        ["systemd-analyze", "verify", *map(str, (*UNITS, *TIMERS))],
        capture_output=True,
        text=True,
        check=False,
    )
    complaints = [
        line
        for line in done.stderr.splitlines()
        if "haihai" in line and "is not executable" not in line
    ]
    assert complaints == []


def test_the_container_runs_as_nobody_in_particular() -> None:
    lines = (ROOT / "deploy/container/Containerfile").read_text("utf-8").splitlines()
    assert "USER 10001:10001" in lines
    (command,) = (line for line in lines if line.startswith("CMD "))
    parse(re.findall(r'"([^"]+)"', command))


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: path.name)
def test_the_manual_tells_every_exit_code_and_every_alert(manual: Path) -> None:
    content = manual.read_text("utf-8")
    rows = "\n".join(re.findall(r"^\| ([\d /]+) \|", content, re.MULTILINE))
    told = {int(number) for number in re.findall(r"\d+", rows)}
    assert told == {int(code) for code in ExitCode}
    for state, label in STATES.items():
        if state != "ok":
            assert f"| {label.msgid}" in content, state


def test_both_languages_tell_the_same() -> None:
    english, japanese = (path.read_text("utf-8") for path in MANUALS)
    for pattern in (r"^## ", r"^\| ", r"^```", r"^\d\. ", r"^- "):
        count = [
            len(re.findall(pattern, one, re.MULTILINE)) for one in (english, japanese)
        ]
        assert count[0] == count[1], pattern
    options = [set(re.findall(r"(--[a-z-]+)", one)) for one in (english, japanese)]
    assert options[0] == options[1]


@pytest.mark.parametrize("manual", MANUALS, ids=lambda path: path.name)
def test_every_option_in_the_manual_exists(manual: Path) -> None:
    known = (ROOT / "haihai_tui" / "arguments.py").read_text("utf-8")
    for option in set(re.findall(r"`(--[a-z-]+)", manual.read_text("utf-8"))):
        if option not in ("--extract", "--preserve-permissions", "--upgrade"):
            assert f'"{option}"' in known, option
