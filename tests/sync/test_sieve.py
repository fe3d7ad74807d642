"""The sieve lets every record through that a close look would keep."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from haihai_tui.sync.addresses import address_key, fold_address
from haihai_tui.sync.sieve import sieve
from haihai_tui.sync.tables.csvlines import csv_line

written = st.one_of(
    st.sampled_from(
        [
            *("a@example.com", "A@Example.com", " a@example.com", "ａ@example.com"),
            *("b@example.com", '"a"@example.com', "a@example.com,", "", "x"),
        ]
    ),
    st.text(st.sampled_from(list('ab@."\n, Aé')), max_size=6),
)
FOLDED = "a@example.com"


def record(number: int, address: str, value: str) -> bytes:
    return csv_line([f"003{number:015}", address, value]).encode()


@given(st.lists(st.tuples(written, written), max_size=12), st.sets(st.integers(0, 11)))
def test_nobody_is_kept_back_whom_a_close_look_would_keep(
    table: list[tuple[str, str]], linked: set[int]
) -> None:
    passes = sieve([address_key(FOLDED).hex()], [f"003{one:015}" for one in linked])
    for number, (address, value) in enumerate(table):
        if fold_address(address) == FOLDED or number in linked:
            assert passes(record(number, address, value))


def test_ordinary_strangers_are_kept_back() -> None:
    passes = sieve([address_key(FOLDED).hex()], ["003000000000000007"])
    assert not passes(record(1, "b@example.com", "x"))
    assert not passes(b'"003000000000000001","b@example.com"')
    assert passes(record(7, "b@example.com", "x"))
    assert passes(record(1, "a@example.com", "x"))
