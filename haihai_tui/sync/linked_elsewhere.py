"""Records that are linked to another address than the one they have by now.

Somebody whose new address cannot be registered yet, or who has left the audience, is
still the person whom the service knows by the old one.  A stop there is theirs too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from haihai_tui.sync.addresses import KEY_BYTES, address_key
from haihai_tui.sync.customers import INDEX, SNAPSHOT
from haihai_tui.sync.matching import EVENT_WIDTH
from haihai_tui.sync.services import Services
from haihai_tui.sync.tables.fixed import FixedTable
from haihai_tui.sync.tables.records import ID_WIDTH
from haihai_tui.sync.tables.snapshot import Snapshot, line_address
from haihai_tui.sync.tables.sorting import sort_fixed

KEY_HEX = 2 * KEY_BYTES


def linked_elsewhere(
    services: Services, lines: Iterator[bytes], folder: Path
) -> dict[bytes, bytes]:
    """Id → key (hex) of the linked address, for each line whose record has a link that
    is not the line's own address.

    Lines start with the key (hex, or blanks where there is no address), a separator
    and the Id, and ascend.
    """
    asked = folder / "asked-links"
    _note_unlinked(services, lines, asked)
    if not asked.stat().st_size:
        return {}
    ordered = folder / "asked-links.sorted"
    sort_fixed(asked, ID_WIDTH, ordered)
    with ordered.open("rb") as ids:
        return dict(links_of(services, iter(lambda: ids.read(ID_WIDTH), b"")))


def _note_unlinked(services: Services, lines: Iterator[bytes], target: Path) -> None:
    index = services.table(INDEX, EVENT_WIDTH)
    with (
        target.open("wb") as out,
        FixedTable(index, EVENT_WIDTH, KEY_BYTES) as links,
    ):
        if not links.count:
            return
        for line in lines:
            key, one = line[:KEY_HEX], line[KEY_HEX + 1 : KEY_HEX + 1 + ID_WIDTH]
            found = [] if key.isspace() else links.find(bytes.fromhex(key.decode()))
            if not any(record[KEY_BYTES:-1] == one for record in found):
                out.write(one)


def links_of(services: Services, ids: Iterable[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Id and key (hex) of the linked address; Ids ascend, those without a link are
    left out."""
    path = services.table(SNAPSHOT)
    if path is None:
        return
    with closing(Snapshot(path)) as snapshot:
        for one in ids:
            line = snapshot.find(one)
            if line is not None:
                yield one, address_key(line_address(line)).hex().encode()
