"""The preparation of the manual, as the answers of the checks prove it."""

from __future__ import annotations

from haihai_tui.errors import text
from haihai_tui.services.checks.model import (
    Area,
    Check,
    CheckResult,
    Finding,
    fail,
    ok,
    skipped,
    warn,
)
from haihai_tui.services.preparation import StepState, judge, steps

FINE = text("よい")
SECTIONS = ("1.1.1", *(f"1.2.{number}" for number in range(2, 10)))


def answered(**findings: Finding) -> dict[str, CheckResult]:
    results = {}
    for key, finding in findings.items():
        name = key.replace("__", ".")
        check = Check(name, FINE, FINE, Area.MACHINE, lambda _bench: ok(FINE))
        results[name] = CheckResult(check, finding)
    return results


def states(results: dict[str, CheckResult]) -> dict[str, StepState]:
    return {one.step.section: one.state for one in judge(results)}


def test_every_section_of_the_chapter_is_there() -> None:
    assert tuple(step.section for step in steps()) == SECTIONS


def test_without_answers_nothing_is_claimed() -> None:
    found = states({})
    assert found.pop("1.2.2") is StepState.BY_HAND
    assert set(found.values()) == {StepState.UNKNOWN}


def test_a_step_is_done_when_all_that_proves_it_is_well() -> None:
    fine = answered(identity=ok(FINE), organisation=warn(FINE))
    assert states(fine)["1.2.7"] is StepState.DONE
    broken = answered(identity=fail(FINE, code="dns"), organisation=ok(FINE))
    assert states(broken)["1.2.7"] is StepState.OPEN


def test_a_proof_that_could_not_be_had_proves_nothing() -> None:
    unseen = answered(token=ok(FINE), app_policies=skipped(FINE))
    assert states(unseen)["1.2.4"] is StepState.BY_HAND
    behind = answered(fields__suppressions=skipped(FINE))
    assert states(behind)["1.2.8"] is StepState.UNKNOWN


def test_all_objects_prove_the_profile() -> None:
    found = answered(object__Contact=ok(FINE), object__Lead=fail(FINE, code="dns"))
    assert states(found)["1.2.6"] is StepState.OPEN
