"""Both sandboxes together: one org and one account, ready to be connected.

Names, numbers and credentials follow from the seed, so that a profile written for
one start fits the next; only tokens and free ports differ.
"""

from __future__ import annotations

import json
import random
import socket
import string
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from haihai_tui.sandbox.control import Clock, Control, Switches
from haihai_tui.sandbox.haihai.app import Service
from haihai_tui.sandbox.haihai.gate import Credentials
from haihai_tui.sandbox.keeper import Keeper, Kept
from haihai_tui.sandbox.salesforce import seed as records
from haihai_tui.sandbox.salesforce.app import build_app, build_context
from haihai_tui.sandbox.salesforce.apps import App, AppRegistry
from haihai_tui.sandbox.salesforce.context import Context
from haihai_tui.sandbox.salesforce.errors import error_body
from haihai_tui.sandbox.salesforce.org import Org
from haihai_tui.sandbox.salesforce.sessions import Sessions
from haihai_tui.sandbox.salesforce.switches import CHOICES, DEFAULTS
from haihai_tui.sandbox.serve import Served
from haihai_tui.services.haihai.wire import Wire

CONTRACT_ID = "a01-24"
GROUP_ID = "1"
_TOKENS = "salesforce-tokens.json"


@dataclass(frozen=True, slots=True)
class OrgParts:
    """The imitated org, with who may call it."""

    context: Context
    state: Path | None

    @classmethod
    def make(cls, customers: int, seed: int, state: Path | None) -> OrgParts:
        """The org of `state` as it was left, or a new one with `customers`."""
        clock, switches = Clock(), Switches(DEFAULTS, CHOICES)
        org = Org(clock, seed, switches)
        if state is None or not org.load(state):
            records.fill(org, customers)
        control = Control(clock=clock, switches=switches, error_body=error_body)
        callback_url = f"http://localhost:{_free_port()}/sflogged"
        made = cls(build_context(org, control, callback_url), state)
        made._restore()
        return made

    @property
    def org(self) -> Org:
        return self.context.org

    @property
    def control(self) -> Control:
        return self.context.control

    @property
    def apps(self) -> AppRegistry:
        return self.context.apps

    @property
    def sessions(self) -> Sessions:
        return self.context.sessions

    @property
    def app(self) -> App:
        """The confidential app that the connector uses."""
        return self.apps.default

    def _restore(self) -> None:
        if self.state is None or not (self.state / _TOKENS).exists():
            return
        values = json.loads((self.state / _TOKENS).read_text("utf-8"))
        self.apps.restore(values["apps"])
        self.sessions.restore(values["sessions"])

    def save(self) -> None:
        """Write records, apps and tokens, each file whole."""
        if self.state is None:
            return
        self.org.save(self.state)
        self.save_tokens()

    def save_tokens(self) -> None:
        """Write apps and tokens alone: they change far more often than records."""
        if self.state is None:
            return
        values = self.tokens()
        part = self.state / f"{_TOKENS}.part"
        part.touch(mode=0o600)
        part.write_text(json.dumps(values), "utf-8")
        part.replace(self.state / _TOKENS)

    def tokens(self) -> dict[str, Any]:
        """Apps and tokens as JSON values."""
        return {"apps": self.apps.dump(), "sessions": self.sessions.dump()}

    def grant(self) -> tuple[str, str]:
        """Access and refresh token of the integration user, as if just authorised.

        A living approval is used again: a sixth would revoke the first.
        """
        user, app = self.org.admin_user_id, self.app
        living = self.sessions.approvals(user, app.client_id)
        family = living[-1] if living else None
        if family is None:
            family = self.sessions.approve(user, app.client_id, app.scopes)
        access = self.sessions.open(
            user, app.client_id, family.scopes, family.family_id
        )
        return access.token, family.token


class World:
    """Both services under way on loopback, until `stop`.

    `salesforce` and `haihai` are the imitations behind the servers, `parts` the
    org's apps, tokens and control; `refresh_token` and `access_token` are good for
    the app in `ready`.
    """

    def __init__(
        self,
        parts: OrgParts,
        haihai: Service,
        servers: tuple[Served, Served],
    ) -> None:
        self.parts = parts
        self._keeper: Keeper | None = None
        self.salesforce = parts.org
        self.haihai = haihai
        self._servers = servers
        self.salesforce_url, self.haihai_url = (server.url for server in servers)
        self.access_token, self.refresh_token = parts.grant()

    @classmethod
    def start(
        cls,
        customers: int = 1000,
        seed: int = 1,
        salesforce_port: int = 0,
        haihai_port: int = 0,
        state: Path | None = None,
        wire: Wire | None = None,
    ) -> World:
        """Serve both; port 0 is any free one.  OSError when a port is taken.

        `customers` counts the contacts of the default audience; with `state`, what
        its files hold comes before that.
        """
        parts = OrgParts.make(customers, seed, state)
        parts.save()
        haihai = Service(_credentials(parts.org.seed), wire=wire, state=state)
        app = build_app(parts.org, parts.control, context=parts.context)
        with ExitStack() as undo:
            # What was begun is ended again when a port turns out to be taken.
            haihai.start()
            undo.callback(haihai.stop)
            first = undo.enter_context(Served(app, port=salesforce_port))
            second = undo.enter_context(Served(haihai.app, port=haihai_port))
            undo.pop_all()
        world = cls(parts, haihai, (first, second))
        if state is not None:
            world._keeper = Keeper(world._kept()).start()
        return world

    def _kept(self) -> tuple[Kept, ...]:
        parts, haihai = self.parts, self.haihai
        return (
            Kept(parts.org.version, parts.save),
            Kept(parts.tokens, parts.save_tokens),
            # Imports are saved by the queue, which knows when it is at rest.
            Kept(lambda: haihai.control.commands, haihai.save),
        )

    @property
    def ready(self) -> dict[str, Any]:
        """What the command prints as one JSON line when both answer."""
        parts, haihai = self.parts, self.haihai
        return {
            "event": "sandbox_ready",
            "salesforce": {
                "login_url": self.salesforce_url,
                "client_id": parts.app.client_id,
                "client_secret": parts.app.client_secret,
                "username": parts.org.admin_username,
                "password": parts.sessions.password,
                "callback_url": parts.app.callback_urls[0],
                "access_token": self.access_token,
                "org_id": parts.org.org_id,
                "api_version": parts.org.switches["api_version"],
            },
            "haihai": {
                "base_url": self.haihai_url,
                "contract_id": haihai.credentials.contract_id,
                "login_id": haihai.credentials.login_id,
                "api_token": haihai.credentials.api_token,
                "group_id": GROUP_ID,
            },
        }

    def stop(self) -> None:
        """End both servers; what has a state folder is written there."""
        if self._keeper is not None:
            self._keeper.stop()
        for server in self._servers:
            server.stop()
        self.haihai.stop()
        self.parts.save()

    def __enter__(self) -> World:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _credentials(seed: int) -> Credentials:
    dice = random.Random(f"haihai {seed}")
    token = "".join(dice.choices(string.ascii_letters + string.digits, k=40))
    return Credentials(CONTRACT_ID, f"renkei{dice.randrange(100, 1000)}", token)


def _free_port() -> int:
    """A port for the connector's callback; nothing listens there yet."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
