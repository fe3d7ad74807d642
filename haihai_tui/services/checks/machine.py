"""This machine: profile, secrets, state database, disk, permissions, lock, runs."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.services.atomic import require_private
from haihai_tui.services.checks.bench import Bench
from haihai_tui.services.checks.model import (
    Area,
    Check,
    Finding,
    fail,
    failed_by,
    ok,
    warn,
)
from haihai_tui.services.lock import holder_of
from haihai_tui.services.status import status
from haihai_tui.services.store.times import moment_of
from haihai_tui.services.wording import WRITELESS_MODES

STORAGE = "token_not_stored"
"""The cause under which all that keeps us from storing is told."""

LEAST_FREE = 200 * 1024 * 1024
LOW_FREE = 1024 * 1024 * 1024
LONG_RUN = timedelta(hours=6)
STALE_AFTER = timedelta(hours=48)


def checks() -> tuple[Check, ...]:
    return (
        Check(
            "profile",
            text("プロファイル"),
            text("プロファイルの設定ファイルを読み、すべてのキーを確かめます。"),
            Area.MACHINE,
            _profile,
            see="2.1.3",
        ),
        Check(
            "secret_files",
            text("秘密情報のファイルの権限"),
            text("秘密情報と鍵のファイルが、実行ユーザーだけのものかを調べます。"),
            Area.MACHINE,
            _secret_files,
            see="2.1.3",
        ),
        Check(
            "secrets",
            text("秘密情報の復号"),
            text("保管された秘密情報を、いまの鍵で復号できるかを確かめます。"),
            Area.MACHINE,
            _secrets,
            needs=("profile", "secret_files"),
            see="2.1.3",
        ),
        Check(
            "state_files",
            text("状態のファイルの権限"),
            text("状態データベースとフォルダーの持ち主と権限を調べます。"),
            Area.MACHINE,
            _state_files,
            see="2.2",
        ),
        Check(
            "database",
            text("状態データベース"),
            text("状態データベースを開きます。"),
            Area.MACHINE,
            _database,
            needs=("profile", "state_files"),
            see="2.2",
        ),
        Check(
            "disk",
            text("ディスクの空き容量"),
            text("状態フォルダーのあるディスクの空き容量を調べます。"),
            Area.MACHINE,
            _disk,
            see="2.2",
        ),
        Check(
            "run_lock",
            text("実行のロック"),
            text("このプロファイルを実行中のプロセスがあるかを調べます。"),
            Area.MACHINE,
            _run_lock,
            needs=("profile", "state_files"),
            see="2.2",
        ),
        Check(
            "last_success",
            text("前回の成功からの時間"),
            text("有効な連携ごとに、最後に正常終了した実行を調べます。"),
            Area.MACHINE,
            _last_success,
            needs=("database",),
            see="2.2",
        ),
    )


def _profile(bench: Bench) -> Finding:
    path = bench.home.profile_file(bench.profile)
    try:
        settings = bench.settings
    except ConnectorError as error:
        return failed_by(error, text("ファイル: {path}", path=str(path)))
    return ok(
        text("設定ファイルを読めました。"),
        text("ファイル: {path}", path=str(path)),
        text("有効な連携: {flows}", flows=list(settings.flows.enabled)),
    )


# -------------------------------------------------------------- permissions


def _secret_files(bench: Bench) -> Finding:
    folder = bench.home.secrets
    files = [bench.home.secrets_file(bench.profile), bench.home.key_file]
    return _private(files, folder)


def _state_files(bench: Bench) -> Finding:
    database = bench.home.database
    parts = ("", "-wal", "-shm")
    files = [database.with_name(database.name + part) for part in parts]
    return _private(files, bench.home.state)


def _private(files: list[Path], folder: Path) -> Finding:
    present = [path for path in files if path.exists()]
    for path in present:
        try:
            require_private(path)
        except ConnectorError as error:
            return failed_by(error, cause=STORAGE)
    problem = _folder_problem(folder)
    if problem is not None:
        return fail(problem, code=STORAGE, remedy=(_own_folder(folder),))
    facts = [text("フォルダー: {path}", path=str(folder))]
    facts += [
        text(
            "{path}: モード {mode}",
            path=path.name,
            mode=f"{stat.S_IMODE(path.stat().st_mode):04o}",
        )
        for path in present
    ]
    return ok(text("実行ユーザーだけが読み書きできます。"), *facts)


def _folder_problem(folder: Path) -> Text | None:
    """What is wrong with the folder, or with the one that it will be made in."""
    place = _existing(folder)
    facts = place.stat()
    if place == folder and stat.S_IMODE(facts.st_mode) & 0o022:
        return text(
            "フォルダー {path} にほかの利用者が書き込めます（モード {mode}）。",
            path=str(place),
            mode=f"{stat.S_IMODE(facts.st_mode):04o}",
        )
    if not os.access(place, os.W_OK | os.X_OK):
        return text("フォルダー {path} に書き込めません。", path=str(place))
    return None


def _own_folder(folder: Path) -> Text:
    return text(
        "フォルダー {path} の所有者を実行ユーザーにし、モードを 700 にしてください。",
        path=str(folder),
    )


def _existing(folder: Path) -> Path:
    while not folder.exists():
        folder = folder.parent
    return folder


def _secrets(bench: Bench) -> Finding:
    names = bench.secrets.names()
    for name in names:
        try:
            bench.secrets.get(name)
        except ConnectorError as error:
            return failed_by(error, cause=STORAGE)
    return ok(
        text("{n} 件の秘密情報を復号できました。", n=len(names)),
        text("鍵の場所: {place}", place=bench.keys.describe()),
        text("保管されている名前: {names}", names=list(names)),
    )


# ----------------------------------------------------------------- database


def _database(bench: Bench) -> Finding:
    try:
        database = bench.database
    except ConnectorError as error:
        return failed_by(error, cause=STORAGE)
    return ok(
        text("状態データベースを開けました。"),
        text("場所: {place}", place=database.place),
    )


def _disk(bench: Bench) -> Finding:
    place = _existing(bench.home.state)
    found = bench.outside.disk(place)
    facts = (
        text("場所: {path}", path=str(place)),
        text(
            "空き {free}、全体 {total}",
            free=_size(found.free),
            total=_size(found.total),
        ),
    )
    if found.free < LEAST_FREE:
        return fail(
            text("ディスクの空きが {free} しかありません。", free=_size(found.free)),
            *facts,
            code=STORAGE,
            remedy=(_MAKE_ROOM,),
        )
    if found.free < LOW_FREE:
        return warn(
            text(
                "ディスクの空きが少なくなっています（{free}）。", free=_size(found.free)
            ),
            *facts,
            remedy=(_MAKE_ROOM,),
        )
    return ok(text("空き容量は {free} です。", free=_size(found.free)), *facts)


_MAKE_ROOM = text(
    "不要なファイルを片付けるか、HAIHAI_HOME で別のディスクを指定してください。"
)


def _size(count: int) -> str:
    mega = count / 1024**2
    return f"{mega / 1024:,.1f} GB" if mega >= 1024 else f"{mega:,.0f} MB"


# --------------------------------------------------------------------- runs


def _run_lock(bench: Bench) -> Finding:
    holder = holder_of(bench.home, bench.profile)
    if holder is None:
        return ok(text("実行中のプロセスはありません。すぐに実行できます。"))
    facts = (
        text("実行番号 {run_id}", run_id=holder.run_id or "-"),
        text(
            "{host} のプロセス {pid}、開始 {started_at}",
            host=holder.host,
            pid=holder.pid,
            started_at=holder.started_at,
        ),
    )
    if holder.started_at and (
        bench.outside.now() - moment_of(holder.started_at) > LONG_RUN
    ):
        return warn(
            text("{hours} 時間を超えて実行中です。", hours=_hours(LONG_RUN)),
            *facts,
            remedy=(
                text(
                    "実行の状態を確認し、進んでいなければそのプロセスを終了してください。"
                ),
            ),
        )
    return ok(text("いま連携を実行中です。終わるまで次の実行は始まりません。"), *facts)


def _last_success(bench: Bench) -> Finding:
    found = status(
        bench.home, bench.profile, store_url=bench.settings.store.url, last_runs=20
    )
    runs = [run for run in found["last_runs"] if run["mode"] not in WRITELESS_MODES]
    if not runs:
        return ok(text("まだ一度も実行していません。"))
    tried = frozenset(flow for run in runs for flow in run["flows"])
    late = list(_late(bench, found["last_success"], tried))
    facts = tuple(
        text("{flow}: {at}", flow=flow, at=found["last_success"].get(flow, "-"))
        for flow in bench.settings.flows.enabled
    )
    if not late:
        return ok(text("どの連携も最近正常に終わっています。"), *facts)
    return warn(
        text(
            "{hours} 時間以内に正常終了していない連携があります: {flows}",
            hours=_hours(STALE_AFTER),
            flows=late,
        ),
        *facts,
        remedy=(
            text("実行履歴で失敗の原因を確かめ、解決してから実行してください。"),
            text("cron や systemd の定期実行が動いているか確認してください。"),
        ),
    )


def _late(
    bench: Bench, last: Mapping[str, Any], tried: frozenset[str]
) -> Iterator[str]:
    """Enabled flows that were run and have not ended well for too long."""
    oldest = bench.outside.now() - STALE_AFTER
    for flow in bench.settings.flows.enabled:
        success = last.get(flow)
        if (success is None and flow in tried) or (
            success is not None and moment_of(success) < oldest
        ):
            yield flow


def _hours(span: timedelta) -> int:
    return round(span.total_seconds() / 3600)
