"""Line breaks for Japanese text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from haihai_tui.screens.widgets.wrapping import wrapped


def test_a_short_line_is_left_alone() -> None:
    assert wrapped("短い", 10) == ["短い"]


def test_breaks_come_anywhere_but_before_closing_punctuation() -> None:
    assert wrapped("あいうえお。かき", 10) == ["あいうえ", "お。かき"]


def test_words_of_letters_stay_together_and_long_ones_are_cut() -> None:
    assert wrapped("これは redirect_uri です", 14) == ["これは", "redirect_uri", "です"]
    assert wrapped("x" * 25, 10) == ["x" * 10, "x" * 10, "x" * 5]


def test_items_of_a_list_are_parted_where_they_end() -> None:
    line = "読み取り 1,200  新規 40  書き込み 46"
    assert wrapped(line, 30) == ["読み取り 1,200  新規 40", "書き込み 46"]
    assert wrapped("新規 40  更新 70", 7) == ["新規 40", "更新 70"]


def test_all_but_the_first_line_are_indented() -> None:
    assert wrapped("> あいうえおかきく", 10, "  ") == ["> あいうえ", "  おかきく"]


@pytest.mark.parametrize("width", [0, 1])
def test_no_width_at_all_breaks_nothing(width: int) -> None:
    assert wrapped("あいう", width) == ["あいう"]


@given(
    st.text(st.sampled_from("あア漢、。a/1 ー（）"), max_size=60),
    st.integers(min_value=6, max_value=30),
)
def test_nothing_is_lost_and_no_line_is_too_long(line: str, width: int) -> None:
    found = wrapped(line, width, "  ")
    joined = "".join(found).replace(" ", "")
    assert joined == line.replace(" ", "")
    # One character more, where it may not begin a line, was taken along.
    assert all(cell_len(one) <= width + 2 for one in found)
