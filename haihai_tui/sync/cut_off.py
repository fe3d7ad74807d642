"""What a run that is cut off leaves behind: records and addresses to look at again.

Before anything is written, the changes are kept.  Whoever is cut off afterwards may
have sent what no snapshot tells of; and a record may be what it was before, or have
another address, or be gone, when the next run looks.  So the next run sends these
records again, and takes out of the group the addresses that nobody owns any more.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from haihai_tui.sync.addresses import address_key, fold_address
from haihai_tui.sync.ports import Transaction
from haihai_tui.sync.services import Services
from haihai_tui.sync.tables.changes import (
    ARRIVING,
    TOUCH,
    Change,
    ChangeWriter,
    read_changes,
)
from haihai_tui.sync.tables.files import flush_to_disk
from haihai_tui.sync.tables.snapshot import line_address
from haihai_tui.sync.tables.sorting import sort_records

SENT = "customers.sent"
"""The changes of a run that has begun to write and not come to its end."""

UNOWNED = "customers.unowned"
"""Addresses that may stand in the group with nobody behind them.  A line each, by tabs:
the key in hex, the Id that the address was sent for, the folded address."""

NOBODY = b"0" * 18
"""Stands for the Salesforce Id where an address is judged without a record."""


def is_cut_off(services: Services) -> bool:
    """Whether the last run that wrote did not come to its end."""
    return bool(services.state.snapshot(SENT))


@dataclass(frozen=True, slots=True)
class LeftOver:
    """Addresses to judge, in a file of lines as `UNOWNED` tells, and their number."""

    path: Path
    count: int

    def lines(self) -> Iterator[tuple[bytes, bytes, str]]:
        """Key, Id and address of each, ascending by key."""
        return _lines_of(self.path)


def collect_left_over(services: Services, folder: Path) -> LeftOver:
    """All addresses to judge."""
    target = folder / "left-over"
    count, last = 0, b""
    with target.open("wb") as out:
        for line in sort_records(_left_over(services), bytes, folder, "left"):
            if line != last:
                out.write(line + b"\n")
                count += 1
            last = line
    return LeftOver(target, count)


def _left_over(services: Services) -> Iterator[bytes]:
    sent, unowned = services.table(SENT), services.table(UNOWNED)
    if sent is not None:
        for change in read_changes(sent):
            if change.kind in ARRIVING and change.new is not None:
                yield _line(change.record_id, line_address(change.new))
    if unowned is not None:
        for _, one, address in _lines_of(unowned):
            yield _line(one, address)


def sent_ids(services: Services) -> Iterator[bytes]:
    """Ids of the records that a run which was cut off may have sent, ascending."""
    sent = services.table(SENT)
    if sent is not None:
        for change in read_changes(sent):
            if change.kind != TOUCH:
                yield change.record_id


def keep_before_writing(
    services: Services,
    transaction: Transaction,
    changes: Path,
    goes: Callable[[Change], bool] | None,
    before: LeftOver,
) -> None:
    """Name this run's `changes` as begun, and what was to be judged `before` it.

    `goes` picks the changes that are carried out; None where all of them are.
    """
    sent = services.next_table(SENT)
    if goes is None:
        _link(changes, sent)
    else:
        _copy_some(changes, goes, sent)
    flush_to_disk(sent)
    transaction.set_snapshot(SENT, sent.name)
    if before.count:
        kept = services.tables / f"{UNOWNED}.{services.run_id}.begun"
        shutil.copyfile(before.path, kept)
        flush_to_disk(kept)
        transaction.set_snapshot(UNOWNED, kept.name)


def replace_unowned(
    services: Services,
    transaction: Transaction,
    left: Iterable[tuple[bytes, str]],
    stage: str,
) -> None:
    """From now on just these (Id, address) are to be judged; `stage` makes the file's
    name unique."""
    lines = sorted({_line(one, address) for one, address in left})
    if not lines:
        if services.state.snapshot(UNOWNED):
            transaction.set_snapshot(UNOWNED, "")
        return
    kept = services.tables / f"{UNOWNED}.{services.run_id}.{stage}"
    kept.write_bytes(b"".join(line + b"\n" for line in lines))
    flush_to_disk(kept)
    transaction.set_snapshot(UNOWNED, kept.name)


def keep_unfinished(
    services: Services, transaction: Transaction, unfinished: Iterable[Change]
) -> None:
    """Of the changes that were named as begun keep these."""
    if not is_cut_off(services):
        return
    kept = services.tables / f"{SENT}.{services.run_id}.cut"
    writer = ChangeWriter(kept)
    for change in unfinished:
        writer.write(change)
    writer.close()
    flush_to_disk(kept)
    transaction.set_snapshot(SENT, kept.name)


def forget_sent(services: Services, transaction: Transaction) -> None:
    """The run came to its end."""
    if is_cut_off(services):
        transaction.set_snapshot(SENT, "")


def add_unowned(
    services: Services, transaction: Transaction, addresses: Iterable[str]
) -> None:
    """Judge these too: taking them out, or barring them, failed afterwards."""
    folded = (fold_address(one) for one in addresses)
    new = [(NOBODY, address) for address in folded if address is not None]
    if not new:
        return
    known = services.table(UNOWNED)
    if known is not None:
        new += [(one, address) for _, one, address in _lines_of(known)]
    replace_unowned(services, transaction, new, "settled")


def named_files(services: Services, *names: str) -> dict[str, Path]:
    """The current files of these tables."""
    found = ((name, services.table(name)) for name in names)
    return {name: path for name, path in found if path is not None}


def drop_superseded(services: Services, before: Mapping[str, Path]) -> None:
    """Remove those of the files that were current `before` and are not any more."""
    for name, path in before.items():
        if services.state.snapshot(name) != path.name:
            path.unlink(missing_ok=True)


def _lines_of(path: Path) -> Iterator[tuple[bytes, bytes, str]]:
    with path.open("rb") as stream:
        for line in stream:
            key, one, address = line.rstrip(b"\n").split(b"\t")
            yield bytes.fromhex(key.decode()), one, address.decode()


def _line(one: bytes, address: str) -> bytes:
    return b"\t".join((address_key(address).hex().encode(), one, address.encode()))


def _link(source: Path, target: Path) -> None:
    """A second name for a file that is written no more: costs nothing."""
    try:
        os.link(source, target)
    except OSError:
        # Another file system, or one without links.
        shutil.copyfile(source, target)


def _copy_some(changes: Path, goes: Callable[[Change], bool], target: Path) -> None:
    writer = ChangeWriter(target)
    for change in read_changes(changes):
        if goes(change):
            writer.write(change)
    writer.close()
