"""Single records by REST: create, read, update, delete, upsert, updated, deleted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from haihai_tui.sandbox.salesforce import ids, timestamps, validation
from haihai_tui.sandbox.salesforce.calls import Call, Reply, Route
from haihai_tui.sandbox.salesforce.columns import Reader
from haihai_tui.sandbox.salesforce.errors import ApiError, RowError, not_found
from haihai_tui.sandbox.salesforce.org import BIN_DAYS, Org
from haihai_tui.sandbox.salesforce.schema import Field, Schema
from haihai_tui.sandbox.salesforce.soql import Path

_STATUS = {
    "ENTITY_IS_DELETED": 404,
    "NOT_FOUND": 404,
    "INSUFFICIENT_ACCESS_OR_READONLY": 403,
    "INSUFFICIENT_ACCESS": 403,
}
_PLAIN_CODES = frozenset({"NOT_FOUND", "ENTITY_IS_DELETED", "INVALID_FIELD"})
_UPDATED_DAYS = 30
_MOST_IDS = 600_000


def as_api_error(error: RowError) -> ApiError:
    """A refused record as the answer to a request for that record alone."""
    fields = None if error.code in _PLAIN_CODES else error.fields
    return ApiError(_STATUS.get(error.code, 400), error.code, error.message, fields)


def no_external_id(name: str) -> ApiError:
    """404 for a path part that is neither an id nor a key field."""
    return ApiError(
        404,
        "NOT_FOUND",
        f"Provided external ID field does not exist or is not accessible: {name}",
    )


def record_values(body: Mapping[str, Any]) -> dict[str, Any]:
    """A record's fields without its `attributes`."""
    return {name: value for name, value in body.items() if name != "attributes"}


def take(values: dict[str, Any], name: str) -> Any:
    """Remove a field, whatever its case; None where it is not."""
    found = next((key for key in values if key.lower() == name.lower()), None)
    return None if found is None else values.pop(found)


class Records:
    """The routes below `/sobjects/X`."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def routes(self) -> list[Route]:
        one, key = "sobjects/{sobject}/{id}", "sobjects/{sobject}/{field}/{value}"
        return [
            ("POST", "sobjects/{sobject}", self.create),
            ("GET", "sobjects/{sobject}/updated", self.updated),
            ("GET", "sobjects/{sobject}/deleted", self.deleted),
            ("GET", one, self.read),
            ("PATCH", one, self.update),
            ("DELETE", one, self.delete),
            ("GET", key, self.read_by_key),
            ("PATCH", key, self.upsert),
            ("DELETE", key, self.delete_by_key),
        ]

    # ------------------------------------------------------------------ reading

    def read(self, call: Call) -> Reply:
        schema = self._schema(call)
        record_id = self._living(schema, call.args["id"])
        return Reply(body=self._record(call, schema, record_id))

    def read_by_key(self, call: Call) -> Reply:
        schema = self._schema(call)
        found = self._by_key(schema, call)
        if not found:
            raise not_found()
        if len(found) > 1:
            return self._choices(call, schema, found)
        return Reply(body=self._record(call, schema, found[0]))

    def _record(self, call: Call, schema: Schema, record_id: str) -> dict[str, Any]:
        names = call.query.get("fields", "")
        wanted = [name.strip() for name in names.split(",") if name.strip()]
        fields = [self._field(schema, name) for name in wanted]
        return self.record(call, schema, record_id, fields or [*schema.fields.values()])

    def record(
        self, call: Call, schema: Schema, record_id: str, fields: list[Field]
    ) -> dict[str, Any]:
        """One record as JSON, `attributes` first."""
        table = self._org.table(schema.name)
        slot = table.slot(record_id)
        assert slot is not None
        url = call.url(f"sobjects/{schema.name}/{record_id}")
        record: dict[str, Any] = {"attributes": {"type": schema.name, "url": url}}
        reader = Reader(self._org, schema.name, call.user_id, "")
        for field in fields:
            column = reader.column(Path((field.name,), 0))
            record[field.name] = column.show()(slot)
        return record

    def _field(self, schema: Schema, name: str) -> Field:
        found = schema.find(name)
        if found is None:
            message = f"No such column '{name}' on sobject of type {schema.name}"
            raise ApiError(400, "INVALID_FIELD", message)
        return found

    # ------------------------------------------------------------------ writing

    def create(self, call: Call) -> Reply:
        schema = self._schema(call)
        values = self._values(schema, call, "Id")
        try:
            made = self._org.insert(schema.name, values, call.user_id)
        except RowError as error:
            raise as_api_error(error) from None
        url = call.url(f"sobjects/{schema.name}/{made}")
        return Reply(
            201, {"id": made, "success": True, "errors": []}, {"Location": url}
        )

    def update(self, call: Call) -> Reply:
        schema = self._schema(call)
        values = self._values(schema, call, "Id")
        record_id = self._living(schema, call.args["id"])
        try:
            self._org.update(schema.name, record_id, values, call.user_id)
        except RowError as error:
            raise as_api_error(error) from None
        return Reply(204)

    def delete(self, call: Call) -> Reply:
        schema = self._schema(call)
        return self._delete(call, schema, self._living(schema, call.args["id"]))

    def delete_by_key(self, call: Call) -> Reply:
        schema = self._schema(call)
        found = self._by_key(schema, call)
        if not found:
            raise not_found()
        if len(found) > 1:
            return self._choices(call, schema, found)
        return self._delete(call, schema, found[0])

    def _delete(self, call: Call, schema: Schema, record_id: str) -> Reply:
        try:
            self._org.delete(schema.name, record_id, call.user_id)
        except RowError as error:
            raise as_api_error(error) from None
        return Reply(204)

    def upsert(self, call: Call) -> Reply:
        schema = self._schema(call)
        field = self._key_field(schema, call)
        values = self._values(schema, call, field.name)
        update_only = call.query.get("updateOnly", "").lower() == "true"
        try:
            made, created = self._org.upsert(
                schema.name,
                field.name,
                call.args["value"],
                values,
                call.user_id,
                update_only,
            )
        except RowError as error:
            if error.code == "DUPLICATE_EXTERNAL_ID":
                return self._choices(call, schema, error.fields)
            raise as_api_error(error) from None
        if not created and float(call.version) < 46:
            return Reply(204)
        body = {"id": made, "success": True, "errors": [], "created": created}
        url = call.url(f"sobjects/{schema.name}/{made}")
        return Reply(
            201 if created else 200, body, {"Location": url} if created else {}
        )

    def _choices(self, call: Call, schema: Schema, found: list[str]) -> Reply:
        urls = [call.url(f"sobjects/{schema.name}/{each}") for each in found]
        return Reply(300, urls)

    # ---------------------------------------------------------------- arguments

    def _schema(self, call: Call) -> Schema:
        return self._org.schema(call.args["sobject"], call.user_id)

    def _key_field(self, schema: Schema, call: Call) -> Field:
        field = schema.find(call.args["field"])
        if field is None or not field.is_lookup_key:
            raise no_external_id(call.args["field"])
        return field

    def _by_key(self, schema: Schema, call: Call) -> list[str]:
        field = self._key_field(schema, call)
        if field.name == "Id":
            return [self._living(schema, call.args["value"])]
        return self._org.find(schema.name, field.name, call.args["value"])

    def _values(self, schema: Schema, call: Call, forbidden: str) -> dict[str, Any]:
        values = record_values(call.object())
        for name in values:
            if name.lower() in ("id", forbidden.lower()):
                message = (
                    f"The {name} field should not be specified in the sobject data."
                )
                raise ApiError(400, "INVALID_FIELD", message)
        plain = {n: v for n, v in values.items() if schema.parent(n) is None}
        validation.check_json_types(schema, plain)
        return values

    def _living(self, schema: Schema, text: str) -> str:
        """The 18-character id of a living record, else the fitting 404 or 400."""
        full = ids.normalise(text)
        if full is None:
            raise no_external_id(text)
        table = self._org.table(schema.name)
        if full[:3] != table.key_prefix:
            wrong = validation.wrong_id(f"{schema.label} ID", text, "Id")
            raise as_api_error(wrong)
        slot = table.slot(full)
        if slot is None:
            raise not_found()
        if slot in table.deleted:
            raise ApiError(404, "ENTITY_IS_DELETED", "entity is deleted")
        return full

    # -------------------------------------------------------------- replication

    def updated(self, call: Call) -> Reply:
        schema = self._schema(call)
        start, end = self._window(call, _UPDATED_DAYS)
        table = self._org.table(schema.name)
        stamps = table.columns["SystemModstamp"]
        found = [
            table.ids[slot] for slot in table.slots() if start <= stamps[slot] < end
        ]
        self._check_count(len(found))
        covered = timestamps.show(min(end, self._org.now() // 60 * 60))
        return Reply(body={"ids": found, "latestDateCovered": covered})

    def deleted(self, call: Call) -> Reply:
        schema = self._schema(call)
        start, end = self._window(call, BIN_DAYS)
        self._org.empty_bin()
        table = self._org.table(schema.name)
        kept = {s: when for s, when in table.deleted.items() if s not in table.purged}
        found = [
            {"id": table.ids[slot], "deletedDate": timestamps.show(when)}
            for slot, when in sorted(kept.items())
            if start <= when < end
        ]
        self._check_count(len(found))
        now = self._org.now()
        earliest = min(kept.values(), default=now - BIN_DAYS * 86_400)
        return Reply(
            body={
                "deletedRecords": found,
                "earliestDateAvailable": timestamps.show(earliest // 60 * 60),
                "latestDateCovered": timestamps.show(min(end, now // 60 * 60)),
            }
        )

    def _window(self, call: Call, days: int) -> tuple[int, int]:
        """Start and end in whole minutes; ApiError INVALID_REPLICATION_DATE."""
        bounds = []
        for name in ("start", "end"):
            # A plus that was not encoded arrives as a blank.
            text = call.query.get(name, "").replace(" ", "+")
            seconds = timestamps.parse(text)
            if seconds is None:
                message = f"{name}: value not of required type: {text}"
                raise ApiError(400, "INVALID_REPLICATION_DATE", message)
            bounds.append(seconds // 60 * 60)
        start, end = bounds
        oldest = self._org.clock.now() - timedelta(days=days, minutes=1)
        if start >= end:
            message = "start date must be before end date"
            raise ApiError(400, "INVALID_REPLICATION_DATE", message)
        if start < timestamps.seconds_of(oldest):
            message = f"start date is more than {days} days ago"
            raise ApiError(400, "INVALID_REPLICATION_DATE", message)
        return start, end

    def _check_count(self, count: int) -> None:
        if count > _MOST_IDS:
            message = f"more than {_MOST_IDS} ids; use a smaller window"
            raise ApiError(400, "EXCEEDED_ID_LIMIT", message)
