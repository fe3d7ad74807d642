"""The delivery group as the service lists it, and how far that list can be trusted.

Imports are worked off later than they are accepted.  While one of ours may still be
waiting, the list shows what was and not what will be; whoever decides by it then
takes nothing for granted that the waiting import could change.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from haihai_tui.errors import NotOffered, text
from haihai_tui.sync import matching
from haihai_tui.sync.cut_off import is_cut_off
from haihai_tui.sync.draft import FLOW
from haihai_tui.sync.events import Event
from haihai_tui.sync.ports import Transaction
from haihai_tui.sync.services import Services
from haihai_tui.sync.tables.files import flush_to_disk
from haihai_tui.sync.tables.records import ID_WIDTH

UNCONFIRMED = "customers.unconfirmed"
"""A cursor, set while nobody tells what became of the last run's imports."""

GIVEN_UP = "customers.given-up"
"""Ids whose own bar a run began to undo; cut off, it may be another's by now."""


def is_settled(services: Services) -> bool:
    """Whether no import of an earlier run can still be waiting at the service."""
    state = services.state
    if is_cut_off(services) or state.cursor(UNCONFIRMED):
        return False
    return not state.pending(FLOW)


def read_members(services: Services, folder: Path) -> Path | None:
    """The group's members by address; None where the service tells nobody."""
    table = folder / "members"
    haihai, group = services.haihai, services.config.customers.group
    try:
        matching.write_members(haihai.members(group, folder), table)
    except NotOffered:
        wording = text(
            "配信グループの一覧を取得できないため、停止・禁止は前回までに取り込んだ"
            "一覧で判断します。"
        )
        services.listener(Event("members_unknown", FLOW, wording, "warning"))
        return None
    return table


def give_up(
    services: Services, transaction: Transaction, record_ids: Iterable[bytes]
) -> None:
    """Claim these records' bars no longer, before they are undone: a bar that is seen
    later may be a person's."""
    known = given_up(services).union(record_ids)
    kept = services.next_table(GIVEN_UP)
    kept.write_bytes(b"".join(sorted(known)))
    flush_to_disk(kept)
    transaction.set_snapshot(GIVEN_UP, kept.name)


def given_up(services: Services) -> frozenset[bytes]:
    """The Ids that `give_up` was told of since the last whole commit."""
    path = services.table(GIVEN_UP, ID_WIDTH)
    if path is None:
        return frozenset()
    data = path.read_bytes()
    return frozenset(data[at : at + ID_WIDTH] for at in range(0, len(data), ID_WIDTH))
