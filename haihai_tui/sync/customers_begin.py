"""What a run of `customers` keeps before its first write, and lets go at its end.

Between the two anything may happen to it.  What it is about to set, send or undo is
therefore written down first: a stop that is forgotten, or a bar that is taken for
our own, would let somebody be mailed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from haihai_tui.sync.addresses import address_key
from haihai_tui.sync.customers import CustomersPlan
from haihai_tui.sync.customers_steps import CustomersSteps, new_address
from haihai_tui.sync.cut_off import (
    SENT,
    UNOWNED,
    drop_superseded,
    forget_sent,
    keep_before_writing,
    keep_unfinished,
    named_files,
    replace_unowned,
)
from haihai_tui.sync.membership import GIVEN_UP, give_up
from haihai_tui.sync.ports import Transaction
from haihai_tui.sync.services import Services
from haihai_tui.sync.suppression_ledger import LEDGER, LEDGER_WIDTH, remember_stops
from haihai_tui.sync.tables.changes import Change, read_changes
from haihai_tui.sync.tables.snapshot import line_address

MEANWHILE = (SENT, UNOWNED, GIVEN_UP)
"""The tables that live between a run's first write and its end."""


def prepare(services: Services, plan: CustomersPlan, rules: CustomersSteps) -> None:
    """Keep what was decided.

    The stops of addresses that leave the group because their owner has another one
    now, and those that are set first; the changes; and whose bar is undone.
    """
    changes = plan.draft.changes.path
    states = _states_to_remember(plan, rules)
    before = named_files(services, LEDGER, *MEANWHILE)
    target = services.tables / f"{LEDGER}.{services.run_id}.left"
    ledger = services.table(LEDGER, LEDGER_WIDTH)
    remembered = bool(states) and remember_stops(ledger, states, target)
    undone: list[bytes] = []
    if plan.counts.returned:
        undone = [
            change.record_id
            for change in read_changes(changes)
            if rules.undoes_bar(change)
        ]
    if not (remembered or undone or plan.counts.writing or plan.decisions.unowned):
        return
    decisions = plan.decisions
    holds_back = decisions.held or decisions.unknown or not decisions.settled
    with services.state.transaction() as transaction:
        if remembered:
            transaction.set_snapshot(LEDGER, target.name)
        if undone:
            give_up(services, transaction, undone)
        keep_before_writing(
            services,
            transaction,
            changes,
            rules.takes_part if holds_back else None,
            plan.left_over,
        )
    drop_superseded(services, before)


def _states_to_remember(
    plan: CustomersPlan, rules: CustomersSteps
) -> dict[bytes, bytes]:
    decisions = plan.decisions
    inherited = _inherited_elsewhere(plan, rules)
    if not (decisions.forgotten or decisions.sets_states):
        return inherited
    forgotten = dict(
        decisions.forgotten[change.record_id]
        for change in read_changes(plan.draft.changes.path)
        if change.record_id in decisions.forgotten and rules.leaves(change)
    )
    return forgotten | inherited | dict(_set_first(plan, rules))


def _inherited_elsewhere(
    plan: CustomersPlan, rules: CustomersSteps
) -> dict[bytes, bytes]:
    """What was inherited by records that nothing is sent for now: it comes first
    when they are registered.  By address key."""
    waiting = dict(plan.merges.inherited)
    kept: dict[bytes, bytes] = {}
    if not waiting:
        return kept
    for change in read_changes(plan.draft.changes.path):
        state = waiting.get(change.record_id)
        if state and rules.registers(change):
            del waiting[change.record_id]
        elif state and change.new:
            kept[address_key(new_address(change))] = state
    assert plan.old is not None  # no merge is known without it
    plan.old.rewind()
    for one in sorted(waiting):
        line = plan.old.find(one)
        if line is not None:
            kept.setdefault(address_key(line_address(line)), waiting[one])
    return kept


def _set_first(
    plan: CustomersPlan, rules: CustomersSteps
) -> Iterator[tuple[bytes, bytes]]:
    for change in read_changes(plan.draft.changes.path):
        state = rules.state_first(change)
        if state is not None:
            yield address_key(new_address(change)), state


def conclude(
    services: Services, transaction: Transaction, left: Iterable[tuple[bytes, str]]
) -> None:
    """All was written: let go what was kept, but for what is `left`: Ids with the
    address that they were sent to in vain."""
    replace_unowned(services, transaction, left, "left")
    forget_sent(services, transaction)
    _claim_again(services, transaction)


def leave_off(
    services: Services,
    transaction: Transaction,
    unfinished: Iterable[Change],
    *,
    undid_bars: bool,
) -> None:
    """The run was cut off: keep no more than the `unfinished` changes."""
    keep_unfinished(services, transaction, unfinished)
    if not undid_bars:
        _claim_again(services, transaction)


def _claim_again(services: Services, transaction: Transaction) -> None:
    if services.state.snapshot(GIVEN_UP):
        transaction.set_snapshot(GIVEN_UP, "")
