"""`--status --verify-audit`: whether the audit log's chain holds."""

from __future__ import annotations

from haihai_tui.errors import ExitCode, text
from haihai_tui.headless.output import Output
from haihai_tui.services.paths import Home
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import open_database


def verify(output: Output, home: Home, settings: Settings) -> ExitCode:
    """0 where every line holds, 1 where one was tampered with."""
    database = open_database(home, settings.store.url)
    try:
        found = audit.verify(database)
    finally:
        database.close()
    if output.as_json:
        output.record(
            {
                "event": "audit",
                "lines": found.lines,
                "first_broken": found.broken,
                "digest": found.digest,
            }
        )
    elif found.broken is not None:
        output.line(text("{n} 行目以降が改ざんされています。", n=found.broken))
    else:
        output.line(
            text(
                "監査ログ {n} 行に改ざんは見つかりません。最後の行の値: {digest}",
                n=found.lines,
                digest=found.digest,
            )
        )
    return ExitCode.OK if found.broken is None else ExitCode.REJECTS
