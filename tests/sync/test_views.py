"""Which views count: suspected ones are marked by a rule that can be taken back."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from haihai_tui.sync.views import BotRule, Viewed, ViewEvent, marked_in

RULE = BotRule(urls=3, seconds=2, agents=("bot", "Preview"))
KEY = b"0" * 24


def seen(*places: tuple[int, str], agent: str = "") -> list[ViewEvent]:
    """(second, page) of clicks within one minute."""
    return [
        ViewEvent(
            f"2026-11-20T01:00:{at:02d}Z", f"https://example.com/{page}", "", agent
        )
        for at, page in places
    ]


@pytest.mark.parametrize(
    ("events", "marked"),
    [
        (seen((1, "a"), (2, "b"), (3, "c")), 3),
        (seen((1, "a"), (2, "b"), (4, "c")), 0),
        (seen((1, "a"), (2, "a"), (3, "b")), 0),
        (seen((1, "a"), (2, "b"), (3, "c"), (30, "d")), 3),
        (seen((1, "a"), (1, "b"), (1, "c"), (1, "d")), 4),
        (seen((0, "a"), (0, "b"), (0, "c")), 0),
        (seen((1, "a"), agent="LinkBot/1"), 1),
        (seen((1, "a"), agent="Mail PREVIEW"), 1),
        (seen((1, "a"), agent="Browser"), 0),
        ([], 0),
    ],
    ids=[
        "burst",
        "slow",
        "one page again",
        "burst and a reader",
        "at once",
        "minutes only",
        "agent",
        "agent in capitals",
        "browser",
        "nothing",
    ],
)
def test_a_rule_suspects(events: Sequence[ViewEvent], marked: int) -> None:
    found = Viewed.judged("a@example.com", events, RULE)
    assert (found.marked, found.count) == (marked, len(events) - marked)


def test_what_is_marked_is_not_shown_and_not_lost() -> None:
    events = seen((1, "a"), (30, "b"), (31, "c"), (32, "d"))
    found = Viewed.judged("a@example.com", events, RULE)
    assert (found.count, found.marked) == (1, 3)
    assert found.url == "https://example.com/a"
    assert len(found.events) == 4
    meant = Viewed.judged(found.address, found.events, BotRule(0, 0))
    assert (meant.count, meant.marked) == (4, 0)
    assert meant.url == "https://example.com/d"


def test_the_same_event_twice_is_one() -> None:
    once, twice = seen((1, "a"), agent="x")[0], seen((1, "a"), agent="y")[0]
    assert Viewed.judged("a@example.com", [once, once, twice], RULE).count == 1


def test_a_line_is_read_as_it_was_written() -> None:
    events = seen((1, "a"), (9, "山?x=1&y=2"), (11, "c"), agent="Browser")
    found = Viewed.judged("a@example.com", events, RULE)
    line = found.line(KEY)
    assert Viewed.read(line) == found
    assert marked_in(line) == 0
    nobody = Viewed.judged("a@example.com", seen((1, "a"), agent="bot"), RULE)
    assert Viewed.read(nobody.line(KEY)) == nobody
    assert marked_in(nobody.line(KEY)) == 1
    assert (nobody.at, nobody.url) == ("", "")


def test_the_log_holds_whole_lines_newest_first() -> None:
    events = [*seen((1, "a"), (20, "b")), *seen((40, "c"), agent="bot")]
    found = Viewed.judged("a@example.com", events, RULE)
    b, a = (
        f"2026-11-20T01:00:{at}Z https://example.com/{page}"
        for at, page in (("20", "b"), ("01", "a"))
    )
    assert found.log(RULE, 0) == f"{b}\n{a}"
    assert found.log(RULE, len(b) + 1 + len(a)) == f"{b}\n{a}"
    assert found.log(RULE, len(b) + len(a)) == b
    assert found.log(RULE, 3) == ""
