"""The profile's state as the sync uses it: atomic, streamed, counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from haihai_tui.errors import text
from haihai_tui.services.store.codec import clean_key, mask
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.state import ProfileState
from haihai_tui.sync.ports import (
    ImportKind,
    PendingImport,
    Receipt,
    Reject,
    Review,
)

if TYPE_CHECKING:
    from haihai_tui.sync.ports import State

FLOW = "customers"


def reject(
    record: str, field: str = "Email", value: str = "x", why: str = "a"
) -> Reject:
    cause, remedy = text("理由 {why}", why=why), text("直してください。")
    return Reject(FLOW, record, field, value, cause, remedy)


def review(key: str, *candidates: str) -> Review:
    return Review(FLOW, key, "someone@example.jp", text("どちらですか。"), candidates)


def pending(job: str, first_row: int = 0) -> PendingImport:
    receipt = Receipt(job, ImportKind.REGISTER, "a.csv", first_row, 10)
    return PendingImport(FLOW, receipt, "rows-1")


@pytest.fixture
def state(database: Database) -> ProfileState:
    return ProfileState(database, "default")


def test_it_is_the_state_that_the_sync_asks_for(state: ProfileState) -> None:
    as_port: State = state  # checked by mypy; the names by the interpreter
    for name in ("transaction", "cursor", "snapshot", "open_rejects", "pending"):
        assert callable(getattr(as_port, name))


def test_all_of_a_transaction_or_nothing(state: ProfileState) -> None:
    with state.transaction() as kept:
        kept.set_cursor(FLOW, "1")
        kept.put_reviews("run", [review("k1", "003A")])

    class Killed(BaseException):
        pass

    with pytest.raises(Killed), state.transaction() as lost:
        lost.set_cursor(FLOW, "2")
        lost.set_snapshot(FLOW, "snapshot-2")
        lost.put_rejects("run", [reject("003A")])
        lost.close_reviews(FLOW, ["k1"])
        lost.put_pending([pending("7")])
        raise Killed
    assert state.cursor(FLOW) == "1"
    assert state.snapshot(FLOW) is None
    assert state.count_rejects(FLOW) == 0
    assert [found.key for found in state.open_reviews(FLOW)] == ["k1"]
    assert state.pending(FLOW) == []


def test_others_see_a_transaction_only_when_it_is_whole(
    state: ProfileState, database: Database
) -> None:
    with state.transaction() as transaction:
        transaction.set_cursor(FLOW, "1")
        with database.engine.connect() as other:
            rows = other.exec_driver_sql("SELECT count(*) FROM cursors").scalar()
        assert rows == 0
        assert state.cursor(FLOW) == "1"  # the same thread reads its own writing
    assert state.cursor(FLOW) == "1"


def test_profiles_do_not_see_one_another(database: Database) -> None:
    one, two = ProfileState(database, "one"), ProfileState(database, "two")
    with one.transaction() as transaction:
        transaction.set_cursor(FLOW, "1")
        transaction.put_rejects("run", [reject("003A")])
        transaction.put_pending([pending("7")])
    with two.transaction() as transaction:
        assert transaction.resolve_rejects(FLOW, ["003A"]) == 0
        transaction.drop_pending(FLOW, ["7"])
    assert two.cursor(FLOW) is None
    assert one.count_rejects(FLOW) == 1
    assert len(one.pending(FLOW)) == 1


# ------------------------------------------------------------------- rejects


def test_the_same_refusal_counts_its_tries_up(state: ProfileState) -> None:
    for run in ("run1", "run2", "run3"):
        with state.transaction() as transaction:
            assert transaction.put_rejects(run, [reject("003A")]) == 1
    (row,) = state.rejects.listed()
    assert (row.tries, row.first_run, row.last_run) == (3, "run1", "run3")
    assert row.cause == text("理由 {why}", why="a")


def test_each_field_has_its_own_row_and_one_record(state: ProfileState) -> None:
    with state.transaction() as transaction:
        transaction.put_rejects("run", [reject("003A", "Email"), reject("003A", "姓")])
    assert state.count_rejects(FLOW) == 2
    assert list(state.open_rejects(FLOW)) == ["003A"]


def test_accepted_records_are_resolved_and_may_be_refused_anew(
    state: ProfileState,
) -> None:
    with state.transaction() as transaction:
        transaction.put_rejects("run1", [reject("003A"), reject("003B")])
    with state.transaction() as transaction:
        assert transaction.resolve_rejects(FLOW, ["003A", "003X"]) == 1
    assert list(state.open_rejects(FLOW)) == ["003B"]
    with state.transaction() as transaction:
        transaction.put_rejects("run3", [reject("003A")])
    row = state.rejects.listed()[-1]
    assert (row.record, row.tries, row.first_run) == ("003A", 1, "run3")


def test_nothing_open_means_no_name_is_read(state: ProfileState) -> None:
    def names() -> Iterator[str]:
        raise AssertionError("read although nothing is open")
        yield ""

    with state.transaction() as transaction:
        assert transaction.resolve_rejects(FLOW, names()) == 0


def test_a_dismissed_reject_stays_until_something_changes(state: ProfileState) -> None:
    with state.transaction() as transaction:
        transaction.put_rejects("run1", [reject("003A")])
    (row,) = state.rejects.listed()
    assert state.rejects.dismiss([row.id], "someone") == 1
    with state.transaction() as transaction:
        transaction.put_rejects("run2", [reject("003A")])
    assert state.count_rejects(FLOW) == 0
    with state.transaction() as transaction:
        transaction.put_rejects("run3", [reject("003A", why="b")])
    assert state.count_rejects(FLOW) == 1


def test_open_rejects_come_in_pythons_own_order(state: ProfileState) -> None:
    records = [f"003{number:05d}" for number in range(1700)]
    records += ["a@example.com", "Z@example.com", "髙@example.jp", "😀@example.jp"]
    with state.transaction() as transaction:
        transaction.put_rejects("run", map(reject, reversed(records)))
    assert list(state.open_rejects(FLOW)) == sorted(records)


@pytest.mark.parametrize(
    ("value", "masked"),
    [
        ("taro.yamada@example.co.jp", "t***@example.co.jp"),
        ("山田", "山***"),
        ("090-0000-0000", "0***"),
        ("", ""),
        ("x" * 100_000, "x***"),
    ],
)
def test_values_are_masked_once_and_for_all(value: str, masked: str) -> None:
    assert mask(value) == masked
    assert mask(masked) == masked


@pytest.mark.parametrize(
    "record", ["a\x00b", "\ud800x", "x" * 100_000, "'; DROP TABLE rejects", "\x1b[2J"]
)
def test_poisoned_records_are_stored_and_found_again(
    state: ProfileState, record: str
) -> None:
    found = Reject(
        FLOW, record, record, record, text("{v}", v=record), text("直す"), record
    )
    with state.transaction() as transaction:
        transaction.put_rejects("run", [found])
    assert list(state.open_rejects(FLOW)) == [clean_key(record)]
    with state.transaction() as transaction:
        assert transaction.resolve_rejects(FLOW, [record]) == 1


def test_long_keys_stay_apart() -> None:
    one, two = clean_key("x" * 1000 + "1"), clean_key("x" * 1000 + "2")
    assert one != two
    assert max(len(one), len(two)) <= 400


def test_addresses_in_a_cause_are_masked(state: ProfileState) -> None:
    with state.transaction() as transaction:
        transaction.put_rejects("run", [reject("003A", why="a.b@example.com twice")])
    (row,) = state.rejects.listed()
    assert row.cause.params["why"] == "a***@example.com twice"


# ------------------------------------------------------- reviews and pending


def test_an_answer_is_kept_until_the_candidates_change(
    state: ProfileState, database: Database
) -> None:
    with state.transaction() as transaction:
        assert transaction.put_reviews("run1", [review("k", "003B", "003A")]) == 1
    (row,) = state.reviews.open(FLOW)
    state.reviews.decide(row.id, "003A", "someone")
    (answer,) = state.answers(FLOW)
    assert (answer.key, answer.chosen) == ("k", "003A")
    with state.transaction() as transaction:
        transaction.put_reviews("run2", [review("k", "003A", "003B")])
    assert list(state.open_reviews(FLOW)) == []
    with state.transaction() as transaction:
        transaction.put_reviews("run3", [review("k", "003A", "003C")])
    (asked,) = state.open_reviews(FLOW)
    assert asked.candidates == ("003A", "003C")
    assert list(state.answers(FLOW)) == []


def test_an_answer_must_be_a_candidate(state: ProfileState) -> None:
    with state.transaction() as transaction:
        transaction.put_reviews("run1", [review("k", "003A")])
    (row,) = state.reviews.open(FLOW)
    with pytest.raises(Exception, match="003X"):
        state.reviews.decide(row.id, "003X", "someone")
    state.reviews.decide(row.id, "-", "someone")


def test_reviews_come_in_order_and_can_be_withdrawn(state: ProfileState) -> None:
    with state.transaction() as transaction:
        transaction.put_reviews("run", [review(key, "1") for key in ("b", "a", "c")])
        assert transaction.close_reviews(FLOW, ["a", "z"]) == 1
    assert [found.key for found in state.open_reviews(FLOW)] == ["b", "c"]
    assert state.reviews.counts() == {FLOW: 2}


def test_pending_imports_come_back_whole_and_once(state: ProfileState) -> None:
    items = [pending("7"), pending("8"), pending("", 0), pending("", 10)]
    for _ in range(2):
        with state.transaction() as transaction:
            transaction.put_pending(items)
    assert state.pending(FLOW) == items
    with state.transaction() as transaction:
        transaction.drop_pending(FLOW, ["7", ""])
    assert state.pending(FLOW) == [items[1]]
