"""The address index: which Ids are linked to an address, beside the snapshot.

Everything in it follows from the snapshot, so a damaged one is simply made anew.
"""

from __future__ import annotations

import os
from collections.abc import Set
from pathlib import Path

from haihai_tui.sync.addresses import KEY_BYTES, address_key
from haihai_tui.sync.matching import EVENT_WIDTH
from haihai_tui.sync.tables.fixed import FixedTable
from haihai_tui.sync.tables.records import ID_WIDTH
from haihai_tui.sync.tables.snapshot import ACTIVE, Snapshot, line_address, line_flag
from haihai_tui.sync.tables.sorting import sort_fixed


def index_record(line: bytes) -> bytes:
    """Key of the registered address, Id, flag."""
    return address_key(line_address(line)) + line[:ID_WIDTH] + line_flag(line)


def first_index(events: Path, left_out: Set[bytes], target: Path) -> None:
    """The index of a first run: each claim to an address became a link.

    `events` are sorted as the index is, and differ from it in the flag alone.
    """
    with FixedTable(events, EVENT_WIDTH, KEY_BYTES) as asked, target.open("wb") as out:
        for block in asked.blocks():
            kept = block
            if left_out:
                kept = [one for one in block if one[KEY_BYTES:-1] not in left_out]
            records = bytearray(b"".join(kept))
            records[EVENT_WIDTH - 1 :: EVENT_WIDTH] = ACTIVE * len(kept)
            out.write(records)
        out.flush()
        os.fsync(out.fileno())


def rebuild_index(snapshot: Path, target: Path) -> None:
    """Write the index of a whole snapshot; needs scratch space beside `target`."""
    unsorted = target.with_suffix(".unsorted")
    known = Snapshot(snapshot)
    with unsorted.open("wb", buffering=1 << 18) as out:
        out.writelines(map(index_record, known.lines()))
    known.close()
    sort_fixed(unsorted, EVENT_WIDTH, target)
    unsorted.unlink()
