"""What every group of routes of the imitated org needs, in one value.

The routes are built once with this context and keep no globals, so that several
orgs can live in one process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.requests import Request

if TYPE_CHECKING:  # these modules import this one for the same annotation
    from haihai_tui.sandbox.control import Control
    from haihai_tui.sandbox.salesforce.apps import AppRegistry
    from haihai_tui.sandbox.salesforce.org import Org
    from haihai_tui.sandbox.salesforce.sessions import Sessions


def request_base_url(request: Request) -> str:
    """`http://localhost:PORT` as the client itself addressed the server."""
    return f"{request.url.scheme}://{request.url.netloc}"


@dataclass(frozen=True)
class Context:
    """Shared parts of one imitated org.

    `base_url` gives scheme, host and port without a trailing slash: it is both
    the login host and the `instance_url` of the imitation.
    """

    org: Org
    control: Control
    apps: AppRegistry
    sessions: Sessions
    base_url: Callable[[Request], str] = request_base_url
