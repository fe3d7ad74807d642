"""One run of a profile at a time; a dead holder needs no help."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from haihai_tui.errors import ExitCode, LockHeld
from haihai_tui.services.lock import RunLock, holder_of
from haihai_tui.services.paths import Home
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.holder import Holder
from haihai_tui.services.store.leases import Leases

_HOLDER = """
import sys, time; from pathlib import Path
from haihai_tui.services.lock import RunLock
from haihai_tui.services.paths import home_at
with RunLock(home_at(Path(sys.argv[1])), "default", "run-of-another"):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def another_holder(home: Home) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _HOLDER, str(home.config)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_second_run_is_told_who_holds_the_lock_and_since_when(home: Home) -> None:
    with another_holder(home) as process:
        with pytest.raises(LockHeld) as caught, RunLock(home, "default", "mine"):
            pass
        holder = holder_of(home, "default")
        assert holder is not None
        assert (holder.run_id, holder.pid) == ("run-of-another", process.pid)
        message = str(caught.value)
        assert caught.value.exit_code is ExitCode.LOCKED
        for word in ("run-of-another", str(process.pid), holder.started_at):
            assert word in message


def test_another_profile_is_free(home: Home) -> None:
    with another_holder(home), RunLock(home, "other", "mine"):
        pass


def test_a_killed_holder_frees_the_lock(home: Home) -> None:
    with another_holder(home) as process:
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        assert holder_of(home, "default") is None
        with RunLock(home, "default", "mine"):
            holder = holder_of(home, "default")
            assert holder is not None
            assert (holder.run_id, holder.pid) == ("mine", os.getpid())
    assert holder_of(home, "default") is None


def test_nothing_is_left_in_the_file_after_a_run(home: Home) -> None:
    with RunLock(home, "default", "mine"):
        assert home.run_lock("default").read_bytes()
    assert home.run_lock("default").read_bytes() == b""


def test_a_forked_worker_does_not_keep_the_lock(home: Home) -> None:
    read, write = os.pipe()
    lock = RunLock(home, "default", "mine")
    lock.__enter__()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)  # until the parent has looked
        os._exit(0)
    os.close(read)
    lock.__exit__(None, None, None)
    try:
        with RunLock(home, "default", "next"):
            pass
    finally:
        os.close(write)
        os.waitpid(child, 0)


def test_looking_makes_no_folder(home: Home) -> None:
    assert holder_of(home, "default") is None
    assert not home.state.exists()


# -------------------------------------------------------------------- leases


@pytest.fixture
def on_host(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def set_host(name: str) -> None:
        monkeypatch.setattr("socket.gethostname", lambda: name)

    return set_host


def test_a_living_lease_of_another_machine_holds(
    database: Database, on_host: Callable[[str], None]
) -> None:
    leases = Leases(database, "default")
    on_host("one")
    assert leases.take("first") is None
    on_host("two")
    holder = leases.take("second")
    assert holder is not None
    assert (holder.run_id, holder.host) == ("first", "one")
    assert Leases(database, "other").take("third") is None


def test_a_lease_that_is_not_renewed_is_taken_over(
    database: Database, on_host: Callable[[str], None]
) -> None:
    leases = Leases(database, "default", lease_s=0.0)
    on_host("one")
    assert leases.take("first") is None
    assert leases.renew("first")
    on_host("two")
    assert leases.take("second") is None
    assert not leases.renew("first")
    leases.release("first")  # must not free the new holder's lease
    assert leases.renew("second")


def test_this_machines_own_lease_is_free_once_its_lock_is(database: Database) -> None:
    leases = Leases(database, "default")
    assert leases.take("killed") is None
    assert leases.take("next") is None


def test_the_run_is_told_when_its_lease_was_lost(home: Home) -> None:
    class LostLease:
        def take(self, run_id: str) -> Holder | None:
            return None

        def renew(self, run_id: str) -> bool:
            return False

        def release(self, run_id: str) -> None:
            pass

    lost: list[bool] = []
    lock = RunLock(
        home,
        "default",
        "mine",
        lease=LostLease(),
        on_lost=lambda: lost.append(True),
        renewal_s=0.001,
    )
    with lock:
        assert lock._renewer is not None
        lock._renewer.join(10)
    assert lost == [True]


def test_a_lease_held_elsewhere_frees_this_machines_file(home: Home) -> None:
    class HeldLease:
        def take(self, run_id: str) -> Holder | None:
            return Holder("other", "elsewhere", 1, "2026-01-01T00:00:00.000000Z")

        def renew(self, run_id: str) -> bool:
            return True

        def release(self, run_id: str) -> None:
            raise AssertionError("never held")

    with (
        pytest.raises(LockHeld, match="elsewhere"),
        RunLock(home, "default", "mine", lease=HeldLease()),
    ):
        pass
    assert holder_of(home, "default") is None
