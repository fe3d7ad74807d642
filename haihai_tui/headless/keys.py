"""`--replace-key`: a new key, and every stored secret encrypted under it."""

from __future__ import annotations

import os

from haihai_tui.arguments import Arguments
from haihai_tui.errors import ExitCode, text
from haihai_tui.headless.actor import system_actor
from haihai_tui.headless.output import Output
from haihai_tui.services.paths import Home
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import replace_key
from haihai_tui.services.settings import list_profiles, load_profile
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import open_database


def run(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    """All profiles of the home; a crash at any moment leaves every secret readable."""
    keys = KeySource(home, os.environ)
    known = profile in list_profiles(home)
    url = load_profile(home, profile).store.url if known else ""
    # Opened first: a replacement that could not be logged is not made.
    database = open_database(home, url)
    try:
        moved = replace_key(home, keys)
        audit.note(
            database,
            actor=system_actor(),
            action="key_replaced",
            subject=keys.describe(),
            after={"secrets": moved},
        )
    finally:
        database.close()
    if output.as_json:
        output.record(
            {"event": "key_replaced", "source": keys.describe(), "secrets": moved}
        )
        return ExitCode.OK
    output.line(
        text(
            "秘密情報 {n} 件を {source} の新しい鍵で暗号化し直しました。",
            n=moved,
            source=keys.describe(),
        )
    )
    if not keys.is_replaceable():
        output.say(
            text(
                "鍵は外から渡されています。先頭の鍵で暗号化し直したので、"
                "古い鍵は {source} から取り除けます。",
                source=keys.describe(),
            )
        )
    return ExitCode.OK
