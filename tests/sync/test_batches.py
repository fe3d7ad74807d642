"""What must never be sent cannot be built."""

from __future__ import annotations

import pytest

from haihai_tui.sync import batches
from haihai_tui.sync.batches import ForbiddenWrite
from haihai_tui.sync.ports import ImportKind


@pytest.mark.parametrize("group", ["", " "])
def test_no_batch_without_a_group(group: str) -> None:
    for build in (batches.leave, batches.stop, batches.bar):
        with pytest.raises(ForbiddenWrite):
            build(group, [])
    with pytest.raises(ForbiddenWrite):
        batches.register(group, ("メールアドレス",), [])


@pytest.mark.parametrize(
    ("flag", "state"),
    [(b"B", b"s"), (b"B", b"a"), (b"A", b"b"), (b"X", b"b"), (b"K", b"s"), (b"", b"")],
)
def test_allowing_is_refused_but_for_our_own_bar(flag: bytes, state: bytes) -> None:
    batch = batches.undo_own_bar("1", [("a@example.com", flag, state)])
    with pytest.raises(ForbiddenWrite):
        list(batch.lines)


def test_our_own_bar_can_be_undone() -> None:
    batch = batches.undo_own_bar("1", [("a@example.com", b"B", b"b")])
    assert batch.kind is ImportKind.ALLOW
    assert list(batch.lines) == ['"a@example.com"']


def test_only_addresses_are_sent_as_addresses() -> None:
    with pytest.raises(ForbiddenWrite):
        list(batches.leave("1", ['x","y']).lines)
