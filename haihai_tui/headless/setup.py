"""`--export-setup`: the Salesforce side of a profile as a project to deploy."""

from __future__ import annotations

from pathlib import Path

from haihai_tui.arguments import Arguments
from haihai_tui.errors import ExitCode, SettingsError, text
from haihai_tui.headless.output import Output
from haihai_tui.services.paths import Home
from haihai_tui.services.settings import load_profile
from haihai_tui.services.setup_export.project import build, write


def run(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    if not arguments.value:
        raise SettingsError(text("フォルダー名を指定してください。"))
    project = build(
        load_profile(home, profile),
        as_in_manual=arguments.as_in_manual,
        contact=arguments.contact_email or "",
    )
    folder = Path(arguments.value)
    files = write(project, folder)
    if output.as_json:
        output.record(
            {
                "event": "setup_exported",
                "profile": profile,
                "folder": str(folder),
                "as_in_manual": arguments.as_in_manual,
                "files": [path.relative_to(folder).as_posix() for path in files],
                "by_hand": list(project.by_hand),
            }
        )
        return ExitCode.OK
    output.line(
        text(
            "{folder} に Salesforce の設定を書き出しました（{n} ファイル）。",
            folder=str(folder),
            n=len(files),
        )
    )
    for path in files:
        output.line(f"  {path.relative_to(folder).as_posix()}")
    if project.by_hand:
        output.say(
            text(
                "次の項目の権限は、Salesforce の画面で与えてください: {fields}",
                fields=project.by_hand,
            ),
            "warning",
        )
    output.line(
        text(
            "手順は {file} にあります。秘密情報は入っていません。",
            file=str(folder / "README.ja.md"),
        )
    )
    return ExitCode.OK
