"""`/composite/sobjects`: up to 200 records a call, each with its own result.

The answer is 200 even when every record is refused, and a refused record says
`statusCode` where a refused request says `errorCode`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from haihai_tui.sandbox.salesforce import ids, validation
from haihai_tui.sandbox.salesforce.calls import Call, Reply, Route
from haihai_tui.sandbox.salesforce.errors import ApiError, RowError
from haihai_tui.sandbox.salesforce.journal import Rollback
from haihai_tui.sandbox.salesforce.org import Org
from haihai_tui.sandbox.salesforce.records import (
    Records,
    no_external_id,
    record_values,
    take,
)

MOST = 200
_ROLLED_BACK = RowError(
    "ALL_OR_NONE_OPERATION_ROLLED_BACK",
    "Record rolled back because not all records were valid and the request was using "
    "AllOrNone header",
)
_ATTRIBUTES_FIRST = (
    "Nested object for polymorphic foreign key must have an attributes field before "
    "any other fields."
)

Work = Callable[[], dict[str, Any]]


def failure(error: RowError) -> dict[str, Any]:
    """One refused record."""
    return {
        "success": False,
        "errors": [
            {
                "statusCode": error.code,
                "message": error.message,
                "fields": error.fields,
            }
        ],
    }


def success(record_id: str) -> dict[str, Any]:
    """One record written."""
    return {"id": record_id, "success": True, "errors": []}


class Collections:
    """The four collection calls, and reading several records by id."""

    def __init__(self, org: Org) -> None:
        self._org = org

    def routes(self) -> list[Route]:
        base = "composite/sobjects"
        return [
            ("POST", base, self.create),
            ("PATCH", base, self.update),
            ("DELETE", base, self.delete),
            ("GET", f"{base}/{{sobject}}", self.retrieve_by_url),
            ("POST", f"{base}/{{sobject}}", self.retrieve_by_body),
            ("PATCH", f"{base}/{{sobject}}/{{field}}", self.upsert),
        ]

    # ------------------------------------------------------------------ writing

    def create(self, call: Call) -> Reply:
        records, all_or_none = self._records(call)

        def work(record: Mapping[str, Any]) -> dict[str, Any]:
            sobject = record["attributes"]["type"]
            values = record_values(record)
            return success(self._org.insert(sobject, values, call.user_id))

        return self._results([_bound(work, each) for each in records], all_or_none)

    def update(self, call: Call) -> Reply:
        records, all_or_none = self._records(call)

        def work(record: Mapping[str, Any]) -> dict[str, Any]:
            values = record_values(record)
            given = take(values, "Id")
            if not given:
                message = "Id not specified in an update call"
                raise RowError("MISSING_ARGUMENT", message)
            sobject = record["attributes"]["type"]
            self._org.update(sobject, str(given), values, call.user_id)
            return success(str(ids.normalise(str(given))))

        return self._results([_bound(work, each) for each in records], all_or_none)

    def upsert(self, call: Call) -> Reply:
        records, all_or_none = self._records(call)
        sobject = call.args["sobject"]
        schema = self._org.schema(sobject, call.user_id)
        field = schema.find(call.args["field"])
        if field is None or not field.is_lookup_key:
            raise no_external_id(call.args["field"])
        repeated = _repeated(records, field.name)

        def work(record: Mapping[str, Any]) -> dict[str, Any]:
            values = record_values(record)
            key = take(values, field.name)
            if key in repeated:
                message = f"Duplicate external id specified: {key}"
                raise RowError("DUPLICATE_VALUE", message, [field.name])
            made, created = self._org.upsert(
                schema.name, field.name, key, values, call.user_id
            )
            return success(made) | {"created": created}

        works = [_bound(work, each) for each in records]
        return self._results(works, all_or_none, created=all_or_none)

    def delete(self, call: Call) -> Reply:
        given = [one for one in call.query.get("ids", "").split(",") if one]
        _check_count(len(given))
        all_or_none = call.query.get("allOrNone", "").lower() == "true"

        def work(text: str) -> dict[str, Any]:
            full = ids.normalise(text)
            if full is None:
                raise RowError("MALFORMED_ID", f"malformed id {text}")
            found = self._org.locate(full)
            if found is None:
                raise RowError(
                    "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"
                )
            self._org.delete(found[0], full, call.user_id)
            return success(full)

        return self._results([_bound(work, each) for each in given], all_or_none)

    def _results(
        self, works: list[Work], all_or_none: bool, *, created: bool | None = None
    ) -> Reply:
        """Do the work of every record; with `all_or_none`, all or nothing.

        `created` is what an upsert says of every record once it is rolled back.
        """
        results: list[dict[str, Any]] = []
        failed: set[int] = set()

        def run() -> None:
            for place, work in enumerate(works):
                try:
                    results.append(work())
                except RowError as error:
                    failed.add(place)
                    results.append(failure(error))
                    if created is not None:
                        results[-1]["created"] = False

        with self._org.lock:
            if not all_or_none:
                run()
                return Reply(body=results)
            with self._org.journal.transaction():
                run()
                if failed:
                    raise Rollback
        if failed:
            for place in range(len(results)):
                if place not in failed:
                    results[place] = failure(_ROLLED_BACK)
                if created is not None:
                    results[place]["created"] = created
        return Reply(body=results)

    # ---------------------------------------------------------------- arguments

    def _records(self, call: Call) -> tuple[list[dict[str, Any]], bool]:
        body = call.object()
        records = body.get("records")
        if not isinstance(records, list) or not all(
            isinstance(r, dict) for r in records
        ):
            message = "Missing required field: records"
            raise ApiError(400, "JSON_PARSER_ERROR", message)
        _check_count(len(records))
        for record in records:
            attributes = record.get("attributes")
            first = next(iter(record), None) == "attributes"
            if not first or not isinstance(attributes, dict):
                raise ApiError(400, "JSON_PARSER_ERROR", _ATTRIBUTES_FIRST)
            name = str(attributes.get("type", call.args.get("sobject", "")))
            if not self._org.has(name):
                message = f"sObject type '{name}' is not supported."
                raise ApiError(400, "INVALID_TYPE", message)
            attributes["type"] = name
            schema = self._org.schema(name, call.user_id)
            plain = {
                key: value
                for key, value in record_values(record).items()
                if schema.parent(key) is None
            }
            validation.check_json_types(schema, plain)
        return records, body.get("allOrNone") is True

    # ------------------------------------------------------------------ reading

    def retrieve_by_url(self, call: Call) -> Reply:
        given = [one for one in call.query.get("ids", "").split(",") if one]
        fields = [one for one in call.query.get("fields", "").split(",") if one]
        return self._retrieve(call, given, fields)

    def retrieve_by_body(self, call: Call) -> Reply:
        body = call.object()
        return self._retrieve(
            call, list(body.get("ids", ())), list(body.get("fields", ()))
        )

    def _retrieve(self, call: Call, given: list[str], names: list[str]) -> Reply:
        schema = self._org.schema(call.args["sobject"], call.user_id)
        fields = []
        for name in names:
            field = schema.find(name)
            if field is None:
                message = f"No such column '{name}' on sobject of type {schema.name}"
                raise ApiError(400, "INVALID_FIELD", message)
            fields.append(field)
        table = self._org.table(schema.name)
        reader = Records(self._org)
        found: list[dict[str, Any] | None] = []
        for text in given:
            full = ids.normalise(text)
            slot = None if full is None else table.slot(full)
            if full is None or slot is None or slot in table.deleted:
                found.append(None)
            else:
                found.append(reader.record(call, schema, full, fields))
        return Reply(body=found)


def _bound(work: Callable[[Any], dict[str, Any]], record: Any) -> Work:
    return lambda: work(record)


def _check_count(count: int) -> None:
    if count > MOST:
        message = (
            f"record limit reached. cannot submit more than {MOST} "
            "records into this call"
        )
        raise ApiError(400, "EXCEEDED_ID_LIMIT", message)


def _repeated(records: list[dict[str, Any]], name: str) -> set[Any]:
    seen: set[Any] = set()
    repeated: set[Any] = set()
    for record in records:
        key = take(dict(record), name)
        if key in seen and key is not None:
            repeated.add(key)
        seen.add(key)
    return repeated
