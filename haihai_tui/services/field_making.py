"""Missing write-back fields: first as a plan, then made in Salesforce.

Making a field changes the customer's org for everybody, so that what would be made is
shown before, and who made what stands in the audit log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from haihai_tui.errors import Text, text
from haihai_tui.services.mapping_check import TYPE_LABELS
from haihai_tui.services.roles import Action, Operator, require
from haihai_tui.services.salesforce.new_fields import create_field
from haihai_tui.services.salesforce.session import Session
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import Database
from haihai_tui.services.target_check import Target, TargetCheck

_KINDS = {
    "Picklist": "picklist",
    "DateTime": "datetime",
    "Text": "string",
    "LongTextArea": "textarea",
    "Url": "url",
    "Number": "double",
}


@dataclass(frozen=True, slots=True)
class Made:
    """`name` as `Contact.State__c`; `is_new` is False where it was only hidden."""

    name: str
    is_new: bool


def plan_of(checked: Iterable[TargetCheck]) -> tuple[Target, ...]:
    """What would be made, of all that was looked at."""
    return tuple(one.target for one in checked if one.creatable)


def plan_words(targets: Sequence[Target]) -> Text:
    """The plan for people, a line a field."""
    lines = [
        text(
            "{object}.{field}: {type}「{label}」",
            object=target.sobject,
            field=target.field,
            type=TYPE_LABELS[_KINDS[str(target.purpose.metadata["type"])]],
            label=str(target.purpose.metadata["label"]),
        )
        for target in targets
    ]
    shown = lines[0]
    for line in lines[1:]:
        shown = text("{first}\n{second}", first=shown, second=line)
    return shown


def make_fields(
    session: Session,
    database: Database,
    profile: str,
    operator: Operator,
    targets: Sequence[Target],
    tell: Callable[[Made], object] = lambda made: None,
) -> tuple[Made, ...]:
    """Make each field and let the integration user edit it; stops at the first error.

    What was made before an error is in the audit log like everything else.
    """
    require(operator, Action.CHANGE_SETTINGS)
    done = []
    for target in targets:
        name = f"{target.sobject}.{target.field}"
        metadata = target.purpose.metadata
        made = Made(name, create_field(session, target.sobject, target.field, metadata))
        with database.write() as connection:
            audit.append(
                connection,
                actor=operator.name,
                action="field_created" if made.is_new else "field_granted",
                subject=name,
                profile=profile,
                after=str(metadata["type"]),
            )
        tell(made)
        done.append(made)
    return tuple(done)
