"""The safety stop and its confirmation."""

from __future__ import annotations

from pathlib import Path

import pytest

from haihai_tui.errors import SafetyStop, text
from haihai_tui.sync.config import GuardConfig
from haihai_tui.sync.guard import Weight, halt_unless_confirmed, judge

WHY = text("多すぎます。")


@pytest.mark.parametrize(
    ("weight", "halts"),
    [
        (Weight("customers", 10_000, excluded=100), False),
        (Weight("customers", 10_000, excluded=101), True),
        (Weight("customers", 1000, excluded=50), False),
        (Weight("customers", 1000, excluded=51), True),
        (Weight("customers", 1000, source_empty=True), True),
        (Weight("customers", 1000, blanked=51), True),
        (Weight("suppressions", 1000, stopped=51), True),
        (Weight("suppressions", 10, stopped=5), False),
        (Weight("customers", 0), False),
    ],
)
def test_limits(weight: Weight, halts: bool) -> None:
    assert (judge(weight, GuardConfig()) is not None) is halts


def test_an_empty_source_can_be_declared_normal() -> None:
    weight = Weight("customers", 1000, source_empty=True)
    assert judge(weight, GuardConfig(zero_rows="allow")) is None


def ids(*numbers: int) -> bytes:
    return b"".join(b"%018dx" % number for number in numbers)


def test_a_confirmation_lets_that_plan_through_once(tmp_path: Path) -> None:
    concerned, kept = tmp_path / "concerned", tmp_path / "kept"
    concerned.write_bytes(ids(1, 2, 3))
    with pytest.raises(SafetyStop):
        halt_unless_confirmed(WHY, concerned, kept, None)
    again = tmp_path / "again"
    concerned.write_bytes(ids(1, 3))
    halt_unless_confirmed(WHY, concerned, again, kept)
    with pytest.raises(SafetyStop):
        halt_unless_confirmed(WHY, concerned, again, kept)


def test_a_confirmation_lets_no_other_plan_through(tmp_path: Path) -> None:
    concerned, kept = tmp_path / "concerned", tmp_path / "kept"
    kept.write_bytes(ids(1, 2, 3))
    concerned.write_bytes(ids(1, 4))
    with pytest.raises(SafetyStop):
        halt_unless_confirmed(WHY, concerned, tmp_path / "again", kept)
    assert kept.exists()
