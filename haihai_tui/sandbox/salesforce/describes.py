"""Descriptions of objects, and what the org is willing to say about itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from haihai_tui.sandbox.salesforce import timestamps
from haihai_tui.sandbox.salesforce.calls import Call, Reply, Route
from haihai_tui.sandbox.salesforce.limits import Usage, limits
from haihai_tui.sandbox.salesforce.org import Org
from haihai_tui.sandbox.salesforce.schema import Field, Schema

_RESOURCES = (
    "tooling", "metadata", "eclair", "folders", "prechatForms", "chatter", "tabs",
    "appMenu", "quickActions", "queryAll", "commerce", "wave", "iot", "search",
    "identity", "composite", "parameterizedSearch", "theme", "nouns", "event",
    "recent", "connect", "licensing", "limits", "process", "jobs", "match", "sobjects",
    "analytics", "query",
)  # fmt: skip
_RECENT = 5


class Describes:
    """Resource map, limits, record counts, global and object descriptions."""

    def __init__(self, org: Org, usage: Usage) -> None:
        self._org = org
        self._usage = usage
        self._changed: dict[str, tuple[str, int]] = {}

    def routes(self) -> list[Route]:
        return [
            ("GET", "", self.resources),
            ("GET", "limits", self.limits),
            ("GET", "limits/recordCount", self.record_count),
            ("GET", "sobjects", self.everything),
            ("GET", "sobjects/{sobject}", self.basic),
            ("GET", "sobjects/{sobject}/describe", self.describe),
        ]

    def resources(self, call: Call) -> Reply:
        return Reply(body={name: call.url(name) for name in _RESOURCES})

    def limits(self, call: Call) -> Reply:
        return Reply(body=limits(self._usage))

    def record_count(self, call: Call) -> Reply:
        wanted = call.query.get("sObjects", "")
        names = [name.strip() for name in wanted.split(",") if name.strip()]
        counts = []
        for name in names or self._org.sobjects():
            if self._org.has(name):
                schema = self._org.schema(name, call.user_id)
                count = len(self._org.table(schema.name).slots())
                if count:
                    counts.append({"count": count, "name": schema.name})
        return Reply(body={"sObjects": counts})

    def everything(self, call: Call) -> Reply:
        schemas = [self._org.schema(n, call.user_id) for n in self._org.sobjects()]
        prints = "".join(schema.fingerprint() for schema in schemas)
        return self._unless_unchanged(
            call,
            "",
            hashlib.sha256(prints.encode()).hexdigest()[:8],
            lambda: {
                "encoding": "UTF-8",
                "maxBatchSize": 200,
                "sobjects": [
                    schema.describe_global(call.version) for schema in schemas
                ],
            },
        )

    def basic(self, call: Call) -> Reply:
        schema = self._org.schema(call.args["sobject"], call.user_id)
        table = self._org.table(schema.name)
        recent = sorted(table.slots()[-_RECENT:], reverse=True)
        items = [self._recent_item(call, schema, slot) for slot in recent]
        return Reply(
            body={
                "objectDescribe": schema.describe_global(call.version),
                "recentItems": items,
            }
        )

    def _recent_item(self, call: Call, schema: Schema, slot: int) -> dict[str, Any]:
        record_id = self._org.table(schema.name).ids[slot]
        url = call.url(f"sobjects/{schema.name}/{record_id}")
        item = {"attributes": {"type": schema.name, "url": url}, "Id": record_id}
        if schema.name_field is not None:
            name = schema.name_field.name
            item[name] = self._org.value(schema.name, slot, name)
        return item

    def describe(self, call: Call) -> Reply:
        schema = self._org.schema(call.args["sobject"], call.user_id)
        return self._unless_unchanged(
            call,
            schema.name,
            schema.fingerprint(),
            lambda: schema.describe(call.version, self._children(schema, call)),
        )

    def _children(self, schema: Schema, call: Call) -> Iterator[tuple[Schema, Field]]:
        for name in self._org.sobjects():
            child = self._org.schema(name, call.user_id)
            for field in child.fields.values():
                if schema.name in field.targets:
                    yield child, field

    def _unless_unchanged(
        self, call: Call, name: str, fingerprint: str, body: Any
    ) -> Reply:
        """200 with ETag and Last-Modified, or 304."""
        before = self._changed.get(name)
        if before is None or before[0] != fingerprint:
            # Before the first change, the description is as old as the process.
            self._changed[name] = before = (fingerprint, self._org.now())
        changed = before[1]
        moment = format_datetime(timestamps.moment(changed), usegmt=True)
        etag = f'"{fingerprint}--gzip"'
        headers = {"ETag": etag, "Last-Modified": moment}
        if call.headers.get("if-none-match") in (etag, f"W/{etag}"):
            return Reply(304, headers=headers)
        since = call.headers.get("if-modified-since")
        if since is not None and _is_not_newer(changed, since):
            return Reply(304, headers=headers)
        return Reply(body=body(), headers=headers)


def _is_not_newer(changed: int, since: str) -> bool:
    try:
        return changed <= int(parsedate_to_datetime(since).timestamp())
    except ValueError:
        return False
