"""How a field path of a query reads its value from the records.

`Account.Name` follows the reference of each record; whatever is not stored (a
person's full name, a compound address) is put together here, so that SELECT,
WHERE and ORDER BY see the same values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from haihai_tui.sandbox.salesforce import timestamps
from haihai_tui.sandbox.salesforce.errors import ApiError
from haihai_tui.sandbox.salesforce.schema import Field, Schema
from haihai_tui.sandbox.salesforce.soql import Path, refusal

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.org import Org
    from haihai_tui.sandbox.salesforce.table import Table

Getter = Callable[[int], Any]

_PLEASE = "Please reference your WSDL or the describe call for the appropriate names."


def no_such_column(name: str, entity: str) -> str:
    """The text by which clients tell that a field is missing or not visible."""
    return (
        f"No such column '{name}' on entity '{entity}'. If you are attempting to use "
        "a custom field, be sure to append the '__c' after the custom field name. "
        f"{_PLEASE}"
    )


def no_such_type(name: str) -> str:
    """The text for an unknown object in FROM."""
    return (
        f"sObject type '{name}' is not supported. If you are attempting to use a "
        "custom object, be sure to append the '__c' after the entity name. "
        f"{_PLEASE}"
    )


def _no_such_relationship(name: str) -> str:
    return (
        f"Didn't understand relationship '{name}' in field path. If you are "
        "attempting to use a custom relationship, be sure to append the '__r' after "
        f"the custom relationship name. {_PLEASE}"
    )


@dataclass(frozen=True)
class Column:
    """One path: its field, the parents on the way, and how to read it.

    `get` gives what is stored (a datetime as epoch seconds); `parents` holds, for
    each relationship on the way, its canonical name and the getter of the id.
    """

    field: Field
    entity: str
    get: Getter
    parents: tuple[tuple[str, Getter], ...] = ()

    @property
    def label(self) -> str:
        """`Account.Name`, in the spelling of the description."""
        return ".".join((*(name for name, _ in self.parents), self.field.name))

    @property
    def stored_directly(self) -> bool:
        """Whether the object's own table holds it."""
        return not self.parents

    def show(self) -> Getter:
        """The value as REST JSON has it."""
        return shown(self.field, self.get)


def shown(field: Field, get: Getter) -> Getter:
    """`get` with datetimes as text; a field of changed type shows its old values."""
    if field.type != "datetime" and not field.has("retyped"):
        return get

    def show(slot: int) -> Any:
        value = get(slot)
        if isinstance(value, int) and not isinstance(value, bool):
            text = timestamps.show(value)
            return text[:10] if field.type == "date" else text
        return value

    return show


class Reader:
    """Resolves the paths of one query on one object, for one user."""

    def __init__(self, org: Org, sobject: str, user_id: str | None, text: str) -> None:
        self.org = org
        self.user_id = user_id
        self.text = text
        self.schema = org.schema(sobject, user_id)
        self.table = org.table(self.schema.name)
        self._columns: dict[tuple[str, ...], Column] = {}

    def column(self, path: Path) -> Column:
        """The column of `path`; ApiError INVALID_FIELD if it cannot be seen."""
        key = tuple(part.lower() for part in path.parts)
        own = key[0] == self.schema.name.lower() and len(key) > 1
        if own and self.schema.parent(key[0]) is None:  # `Contact.Name` FROM Contact
            key = key[1:]
        if key not in self._columns:
            self._columns[key] = self._resolve(key, path)
        return self._columns[key]

    def refuse(self, code: str, at: int, message: str) -> ApiError:
        """An error that points into the query."""
        return refusal(code, self.text, at, message)

    def _resolve(self, key: tuple[str, ...], path: Path) -> Column:
        schema, table = self.schema, self.table
        ref: Getter | None = None
        parents: list[tuple[str, Getter]] = []
        for depth, part in enumerate(key[:-1]):
            found = schema.parent(part)
            known = [t for t in found.targets if self.org.has(t)] if found else []
            if found is None or not known:
                name = path.parts[len(path.parts) - len(key) + depth]
                raise self.refuse("INVALID_FIELD", path.at, _no_such_relationship(name))
            ref = (
                table.getter(found.name)
                if ref is None
                else _record_value(self.org, ref, found.name)
            )
            parents.append((str(found.relationship), ref))
            target = "User" if "User" in known else known[0]
            schema, table = (
                self.org.schema(target, self.user_id),
                self.org.table(target),
            )
        field = schema.find(key[-1])
        if field is None:
            message = no_such_column(path.parts[-1], schema.name)
            raise self.refuse("INVALID_FIELD", path.at, message)
        get = (
            value_getter(schema, table, field)
            if ref is None
            else _of_parent(self.org, ref, field)
        )
        if field.type == "encryptedstring" and not self.org.permits(
            "PermissionsViewEncryptedData", self.user_id
        ):
            get = _masked(field, get)
        return Column(field, schema.name, get, tuple(parents))


def _record_value(org: Org, ref: Getter, name: str) -> Getter:
    def get(slot: int) -> Any:
        record_id = ref(slot)
        return None if record_id is None else org.read_value(record_id, name)

    return get


def _of_parent(org: Org, ref: Getter, field: Field) -> Getter:
    """A parent's value; each parent is read once a query."""
    seen: dict[str | None, Any] = {None: None}

    def get(slot: int) -> Any:
        record_id = ref(slot)
        try:
            return seen[record_id]
        except KeyError:
            seen[record_id] = value = org.read_value(str(record_id), field.name)
            return value

    return get


def _masked(field: Field, get: Getter) -> Getter:
    """What a reader without "View Encrypted Data" sees."""
    char = "X" if field.props.get("mask") == "X" else "*"
    keep = 4 if field.props.get("maskType") == "lastFour" else 0

    def show(slot: int) -> Any:
        value = get(slot)
        if value is None:
            return None
        hidden = max(len(value) - keep, 0)
        return char * hidden + value[hidden:]

    return show


def value_getter(schema: Schema, table: Table, field: Field) -> Getter:
    """`slot -> value` of a field of the object itself."""
    if field.type == "address":
        return _address(schema, table, field.name)
    if _is_full_name(field):
        first, last = table.getter("FirstName"), table.getter("LastName")

        def full_name(slot: int) -> str:
            return " ".join(part for part in (first(slot), last(slot)) if part)

        return full_name
    return table.getter(field.name)


def _is_full_name(field: Field) -> bool:
    person = field.props.get("extraTypeInfo") == "personname"
    return person and field.has("nameField")


_PARTS = {
    "city": "City",
    "country": "Country",
    "geocodeAccuracy": "GeocodeAccuracy",
    "latitude": "Latitude",
    "longitude": "Longitude",
    "postalCode": "PostalCode",
    "state": "State",
    "street": "Street",
}


def _address(schema: Schema, table: Table, name: str) -> Getter:
    head = name.removesuffix("Address")
    getters = {
        key: table.getter(head + tail)
        for key, tail in _PARTS.items()
        if head + tail in schema.fields
    }

    def get(slot: int) -> dict[str, Any] | None:
        parts = {key: get_part(slot) for key, get_part in getters.items()}
        return parts if any(v is not None for v in parts.values()) else None

    return get
