"""docs/sandbox.md names every switch and every control call that there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.routing import Route

from haihai_tui.sandbox.control import Clock, Control, Switches
from haihai_tui.sandbox.haihai.app import default_switches
from haihai_tui.sandbox.salesforce import bulk_ingest, bulk_query, oauth
from haihai_tui.sandbox.salesforce.app import build_context
from haihai_tui.sandbox.salesforce.cursors import Cursors
from haihai_tui.sandbox.salesforce.limits import Usage
from haihai_tui.sandbox.salesforce.org import Org
from haihai_tui.sandbox.salesforce.orgcontrol import OrgControl
from haihai_tui.sandbox.salesforce.switches import DEFAULTS
from haihai_tui.services.haihai.wire import Wire

TEXT = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text("utf-8")
NAMED = set(re.findall(r"`([a-z_0-9]+)`", TEXT))


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_every_salesforce_switch_is_documented(name: str) -> None:
    assert name in NAMED


@pytest.mark.parametrize("name", sorted(default_switches(Wire())))
def test_every_haihai_switch_is_documented(name: str) -> None:
    assert name in NAMED


def test_every_control_call_is_documented() -> None:
    clock, switches = Clock(), Switches(DEFAULTS)
    org = Org(clock, 1, switches)
    ctx = build_context(org, Control(clock=clock, switches=switches))
    routes = [
        *ctx.control.routes(),
        *OrgControl(org, Cursors(org), Usage(org)).routes(),
        *oauth.routes(ctx),
        *bulk_query.routes(ctx),
        *bulk_ingest.routes(ctx),
    ]
    paths = {each.path for each in routes if isinstance(each, Route)}
    calls = {path for path in paths if path.startswith("/_sandbox/")}
    assert len(calls) >= 14
    assert sorted(call for call in calls if call not in TEXT) == []
