"""The one place that builds write batches for HaiHai Mail.

What must never be sent cannot be built here: no delete from the database (leaving
always names a group), no "states by presence" (there is no such batch), and 可能
only to undo a bar that this program set itself, one address at a time, proven by
the caller's own records.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from haihai_tui.sync.addresses import fold_address
from haihai_tui.sync.mapping import ADDRESS_ITEM
from haihai_tui.sync.ports import Batch, ImportKind
from haihai_tui.sync.tables.csvlines import csv_line


class ForbiddenWrite(Exception):
    """A defect: something asked for a write that must never happen."""


def register(group: str, columns: tuple[str, ...], lines: Iterable[str]) -> Batch:
    """Upsert customers and let them join the group; blank cells keep."""
    return Batch(ImportKind.REGISTER, _named(group), columns, lines)


def blank_out(group: str, columns: tuple[str, ...], lines: Iterable[str]) -> Batch:
    """Upsert with blank cells overwriting; only columns whose rule says so."""
    return Batch(ImportKind.REGISTER, _named(group), columns, lines, blank="overwrite")


def leave(group: str, addresses: Iterable[str]) -> Batch:
    """Take addresses out of the group; their records stay."""
    return _of_addresses(ImportKind.LEAVE, group, addresses)


def stop(group: str, addresses: Iterable[str]) -> Batch:
    return _of_addresses(ImportKind.STOP, group, addresses)


def bar(group: str, addresses: Iterable[str]) -> Batch:
    return _of_addresses(ImportKind.BAR, group, addresses)


def undo_own_bar(group: str, proven: Iterable[tuple[str, bytes, bytes]]) -> Batch:
    """可能 for addresses that we barred and that are still just barred.

    Each item is (address, flag of our own record, state code in the group now);
    anything but (BARRED by us, barred now) is refused.
    """
    return _of_addresses(ImportKind.ALLOW, group, _only_own_bars(proven))


def _only_own_bars(proven: Iterable[tuple[str, bytes, bytes]]) -> Iterator[str]:
    for address, flag, state in proven:
        if flag != b"B" or state != b"b":
            raise ForbiddenWrite(f"allow is refused: flag {flag!r}, state {state!r}")
        yield address


def _of_addresses(kind: ImportKind, group: str, addresses: Iterable[str]) -> Batch:
    lines = (_address_line(address) for address in addresses)
    return Batch(kind, _named(group), (ADDRESS_ITEM,), lines)


def _address_line(address: str) -> str:
    if fold_address(address) is None:
        raise ForbiddenWrite("not an address")
    return csv_line([address])


def _named(group: str) -> str:
    if not group.strip():
        raise ForbiddenWrite("a batch without a group would reach the whole database")
    return group
