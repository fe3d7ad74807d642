"""The imitated org as one ASGI application."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from haihai_tui.sandbox.salesforce import bulk_ingest, bulk_query, oauth
from haihai_tui.sandbox.salesforce.apps import APP_NAME, AppRegistry
from haihai_tui.sandbox.salesforce.context import Context
from haihai_tui.sandbox.salesforce.cursors import Cursors
from haihai_tui.sandbox.salesforce.edge import Edge
from haihai_tui.sandbox.salesforce.errors import ApiError
from haihai_tui.sandbox.salesforce.limits import Usage
from haihai_tui.sandbox.salesforce.org import Org
from haihai_tui.sandbox.salesforce.orgcontrol import OrgControl
from haihai_tui.sandbox.salesforce.rest import Rest, on_api_error, on_defect
from haihai_tui.sandbox.salesforce.sessions import Sessions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from haihai_tui.sandbox.control import Control

CALLBACK_URL = "http://localhost:8711/sflogged"


def build_context(
    org: Org, control: Control, callback_url: str = CALLBACK_URL
) -> Context:
    """Registered apps and sessions around `org`, which takes on the switches."""
    org.switches = control.switches
    return Context(org, control, AppRegistry(org, callback_url), Sessions(org))


def build_app(
    org: Org,
    control: Control,
    callback_url: str = CALLBACK_URL,
    *,
    context: Context | None = None,
) -> ASGIApp:
    """The whole server: OAuth, REST, Bulk and control calls, behind the edge.

    Give `context` (from `build_context`) to keep hold of apps and sessions.
    """
    ctx = context or build_context(org, control, callback_url)
    org.virtual["OauthToken"] = lambda: _tokens(ctx)
    org.virtual["ConnectedApplication"] = lambda: _connected_apps(ctx)
    cursors, usage = Cursors(org), Usage(org)
    routes: list[BaseRoute] = [
        *control.routes(),
        *OrgControl(org, cursors, usage).routes(),
        *oauth.routes(ctx),
        *bulk_query.routes(ctx),
        *bulk_ingest.routes(ctx),
        *Rest(ctx, cursors, usage).routes(),
    ]
    handlers = {ApiError: on_api_error, Exception: on_defect}
    inner = Starlette(routes=routes, exception_handlers=handlers)
    # A slash too many is answered, never redirected.
    inner.router.redirect_slashes = False
    return control.wrap(Edge(inner, org, usage, APP_NAME))


def _tokens(ctx: Context) -> Iterator[Mapping[str, Any]]:
    for token in ctx.sessions.oauth_tokens():
        app = ctx.apps.get(token["ClientId"])
        row = {key: value for key, value in token.items() if key != "ClientId"}
        for stamp in ("LastUsedDate", "CreatedDate"):
            row[stamp] = int(row[stamp])
        yield {**row, "AppName": token["ClientId"] if app is None else app.name}


def _connected_apps(ctx: Context) -> Iterator[Mapping[str, Any]]:
    for app in ctx.apps:
        yield {
            "Name": app.name,
            "OptionsAllowAdminApprovedUsersOnly": app.approved_users is not None,
        }
