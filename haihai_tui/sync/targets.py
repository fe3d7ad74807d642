"""The fields that a write-back flow may write, per object, as the user may see them.

A field that is missing, cannot be edited or has a type that cannot take the value is
set aside with its cause; the others go on.
"""

from __future__ import annotations

from collections.abc import Iterator

from haihai_tui.errors import Text, text
from haihai_tui.sync.events import Event
from haihai_tui.sync.ports import Field, SObject
from haihai_tui.sync.services import Services
from haihai_tui.sync.writeback_source import Source, Target


class Targets:
    """Finds the targets of one run; counts what was set aside."""

    def __init__(self, services: Services, source: Source) -> None:
        self._services = services
        self._source = source
        self.set_aside = 0
        self.signatures: dict[str, str] = {}

    def find(self) -> Iterator[Target]:
        customers = self._services.config.customers
        for name in self._source.sobjects:
            described = self._services.salesforce.describe(name)
            linked = name == customers.sobject
            address_field = customers.address_field if linked else "Email"
            fields = tuple(self._usable(described))
            self.signatures[name] = ",".join(field.name for field in fields)
            if fields and described.fields.get(address_field.lower()):
                yield Target(described, address_field, fields, linked)

    def _usable(self, described: SObject) -> Iterator[Field]:
        for name in self._source.field_names:
            found = described.fields.get(name.lower())
            cause = _unusable(found, self._source.types_for(name))
            if cause is None and found is not None:
                yield found
                continue
            self.set_aside += 1
            self._tell_unusable(described, name, cause or "missing_field")

    def _tell_unusable(self, described: SObject, name: str, cause: str) -> None:
        wording = text(
            "{sobject}.{field} には書き戻せません: {why}",
            sobject=described.name,
            field=name,
            why=_WHY_UNUSABLE[cause],
        )
        data = {"object": described.name, "field": name, "cause": cause}
        event = Event("field_set_aside", self._source.flow, wording, "warning", data)
        self._services.listener(event)

    def must_read_all(self, target: Target) -> bool:
        """Whether other fields are written than in the last run: one that came back,
        a new object.  Then every address of the ledger is looked up again."""
        before = self._services.state.cursor(self.signature_name(target.name))
        return self._source.had_ledger and before != self.signatures[target.name]

    def signature_name(self, sobject: str) -> str:
        return f"{self._source.flow}.{sobject}.fields"


_WHY_UNUSABLE: dict[str, Text] = {
    "missing_field": text(
        "項目が見つかりません。項目の作成、または参照権限の付与が必要です。"
    ),
    "no_edit_permission": text(
        "編集する権限がありません。連携ユーザーに編集権限を付与してください。"
    ),
    "field_type_mismatch": text(
        "項目の型が合いません。型を戻すか、別の項目を指定してください。"
    ),
}


def _unusable(field: Field | None, types: frozenset[str]) -> str | None:
    """The cause's code where a field cannot be written, else None."""
    if field is None:
        return "missing_field"
    if not field.updateable:
        return "no_edit_permission"
    return None if field.type in types else "field_type_mismatch"
