"""Feature 19: views are written back by event; suspected programs are marked, kept and
not written; not measured is told apart from zero."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.e2e

COUNT, URL, AT = "HaihaiViewCount__c", "HaihaiLastViewedUrl__c", "HaihaiLastViewedAt__c"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=20) as made:
        yield made


def contact(stage: Stage, at: int = 0) -> tuple[str, str]:
    row = stage.query(
        "SELECT Id, Email FROM Contact WHERE HasOptedOutOfEmail = false "
        f"AND Email != null ORDER BY Id LIMIT 1 OFFSET {at}"
    )[0]
    return row["Id"], row["Email"]


def held(stage: Stage, record: str, *names: str) -> tuple[Any, ...]:
    wanted = names or (COUNT, URL, AT)
    row = stage.query(f"SELECT {', '.join(wanted)} FROM Contact WHERE Id = '{record}'")[
        0
    ]
    return tuple(row[name] for name in wanted)


def views(stage: Stage, address: str, *seen: tuple[str, str], agent: str = "") -> None:
    """Clicks at times of one day on pages of one site."""
    stage.haihai_control(
        "views",
        [
            {
                "address": address,
                "url": f"https://example.com/{page}",
                "at": f"2026-11-20T{at}Z",
                "kind": "click",
                "user_agent": agent,
            }
            for at, page in seen
        ],
    )


def synced(stage: Stage, *arguments: str) -> dict[str, Any]:
    run = stage.run("page-views", *arguments)
    assert run.code == 0, run.err
    return run.flow("page-views")


def test_feature_19_the_same_event_twice_adds_one(stage: Stage) -> None:
    one, address = contact(stage)
    for _ in range(2):
        views(stage, address, ("01:00:10", "a"))
    synced(stage)
    assert held(stage, one, COUNT) == (1,)
    # Another run reads the same days again; a file holds the event once more.
    views(stage, address, ("01:00:10", "a"), ("02:00:10", "a"))
    synced(stage)
    assert held(stage, one, COUNT) == (2,)
    exported = stage.folder / "views.csv"
    exported.write_text(
        "メールアドレス,URL,日時\r\n"
        f"{address},https://example.com/a,2026/11/20 10:00:10\r\n"
        f"{address},https://example.com/b,2026/11/20 12:00:10\r\n",
        "utf-8",
    )
    synced(stage, "--from-file", str(exported))
    assert held(stage, one, COUNT, URL) == (3, "https://example.com/b")
    stage.forget_requests()
    synced(stage)
    assert not stage.salesforce_writes()


def test_feature_19_suspected_programs_are_marked_and_not_written(
    stage: Stage,
) -> None:
    (one, address), (other, second) = contact(stage), contact(stage, 1)
    scanner = [(f"01:00:0{at}", page) for at, page in enumerate("abcd", start=1)]
    views(stage, address, *scanner, ("01:30:12", "z"))
    views(stage, second, ("03:00:05", "a"), agent="Mail-Scanner/2.0")
    flow = synced(stage)
    assert flow["marked"] == 5
    assert held(stage, one, COUNT, URL) == (1, "https://example.com/z")
    assert held(stage, other) == (0, None, None)


def test_feature_19_a_burst_is_seen_across_runs_and_taken_back(stage: Stage) -> None:
    one, address = contact(stage)
    views(stage, address, ("01:00:01", "a"), ("01:00:02", "b"))
    assert synced(stage)["marked"] == 0
    assert held(stage, one, COUNT, URL) == (2, "https://example.com/b")
    views(stage, address, ("01:00:03", "c"), ("01:00:04", "d"))
    assert synced(stage)["marked"] == 4
    assert held(stage, one) == (0, None, None)


def test_feature_19_another_rule_judges_all_events_anew(stage: Stage) -> None:
    one, address = contact(stage)
    scanner = [(f"01:00:0{at}", page) for at, page in enumerate("abcd", start=1)]
    views(stage, address, *scanner)
    assert synced(stage)["marked"] == 4
    assert held(stage, one, COUNT) == (0,)
    stage.set("page_views.bot_urls=0")
    assert synced(stage)["marked"] == 0
    assert held(stage, one, COUNT, URL) == (4, "https://example.com/d")
    stage.set("page_views.bot_urls=4")
    assert synced(stage)["marked"] == 4
    assert held(stage, one) == (0, None, None)


def test_feature_19_not_measured_is_not_zero(stage: Stage) -> None:
    (measured, address), (never, _) = contact(stage), contact(stage, 1)
    views(stage, address, ("01:00:01", "a"), agent="bot")
    synced(stage)
    assert held(stage, measured, COUNT) == (0,)
    assert held(stage, never) == (None, None, None)


@pytest.mark.parametrize(
    ("rule", "length"), [("truncate", 255), ("skip", 0)], ids=["truncate", "skip"]
)
def test_feature_19_a_url_longer_than_the_field(
    stage: Stage, rule: str, length: int
) -> None:
    one, address = contact(stage)
    stage.set(f'page_views.too_long="{rule}"')
    page = "x" * 300
    views(stage, address, ("01:00:01", page))
    synced(stage)
    shown = f"https://example.com/{page}"[:length] or None
    assert held(stage, one, COUNT, URL) == (1, shown)


def test_feature_19_log_and_link_where_the_profile_maps_them(stage: Stage) -> None:
    for name, kind, length in (
        ("Log__c", "LongTextArea", 32768),
        ("Page__c", "Text", 255),
    ):
        for sobject in ("Contact", "Lead"):
            field = {"name": f"{sobject}.{name}", "type": kind, "length": length}
            stage.salesforce_control("fields", {**field, "label": name})
    stage.set(
        'page_views.log_field="Log__c"',
        'page_views.record_url_field="Page__c"',
        'page_views.record_url_template="https://a01.example.com/c?mail={address}"',
    )
    one, address = contact(stage)
    views(stage, address, ("01:00:01", "a"), ("02:00:01", "b"))
    views(stage, address, ("03:00:01", "c"), agent="bot")
    synced(stage)
    log, link = held(stage, one, "Log__c", "Page__c")
    assert log.splitlines() == [
        "2026-11-20T02:00:01Z https://example.com/b",
        "2026-11-20T01:00:01Z https://example.com/a",
    ]
    assert link == f"https://a01.example.com/c?mail={address.replace('@', '%40')}"
    stage.forget_requests()
    stage.update(one, LastName="新姓")
    stage.forget_requests()
    synced(stage)
    assert not stage.salesforce_writes()
