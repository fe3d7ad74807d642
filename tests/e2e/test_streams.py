"""Streams, exit codes and usage errors of the real command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from haihai_tui.headless.demo import program_name
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("home"), customers=60) as made:
        yield made


def command(
    stage_or_home: Stage | Path, *arguments: str, **environment: str
) -> subprocess.CompletedProcess[str]:
    home = stage_or_home if isinstance(stage_or_home, Path) else stage_or_home.folder
    return subprocess.run(
        [sys.executable, "-m", "haihai_tui", *arguments],
        env={"PATH": os.environ["PATH"], "HAIHAI_HOME": str(home), **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


USAGE = [
    (("--bogus",), "知らない引数", "--bogus"),
    (("--run-sync", "nope"), "使える値", "nope"),
    (("--run-sync", "--status"), "同時に指定できません", "--status"),
    (("--plan",), "--run-sync", "--plan"),
    (("--confirm", "x"), "--run-sync", "--confirm"),
    (("--run-sync", "--plan", "--confirm", "x"), "同時に", "--confirm"),
    (("--run-sync", "--from-file", "x"), "suppressions", "--from-file"),
    (("--write-profile",), "--sandbox", "--write-profile"),
    (("--status", "--customers", "5"), "--demo", "--customers"),
    (("--demo", "--customers", "x"), "整数", "--customers"),
    (("--demo", "--haihai-port", "99999"), "65,535", "--haihai-port"),
    (("--role", "viewer"), "--add-operator", "--role"),
    (("--diagnose",), "値が必要", "--diagnose"),
    (("--lang", "fr", "--status"), "ja, en", "--lang"),
]


@pytest.mark.parametrize(("arguments", "word", "option"), USAGE)
def test_a_wrong_command_line_is_told_in_both_languages(
    tmp_path: Path, arguments: tuple[str, ...], word: str, option: str
) -> None:
    japanese = command(tmp_path, *arguments)
    assert (japanese.returncode, japanese.stdout) == (2, "")
    assert word in japanese.stderr
    assert option in japanese.stderr
    english = command(tmp_path, *arguments, HAIHAI_LANG="en")
    assert (english.returncode, english.stdout) == (2, "")
    assert english.stderr.isascii()
    assert option in english.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_command_line_is_json_where_json_was_asked_for(tmp_path: Path) -> None:
    finished = command(tmp_path, "--bogus", "--json", "--lang=en")
    assert finished.returncode == 2
    told = json.loads(finished.stdout)
    assert (told["event"], told["exit_code"]) == ("error", 2)
    assert "--bogus" in told["what"]


def test_a_held_lock_says_so_before_the_summary(stage: Stage) -> None:
    stage.salesforce_control(
        "faults", [{"match": "GET /query", "times": 1, "do": "delay:4"}]
    )
    first = stage.start("--run-sync", "--json")
    try:
        time.sleep(2)
        second = stage.run()
        plain = stage.command("--run-sync")
    finally:
        first.communicate(timeout=60)
    assert second.code == plain.code == 5
    assert [event["event"] for event in second.events] == ["error", "run_done"]
    assert second.summary["exit_code"] == 5
    assert second.err == plain.err != ""
    assert plain.out == ""


def test_an_unknown_confirmation_says_why_it_is_refused(stage: Stage) -> None:
    finished = stage.run("--confirm", "19990101T000000-00000000")
    assert finished.code == 2
    assert "19990101T000000-00000000" in finished.err


def test_a_reader_that_goes_away_does_not_stop_the_run(stage: Stage) -> None:
    row = stage.query("SELECT Id FROM Contact WHERE Email != null LIMIT 1")[0]
    stage.run()
    stage.update(row["Id"], LastName="途中")
    process = stage.start("--run-sync", "--full", "--json")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    error = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 0
    assert "Traceback" not in error
    assert not stage.difference()


def test_narration_that_nobody_reads_does_not_stop_the_run(stage: Stage) -> None:
    process = stage.start("--run-sync", "--json")
    assert process.stderr is not None
    process.stderr.close()
    assert process.stdout is not None
    lines = process.stdout.read().splitlines()
    process.stdout.close()
    assert process.wait(60) == 0
    assert json.loads(lines[-1])["event"] == "run_done"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_result_that_cannot_be_written_is_no_success(stage: Stage) -> None:
    with Path("/dev/full").open("w") as full:
        process = subprocess.run(
            [sys.executable, "-m", "haihai_tui", "--status"],
            env=stage.environment,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert process.returncode == 2
    assert "No space left" in process.stderr
    assert "Exception" not in process.stderr


@pytest.mark.parametrize("encoding", ["ascii", "cp932", "utf-8"])
def test_any_encoding_of_the_terminal_gets_whole_json(
    stage: Stage, encoding: str
) -> None:
    name = "髙﨑😀"
    finished = subprocess.run(
        [sys.executable, "-m", "haihai_tui", "--diagnose", name, "--json"],
        env={**stage.environment, "PYTHONIOENCODING": encoding, "HAIHAI_LANG": "ja"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    causes = json.loads(finished.stdout.decode(encoding))["causes"]
    assert causes[-1]["title"]


def test_a_second_ctrl_c_ends_a_run_at_once_with_130(stage: Stage) -> None:
    stage.salesforce_control(
        "faults", [{"match": "GET /query", "times": 1, "do": "delay:8"}]
    )
    process = stage.start("--run-sync", "--json")
    time.sleep(2)
    begun = time.monotonic()
    process.send_signal(signal.SIGINT)
    time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert time.monotonic() - begun < 5
    stage.salesforce_control("faults", [])
    assert stage.run().code == 0


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_a_signal_ends_every_mode_with_its_code(
    stage: Stage, number: signal.Signals, code: int
) -> None:
    process = stage.start("--authorize")
    assert process.stdout is not None
    assert "/services/oauth2/authorize" in process.stdout.readline()
    time.sleep(0.5)  # until it waits for the callback
    process.send_signal(number)
    _, error = process.communicate(timeout=30)
    assert process.returncode == code
    assert "Traceback" not in error


def test_a_terminated_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "haihai_tui", "--demo", "--authorize"],
        env={**os.environ, "TMPDIR": str(tmp_path), "HAIHAI_HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    assert list(tmp_path.glob("haihai-demo-*"))
    process.terminate()
    process.communicate(timeout=30)
    assert process.returncode == 143
    assert list(tmp_path.iterdir()) == []


def test_the_demo_ends_with_what_can_be_done_next(tmp_path: Path) -> None:
    arguments = ("--demo", "--run-sync", "--customers", "30", "--seed", "7")
    finished = command(tmp_path, *arguments, HAIHAI_LANG="en")
    assert finished.returncode == 0, finished.stderr
    head, _, steps = finished.stdout.partition("What you can do next:")
    assert "Result: " in head
    assert " -m haihai_tui --demo --customers 30 --seed 7 " in steps.splitlines()[1]
    assert all(" -m haihai_tui --" in line for line in steps.splitlines()[1:])
    assert list(tmp_path.iterdir()) == []


def test_the_program_is_named_as_it_can_be_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "haihai-tui"
    program.parent.mkdir()
    program.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    assert program_name(str(program), "/usr/bin") == "bin/haihai-tui"
    assert program_name(str(program), str(program.parent)) == "haihai-tui"
    module = program_name("/somewhere/haihai_tui/__main__.py", "/usr/bin")
    assert module.endswith(" -m haihai_tui")


def test_the_status_knows_that_the_token_died_and_that_it_lives(stage: Stage) -> None:
    def connection() -> dict[str, object]:
        status = stage.command("--status", "--json").events[0]
        found: dict[str, object] = status["connection"]["salesforce"]
        return {key: found[key] for key in ("authorised", "cause")}

    def token_error(answer: str) -> None:
        stage.salesforce_control("switches", {"token_error": answer}, "PUT")

    assert connection() == {"authorised": True, "cause": None}
    stage.salesforce_control("expire_sessions", {})
    token_error("invalid_grant: expired access/refresh token")
    assert stage.run().code == 4
    assert connection() == {"authorised": False, "cause": "token_expired"}
    token_error("")
    assert stage.run().code == 0
    assert connection() == {"authorised": True, "cause": None}


def test_the_status_is_readable_in_both_languages(stage: Stage) -> None:
    assert stage.run().code == 0
    english = command(stage, "--status", "--lang", "en", LC_ALL="C").stdout
    assert "Salesforce: authorised" in english
    assert "HaiHai Mail: an API token is kept" in english
    assert "HaiHai Mail (imports): " in english
    assert "authorised_at" not in english
    japanese = command(stage, "--status", "--lang", "ja").stdout
    assert "Salesforce: 認可済み" in japanese
    assert "顧客連携: 最終成功 2" in japanese
    assert max(map(len, japanese.splitlines())) <= 110


def test_settings_go_through_a_pipe(stage: Stage, tmp_path: Path) -> None:
    exported = command(stage, "--export-settings", "-")
    assert exported.returncode == 0, exported.stderr
    assert exported.stdout.startswith("[haihai]\n")
    secrets = '[secrets]\n"haihai.api_token" = "piped-secret"\n'
    imported = subprocess.run(
        [sys.executable, "-m", "haihai_tui", "--import-settings", "-"],
        env={"PATH": os.environ["PATH"], "HAIHAI_HOME": str(tmp_path)},
        input=exported.stdout + secrets,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert imported.returncode == 0, imported.stderr
    assert "piped-secret" not in imported.stdout + imported.stderr
    again = command(tmp_path, "--export-settings", "-")
    assert again.stdout == exported.stdout
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert b"piped-secret" not in kept


def test_ctrl_c_while_modules_are_loaded_ends_with_130(tmp_path: Path) -> None:
    # As in a dataclass being made, which Python does by `exec`.
    script = (
        "import haihai_tui.arguments as arguments\n"
        "arguments.parse = lambda argv: exec('raise KeyboardInterrupt')\n"
        "from haihai_tui.__main__ import main\n"
        "raise SystemExit(main())\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"], "HAIHAI_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (finished.returncode, finished.stdout, finished.stderr) == (130, "", "")


def test_a_termination_while_modules_are_loaded_ends_with_143(tmp_path: Path) -> None:
    script = (
        "import os, signal\n"
        "import haihai_tui.arguments as arguments\n"
        "arguments.parse = lambda argv: os.kill(os.getpid(), signal.SIGTERM)\n"
        "from haihai_tui.__main__ import main\n"
        "raise SystemExit(main())\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", script],
        env={"PATH": os.environ["PATH"], "HAIHAI_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (finished.returncode, finished.stdout, finished.stderr) == (143, "", "")
