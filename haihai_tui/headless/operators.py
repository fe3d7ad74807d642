"""`--add-operator`: a new operator with a one-time initial password."""

from __future__ import annotations

from haihai_tui.arguments import Arguments
from haihai_tui.errors import ExitCode, text
from haihai_tui.headless.actor import system_actor
from haihai_tui.headless.output import Output
from haihai_tui.services.operators import Operators
from haihai_tui.services.paths import Home
from haihai_tui.services.roles import Role
from haihai_tui.services.settings import list_profiles, load_profile
from haihai_tui.services.store.database import open_database


def run(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    """Standard output is the password and nothing else, so that it can be piped."""
    name = arguments.value or ""
    known = profile in list_profiles(home)
    url = load_profile(home, profile).store.url if known else ""
    database = open_database(home, url)
    try:
        role = Role(arguments.role) if arguments.role else None
        operators = Operators(database)
        password = operators.add(name, system_actor(), role)
        added = operators.get(name)
    finally:
        database.close()
    shown = added.role.value if added else ""
    if output.as_json:
        output.record(
            {
                "event": "operator_added",
                "operator": name,
                "role": shown,
                "initial_password": password,
            }
        )
        return ExitCode.OK
    output.say(
        text(
            "利用者「{name}」({role}) を追加しました。"
            "初期パスワードは一度だけ表示します。最初のログインで変更が必要です。",
            name=name,
            role=shown,
        )
    )
    output.line(password)
    return ExitCode.OK
