"""What each flow asks of the org: objects, fields, and what is done with them.

Read off the settings alone, so that checks, the preparation list and their tests
speak of the same fields.
"""

from __future__ import annotations

from dataclasses import dataclass

from haihai_tui.services.settings_schema import Settings

TEXTS = frozenset(
    ("string", "textarea", "url", "combobox", "email", "phone", "picklist")
)
MOMENTS = frozenset(("datetime", "date", "string", "textarea"))
NUMBERS = frozenset(("double", "int", "string", "long"))
STATES = frozenset(
    ("picklist", "string", "textarea", "combobox", "boolean", "multipicklist")
)
STATE_WORDS = ("配信可能", "配信停止", "配信禁止")
STATUS_WORDS = ("OK", "エラー")
LONGEST_URL = 255
LONGEST_ITEM = 900
UNREADABLE = frozenset(("address", "location", "base64", "complexvalue"))
"""Types that neither Bulk nor a flat import can carry."""


@dataclass(frozen=True, slots=True)
class Target:
    """A field that a flow writes: types that can take it, words it must hold.

    `length` is what the values need, in characters (0: nothing to say).
    """

    sobject: str
    field: str
    types: frozenset[str]
    words: tuple[str, ...] = ()
    length: int = 0


def objects(settings: Settings) -> tuple[str, ...]:
    """Every object that an enabled flow reads or writes, without repetition."""
    flows = settings.flows.enabled
    names: list[str] = []
    if "customers" in flows and settings.customers.object:
        names.append(settings.customers.object)
    for flow in ("suppressions", "page-views"):
        if flow in flows:
            names += flow_objects(settings, flow)
    return tuple(dict.fromkeys(names))


def flow_objects(settings: Settings, flow: str) -> tuple[str, ...]:
    if flow == "customers":
        return (settings.customers.object,) if settings.customers.object else ()
    if flow == "suppressions":
        return settings.suppressions.objects
    return settings.page_views.objects


def address_field(settings: Settings, sobject: str) -> str:
    """The field that holds the address; write-back to other objects uses Email."""
    customers = settings.customers
    return customers.address_field if sobject == customers.object else "Email"


def targets(settings: Settings, flow: str) -> tuple[Target, ...]:
    """The fields that a write-back flow writes, object by object."""
    wanted = _suppression_fields if flow == "suppressions" else _page_view_fields
    return tuple(
        Target(sobject, name, types, words, length)
        for sobject in flow_objects(settings, flow)
        for name, types, words, length in wanted(settings)
        if name
    )


_Wanted = tuple[str, frozenset[str], tuple[str, ...], int]


def _suppression_fields(settings: Settings) -> tuple[_Wanted, ...]:
    ours = settings.suppressions
    return (
        (ours.state_field, STATES, STATE_WORDS, 4),
        (ours.changed_at_field, MOMENTS, (), 19),
        (ours.status_field, STATES - {"boolean"}, STATUS_WORDS, 3),
    )


def _page_view_fields(settings: Settings) -> tuple[_Wanted, ...]:
    ours = settings.page_views
    return (
        (ours.url_field, TEXTS - {"picklist", "email", "phone"}, (), LONGEST_URL),
        (ours.viewed_at_field, MOMENTS, (), 19),
        (ours.count_field, NUMBERS, (), 0),
        (ours.record_url_field, TEXTS - {"picklist", "email", "phone"}, (), 0),
    )
