"""Records that were registered under another address than before.

What their fields show came from the old address; the write-back has to look at them
once more, although neither they nor the new address may ever move again.  They are
noted in the commit that changes the link, and stay noted until a write-back run has
taken them over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from haihai_tui.sync.addresses import KEY_BYTES, address_key
from haihai_tui.sync.customers_steps import new_address, old_address
from haihai_tui.sync.services import Services
from haihai_tui.sync.suppression_ledger import LEDGER, LEDGER_WIDTH
from haihai_tui.sync.tables.changes import Change
from haihai_tui.sync.tables.files import flush_to_disk
from haihai_tui.sync.tables.fixed import FixedTable
from haihai_tui.sync.tables.sorting import sort_records
from haihai_tui.sync.writeback_source import merge_changed, relinked_table

RELINKED = relinked_table("suppressions")
_KEY_HEX = 2 * KEY_BYTES


def note_relinked(
    services: Services, changes: Iterable[Change], folder: Path
) -> Path | None:
    """Write the new addresses of those whose old one was ever stopped, barred or in
    error, beside what is noted already; None where there is nobody.

    Lines are those of `Source.collect`.
    """
    pairs = sort_records(_pairs(changes), bytes, folder, "relinked")
    with FixedTable(
        services.table(LEDGER, LEDGER_WIDTH), LEDGER_WIDTH, KEY_BYTES
    ) as ledger:
        wanted = sort_records(_known(pairs, ledger), bytes, folder, "relinked.new")
    now = folder / "relinked.now"
    with now.open("wb") as out:
        out.writelines(line + b"\n" for line in wanted)
    if not now.stat().st_size:
        return None
    target = services.next_table(RELINKED)
    merge_changed(target, now, services.table(RELINKED))
    flush_to_disk(target)
    return target


def _pairs(changes: Iterable[Change]) -> Iterator[bytes]:
    """Key (hex) of the old address, then the line of the new one."""
    for change in changes:
        old, new = old_address(change), new_address(change)
        if old != new:
            line = f"{address_key(new).hex()}\t{new}"
            yield f"{address_key(old).hex()}{line}".encode()


def _known(pairs: Iterator[bytes], ledger: FixedTable) -> Iterator[bytes]:
    for pair in pairs:
        if ledger.find(bytes.fromhex(pair[:_KEY_HEX].decode())):
            yield pair[_KEY_HEX:]
