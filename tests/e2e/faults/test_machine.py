"""Rows 14 and 19 to 28, as far as the machine and the network are the fault."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from haihai_tui.services.paths import home_at
from haihai_tui.services.store.database import open_database
from haihai_tui.services.store.rejects import RejectRow, Rejects
from tests.e2e.faults.conftest import Act
from tests.e2e.faults.machine import (
    clock,
    ended,
    started,
    until_begun,
    with_small_files,
    without_override,
)
from tests.e2e.scenes import contact
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.e2e

HOUR, YEAR = 3_600, 365 * 86_400


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path / "home", customers=60) as made:
        yield made


# --------------------------------------------------------------- 23, the clock


@pytest.mark.parametrize(
    ("shift", "after"),
    [(-YEAR, 20), (-HOUR, 0), (HOUR, 20), (YEAR, 0)],
    ids=["a year back in a run", "an hour back", "an hour on in a run", "a year on"],
)
def test_fault_23_a_clock_that_jumps_skips_nothing(
    stage: Stage, tmp_path: Path, shift: int, after: int
) -> None:
    assert stage.run().code == 0
    wrong = clock(stage, tmp_path / "clock", shift, after)
    for at, environment in enumerate((wrong, {})):
        one, _ = contact(stage, at)
        stage.update(one, LastName=f"変更{at}")
        stage.create("Contact", LastName="新規", Email=f"new{at}@example.com")
        run = ended(started(stage, environment=environment))
        assert run.code == 0, run.out + run.err
        assert not stage.difference()
        first, last = (since(run.events[which]["at"]) for which in (0, -2))
        if environment:
            assert abs(last - shift) < HOUR / 2
            assert abs(first - (0 if after else shift)) < HOUR / 2


def since(told: str) -> float:
    """Seconds from now to a time that was told."""
    return (datetime.fromisoformat(told) - datetime.now(UTC)).total_seconds()


# ------------------------------------------------------------- 28, the signals


def test_fault_28_a_hangup_does_not_end_a_run(stage: Stage) -> None:
    process = started(stage)
    begun = until_begun(process)
    process.send_signal(signal.SIGHUP)
    run = ended(process, begun)
    assert run.code == 0, run.err
    assert not stage.difference()


def test_fault_28_a_run_goes_on_after_hours_of_suspension(stage: Stage) -> None:
    process = started(stage)
    begun = until_begun(process)
    process.send_signal(signal.SIGSTOP)
    stage.salesforce_control("clock", {"advance_s": 13 * HOUR})
    stage.haihai_control("clock", {"advance_s": 13 * HOUR})
    process.send_signal(signal.SIGCONT)
    run = ended(process, begun)
    assert run.code == 0, run.err
    # The session died meanwhile; the test's own lives again when time is turned back.
    paths = [row["path"] for row in stage.salesforce_requests()]
    assert any("/oauth2/token" in path for path in paths)
    stage.salesforce_control("clock", {"advance_s": -13 * HOUR})
    assert not stage.difference()


# ---------------------------------------------------------------- 20, the disk


@pytest.mark.parametrize("size", [0, 2_000, 20_000])
def test_fault_20_a_full_disk_is_told_and_nothing_is_lost(
    stage: Stage, size: int
) -> None:
    run = ended(started(stage, before=with_small_files(size)))
    assert run.code == 2, run.err
    assert str(stage.folder) in run.out + run.err
    assert "Traceback" not in run.err
    assert stage.run().code == 0
    assert not stage.difference()


def test_fault_20_a_home_that_cannot_be_written_is_told(stage: Stage) -> None:
    folders = [one for one in stage.folder.rglob("*") if one.is_dir()]
    for one in (stage.folder, *folders):
        one.chmod(0o500)
    run = ended(started(stage, before=without_override))
    for one in (stage.folder, *folders):
        one.chmod(0o700)
    assert run.code == 2, run.err
    assert str(stage.folder) in run.out + run.err
    assert "Traceback" not in run.err
    assert not stage.imports()
    assert stage.run().code == 0
    assert not stage.difference()


# ------------------------------------------------------------- 19, the network


@pytest.mark.parametrize("silent", [False, True], ids=["refused", "black hole"])
def test_fault_19_nobody_answers_at_haihai_mail(act: Act, silent: bool) -> None:
    with closing(socket.socket()) as hole:
        hole.bind(("127.0.0.1", 0))
        if silent:
            hole.listen()  # connections are made by the kernel and never served
        port = hole.getsockname()[1]
        act.scene.stage.set(
            f'haihai.base_url="http://127.0.0.1:{port}/demo/"', "haihai.timeout_s=1"
        )
        run = act.run("customers")
    assert run.code == 3, run.err
    assert run.summary["cause"] == ("timeout" if silent else "service_unavailable")
    assert "HaiHai" in run.err or "配配" in run.err
    base = act.scene.stage.world.ready["haihai"]["base_url"]
    act.scene.stage.set(f'haihai.base_url="{base}"')
    act.assert_finishes()


# ---------------------------------------------------------- 24, poisoned rows


ARRIVE = ["=cmd()", 'a"b,c', "一\n二\r\n三", "'; DROP TABLE", "髙﨑"]
REFUSED = ["\ufeff先頭", "\x1b[31m赤", "👨‍👩‍👧", "a\x00b"]


def insert(name: str, address: str) -> dict[str, object]:
    values = {"LastName": name, "Email": address}
    return {"object": "Contact", "operation": "insert", "values": values}


def test_fault_24_poisoned_rows_arrive_or_are_rejects(stage: Stage) -> None:
    rows = [insert(name, f"in{at}@example.com") for at, name in enumerate(ARRIVE)]
    rows += [insert(name, f"out{at}@example.com") for at, name in enumerate(REFUSED)]
    rows += [insert(f"同{at}", "one@example.com") for at in range(1_000)]
    rows += [
        insert("大文字", "Upper.Case@EXAMPLE.com"),
    ]
    stage.salesforce_control("records", rows)
    run = stage.run("customers")
    assert run.code == 1, run.err
    assert run.numbers("customers", "held") == (1_000,)
    # An address is known by its lower case, a line break is written as configured.
    customers = stage.customers()
    assert customers["upper.case@example.com"]["items"]["姓"] == "大文字"
    for at, name in enumerate(ARRIVE):
        whole = name.replace("\r", "").replace("\n", "\r\n")
        assert customers[f"in{at}@example.com"]["items"]["姓"] == whole
    left = {f"out{at}@example.com" for at in range(len(REFUSED))}
    missing = {"Upper.Case@EXAMPLE.com", "one@example.com", *left}
    assert stage.difference()["missing"] == missing
    assert [row.field for row in rejects(stage)] == ["LastName"] * len(REFUSED)
    names = {f"'{address}'" for address in left}
    ids = stage.query(f"SELECT Id FROM Contact WHERE Email IN ({', '.join(names)})")
    assert {row.record for row in rejects(stage)} == {row["Id"] for row in ids}


def rejects(stage: Stage) -> list[RejectRow]:
    database = open_database(home_at(stage.folder))
    try:
        return Rejects(database, "default").listed(flow="customers")
    finally:
        database.close()


# ------------------------------------------------------- 25, a hidden object


@pytest.mark.parametrize("sobject", ["Lead", "Contact"])
def test_fault_25_an_object_that_cannot_be_read_is_named(
    stage: Stage, sobject: str
) -> None:
    assert stage.run().code == 0
    one, _ = contact(stage)
    stage.update(one, LastName="変更")
    stage.forget_requests()
    stage.salesforce_control("switches", {"hidden_objects": [sobject]}, "PUT")
    run = stage.run()
    assert (run.code, run.summary["cause"]) == (2, "missing_object")
    assert sobject in run.err
    # The flow that does not need the object goes on.
    assert bool(stage.imports()) == (sobject == "Lead")
    assert not stage.salesforce_writes()
    stage.salesforce_control("switches", {"hidden_objects": []}, "PUT")
    assert stage.run().code == 0
    assert not stage.difference()
