"""One item is made ahead, in order, and nothing is left behind."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from haihai_tui.services.haihai.ahead import one_ahead


def test_the_next_item_is_made_while_one_is_worked_on() -> None:
    made = threading.Event()

    def items() -> Iterator[int]:
        yield 1
        made.set()
        yield 2

    found = one_ahead(items(), lambda item: None)
    assert next(found) == 1
    assert made.wait(30), "the second item was not begun"
    assert list(found) == [2]


def test_whoever_goes_away_leaves_nothing_behind() -> None:
    discarded: list[int] = []
    begun: list[int] = []

    def items() -> Iterator[int]:
        for number in range(5):
            begun.append(number)
            yield number

    found = one_ahead(items(), discarded.append)
    assert [next(found), next(found)] == [0, 1]
    found.close()
    assert begun == [0, 1, 2]
    assert discarded == [2]


def test_an_error_comes_where_its_item_would_have_come() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise ValueError("the second")

    found = one_ahead(items(), lambda item: None)
    assert next(found) == 1
    with pytest.raises(ValueError, match="the second"):
        next(found)
    assert list(found) == []
