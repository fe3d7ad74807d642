"""Each way in which connecting fails, as the console shows it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack

import httpx
import stamina

from haihai_tui.screens.authorise import AuthoriseScreen
from haihai_tui.screens.authorise_qr import Link
from haihai_tui.screens.widgets.bars import MessageBar
from haihai_tui.screens.widgets.forms import Entry
from haihai_tui.services.causes import cause_text
from haihai_tui.services.roles import Role
from tests.e2e.refusals import REFUSALS, Refusal, provoke, walk
from tests.e2e.stage import Stage, staged
from tests.screens.conftest import Console, ConsolePilot, settle
from tests.screens.golden import composited

PATIENCE_S = 60.0


async def until(pilot: ConsolePilot, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline, composited(pilot.app)
        await pilot.pause(0.01)


async def failed(pilot: ConsolePilot, stage: Stage, refusal: Refusal) -> list[str]:
    """The codes that the screen shows after one failed authorisation."""
    screen = pilot.app.screen
    assert isinstance(screen, AuthoriseScreen)
    screen.say("")
    await pilot.press("f5")

    def has_ended() -> bool:
        return "やり直せます" in str(screen.query_one(MessageBar).message)

    await until(
        pilot, lambda: has_ended() or bool(screen.query_one("#paste-field").display)
    )
    if not has_ended():
        assert refusal.how != "probe"
        url = screen.query_one("#url", Link).url
        how, answer = await asyncio.to_thread(walk, stage, refusal, url)
        assert how == refusal.how
        if how == "callback":
            follow = threading.Thread(
                target=lambda: httpx.get(answer, timeout=60, trust_env=False)
            )
            follow.start()
        else:
            screen.query_one("#paste", Entry).value = answer
            screen.query_one("#paste", Entry).focus()
            await pilot.press("enter")
        await until(pilot, has_ended)
    await until(pilot, lambda: bool(screen.query_one("#causes").display))
    await settle(pilot)
    return [cause.code for cause in screen._causes]


def test_every_refusal_shows_its_cause_first_with_a_remedy(console: Console) -> None:
    wrong: list[str] = []

    async def body(pilot: ConsolePilot) -> None:
        for refusal in REFUSALS:
            with ExitStack() as undo:
                provoke(stage, refusal, undo)
                codes = await failed(pilot, stage, refusal)
            shown = "".join(composited(pilot.app).split())
            known = cause_text(refusal.code)
            title = "".join(str(known.title).split())
            if codes[:1] != [refusal.code] or not set(refusal.also) <= set(codes):
                wrong.append(f"{refusal.name}: {codes}")
            elif title[:12] not in shown or ">" not in shown:
                wrong.append(f"{refusal.name}: not shown\n{composited(pilot.app)}")

    with (
        staged(console.home.config, customers=10) as stage,
        stamina.set_testing(True, attempts=2, cap=True),
    ):
        console.drive(body, first="authorise", operator=Role.ADMINISTRATOR)
    assert not wrong, "\n".join(wrong)
