"""The address index: which Ids are linked to an address, beside the snapshot.

Everything in it follows from the snapshot, so a damaged one is simply made anew.
"""

from __future__ import annotations

from pathlib import Path

from haihai_tui.sync.addresses import address_key
from haihai_tui.sync.matching import EVENT_WIDTH
from haihai_tui.sync.tables.records import ID_WIDTH
from haihai_tui.sync.tables.snapshot import Snapshot, line_address, line_flag
from haihai_tui.sync.tables.sorting import sort_fixed


def index_record(line: bytes) -> bytes:
    """Key of the registered address, Id, flag."""
    return address_key(line_address(line)) + line[:ID_WIDTH] + line_flag(line)


def rebuild_index(snapshot: Path, target: Path) -> None:
    """Write the index of a whole snapshot; needs scratch space beside `target`."""
    unsorted = target.with_suffix(".unsorted")
    known = Snapshot(snapshot)
    with unsorted.open("wb", buffering=1 << 18) as out:
        out.writelines(map(index_record, known.lines()))
    known.close()
    sort_fixed(unsorted, EVENT_WIDTH, target)
    unsorted.unlink()
