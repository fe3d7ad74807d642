"""List views by REST, as far as an audience is taken from them."""

from __future__ import annotations

from typing import Any

from haihai_tui.errors import text
from haihai_tui.services.audience import Source
from haihai_tui.services.salesforce.errors import gave_up
from haihai_tui.services.salesforce.rest import QueryPage, Rest
from haihai_tui.services.salesforce.session import Session

_MOST = 200


class AudienceReader:
    """What the audience's preview asks the org; errors as for `Session`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._rest = Rest(session)

    def count(self, sobject: str, condition: str) -> int:
        return self._rest.count(sobject, condition)

    def query(self, soql: str) -> QueryPage:
        return self._rest.query(soql)

    def list_views(self, sobject: str) -> tuple[Source, ...]:
        """List views whose records SOQL can read, by label."""
        params = {"limit": str(_MOST)}
        found = self._json(f"/sobjects/{sobject}/listviews", params)
        views = (
            Source("listview", str(one["id"]), str(one["label"]))
            for one in found.get("listviews", ())
            if one.get("soqlCompatible", True)
        )
        return tuple(sorted(views, key=lambda view: view.label))

    def list_view_query(self, sobject: str, view: str) -> tuple[str, str]:
        """The SOQL behind a list view, and its scope (`everything`, `mine`, …)."""
        found = self._json(f"/sobjects/{sobject}/listviews/{view}/describe")
        return str(found.get("query") or ""), str(found.get("scope") or "")

    def objects(self) -> tuple[Source, ...]:
        """Objects that can be read and changed, by API name (the Source's `id`)."""
        found = self._json("/sobjects").get("sobjects", ())
        return tuple(
            Source("object", str(one["name"]), str(one.get("label") or ""))
            for one in sorted(found, key=lambda one: str(one["name"]))
            if one.get("queryable") and one.get("updateable")
        )

    def _json(
        self, resource: str, params: dict[str, str] | None = None
    ) -> dict[str, Any]:
        found = self._session.json("GET", resource, params=params)
        if not isinstance(found, dict):
            raise gave_up(text("Salesforce の応答の形が違います。"))
        return found
