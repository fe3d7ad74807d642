"""`--import-settings`, `--export-settings` and `--set`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from haihai_tui.arguments import Arguments
from haihai_tui.errors import ExitCode, SettingsError, text
from haihai_tui.headless.actor import system_actor
from haihai_tui.headless.output import Output
from haihai_tui.services.paths import Home
from haihai_tui.services.profile_changes import ProfileChanges
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings import list_profiles, load_profile
from haihai_tui.services.settings_edit import Change, export_settings, exported
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import open_database


def run(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    """Change or write out a profile and say what changed."""
    if arguments.mode == "export_settings":
        return _export(arguments, output, home, profile)
    secrets = SecretStore(home, profile, KeySource(home, os.environ))
    known = profile in list_profiles(home)
    url = load_profile(home, profile).store.url if known else ""
    # Opened first: a change that could not be logged is not made.
    database = open_database(home, url)
    try:
        changer = ProfileChanges(home, profile, secrets, database, system_actor())
        if arguments.mode == "set":
            changes = changer.set(arguments.settings)
        else:
            changes = changer.import_file(_file(arguments))
    finally:
        database.close()
    _tell(output, profile, changes)
    return ExitCode.OK


def _export(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    settings = load_profile(home, profile)
    database = open_database(home, settings.store.url)
    try:
        audit.note(
            database,
            actor=system_actor(),
            action="exported",
            subject=arguments.value or "",
            profile=profile,
        )
    finally:
        database.close()
    if arguments.value == "-":
        output.line(exported(settings).decode().rstrip("\n"))
        return ExitCode.OK
    file = _file(arguments)
    export_settings(settings, file)
    if output.as_json:
        output.record({"event": "exported", "profile": profile, "file": str(file)})
    else:
        output.line(text("設定を書き出しました: {file}", file=str(file)))
    return ExitCode.OK


def _file(arguments: Arguments) -> Path:
    if not arguments.value:
        raise SettingsError(text("ファイル名を指定してください。"))
    return Path("/dev/stdin" if arguments.value == "-" else arguments.value)


def _tell(output: Output, profile: str, changes: Sequence[Change]) -> None:
    if output.as_json:
        rows = [
            {"key": one.key, "before": one.before, "after": one.after}
            for one in changes
        ]
        output.record({"event": "settings", "profile": profile, "changes": rows})
        return
    if not changes:
        output.line(text("変更はありません。"))
    for change in changes:
        output.line(f"{change.key}: {change.before} → {change.after}")
