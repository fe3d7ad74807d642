"""`--demo`: both sandboxes inside the process, a throw-away home, a ready profile."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from haihai_tui.arguments import CUSTOMERS, SEED, Arguments
from haihai_tui.errors import text
from haihai_tui.headless.output import Output
from haihai_tui.services.paths import Home, home_at
from haihai_tui.services.salesforce.tokens import Tokens
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings import parse_profile
from haihai_tui.services.settings_edit import save_settings
from haihai_tui.services.tokens import StoredTokens

if TYPE_CHECKING:
    from haihai_tui.sandbox.world import World

MAPPING = (
    ("LastName", "姓"),
    ("FirstName", "名"),
    ("Account.Name", "会社名"),
    ("Phone", "電話番号"),
    ("Id", "SalesforceID"),
)


@contextmanager
def demo_home(arguments: Arguments, output: Output) -> Iterator[tuple[Home, str]]:
    """A home that is gone afterwards, its profile joined to fresh sandboxes."""
    # Deferred: the servers are needed by the demo alone.
    from haihai_tui.headless.worlds import served_world
    from haihai_tui.sandbox.liven import liven

    output.say(
        text(
            "模擬の Salesforce (顧客 {n} 件) と模擬の配配メールを起動します。"
            "外部には接続しません。",
            n=arguments.customers,
        )
    )
    with (
        tempfile.TemporaryDirectory(prefix="haihai-demo-") as folder,
        served_world(arguments) as world,
    ):
        liven(world)
        home = home_at(Path(folder))
        write_profile(home, arguments.profile, world)
        output.say(
            text(
                "Salesforce 側 {salesforce}、配配メール側 {haihai}",
                salesforce=world.ready["salesforce"]["login_url"],
                haihai=world.ready["haihai"]["base_url"],
            )
        )
        yield home, arguments.profile
    if not output.as_json:
        _tell_next(output, arguments)


def _tell_next(output: Output, arguments: Arguments) -> None:
    """Commands as they can be typed here: the program may not be on the path."""
    program = program_name(sys.argv[0], os.environ.get("PATH"))
    steps = (
        (_same_demo(arguments), text("同じデータでコンソールを開く")),
        ("--sandbox --write-profile", text("模擬サーバーを起動したままにする")),
        ("--run-sync", text("  別の端末で連携を実行する")),
        ("--run-sync --plan", text("  書き込まずに計画だけを見る")),
        ("--status", text("  状態を確認する")),
    )
    width = max(len(options) for options, _ in steps)
    output.line()
    output.line(text("次にできること:"))
    for options, meaning in steps:
        output.line(f"  {program} {options:<{width}}  {output.render(meaning)}")


def _same_demo(arguments: Arguments) -> str:
    words = ["--demo"]
    if arguments.customers != CUSTOMERS:
        words.append(f"--customers {arguments.customers}")
    if arguments.seed != SEED:
        words.append(f"--seed {arguments.seed}")
    return " ".join(words)


def program_name(called: str, path: str | None) -> str:
    """How this program is called from the present folder."""
    if Path(called).name == "__main__.py":
        return f"{os.path.basename(sys.executable)} -m haihai_tui"  # noqa: PTH119
    name = Path(called).name
    found = shutil.which(name, path=path)
    if found is not None and os.path.realpath(found) == os.path.realpath(called):
        return name
    return os.path.relpath(called)


def write_profile(home: Home, name: str, world: World) -> None:
    """A ready, authorised profile for a pair of sandboxes."""
    salesforce, haihai = world.ready["salesforce"], world.ready["haihai"]
    table = {
        "haihai": {
            "contract_id": haihai["contract_id"],
            "base_url": haihai["base_url"],
            "login_id": haihai["login_id"],
            "group_id": haihai["group_id"],
        },
        "salesforce": {
            "url": salesforce["login_url"],
            "callback_url": salesforce["callback_url"],
            "api_version": salesforce["api_version"],
            "org_id": salesforce["org_id"],
        },
        "flows": {"enabled": ["customers", "suppressions", "page-views"]},
        "customers": {
            "object": "Contact",
            "audience": "HasOptedOutOfEmail = false AND Email != null",
            "address_field": "Email",
            "fields": [
                {"salesforce": source, "haihai": item, "blank": "keep"}
                for source, item in MAPPING
            ],
        },
    }
    save_settings(home, parse_profile(name, table, str(home.profile_file(name))))
    secrets = SecretStore(home, name, KeySource(home, os.environ))
    secrets.set_many(
        {
            "haihai.api_token": haihai["api_token"],
            "salesforce.consumer_key": salesforce["client_id"],
            "salesforce.consumer_secret": salesforce["client_secret"],
        }
    )
    StoredTokens(secrets).write(_tokens(world))


def _tokens(world: World) -> Tokens:
    """What an authorisation by the sandbox's administrator would have stored."""
    org = world.salesforce
    return Tokens(
        access_token=world.access_token,
        refresh_token=world.refresh_token,
        instance_url=world.salesforce_url,
        id_url=f"{world.salesforce_url}/id/{org.org_id}/{org.admin_user_id}",
        scope="api refresh_token",
        org_id=org.org_id,
        user_id=org.admin_user_id,
    )
