"""A `customers` plan and its outcome in numbers and in words."""

from __future__ import annotations

from collections.abc import Container, Iterator

from haihai_tui.sync.customers import CustomersPlan
from haihai_tui.sync.customers_steps import CustomersSteps, new_address, old_address
from haihai_tui.sync.draft import FLOW
from haihai_tui.sync.outcome import FlowOutcome
from haihai_tui.sync.services import FieldChange, PlanEntry
from haihai_tui.sync.tables.changes import (
    ADDRESS,
    CREATE,
    DELETE,
    LEAVE,
    RETURN,
    TOUCH,
    UPDATE,
    Change,
    read_changes,
)
from haihai_tui.sync.tables.csvlines import split_line
from haihai_tui.sync.tables.snapshot import VALUES_AT

_ACTIONS = {CREATE: "create", RETURN: "return", UPDATE: "update", ADDRESS: "move"}


def outcome_of(plan: CustomersPlan, written: int, unconfirmed: int) -> FlowOutcome:
    """What became of the records, `written` and `unconfirmed` in rows."""
    counts, reduced = plan.counts, plan.reduced
    linked = plan.decisions.linked
    created = counts.created + counts.returned - reduced(CREATE) - reduced(RETURN)
    return FlowOutcome(
        read=counts.read,
        unchanged=counts.unchanged + counts.touched,
        created=max(created - linked, 0),
        linked=min(linked, created),
        updated=counts.updated + counts.moved - reduced(ADDRESS),
        excluded=counts.left + counts.deleted,
        held=len(plan.decisions.held),
        skipped=len(plan.decisions.unknown) + counts.passed_over,
        rejected=plan.draft.rejects.count,
        written=written,
        unconfirmed=unconfirmed,
        set_aside=len(plan.draft.mapper.broken),
        cursor=plan.cursor,
    )


def entries_of(plan: CustomersPlan, steps: CustomersSteps) -> Iterator[PlanEntry]:
    """The plan in words and values, in Id order."""
    columns = plan.draft.mapper.columns
    known = frozenset(plan.old.meaning.columns if plan.old else ())
    for change in read_changes(plan.draft.changes.path):
        if change.kind == TOUCH:
            continue
        yield PlanEntry(
            FLOW,
            _action(plan, steps, change),
            change.record_id.decode(),
            new_address(change) if change.new else old_address(change),
            field_changes(change, columns, known),
        )


def _action(plan: CustomersPlan, steps: CustomersSteps, change: Change) -> str:
    one = change.record_id
    if one in plan.decisions.held:
        return "held"
    if one in plan.decisions.unknown:
        return "skipped"
    if change.kind in (LEAVE, DELETE):
        if steps.bars(change):
            return "bar"
        return "exclude" if steps.leaves(change) else "unlink"
    return _ACTIONS[change.kind]


def field_changes(
    change: Change, columns: tuple[str, ...], known: Container[str] | None = None
) -> tuple[FieldChange, ...]:
    """Old → new of what differs.

    `known` are the items that were sent before (None: all); what another one held
    is not known, and old is None.
    """
    if change.kind in (LEAVE, DELETE) or change.new is None:
        return ()
    new = split_line(change.new[VALUES_AT:].decode())
    old: list[str | None] = [None] * len(new)
    if change.old is not None:
        before = split_line(change.old[VALUES_AT:].decode())
        old = [*before, *([None] * len(new))][: len(new)]
    return tuple(
        FieldChange(name, was if known is None or name in known else None, now)
        for name, was, now in zip(columns, old, new, strict=True)
        if was != now
    )
