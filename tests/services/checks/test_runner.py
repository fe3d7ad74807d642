"""Running checks: side by side, limited in time, skipped behind what failed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from haihai_tui.errors import SettingsError, Text, text
from haihai_tui.services.checks.bench import Bench
from haihai_tui.services.checks.model import (
    Area,
    Check,
    CheckResult,
    Finding,
    Status,
    fail,
    failed_by,
    ok,
    skipped,
    summary,
    warn,
)
from haihai_tui.services.checks.runner import run_checks
from haihai_tui.services.paths import home_at

FINE = text("よい")


def check(
    name: str,
    run: Callable[[Bench], Finding] | None = None,
    *needs: str,
    limit_s: float = 5.0,
) -> Check:
    return Check(
        name,
        text("{name}", name=name),
        FINE,
        Area.MACHINE,
        run or (lambda _bench: ok(FINE)),
        needs,
        limit_s=limit_s,
    )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(home_at(tmp_path), "default", {})


def statuses(results: tuple[CheckResult, ...]) -> dict[str, str]:
    return {one.name: one.status.value for one in results}


def test_what_stands_behind_a_failure_is_skipped_and_the_rest_goes_on(
    bench: Bench,
) -> None:
    results = run_checks(
        [
            check("a", lambda _bench: fail(FINE, code="dns")),
            check("b", None, "a"),
            check("c", None, "b"),
            check("d"),
            check("e", lambda _bench: warn(FINE), "d"),
            check("f", None, "e"),
            check("g", None, "unheard-of"),
        ],
        bench,
    )
    assert statuses(results) == {
        "a": "fail",
        "b": "skipped",
        "c": "skipped",
        "d": "ok",
        "e": "warn",
        "f": "ok",
        "g": "ok",
    }
    assert results[1].finding.what.params == {"label": text("{name}", name="a")}


def test_checks_run_side_by_side(bench: Bench) -> None:
    together = threading.Barrier(4, timeout=5)

    def meet(_bench: Bench) -> Finding:
        together.wait()
        return ok(FINE)

    results = run_checks([check(name, meet) for name in "abcd"], bench)
    assert set(statuses(results).values()) == {"ok"}


def test_a_check_that_hangs_is_given_up_and_the_others_are_not(bench: Bench) -> None:
    forever = threading.Event()

    def hang(_bench: Bench) -> Finding:
        forever.wait(30)
        return ok(FINE)

    started = time.monotonic()
    results = run_checks(
        [check("hang", hang, limit_s=0.3), check("b"), check("c", None, "hang")], bench
    )
    forever.set()
    assert time.monotonic() - started < 3
    assert statuses(results) == {"hang": "fail", "b": "ok", "c": "skipped"}
    assert results[0].code == "timeout"


def test_errors_become_failures_in_their_own_words(bench: Bench) -> None:
    def known(_bench: Bench) -> Finding:
        raise SettingsError(text("それは違う"), text("直す"), cause="wrong_org")

    def defect(_bench: Bench) -> Finding:
        raise ZeroDivisionError

    first, second = run_checks([check("a", known), check("b", defect)], bench)
    assert (first.code, str(first.finding.what)) == ("wrong_org", "それは違う")
    assert str(first.remedy[0]) == "直す"
    assert len(first.remedy) > 1
    assert (second.status, second.code) == (Status.FAIL, "unknown")
    assert "ZeroDivisionError" in str(second.finding.what)


def test_each_answer_is_told_once_from_the_calling_thread(bench: Bench) -> None:
    told: list[str] = []
    threads: set[int] = set()

    def tell(result: CheckResult) -> None:
        told.append(result.name)
        threads.add(threading.get_ident())

    checks = [check(name) for name in "abcdefghijklmnop"]
    begun: list[str] = []
    run_checks(checks, bench, tell, on_start=lambda one: begun.append(one.name))
    assert sorted(told) == sorted(begun) == list("abcdefghijklmnop")
    assert threads == {threading.get_ident()}


def test_when_cancelled_what_has_not_begun_is_skipped(bench: Bench) -> None:
    results = run_checks(
        [check("a"), check("b", None, "a")], bench, cancelled=lambda: True
    )
    assert statuses(results) == {"a": "skipped", "b": "skipped"}


def test_a_piece_is_made_once_also_when_it_fails(bench: Bench) -> None:
    calls: list[int] = []

    def broken() -> int:
        calls.append(1)
        raise SettingsError(text("kaputt"))

    for _ in range(3):
        with pytest.raises(SettingsError, match="kaputt"):
            bench.once("piece", broken)
    assert len(calls) == 1


# ------------------------------------------------------------------- the model


def test_the_contracts_object() -> None:
    found = CheckResult(check("a"), fail(FINE, text("事実"), code="clock_skew"), 1.5)
    row = found.as_json(str)
    assert {key: row[key] for key in ("check", "status", "code", "what", "see")} == {
        "check": "a",
        "status": "fail",
        "code": "clock_skew",
        "what": "よい",
        "see": "6.3",
    }
    assert row["remedy"]
    assert row["answered"] == ["事実"]


def test_a_remedy_of_its_own_comes_before_that_of_the_cause() -> None:
    own = fail(FINE, code="dns", remedy=(text("自分の"),))
    assert list(map(str, CheckResult(check("a"), own).remedy)) == ["自分の"]
    error = SettingsError(text("x"))
    named = failed_by(error, cause="token_not_stored")
    assert named.code == "token_not_stored"
    assert named.remedy
    unknown = failed_by(SettingsError(text("x"), text("y")))
    assert list(map(str, unknown.remedy)) == ["y"]


def test_the_summary_counts() -> None:
    findings = [ok(FINE), ok(FINE), warn(FINE), skipped(FINE), fail(FINE, code="dns")]
    line: Text = summary(CheckResult(check("a"), one) for one in findings)
    assert str(line) == "2 件正常、1 件注意、1 件問題、1 件未確認"
