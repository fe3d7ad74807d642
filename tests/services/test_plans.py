"""Plans on disk: written entry by entry, read page by page, kept for a while."""

from __future__ import annotations

import stat
import tracemalloc
from pathlib import Path

import pytest

from haihai_tui.services.paths import Home
from haihai_tui.services.plans import (
    SAMPLE,
    PlanFilter,
    PlanWriter,
    kept_plans,
    open_plan,
    plans_folder,
)
from haihai_tui.sync.services import FieldChange, PlanEntry


def entry(number: int, flow: str = "customers", action: str = "create") -> PlanEntry:
    change = FieldChange("姓", None, f"山田 {number}")
    return PlanEntry(
        flow, action, f"003{number:015d}", f"P{number}@example.jp", (change,)
    )


def write(home: Home, run_id: str, entries: list[PlanEntry], keep: int = 7) -> None:
    with PlanWriter(plans_folder(home, "default"), run_id, keep) as writer:
        for one in entries:
            writer.put(one)


def test_pages_are_what_was_written(home: Home) -> None:
    entries = [entry(number) for number in range(25)]
    write(home, "20260216T010203-aa", entries)
    plan = open_plan(home, "default", "20260216T010203-aa")
    assert plan is not None
    assert len(plan) == 25
    assert plan.page(0, 10) == entries[:10]
    assert plan.page(20, 10) == entries[20:]
    assert plan.page(25, 10) == []
    assert plan.facts.kept == {"customers": {"create": 25}}
    plan.close()


def test_odd_values_come_back_whole(home: Home) -> None:
    odd = PlanEntry(
        "page-views",
        "update Contact",
        "003",
        "",
        (FieldChange("URL", 'a"b\\', "x\ny\u2028z"), FieldChange("n", "1", None)),
    )
    write(home, "r", [odd, entry(1)])
    plan = open_plan(home, "default", "r")
    assert plan is not None
    assert plan.page(0, 5) == [odd, entry(1)]
    found = plan.select(PlanFilter(words='A"b\\'))
    assert found.page(0, 5) == [odd]
    plan.close()


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [
        (PlanFilter(), [0, 1, 2, 3]),
        (PlanFilter(flow="customers"), [0, 1]),
        (PlanFilter(flow="customers", action="update"), [1]),
        (PlanFilter(action="update Contact"), [3]),
        (PlanFilter(words="p2@EXAMPLE"), [2]),
        (PlanFilter(words="山田 3"), [3]),
        # The words of an action or of the file's own form find nothing.
        (PlanFilter(words="update"), []),
        (PlanFilter(flow="custom"), []),
    ],
)
def test_filters_and_search(home: Home, wanted: PlanFilter, numbers: list[int]) -> None:
    entries = [
        entry(0),
        entry(1, action="update"),
        entry(2, "suppressions", "update Lead"),
        entry(3, "suppressions", "update Contact"),
    ]
    write(home, "r", entries)
    plan = open_plan(home, "default", "r")
    assert plan is not None
    found = plan.select(wanted)
    assert len(found) == len(numbers)
    assert found.page(0, 10) == [entries[number] for number in numbers]
    plan.close()


def test_only_the_owner_reads_and_only_the_last_are_kept(home: Home) -> None:
    for number in range(5):
        write(home, f"run-{number}", [entry(number)], keep=3)
    assert kept_plans(home, "default") == ["run-4", "run-3", "run-2"]
    assert open_plan(home, "default", "run-1") is None
    files = list(plans_folder(home, "default").iterdir())
    assert len(files) == 9
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_a_run_that_changes_nothing_leaves_the_others_alone(home: Home) -> None:
    write(home, "run-1", [entry(1)], keep=1)
    write(home, "run-2", [], keep=1)
    assert kept_plans(home, "default") == ["run-1"]


def test_what_a_killed_run_left_goes_with_the_next(home: Home) -> None:
    writer = PlanWriter(plans_folder(home, "default"), "killed")
    writer.put(entry(1))
    assert kept_plans(home, "default") == []
    write(home, "next", [entry(2)])
    names = {path.name for path in plans_folder(home, "default").iterdir()}
    assert names == {"next.ndjson", "next.offsets", "next.json"}
    writer.close()


def test_a_full_disk_costs_the_plan_and_not_the_run(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, flags: int, mode: int = 0) -> int:
        raise OSError(28, "No space left on device")

    writer = PlanWriter(plans_folder(home, "default"), "r")
    monkeypatch.setattr("haihai_tui.services.plans.os.open", full)
    writer.put(entry(1))
    writer.put(entry(2))
    writer.close()
    assert writer.failure is not None
    assert kept_plans(home, "default") == []


def test_a_cut_plan_says_so(home: Home) -> None:
    with PlanWriter(plans_folder(home, "default"), "r") as writer:
        writer.planned("customers", {"created": SAMPLE + 5})
        for number in range(SAMPLE):
            writer.put(entry(number))
        writer.planned("suppressions", {"updated": 1})
        writer.put(entry(1, "suppressions"))
    plan = open_plan(home, "default", "r")
    assert plan is not None
    assert plan.facts.cut("customers")
    assert not plan.facts.cut("suppressions")
    plan.close()


def test_a_large_plan_is_never_in_memory(home: Home) -> None:
    with PlanWriter(plans_folder(home, "default"), "r") as writer:
        for number in range(50_000):
            writer.put(entry(number))
    tracemalloc.start()
    plan = open_plan(home, "default", "r")
    assert plan is not None
    found = plan.select(PlanFilter(words="example.jp"))
    assert len(found) == 50_000
    assert found.page(49_990, 20) == [entry(number) for number in range(49_990, 50_000)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    plan.close()
    # The lines take 5 MB; the offsets of all of them 400 kB.
    assert peak < 2_000_000


def test_a_run_id_is_no_path(home: Home) -> None:
    assert open_plan(home, "default", "../../etc/passwd") is None
