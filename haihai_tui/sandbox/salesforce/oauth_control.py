"""Control calls of the sandbox that concern apps and tokens; no imitation."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from haihai_tui.sandbox.control import answer_json
from haihai_tui.sandbox.salesforce.codes import Codes

if TYPE_CHECKING:
    from haihai_tui.sandbox.salesforce.context import Context


def control_routes(ctx: Context, codes: Codes) -> list[BaseRoute]:
    """`/_sandbox/apps`, `/_sandbox/revoke`, `/_sandbox/expire_sessions`."""

    def put(values: Any) -> object:
        if isinstance(values, list):
            return [asdict(ctx.apps.put(row)) for row in values]
        return asdict(ctx.apps.put(values))

    async def apps(request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse(ctx.apps.dump())
        return await answer_json(request, put)

    async def revoke(request: Request) -> Response:
        """Every token of every user dies, as after a password reset."""
        codes.forget_browsers()
        return JSONResponse({"revoked": ctx.sessions.revoke_all()})

    async def expire_sessions(request: Request) -> Response:
        """Access tokens run out; refresh tokens stay good."""
        return JSONResponse({"expired": ctx.sessions.expire_all()})

    return [
        Route("/_sandbox/apps", apps, methods=["GET", "POST"]),
        Route("/_sandbox/revoke", revoke, methods=["POST"]),
        Route("/_sandbox/expire_sessions", expire_sessions, methods=["POST"]),
    ]
