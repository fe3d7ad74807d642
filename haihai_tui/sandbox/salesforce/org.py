"""The imitated org: records, schema and rules, without any HTTP.

Everything that changes or reads records goes through here, for REST, Bulk and the
control interface alike; `lock` is taken by every public method, since the server
answers from several threads.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haihai_tui.sandbox.salesforce import (
    access,
    baseline,
    ids,
    lifecycle,
    query,
    soql,
    timestamps,
    writes,
)
from haihai_tui.sandbox.salesforce.catalogue import standard_objects
from haihai_tui.sandbox.salesforce.errors import ApiError, not_found
from haihai_tui.sandbox.salesforce.fieldtypes import Props
from haihai_tui.sandbox.salesforce.journal import Journal
from haihai_tui.sandbox.salesforce.objecttypes import custom_object
from haihai_tui.sandbox.salesforce.query import QueryResult
from haihai_tui.sandbox.salesforce.row_faults import RowFaults
from haihai_tui.sandbox.salesforce.schema import Schema
from haihai_tui.sandbox.salesforce.switches import DEFAULTS
from haihai_tui.sandbox.salesforce.table import Table

if TYPE_CHECKING:
    from haihai_tui.sandbox.control import Clock, Switches

VirtualRows = Callable[[], Iterable[Mapping[str, Any]]]
_NO_PREFIX = "000"
BIN_DAYS = 15


class Org:
    """One org; `switches` is shared with the control interface of its server.

    `virtual` holds, by object, who gives the rows of objects that are not records
    here (`OauthToken`, `ConnectedApplication`, `UserPermissionAccess`).  Other
    `objects` than the standard ones make an org without people or rights, as the
    Tooling API needs it.
    """

    def __init__(
        self,
        clock: Clock,
        seed: int = 1,
        switches: Mapping[str, object] | Switches = DEFAULTS,
        objects: Mapping[str, Props] | None = None,
    ) -> None:
        self.clock = clock
        self.seed = seed
        self.switches = switches
        self.lock = threading.RLock()
        dice = random.Random(f"org {seed}")
        self.instance = "".join(dice.choices(ids.DIGITS, k=2))
        self.org_id = ids.make_id("00D", self.instance, dice.randrange(62**3, 62**4))
        self.admin_user_id = ids.make_id("005", self.instance, 1)
        self.admin_username = "haihai.renkei@example.com"
        self.virtual: dict[str, VirtualRows] = {}
        self.definitions: dict[str, Any] = {}  # SOQL of list views and reports, by id
        self.journal = Journal()
        self.row_faults = RowFaults()
        self._objects: dict[str, Props] = dict(objects or standard_objects())
        self._own_fields: dict[str, list[Props]] = {}
        self._field_serials: dict[str, int] = {}
        self._names = {name.lower(): name for name in self._objects}
        self._tables: dict[str, Table] = {}
        self._prefixes: dict[str, str] = {}
        self._schemas: dict[tuple[str, str], Schema] = {}
        self._grants: dict[str, dict[str, bool]] = {}
        self._seen = ""
        if objects is None:
            baseline.install(self)

    # ------------------------------------------------------------------- schema

    def has(self, sobject: str) -> bool:
        """Whether there is such an object that is not hidden, any case."""
        hidden = access.hidden_objects(self.switches)
        return sobject.lower() in self._names and sobject.lower() not in hidden

    def sobjects(self) -> list[str]:
        """Names of all objects, sorted."""
        hidden = access.hidden_objects(self.switches)
        return sorted(name for name in self._objects if name.lower() not in hidden)

    def schema(self, sobject: str, user_id: str | None = None) -> Schema:
        """The object as `user_id` (None: the integration user) sees it.

        Any case; ApiError NOT_FOUND if there is none.
        """
        if not self.has(sobject):
            raise not_found()
        with self.lock:
            self._forget_if_changed()
            key = (self._names[sobject.lower()], user_id or self.admin_user_id)
            if key not in self._schemas:
                self._schemas[key] = self._build(*key)
            return self._schemas[key]

    def _build(self, name: str, user_id: str) -> Schema:
        props = self._objects[name]
        governed = "FieldPermissions" in self._objects
        governed = governed and name not in access.SECURITY_OBJECTS
        if governed and user_id not in self._grants:
            self._grants[user_id] = access.granted(self, user_id)
        grants = self._grants.get(user_id, {})
        fields = [*props["fields"], *self._own_fields.get(name, ())]
        seen = access.visible_fields(name, fields, grants, self.switches)
        return Schema.build(name, props, seen)

    def _forget_if_changed(self) -> None:
        seen = access.fingerprint(self.switches)
        if seen != self._seen:
            self._seen = seen
            self._schemas.clear()

    def forget_access(self) -> None:
        """Work out anew what everybody sees (permissions have changed)."""
        self._schemas.clear()
        self._grants.clear()

    def permits(self, permission: str, user_id: str | None = None) -> bool:
        """Whether the user holds a permission such as `PermissionsApiEnabled`."""
        user = user_id or self.admin_user_id
        return access.user_permissions(self, user).get(permission, False)

    def add_field(self, sobject: str, props: Props) -> None:
        """A custom field; ApiError DUPLICATE_DEVELOPER_NAME if the name is taken."""
        with self.lock:
            name = self._names.get(sobject.lower())
            if name is None:
                raise not_found()
            taken = [*self._objects[name]["fields"], *self._own_fields.get(name, ())]
            if any(p["name"].lower() == props["name"].lower() for p in taken):
                message = (
                    f"There is already a field named {props['name'][:-3]} on "
                    f"{self._objects[name]['label']}."
                )
                raise ApiError(400, "DUPLICATE_DEVELOPER_NAME", message)
            self._own_fields.setdefault(name, []).append({**props, "custom": True})
            self._field_serials[f"{name}.{props['name']}"] = len(self._field_serials)
            if props["type"] == "boolean":
                self.table(name).defaults[props["name"]] = False
            self._schemas.clear()

    def replace_field(self, sobject: str, props: Props) -> None:
        """Another type, length or label for a custom field; its values stay."""
        with self.lock:
            fields = self._own_fields[self._names[sobject.lower()]]
            for place, old in enumerate(fields):
                if old["name"] == props["name"]:
                    fields[place] = {**props, "custom": True}
            self._schemas.clear()

    def field_id(self, sobject: str, name: str) -> str:
        """The id that the Tooling API gives a custom field, 00N…."""
        serial = self._field_serials.get(f"{sobject}.{name}", 0)
        return ids.make_id("00N", self.instance, serial + 1)

    def remove_field(self, sobject: str, name: str) -> None:
        """Drop a custom field; its values are gone."""
        with self.lock:
            owner = self._names[sobject.lower()]
            kept = [p for p in self._own_fields.get(owner, ()) if p["name"] != name]
            self._own_fields[owner] = kept
            self.table(owner).columns.pop(name, None)
            self._schemas.clear()

    def add_object(self, name: str, label: str, plural: str) -> None:
        """A custom object `Name__c` with the standard system fields."""
        with self.lock:
            if name.lower() in self._names:
                message = f"There is already an object named {name}."
                raise ApiError(400, "DUPLICATE_DEVELOPER_NAME", message)
            customs = sum(1 for each in self._objects if each.endswith("__c"))
            prefix = f"a{ids.base62(customs, 2)}"
            self._objects[name] = custom_object(prefix, label, plural)
            self._names[name.lower()] = name

    def field_props(self, sobject: str, name: str) -> Props | None:
        """A field whoever may see it, any case; None if there is none."""
        owner = self._names.get(sobject.lower())
        if owner is None:
            return None
        every = [*self._objects[owner]["fields"], *self._own_fields.get(owner, ())]
        return next((p for p in every if p["name"].lower() == name.lower()), None)

    def custom_fields(self) -> Mapping[str, list[Props]]:
        """Custom fields by object."""
        return self._own_fields

    @property
    def field_serials(self) -> Mapping[str, int]:
        """The number that each custom field got, by `Object.Field`."""
        return self._field_serials

    def custom_objects(self) -> list[tuple[str, str, str]]:
        """Name, label and plural of each custom object."""
        return [
            (name, props["label"], props["labelPlural"])
            for name, props in self._objects.items()
            if name.endswith("__c")
        ]

    # ------------------------------------------------------------------ records

    def table(self, sobject: str) -> Table:
        """The records of an object, by its exact name; no access rules.

        The rows of a virtual object are asked for anew each time.
        """
        if sobject in self.virtual:
            return self._virtual_table(sobject)
        found = self._tables.get(sobject)
        if found is None:
            found = self._tables[sobject] = self._empty_table(sobject)
            self._prefixes[found.key_prefix] = sobject
        return found

    def tables(self) -> Mapping[str, Table]:
        """All tables that have ever been used."""
        return self._tables

    def _empty_table(self, sobject: str) -> Table:
        props = self._objects[sobject]
        fields = [*props["fields"], *self._own_fields.get(sobject, ())]
        defaults: dict[str, Any] = {
            each["name"]: False for each in fields if each["type"] == "boolean"
        }
        for name in ("OwnerId", "CreatedById", "LastModifiedById"):
            defaults[name] = self.admin_user_id
        return Table(
            props["keyPrefix"] or _NO_PREFIX, self.instance, defaults, self.journal
        )

    def _virtual_table(self, sobject: str) -> Table:
        table = self._empty_table(sobject)
        now = self.now()
        stamps = {"CreatedDate": now, "LastModifiedDate": now, "SystemModstamp": now}
        for row in self.virtual[sobject]():
            slot = table.append({**stamps, **row})
            if "Id" in row:
                table.hide_ids = row["Id"] is None
                table.ids[slot] = str(row["Id"])
        return table

    def now(self) -> int:
        """Whole epoch seconds by the server's clock."""
        return timestamps.seconds_of(self.clock.now())

    def locate(self, record_id: str) -> tuple[str, int] | None:
        """Object and slot of an 18-character id, whatever object it belongs to."""
        sobject = self._prefixes.get(record_id[:3])
        table = None if sobject is None else self._tables.get(sobject)
        slot = None if table is None else table.slot(record_id)
        return None if sobject is None or slot is None else (sobject, slot)

    def read_value(self, record_id: str, name: str) -> Any:
        """One stored value of one record, None if there is no such record."""
        found = self.locate(record_id)
        return None if found is None else self.value(*found, name)

    def value(self, sobject: str, slot: int, name: str) -> Any:
        """One value of one slot, also of fields that are put together."""
        table = self.table(sobject)
        if name in table.columns or name in table.defaults:
            return table.value(slot, name)
        return writes.computed(self, sobject, slot, name)

    def find(self, sobject: str, name: str, value: Any) -> list[str]:
        """Ids of the living records whose field has this value (for upserts)."""
        table = self.table(sobject)
        field = self.schema(sobject).fields[name]
        wanted = str(value).lower()
        slots = table.lookup(name).get(wanted, ())
        found = []
        for slot in slots:
            if slot in table.deleted or slot in table.purged:
                continue
            held = str(table.value(slot, name))
            same = held == str(value) if field.has("caseSensitive") else True
            if held.lower() == wanted and same:
                found.append(table.ids[slot])
        return found

    # ------------------------------------------------------------------ queries

    def query(
        self, text: str, *, include_deleted: bool = False, user_id: str | None = None
    ) -> QueryResult:
        """Run SOQL; ApiError MALFORMED_QUERY, INVALID_FIELD, INVALID_TYPE, …."""
        tree = soql.parse(text)
        with self.lock:
            self.empty_bin()
            return query.run(
                self, tree, include_deleted=include_deleted, user_id=user_id
            )

    def run(
        self, tree: soql.Query, text: str, *, user_id: str | None = None
    ) -> QueryResult:
        """Run a nested query of the query `text`."""
        return query.run(self, tree, include_deleted=False, user_id=user_id, text=text)

    def empty_bin(self) -> None:
        """Purge what has been in the recycle bin for more than 15 days."""
        oldest = self.now() - BIN_DAYS * 86_400
        for table in self._tables.values():
            for slot, when in table.deleted.items():
                if when < oldest:
                    table.purge(slot)

    # ------------------------------------------------------------------- writes

    def insert(
        self, sobject: str, values: Mapping[str, Any], user_id: str | None = None
    ) -> str:
        """Create a record and give its id; RowError when it is refused."""
        with self.lock:
            self.row_faults.check(sobject)
            return writes.insert(self, sobject, values, user_id)

    def update(
        self,
        sobject: str,
        record_id: str,
        values: Mapping[str, Any],
        user_id: str | None = None,
    ) -> None:
        """Change a record; RowError when it is refused."""
        with self.lock:
            self.row_faults.check(sobject, record_id)
            writes.update(self, sobject, record_id, values, user_id)

    def delete(self, sobject: str, record_id: str, user_id: str | None = None) -> None:
        """Move a record, and what hangs on it, to the recycle bin."""
        with self.lock:
            self.row_faults.check(sobject, record_id)
            lifecycle.delete(self, sobject, record_id, user_id)

    def hard_delete(
        self, sobject: str, record_id: str, user_id: str | None = None
    ) -> None:
        """Delete past the recycle bin: the record never shows again."""
        with self.lock:
            self.row_faults.check(sobject, record_id)
            lifecycle.hard_delete(self, sobject, record_id, user_id)

    def undelete(
        self, sobject: str, record_id: str, user_id: str | None = None
    ) -> None:
        """Take a record out of the recycle bin, with what was deleted with it."""
        with self.lock:
            lifecycle.undelete(self, sobject, record_id, user_id)

    def upsert(
        self,
        sobject: str,
        ext_field: str,
        ext_value: Any,
        values: Mapping[str, Any],
        user_id: str | None = None,
        update_only: bool = False,
    ) -> tuple[str, bool]:
        """Create or update by an external id or `Id`; (id, created).

        RowError DUPLICATE_EXTERNAL_ID when several records have the value: its
        `fields` are their ids.
        """
        with self.lock:
            self.row_faults.check(sobject)
            return writes.upsert(
                self, sobject, ext_field, ext_value, values, user_id, update_only
            )

    def bulk_load(
        self,
        sobject: str,
        rows: Iterable[Mapping[str, Any]],
        *,
        last_modified: Iterable[int] | None = None,
    ) -> list[str]:
        """Records as they are given, without checks (seeding); their ids.

        Datetimes are epoch seconds; `last_modified` gives all three stamps of each
        row that has none itself.
        """
        table = self.table(sobject)
        now = self.now()
        moments = iter(last_modified or ())
        loaded = []
        with self.lock:
            for row in rows:
                moment = next(moments, now)
                stamps = dict.fromkeys(
                    ("CreatedDate", "LastModifiedDate", "SystemModstamp"), moment
                )
                slot = table.append({**stamps, **row})
                loaded.append(table.ids[slot])
            if sobject in access.SECURITY_OBJECTS:
                self.forget_access()
        return loaded

    # -------------------------------------------------------------------- state

    def save(self, directory: Path) -> None:
        """Write the whole org to `directory`, atomically."""
        # Only those who keep a state directory pay for reading this module.
        from haihai_tui.sandbox.salesforce import persistence

        with self.lock:
            persistence.save(self, directory)

    def version(self) -> tuple[int, ...]:
        """Differs once records or fields have changed."""
        with self.lock:
            tables = self._tables.values()
            return (
                sum(table.changes for table in tables),
                sum(len(table.deleted) - len(table.purged) for table in tables),
                sum(len(fields) for fields in self._own_fields.values()),
                len(self.custom_objects()),
            )

    def become(self, state: Mapping[str, Any]) -> None:
        """Take the identity and the schema that `save` wrote; drop all records."""
        self.seed = state["seed"]
        self.instance = state["instance"]
        self.org_id = state["org_id"]
        self.admin_user_id = state["admin_user_id"]
        self.definitions = dict(state["definitions"])
        self._tables.clear()
        for name, label, plural in state["objects"]:
            self.add_object(name, label, plural)
        self._own_fields = {name: list(each) for name, each in state["fields"].items()}
        self._field_serials = dict(state["field_serials"])
        self.forget_access()

    def load(self, directory: Path) -> bool:
        """Read what `save` wrote; False if there is nothing."""
        from haihai_tui.sandbox.salesforce import persistence  # as in `save`

        with self.lock:
            return persistence.load(self, directory)
