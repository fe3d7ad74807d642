"""The retrievals: members, viewed URLs, groups, results of imports, as CSV text.

Each yields text in chunks of a few hundred kilobytes, so that a million members
stream without a copy of the whole answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from haihai_tui.sandbox.haihai.account import ALLOWED, Account, Audience
from haihai_tui.sandbox.haihai.jobs import Job
from haihai_tui.services.haihai.wire import Wire

_CHUNK_ROWS = 4_000


def quoted(values: Iterable[str]) -> str:
    """One CSV record, every value quoted, with its CRLF."""
    return '"' + '","'.join(value.replace('"', '""') for value in values) + '"\r\n'


def members(wire: Wire, account: Account, audience: Audience) -> Iterator[str]:
    """Address, 配信状態, 配信停止日時, 配信停止方法, ステータス of every member."""
    yield quoted(
        (
            wire.member_address_column,
            wire.member_state_column,
            wire.member_stopped_at_column,
            wire.member_method_column,
            wire.member_status_column,
        )
    )
    usual = f'","{wire.state_allowed}","","","{wire.status_ok}"\r\n'
    keys = list(audience.members)
    for start in range(0, len(keys), _CHUNK_ROWS):
        chunk: list[str] = []
        for key in keys[start : start + _CHUNK_ROWS]:
            if (
                audience.members.get(key) is ALLOWED
                and key not in account.in_error
                and '"' not in key
            ):
                chunk.append(f'"{account.address_of(key)}{usual}')
            else:
                chunk.append(_member(wire, account, audience, key))
        yield "".join(chunk)


def members_with_items(
    wire: Wire, account: Account, audience: Audience, items: Sequence[str]
) -> Iterator[str]:
    """As `members`, with the values of these items of the account behind."""
    header = next(members(wire, account, Audience("", "")))
    yield _joined(header, items)
    places = [1 + account.items.index(name) for name in items]
    keys = list(audience.members)
    for start in range(0, len(keys), _CHUNK_ROWS):
        chunk: list[str] = []
        for key in keys[start : start + _CHUNK_ROWS]:
            row = _member(wire, account, audience, key)
            if row:
                packed = account.customers.get(key)
                values = account.unpack(packed) if packed else account.blank()
                chunk.append(_joined(row, [values[at] for at in places]))
        yield "".join(chunk)


def _joined(row: str, values: Sequence[str]) -> str:
    return row.removesuffix("\r\n") + "," + quoted(values) if values else row


def _member(wire: Wire, account: Account, audience: Audience, key: str) -> str:
    """One member in full; "" when the member has left meanwhile."""
    member = audience.members.get(key)
    if member is None:
        return ""
    words = {
        "allowed": wire.state_allowed,
        "stopped": wire.state_stopped,
        "barred": wire.state_barred,
    }
    status = wire.status_error if key in account.in_error else wire.status_ok
    at = member.stopped_at and local_time(
        wire, datetime.fromisoformat(member.stopped_at)
    )
    address = account.address_of(key)
    return quoted((address, words[member.state], at, member.method, status))


def views(wire: Wire, account: Account, since: datetime | None) -> Iterator[str]:
    """Clicks and visits from `since` on, oldest first."""
    yield quoted(
        (
            wire.view_address_column,
            wire.view_url_column,
            wire.view_at_column,
            wire.view_kind_column,
            wire.view_user_agent_column,
        )
    )
    words = {"click": wire.view_click, "visit": wire.view_visit}
    events = account.views_since(since)
    for start in range(0, len(events), _CHUNK_ROWS):
        yield "".join(
            quoted(
                (
                    event.address,
                    event.url,
                    local_time(wire, event.at),
                    words[event.kind],
                    event.user_agent,
                )
            )
            for event in events[start : start + _CHUNK_ROWS]
        )


def groups(wire: Wire, account: Account) -> Iterator[str]:
    yield quoted((wire.group_id_column, wire.group_name_column))
    for group in account.groups.values():
        yield quoted((group.number, group.name))


def result(wire: Wire, job: Job) -> Iterator[str]:
    """Rows that failed or were "other"; those that succeeded are not listed."""
    yield quoted(
        (
            wire.result_row_column,
            wire.result_address_column,
            wire.result_outcome_column,
            wire.result_reason_column,
        )
    )
    words = {"failed": wire.outcome_failed, "other": wire.outcome_other}
    notes = job.tally.notes
    for start in range(0, len(notes), _CHUNK_ROWS):
        yield "".join(
            quoted(
                (
                    str(note.row + wire.result_first_row),
                    note.address,
                    words[note.outcome],
                    note.reason,
                )
            )
            for note in notes[start : start + _CHUNK_ROWS]
        )


def local_time(wire: Wire, at: datetime) -> str:
    return at.astimezone(wire.zone).strftime(wire.time_format)


def parse_local_time(wire: Wire, value: str) -> datetime:
    """Aware UTC; ValueError when it is not in the service's form."""
    local = datetime.strptime(value, wire.time_format)
    return local.replace(tzinfo=local.tzinfo or wire.zone).astimezone(UTC)
