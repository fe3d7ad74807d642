"""Control calls of the org: what other people would do to records and schema.

Not part of the imitation.  Writes go through the same rules as everybody's, but
may set the stamps: a record that shows up late with an older `SystemModstamp` is
what a long transaction leaves behind.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from haihai_tui.sandbox.control import PREFIX
from haihai_tui.sandbox.salesforce import ids, lifecycle, seed, timestamps
from haihai_tui.sandbox.salesforce.cursors import Cursors
from haihai_tui.sandbox.salesforce.errors import ApiError, RowError
from haihai_tui.sandbox.salesforce.limits import Usage
from haihai_tui.sandbox.salesforce.org import Org
from haihai_tui.sandbox.salesforce.tooling import field_from_metadata

if TYPE_CHECKING:
    from collections.abc import Callable

_STAMPS = ("SystemModstamp", "LastModifiedDate", "CreatedDate")


class OrgControl:
    """`/_sandbox/` calls that need the org."""

    def __init__(self, org: Org, cursors: Cursors, usage: Usage) -> None:
        self._org = org
        self._cursors = cursors
        self._usage = usage

    def routes(self) -> list[BaseRoute]:
        calls: dict[str, Callable[[Any], Any]] = {
            "records": self.records,
            "fields": self.fields,
            "objects": self.objects,
            "listviews": self.list_views,
            "reports": self.reports,
            "cursors/expire": self.expire_cursors,
            "api-usage": self.api_usage,
        }
        return [
            Route(f"{PREFIX}/{path}", _endpoint(act), methods=["POST"])
            for path, act in calls.items()
        ]

    # ------------------------------------------------------------------ records

    def records(self, body: Any) -> Any:
        """One operation, or a list of them; what each one made."""
        if isinstance(body, list):
            with self._org.lock:
                return [self._operation(each) for each in body]
        return self._operation(body)

    def _operation(self, body: Mapping[str, Any]) -> dict[str, Any]:
        operations: dict[str, Callable[[str, Mapping[str, Any]], dict[str, Any]]] = {
            "insert": self._insert,
            "update": self._update,
            "delete": self._delete,
            "undelete": self._undelete,
            "purge": self._purge,
            "merge": self._merge,
            "convert": self._convert,
        }
        act = operations[body["operation"]]
        with self._org.lock:
            return act(str(body["object"]), body)

    def _insert(self, sobject: str, body: Mapping[str, Any]) -> dict[str, Any]:
        values, stamps = _split(body.get("values", {}))
        made = self._org.insert(sobject, values)
        self._stamp(sobject, made, stamps)
        return {"id": made}

    def _update(self, sobject: str, body: Mapping[str, Any]) -> dict[str, Any]:
        values, stamps = _split(body.get("values", {}))
        changed = self._ids(sobject, body)
        for each in changed:
            self._org.update(sobject, each, values)
            self._stamp(sobject, each, stamps)
        return {"ids": changed}

    def _delete(self, sobject: str, body: Mapping[str, Any]) -> dict[str, Any]:
        gone = self._ids(sobject, body)
        for each in gone:
            self._org.delete(sobject, each)
        return {"ids": gone}

    def _undelete(self, sobject: str, body: Mapping[str, Any]) -> dict[str, Any]:
        back = self._ids(sobject, body)
        for each in back:
            self._org.undelete(sobject, each)
        return {"ids": back}

    def _purge(self, sobject: str, body: Mapping[str, Any]) -> dict[str, Any]:
        gone = self._ids(sobject, body)
        for each in gone:
            self._org.hard_delete(sobject, each)
        return {"ids": gone}

    def _merge(self, sobject: str, body: Mapping[str, Any]) -> dict[str, Any]:
        master = str(ids.normalise(body["id"]))
        losers = [str(ids.normalise(each)) for each in body["losers"]]
        for loser in losers:
            lifecycle.merge(self._org, sobject, master, loser)
        return {"id": master}

    def _convert(self, sobject: str, body: Mapping[str, Any]) -> dict[str, Any]:
        converted = lifecycle.convert(
            self._org, str(ids.normalise(body["id"])), body.get("account_id")
        )
        return dict(converted)

    def _ids(self, sobject: str, body: Mapping[str, Any]) -> list[str]:
        """`id`, `ids`, or the records that meet the SOQL condition `where`."""
        if "where" in body:
            soql = f"SELECT Id FROM {sobject} WHERE {body['where']}"
            return [row[0] for row in self._org.query(soql).rows]
        given = body["ids"] if "ids" in body else [body["id"]]
        return [str(ids.normalise(each) or each) for each in given]

    def _stamp(self, sobject: str, record_id: str, stamps: Mapping[str, Any]) -> None:
        table = self._org.table(self._org.schema(sobject).name)
        slot = table.slot(record_id)
        assert slot is not None
        for name, text in stamps.items():
            seconds = timestamps.parse(str(text))
            if seconds is None:
                raise ValueError(f"{name}: not a datetime with zone: {text}")
            table.write(slot, name, seconds)

    # ------------------------------------------------------------------- schema

    def fields(self, body: Mapping[str, Any]) -> Any:
        """A custom field, visible at once, or `{"remove": "Contact.X__c"}`."""
        if "remove" in body:
            sobject, _, name = str(body["remove"]).partition(".")
            self._org.remove_field(sobject, name)
            return {"removed": body["remove"]}
        sobject, _, name = str(body["name"]).partition(".")
        metadata = {key: value for key, value in body.items() if key != "name"}
        self._org.add_field(sobject, field_from_metadata(name, metadata))
        self._grant(sobject, name)
        return {"name": body["name"]}

    def _grant(self, sobject: str, name: str) -> None:
        sets = self._org.table("PermissionSet")
        row = {
            "SobjectType": sobject,
            "Field": f"{sobject}.{name}",
            "PermissionsRead": True,
            "PermissionsEdit": True,
        }
        owned = [s for s in sets.slots() if sets.value(s, "IsOwnedByProfile")]
        rows = [{**row, "ParentId": sets.ids[slot]} for slot in owned]
        self._org.bulk_load("FieldPermissions", rows)

    def objects(self, body: Mapping[str, Any]) -> Any:
        """A custom object with a Name; fields follow by `/_sandbox/fields`."""
        name = str(body["name"])
        label = str(body.get("label", name.removesuffix("__c")))
        self._org.add_object(name, label, str(body.get("plural", label)))
        return {"name": name}

    def list_views(self, body: Mapping[str, Any]) -> Any:
        """A list view over the records that meet `where`."""
        return {"id": seed.add_list_view(self._org, *_view(body))}

    def reports(self, body: Mapping[str, Any]) -> Any:
        """A report over the records that meet `where`; `columns`, `filters`,
        `boolean` and `group_by` make it another than the usual one."""
        known = ("columns", "filters", "boolean", "group_by")
        more = {key: body[key] for key in known if key in body}
        return {"id": seed.add_report(self._org, *_view(body), **more)}

    # -------------------------------------------------------------------- limits

    def expire_cursors(self, body: Any) -> Any:
        """Every open query cursor is forgotten."""
        return {"expired": self._cursors.expire_all()}

    def api_usage(self, body: Mapping[str, Any]) -> Any:
        """Pretend that others made `use` calls."""
        self._usage.use(int(body["use"]))
        return {"used": self._usage.used, "most": self._usage.most}


def _split(values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    plain = {name: value for name, value in values.items() if name not in _STAMPS}
    return plain, {name: value for name, value in values.items() if name in _STAMPS}


def _view(body: Mapping[str, Any]) -> tuple[str, str, str, str]:
    name = str(body["name"])
    label = str(body.get("label", name))
    return str(body["object"]), name, label, str(body.get("where", ""))


def _endpoint(act: Callable[[Any], Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        try:
            body = await request.json() if await request.body() else {}
            answer = await run_in_threadpool(act, body)
        except ApiError as error:
            return JSONResponse(error.body(), 400)
        except (RowError, ValueError, TypeError, KeyError) as error:
            text = f"{type(error).__name__}: {error}"
            return JSONResponse({"error": text}, 400)
        return JSONResponse(answer)

    return endpoint
