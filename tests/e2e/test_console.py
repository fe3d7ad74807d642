"""The console under a real terminal, with real keys."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from haihai_tui.services.paths import home_at
from haihai_tui.services.store.database import open_database
from haihai_tui.services.store.runs import Runs
from tests.e2e.stage import staged
from tests.e2e.terminal import Terminal, needs_tmux

pytestmark = pytest.mark.e2e
PASSWORD = "kasumi-tobira-4-mikan"
OTHER = "hidamari-9-roketto-umi"


def command(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "haihai_tui", *arguments],
        env={**os.environ, "HAIHAI_HOME": str(home), "HAIHAI_LANG": "ja"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def sign_up(terminal: Terminal, name: str = "yamada") -> None:
    terminal.wait_for("最初の管理者を登録します")
    terminal.type(name)
    terminal.press("Tab")
    terminal.type(PASSWORD)
    terminal.press("Tab")
    terminal.type(PASSWORD)
    terminal.wait_for("(いま 4/4")
    terminal.press("F5")
    terminal.wait_for("次の作業")


def sign_in(terminal: Terminal, name: str, password: str) -> None:
    """As one burst: a slow line delivers it so."""
    terminal.wait_for("利用者名")
    terminal.press(name, "Tab", password, "Enter")


@needs_tmux
def test_from_the_first_start_to_the_logout(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        sign_up(terminal)
        shown = terminal.wait_for("未設定")
        assert "yamada (管理者)" in shown
        terminal.press("C-l")
        shown = terminal.wait_for("[ ログイン ]")
        assert "yamada" not in shown
        sign_in(terminal, "yamada", PASSWORD)
        terminal.wait_for("yamada (管理者)")
        terminal.press("C-q")
        assert terminal.wait_for_end() == 0
    with Terminal(tmp_path) as terminal:
        assert "最初の管理者" not in terminal.wait_for("[ ログイン ]")


@needs_tmux
def test_a_one_time_password_must_be_changed_before_anything_else(
    tmp_path: Path,
) -> None:
    added = command(tmp_path, "--add-operator", "suzuki")
    initial = added.stdout.strip()
    with Terminal(tmp_path) as terminal:
        sign_in(terminal, "suzuki", initial)
        terminal.wait_for("最初のログインか、初期パスワードの再発行の後です")
        terminal.press("F2")
        terminal.wait_for("最初にパスワードを変更する必要があります")
        terminal.type("haihai-suzuki")
        terminal.press("Tab")
        terminal.type("haihai-suzuki")
        terminal.wait_for("[x] 2 回の入力が同じ")
        terminal.wait_for("[ ] 利用者名や製品名に頼っていない")
        terminal.press("F5")
        terminal.wait_for("条件を満たしていません")
        terminal.press("C-u", "BTab", "C-u")
        terminal.type(OTHER)
        terminal.press("Tab")
        terminal.type(OTHER)
        terminal.press("Enter")
        terminal.wait_for("パスワードを変更しました")
        terminal.press("C-l")
        terminal.wait_for("[ ログイン ]")
        sign_in(terminal, "suzuki", initial)
        terminal.wait_for("利用者名またはパスワードが違います")
        terminal.press(OTHER, "Enter")
        terminal.wait_for("suzuki (管理者)")


@needs_tmux
def test_a_wrong_name_is_told_like_a_wrong_password_and_costs_time(
    tmp_path: Path,
) -> None:
    command(tmp_path, "--add-operator", "suzuki")
    told = []
    for name in ("suzuki", "nobody"):
        with Terminal(tmp_path) as terminal:
            terminal.wait_for("利用者名")
            terminal.press(name, "Tab")
            for _ in range(3):
                terminal.press("wrong", "Enter")
                terminal.wait_for("違います")
                terminal.press("F1")
                terminal.wait_for("どの画面でも使えるキー")
                terminal.press("Escape")
                terminal.wait_for("[ ログイン ]")
            told.append(terminal.wait_for("受け付けません"))
    known, unknown = told
    assert known.replace("suzuki", "nobody") == unknown


@needs_tmux
@pytest.mark.parametrize("size", [(60, 16), (80, 24), (120, 40)])
def test_a_storm_of_resizes_ends_in_the_right_size(
    tmp_path: Path, size: tuple[int, int]
) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("最初の管理者を登録します")
        for step in range(60):
            terminal.resize(60 + step, 16 + step % 20)
        terminal.resize(*size)
        terminal.type("yamada")
        deadline = time.monotonic() + 20
        while not fits(shown := terminal.shown, *size):
            assert time.monotonic() < deadline, shown
            time.sleep(0.1)


def fits(shown: str, width: int, height: int) -> bool:
    """Title in the first row, keys in the last; labels beside the inputs if wide."""
    lines = shown.splitlines()
    beside = [line for line in lines if "利用者名" in line and "yamada" in line]
    return (
        len(lines) == height
        and "最初の管理者" in lines[0]
        and lines[-1].lstrip().startswith("F1 ヘルプ")
        and "yamada" in shown
        and bool(beside) == (width >= 80)
    )


@needs_tmux
def test_a_lost_terminal_ends_an_idle_console(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("最初の管理者を登録します")
        pid = terminal.pid
        terminal.hang_up()
        until(lambda: not Path(f"/proc/{pid}").exists(), 10)


@needs_tmux
def test_what_was_never_stopped_may_be_continued(tmp_path: Path) -> None:
    """A lost terminal brings SIGCONT too: keys are still read by one thread alone."""
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("最初の管理者を登録します")
        tasks = Path(f"/proc/{terminal.pid}/task")
        before = len(list(tasks.iterdir()))
        for step in range(3):
            os.kill(terminal.pid, signal.SIGCONT)
            terminal.press(f"yama{step}", "C-u")
        terminal.type("yamada")
        assert "yama2" not in terminal.wait_for("yamada")
        until(lambda: len(list(tasks.iterdir())) <= before, 10)
        terminal.press("C-q")
        assert terminal.wait_for_end() == 0


def test_a_lost_terminal_is_noticed_without_a_signal(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "haihai_tui"],
        env={**os.environ, "HAIHAI_HOME": str(tmp_path), "TERM": "xterm-256color"},
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    os.close(follower)
    try:
        seen = b""
        while "最初の管理者".encode() not in seen:
            seen += os.read(leader, 65536)
        os.close(leader)
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()


@needs_tmux
def test_a_run_outlives_a_lost_terminal(tmp_path: Path) -> None:
    with staged(tmp_path, customers=4000) as stage, Terminal(tmp_path) as terminal:
        sign_up(terminal)
        terminal.wait_for("最初の計画を見る")
        terminal.press("Enter")
        terminal.wait_for("全件を読み直す")
        terminal.press("F5")
        database = open_database(home_at(tmp_path))
        runs = Runs(database, "default")
        until(lambda: runs.running() is not None)
        pid = terminal.pid
        terminal.hang_up()
        until(lambda: not Path(f"/proc/{pid}").exists())
        last = runs.recent(limit=1)[0]
        database.close()
        assert last.status == "ok"
        assert not stage.difference()


def until(holds: Callable[[], bool], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@needs_tmux
def test_a_suspended_console_comes_back_as_it_was(tmp_path: Path) -> None:
    with Terminal(tmp_path, shell=True) as terminal:
        terminal.wait_for("最初の管理者を登録します")
        terminal.type("yamada")
        terminal.wait_for("yamada")
        terminal.press("C-z")
        terminal.wait_for("Stopped")
        terminal.type("fg")
        terminal.press("Enter")
        assert "yamada" in terminal.wait_for("最初の管理者を登録します")


@needs_tmux
def test_without_a_shell_to_come_back_from_it_is_not_suspended(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("最初の管理者を登録します")
        terminal.press("C-z")
        terminal.wait_for("中断できません")


def test_an_idle_console_sends_nothing(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "haihai_tui"],
        env={**os.environ, "HAIHAI_HOME": str(tmp_path), "TERM": "xterm-256color"},
        stdin=follower,
        stdout=follower,
        stderr=follower,
    )
    try:
        assert "最初の管理者".encode() in b"".join(sent(leader, 4))
        assert b"".join(sent(leader, 3)) == b""
    finally:
        process.kill()
        process.wait()
        os.close(follower)
        os.close(leader)


def sent(terminal: int, seconds: float) -> Iterator[bytes]:
    """What the console writes to its terminal within this time."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if select.select([terminal], [], [], left)[0]:
            yield os.read(terminal, 65536)


@needs_tmux
def test_a_large_paste_does_no_harm(tmp_path: Path) -> None:
    with Terminal(tmp_path) as terminal:
        terminal.wait_for("最初の管理者を登録します")
        file = tmp_path / "paste"
        file.write_text("x" * 100_000)
        terminal._tmux("load-buffer", str(file))
        terminal._tmux("paste-buffer", "-p")
        terminal.press("Tab")
        terminal.type(PASSWORD)
        terminal.wait_for(f"(いま {len(PASSWORD)} 文字)")


def test_the_console_is_refused_without_a_terminal(tmp_path: Path) -> None:
    done = command(tmp_path)
    assert done.returncode == 2
    assert "端末ではない" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("term", ["dumb", ""])
def test_the_console_is_refused_on_a_dumb_terminal(tmp_path: Path, term: str) -> None:
    leader, follower = pty.openpty()
    try:
        done = subprocess.run(
            [sys.executable, "-m", "haihai_tui"],
            env={**os.environ, "HAIHAI_HOME": str(tmp_path), "TERM": term},
            stdin=follower,
            stdout=follower,
            stderr=follower,
            timeout=60,
        )
        assert done.returncode == 2
        assert "TERM=" in os.read(leader, 4096).decode()
    finally:
        os.close(follower)
        os.close(leader)
