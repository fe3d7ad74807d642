"""The safety stop and its confirmation."""

from __future__ import annotations

from pathlib import Path

import pytest

from haihai_tui.errors import SafetyStop, text
from haihai_tui.sync.config import GuardConfig
from haihai_tui.sync.guard import Objection, Weight, halt_unless_confirmed, judge

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


def objection(
    folder: Path, flow: str, kept: str, confirmed: str = "", *numbers: int
) -> Objection:
    concerned = folder / f"concerned.{flow}"
    concerned.write_bytes(ids(*numbers))
    given = folder / confirmed if confirmed else None
    return Objection(flow, WHY, concerned, folder / kept, given)


def test_a_confirmation_lets_that_plan_through_once(tmp_path: Path) -> None:
    with pytest.raises(SafetyStop):
        halt_unless_confirmed([objection(tmp_path, "a", "kept", "", 1, 2, 3)])
    again = objection(tmp_path, "a", "again", "kept", 1, 3)
    halt_unless_confirmed([again])
    with pytest.raises(SafetyStop):
        halt_unless_confirmed([again])


def test_a_confirmation_lets_no_other_plan_through(tmp_path: Path) -> None:
    (tmp_path / "kept").write_bytes(ids(1, 2, 3))
    with pytest.raises(SafetyStop):
        halt_unless_confirmed([objection(tmp_path, "a", "again", "kept", 1, 4)])
    assert (tmp_path / "kept").exists()


def test_one_confirmation_covers_every_flow_that_objects(tmp_path: Path) -> None:
    with pytest.raises(SafetyStop):
        halt_unless_confirmed(
            [
                objection(tmp_path, "a", "a1", "", 1),
                objection(tmp_path, "b", "b1", "", 2),
            ]
        )
    # A confirmation that covers one of two is not used up by it.
    with pytest.raises(SafetyStop):
        halt_unless_confirmed(
            [
                objection(tmp_path, "a", "a2", "a1", 1),
                objection(tmp_path, "b", "b2", "b1", 2, 3),
            ]
        )
    halt_unless_confirmed(
        [
            objection(tmp_path, "a", "a3", "a2", 1),
            objection(tmp_path, "b", "b3", "b2", 2, 3),
        ]
    )
    assert not (tmp_path / "a2").exists()
    assert not (tmp_path / "b2").exists()
