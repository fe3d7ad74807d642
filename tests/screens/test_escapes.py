"""What a customer's name says to a terminal never reaches it, on any screen."""

from __future__ import annotations

import pytest

from haihai_tui.errors import text
from haihai_tui.services.paths import Home
from haihai_tui.services.plans import PlanWriter, plans_folder
from haihai_tui.services.roles import Role
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import Database, open_database
from haihai_tui.services.store.events import NewEvent, append_events
from haihai_tui.services.store.runs import Runs
from haihai_tui.services.store.state import ProfileState
from haihai_tui.sync.ports import Reject, Review
from haihai_tui.sync.services import FieldChange, PlanEntry
from tests.screens.conftest import Console, ConsolePilot, MovedClock, settle
from tests.screens.golden import composited

EVIL = "\x1b]0;taken\x07\x1b[2J\x9b31m\u202eevil\u200b\tname\r\n[bold]x[/]"


def fill(home: Home, clock: MovedClock) -> None:
    """The name stands wherever foreign text is shown."""
    database = open_database(home)
    runs = Runs(database, "default", clock)
    run_id = runs.start("sync", ["customers"], actor=EVIL)
    with PlanWriter(plans_folder(home, "default"), run_id) as plan:
        changes = (FieldChange("姓", EVIL, EVIL),)
        plan.put(PlanEntry("customers", "update", EVIL, EVIL, changes))
    _put(database, clock, run_id)
    append_events(
        database,
        run_id,
        [NewEvent("2026-02-16T01:02:03Z", "x", "customers", text("{v}", v=EVIL))],
    )
    runs.finish(run_id, "halted", 7, {"flows": {"customers": {"rejected": 1}}})
    with database.write() as connection:
        audit.append(
            connection,
            actor=EVIL,
            action="review",
            subject=EVIL,
            profile="default",
            before=EVIL,
            after=EVIL,
        )
    database.close()


def _put(database: Database, clock: MovedClock, run_id: str) -> None:
    with ProfileState(database, "default", clock).transaction() as transaction:
        cause = text("「{value}」は使えません。", value=EVIL)
        transaction.put_rejects(
            run_id, [Reject("customers", EVIL, EVIL, EVIL, cause, cause)]
        )
        transaction.put_reviews(
            run_id, [Review("customers", EVIL, EVIL, cause, (EVIL, EVIL))]
        )


def drawn(pilot: ConsolePilot) -> str:
    """All text that goes to the terminal, control sequences of the drawing left out."""
    strips = pilot.app.screen._compositor.render_strips()
    return "".join(segment.text for strip in strips for segment in strip)


@pytest.mark.parametrize(
    ("screen", "keys"),
    [
        ("plan", ()),
        ("rejects", ()),
        ("reviews", ()),
        ("history", ("enter",)),
        ("home", ()),
        ("admin", ("f4",)),
        ("run", ()),
    ],
)
def test_a_name_cannot_speak_to_the_terminal(
    console: Console, clock: MovedClock, screen: str, keys: tuple[str, ...]
) -> None:
    fill(console.home, clock)

    async def body(pilot: ConsolePilot) -> None:
        for key in ("", *keys):
            if key:
                await pilot.press(key)
                await settle(pilot)
            found = drawn(pilot)
            bad = {one for one in found if not _may_be_drawn(one)}
            assert not bad, f"{screen} {key}: {bad!r}"
            composited(pilot.app)  # every line is as wide as it was measured

    console.drive(body, first=screen, operator=Role.ADMINISTRATOR)


def _may_be_drawn(character: str) -> bool:
    return character.isprintable() or character in _DRAWN


_DRAWN: frozenset[str] = frozenset("\u3000\n")
"""A full-width space is no danger, and the end of a line is not drawn at all."""
