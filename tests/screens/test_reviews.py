"""確認待ち: candidates side by side, and a person's answer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from haihai_tui.screens.reviews import CandidatesRead, ReviewsScreen
from haihai_tui.services.review_desk import Comparison, ReviewDesk
from haihai_tui.services.roles import Role
from haihai_tui.services.store import audit
from tests.e2e.stage import Stage, staged
from tests.screens.conftest import Console, ConsolePilot, MovedClock, settle, until
from tests.screens.runs import review
from tests.screens.test_run import app_of, shown

ADDRESS = "both@example.com"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path / "home", customers=20) as made:
        yield made


def ask(stage: Stage) -> list[str]:
    """Two people with one address: the run asks who it is."""
    ids = [
        stage.create("Contact", LastName=name, FirstName="花子", Email=ADDRESS)
        for name in ("山田", "佐藤")
    ]
    assert stage.run("customers").code == 1
    return ids


def test_nothing_to_decide_says_so(console: Console) -> None:
    async def body(pilot: ConsolePilot) -> None:
        assert "確認待ちはありません" in shown(pilot)

    console.drive(body, first="reviews", operator=Role.OPERATOR)


def test_the_chosen_one_is_linked_by_the_next_run(
    console: Console, stage: Stage
) -> None:
    _, chosen = sorted(ask(stage))

    async def body(pilot: ConsolePilot) -> None:
        await until(pilot, lambda: "山田" in shown(pilot) and "佐藤" in shown(pilot))
        assert ADDRESS in shown(pilot)
        assert "*LastName" in shown(pilot)
        assert " FirstName" in shown(pilot)
        await pilot.press("f6", "f5")
        await settle(pilot)
        assert "次の実行から反映します" in shown(pilot)
        assert ReviewDesk(app_of(pilot).ctx.database, "default").count() == 0
        logged = audit.entries(app_of(pilot).ctx.database, profile="default")
        assert ("review", "yamada", chosen) in [
            (one.action, one.actor, one.after) for one in logged
        ]

    console.drive(body, first="reviews", operator=Role.OPERATOR)
    assert stage.run("customers").code == 0
    assert stage.customers()[ADDRESS]["items"]["SalesforceID"] == chosen


def test_nobody_is_an_answer_too(console: Console, stage: Stage) -> None:
    ask(stage)

    async def body(pilot: ConsolePilot) -> None:
        await pilot.press("f7")
        await settle(pilot)
        assert "どの候補も連携しません" in shown(pilot)

    console.drive(body, first="reviews", operator=Role.OPERATOR)
    assert stage.run("customers").code == 0
    assert ADDRESS not in stage.customers()


def test_a_viewer_compares_and_decides_nothing(console: Console, stage: Stage) -> None:
    ask(stage)

    async def body(pilot: ConsolePilot) -> None:
        await until(pilot, lambda: "佐藤" in shown(pilot))
        for key in ("f5", "f7"):
            await pilot.press(key)
            await settle(pilot)
            assert "権限がありません" in shown(pilot)
        assert ReviewDesk(app_of(pilot).ctx.database, "default").count() == 1

    console.drive(body, first="reviews", operator=Role.VIEWER)


def test_a_candidate_that_is_gone_is_told(console: Console, stage: Stage) -> None:
    first, _ = ask(stage)
    stage.delete(first)

    async def body(pilot: ConsolePilot) -> None:
        await until(pilot, lambda: "(見つかりません)" in shown(pilot))

    console.drive(body, first="reviews", operator=Role.OPERATOR)


@pytest.mark.parametrize("size", [(80, 24), (60, 16), (120, 40)])
def test_golden(
    console: Console,
    clock: MovedClock,
    size: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    review(console.home, clock)

    def known(screen: ReviewsScreen) -> None:
        present = screen._present
        assert present is not None
        found = Comparison(
            present.candidates,
            ("", ""),
            (
                ("Email", ("hanako@example.jp", "hanako@example.jp")),
                ("LastName", ("山田", "髙橋")),
                ("Account.Name", ("株式会社サンプル", "")),
                ("Phone", ("03-0000-0000", None)),
            ),
        )
        screen.post_message(CandidatesRead(present.id, found))

    monkeypatch.setattr(ReviewsScreen, "_read_candidates", known)

    async def body(pilot: ConsolePilot) -> None:
        await until(pilot, lambda: "LastName" in shown(pilot))
        await console.golden(pilot, "reviews")

    console.drive(body, first="reviews", operator=Role.OPERATOR, size=size)
