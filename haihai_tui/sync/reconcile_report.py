"""The differences between both sides in words and values.

Told from the plan that would put them right: what a run would write for other
reasons (a record read anew with nothing to send) is no difference.
"""

from __future__ import annotations

from collections.abc import Iterator

from haihai_tui.sync.customers import CustomersPlan, ids_of
from haihai_tui.sync.customers_report import field_changes
from haihai_tui.sync.customers_steps import CustomersSteps, new_address, old_address
from haihai_tui.sync.draft import FLOW
from haihai_tui.sync.findings import (
    MISSING,
    UNLINKED,
    Finding,
    FindingReader,
    Findings,
    differing,
)
from haihai_tui.sync.services import FieldChange, PlanEntry
from haihai_tui.sync.tables.changes import (
    ADDRESS,
    DELETE,
    LEAVE,
    TOUCH,
    Change,
    read_changes,
)
from haihai_tui.sync.tables.csvlines import split_line

KINDS = ("missing", "superfluous", "different", "stop_mismatch", "broken_link")


def differences_of(plan: CustomersPlan, steps: CustomersSteps) -> Iterator[PlanEntry]:
    """In Id order; then the links whose entry in the address index was wrong."""
    findings = plan.findings
    assert findings is not None
    found = FindingReader(findings)
    for change in read_changes(plan.draft.changes.path):
        finding = found.at(change.record_id)
        kind = _kind(plan, steps, change, finding)
        if kind:
            yield PlanEntry(
                FLOW,
                kind,
                change.record_id.decode(),
                new_address(change) if change.new else old_address(change),
                _values(plan, findings, change, finding),
            )
    last = b""
    for one in ids_of(findings.relinked) if findings.relinked else ():
        if one != last:
            yield PlanEntry(FLOW, "broken_link", one.decode(), "")
        last = one


def _kind(
    plan: CustomersPlan, steps: CustomersSteps, change: Change, finding: Finding | None
) -> str:
    one = change.record_id
    if change.kind == TOUCH or one in plan.decisions.unknown:
        return ""
    if one in plan.decisions.held:
        return "held"
    if change.kind in (LEAVE, DELETE):
        taken_out = steps.bars(change) or steps.leaves(change)
        return "superfluous" if taken_out else "broken_link"
    if change.kind == ADDRESS:
        return "different"
    if finding is not None:
        return {MISSING: "missing", UNLINKED: "broken_link"}.get(
            finding.kind, "different"
        )
    return "different" if _untold(plan, change) else ""


def _untold(plan: CustomersPlan, change: Change) -> list[FieldChange]:
    """Values that moved in Salesforce, of items that the service does not tell."""
    assert plan.findings is not None
    columns, told = plan.draft.mapper.columns, plan.findings.told
    return [one for one in field_changes(change, columns) if one.field not in told]


def _values(
    plan: CustomersPlan, findings: Findings, change: Change, finding: Finding | None
) -> tuple[FieldChange, ...]:
    """What the service holds and what it should hold."""
    mapper = plan.draft.mapper
    if change.kind in (LEAVE, DELETE) or finding is None or not finding.told:
        if finding is not None and finding.kind == MISSING:
            return ()
        return field_changes(change, mapper.columns)
    at = [mapper.columns.index(item) for item in findings.told]
    values = split_line(change.row.decode())
    ours = [values[place] for place in at]
    keeps = [mapper.keeps_blank[place - 1] for place in at]
    moved = [
        FieldChange(findings.told[place], finding.told[place], ours[place])
        for place in differing(ours, finding.told, keeps)
    ]
    return (*_untold(plan, change), *moved)
