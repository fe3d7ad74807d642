"""The fields that `customers` maps, looked at before every run.

What is wrong with one of them is told once a run and costs that field alone; only
without the address, or without any field at all, there is nothing to go on with.
"""

from __future__ import annotations

from haihai_tui.errors import SettingsError, text
from haihai_tui.sync.draft import FLOW
from haihai_tui.sync.events import Event
from haihai_tui.sync.field_check import (
    TYPES,
    CheckedFields,
    check_fields,
    find,
    parent_objects,
    remembered,
)
from haihai_tui.sync.ports import SObject
from haihai_tui.sync.services import Services


def check_customer_fields(services: Services, described: SObject) -> CheckedFields:
    """The mapped fields as the user may see them now.

    SettingsError where the address, or every one of them, cannot be read.
    """
    config = services.config.customers
    names = [config.address_field, *(one.salesforce for one in config.fields)]
    parents = {
        relationship: [found for one in objects if (found := _parent(services, one))]
        for relationship, objects in parent_objects(names, described).items()
    }
    if find(config.address_field, described, parents) is None:
        raise SettingsError(
            text(
                "メールアドレス項目 {object}.{field} が参照できません。",
                object=described.name,
                field=config.address_field,
            ),
            text("連携ユーザーの権限と customers.address_field を確認してください。"),
            cause="missing_field",
        )
    known = remembered(services.state.cursor(TYPES))
    return check_fields(
        config, described, parents, known, services.salesforce.may_view_encrypted
    )


def _parent(services: Services, sobject: str) -> SObject | None:
    try:
        return services.salesforce.describe(sobject)
    except SettingsError as error:
        if error.cause != "missing_object":
            raise
        return None


def tell_broken_fields(
    services: Services, described: SObject, checked: CheckedFields
) -> None:
    """An event for each field that is set aside; SettingsError if none is left."""
    for field in checked.broken:
        name = field.mapping.salesforce
        wording = text(
            "項目「{field}」は今回は連携しません: {why}", field=name, why=field.why
        )
        data = {
            "object": described.name,
            "field": name,
            "item": field.mapping.haihai,
            "cause": field.cause,
        }
        services.listener(Event("field_set_aside", FLOW, wording, "warning", data))
    if checked.broken and not checked.usable:
        raise SettingsError(
            text("対応付けた項目がすべて連携できません。"),
            text("連携ユーザーの権限と customers.fields を確認してください。"),
            cause="missing_field",
        )
