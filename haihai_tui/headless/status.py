"""`--status`: connection, cursors, last runs, rejects, budgets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from haihai_tui.arguments import Arguments
from haihai_tui.errors import ExitCode, Text, text
from haihai_tui.headless.output import Output
from haihai_tui.services.paths import Home
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings import load_profile
from haihai_tui.services.status import status

_LABELS: dict[str, Text] = {
    "connection": text("接続"),
    "running": text("実行中"),
    "cursors": text("読み取り位置"),
    "last_runs": text("最近の実行"),
    "last_success": text("最終成功"),
    "rejects": text("エラー"),
    "reviews": text("確認待ち"),
    "pending_imports": text("結果待ちの取り込み"),
    "budgets": text("API の使用量"),
}


def run(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    settings = load_profile(home, profile)
    secrets = SecretStore(home, profile, KeySource(home, os.environ))
    found = status(
        home, profile, store_url=settings.store.url, secret_names=secrets.names()
    )
    if output.as_json:
        output.record({"event": "status", **found})
    else:
        _show(output, profile, found)
    return ExitCode.OK


def _show(output: Output, profile: str, found: Mapping[str, Any]) -> None:
    output.line(text("プロファイル: {profile}", profile=profile))
    for key, value in found.items():
        if key == "profile":
            continue
        label = _LABELS.get(key)
        output.line(f"■ {output.render(label) if label else key}")
        for line in _lines(value):
            output.line(f"    {line}")


def _lines(value: object) -> list[str]:
    if not value:
        return ["-"]
    if isinstance(value, Mapping):
        return [f"{key}: {_short(item)}" for key, item in value.items()]
    if isinstance(value, list):
        return [_short(item) for item in value]
    return [str(value)]


def _short(value: object) -> str:
    if isinstance(value, Mapping):
        shown = (f"{key} {_short(item)}" for key, item in value.items())
        return "  ".join(shown)
    if isinstance(value, list):
        return ", ".join(_short(item) for item in value)
    return "-" if value is None else str(value)
