"""A home with runs in it whose numbers, times and ids never change."""

from __future__ import annotations

from datetime import timedelta

from haihai_tui.errors import text
from haihai_tui.services.paths import Home
from haihai_tui.services.plans import PlanWriter, plans_folder
from haihai_tui.services.store.database import open_database
from haihai_tui.services.store.events import NewEvent, append_events
from haihai_tui.services.store.runs import Runs
from haihai_tui.services.store.state import ProfileState
from haihai_tui.services.store.times import stamp
from haihai_tui.sync.ports import Reject, Review
from haihai_tui.sync.services import FieldChange, PlanEntry
from tests.screens.conftest import MovedClock

LAST = "20260216T010203-1a2b3c4d5"
HALTED = "20260216T020203-5d4c3b2a1"
NAMES = ("山田", "佐藤", "髙橋", "鈴木")


def numbers(**values: int) -> dict[str, object]:
    return {**values, "api_calls": {"salesforce": 12, "haihai": 5}, "cursor": None}


def finished_run(home: Home, clock: MovedClock, run_id: str = LAST) -> None:
    """A run of 12 seconds that left three rejects."""
    database = open_database(home)
    runs = Runs(database, "default", clock)
    runs.start("sync", ("customers", "suppressions"), actor="yamada", run_id=run_id)
    at = stamp(clock())
    planned = numbers(read=1200, created=40, updated=7, excluded=2)
    wording = text("顧客連携が完了しました (書き込み {written} 件)。", written=46)
    usage = {"service": "salesforce", "api": "", "used": 4321, "limit": 15000}
    append_events(
        database,
        run_id,
        [
            NewEvent(at, "flow_started", "customers", text("顧客連携を計画します。")),
            NewEvent(
                at,
                "flow_planned",
                "customers",
                text("計画: 読み取り 1200"),
                data=planned,
            ),
            NewEvent(
                at,
                "retry",
                "",
                text("Salesforce への要求を 2 秒後に再試行します。"),
                "warning",
            ),
            NewEvent(
                at,
                "api_usage",
                "",
                text("使用量"),
                "debug",
                {**usage, "spent": 12, "allowed": 3750},
            ),
            NewEvent(at, "flow_done", "customers", wording),
            NewEvent(
                at,
                "flow_failed",
                "suppressions",
                text("配配メールに接続できません。"),
                "error",
            ),
        ],
    )
    clock.advance(12)
    summary = {
        "status": "partial",
        "flows": {
            "customers": numbers(
                read=1200, created=40, updated=7, rejected=3, written=46
            ),
            "suppressions": numbers(read=0),
        },
    }
    append_events(
        database,
        run_id,
        [NewEvent(stamp(clock()), "run_done", "", text("終わりました"), data=summary)],
    )
    runs.finish(run_id, "partial", 1, summary)
    database.close()


def entry(number: int) -> PlanEntry:
    name = NAMES[number % 4]
    if number % 5 == 4:
        return PlanEntry(
            "customers", "exclude", f"003{number:015d}", f"out{number}@example.jp"
        )
    old = None if number % 5 == 3 else name
    action = "create" if old is None else "update"
    changes = (
        FieldChange("姓", old, f"{name}{number}"),
        FieldChange("会社名", old, "株式会社サンプル"),
    )
    return PlanEntry(
        "customers", action, f"003{number:015d}", f"person{number}@example.com", changes
    )


def planned_run(home: Home, clock: MovedClock, entries: int = 40) -> None:
    """A run that a safety stop halted, with its plan."""
    database = open_database(home)
    runs = Runs(database, "default", clock)
    runs.start("sync", ("customers",), actor="cron@host", run_id=HALTED)
    why = text("配信グループから外れる顧客が {count} 件あり、上限を超えます。", count=8)
    append_events(
        database,
        HALTED,
        [NewEvent(stamp(clock()), "flow_failed", "customers", why, "error")],
    )
    with PlanWriter(plans_folder(home, "default"), HALTED) as writer:
        writer.planned("customers", numbers(created=8, updated=24, excluded=8))
        for number in range(entries):
            writer.put(entry(number))
    runs.finish(HALTED, "halted", 7, {"status": "halted", "flows": {}})
    database.close()


def rejects(home: Home, clock: MovedClock, count: int = 3) -> None:
    database = open_database(home)
    found = [
        Reject(
            "customers" if number % 3 else "suppressions",
            f"003{number:015d}",
            "LastName",
            f"寿司{number}",
            text("項目「{item}」の文字は文字コード cp932 で表せません。", item="姓"),
            text("その文字を置き換えてください。以後の実行で自動的に再送します。"),
            f"person{number}@example.com",
        )
        for number in range(count)
    ]
    state = ProfileState(database, "default", clock)
    with state.transaction() as transaction:
        transaction.put_rejects(LAST, found)
    database.close()


def review(home: Home, clock: MovedClock) -> None:
    database = open_database(home)
    state = ProfileState(database, "default", clock)
    asked = [
        Review(
            "customers",
            key,
            "",
            text("同じメールアドレスを複数のレコードが使っています。"),
            tuple(f"003{key}{number:014d}" for number in range(2)),
        )
        for key in "ab"
    ]
    with state.transaction() as transaction:
        transaction.put_reviews(LAST, asked)
    database.close()


def later(clock: MovedClock, hours: float) -> None:
    clock.now += timedelta(hours=hours)
