"""What each flow asks of the org: its objects, and what their fields must take.

Read off the settings alone, so that checks, the wizard and the export speak of the
same objects.  The fields that are written back to stand in `target_check`.
"""

from __future__ import annotations

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
