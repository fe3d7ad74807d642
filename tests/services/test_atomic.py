"""Durable private files; and what an operator is told when the disk refuses."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from haihai_tui.errors import ExitCode, LockHeld, SettingsError
from haihai_tui.services.atomic import (
    make_private_folder,
    require_private,
    storage_errors,
    write_atomic,
)
from haihai_tui.services.filelock import file_lock

_WRITER = """
import sys; from pathlib import Path
from haihai_tui.services.atomic import write_atomic
path = Path(sys.argv[1])
print("ready", flush=True)
number = 0
while True:
    number += 1
    write_atomic(path, str(number % 10).encode() * 100_000)
"""


def test_folders_are_made_for_their_owner_alone(tmp_path: Path) -> None:
    folder = make_private_folder(tmp_path / "a" / "b")
    for path in (folder, folder.parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_the_umask_does_not_widen_a_file(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_atomic(tmp_path / "f", b"x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600
    require_private(tmp_path / "f")


def test_a_pipe_or_a_device_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        write_atomic(pipe, b"given")
        assert reader.communicate(timeout=30)[0] == b"given"
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_writer_killed_at_any_moment_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    for _ in range(5):
        command = [sys.executable, "-c", _WRITER, str(path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.05)
            process.kill()
        content = path.read_bytes()
        assert len(content) == 100_000
        assert len(set(content)) == 1


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, r"空きがない.*5 バイト"),
        (errno.EDQUOT, r"空きがない"),
        (errno.EROFS, r"権限がありません.*HAIHAI_HOME"),
        (errno.EACCES, r"権限がありません"),
        (errno.EIO, r"読み書きできません"),
    ],
)
def test_what_the_disk_refuses_is_told_with_path_and_remedy(
    number: int, expected: str
) -> None:
    with (
        pytest.raises(SettingsError, match=expected) as caught,
        storage_errors(Path("/some/file"), needed=5),
    ):
        raise OSError(number, os.strerror(number))
    assert "/some/file" in str(caught.value)
    assert caught.value.remedy is not None
    assert caught.value.exit_code is ExitCode.USAGE


def test_a_file_lock_is_waited_for_no_longer_than_asked(tmp_path: Path) -> None:
    with (
        file_lock(tmp_path / "f"),
        pytest.raises(LockHeld),
        file_lock(tmp_path / "f", wait_s=0.05),
    ):
        pass
    with file_lock(tmp_path / "f", wait_s=0.05):
        pass
