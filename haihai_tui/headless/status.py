"""`--status`: connection, flows, last runs, API budgets.

For scripts one JSON object; for people a few lines that fit a terminal, in their
own time zone.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from haihai_tui.arguments import Arguments
from haihai_tui.errors import ExitCode, SettingsError, Text, text
from haihai_tui.headless.output import Output
from haihai_tui.services.alerts.wording import flow_of, state_label
from haihai_tui.services.paths import Home
from haihai_tui.services.schedule import Schedule
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings import load_profile
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.status import status
from haihai_tui.services.store.times import utc_now
from haihai_tui.services.wording import (
    MODE_LABELS,
    flow_label,
    local_date_time,
    status_label,
)

_APIS: dict[str, Text] = {
    "import": text("配配メール（登録・変更）"),
    "retrieval": text("配配メール（取得）"),
}
_COUNTS = (
    ("rejects", text("エラー {n} 件")),
    ("reviews", text("確認待ち {n} 件")),
    ("pending_imports", text("結果待ちの取り込み {n} 件")),
)


def run(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    settings = load_profile(home, profile)
    code = ExitCode.OK
    if arguments.verify_audit:
        # Deferred: reads the whole log.
        from haihai_tui.headless.audit import verify

        return verify(output, home, settings)
    if arguments.alert or arguments.test_alert:
        # Deferred: cron asks for the bare status every minute.
        from haihai_tui.headless.alerts import look, send_test

        code = (send_test if arguments.test_alert else look)(output, home, profile)
        if arguments.test_alert:
            return code
    secrets = SecretStore(home, profile, KeySource(home, os.environ))
    found = status(
        home, profile, store_url=settings.store.url, secret_names=secrets.names()
    )
    _write_metrics(output, settings, found)
    hold = Schedule(settings.schedule, profile).held(utc_now())
    if output.as_json:
        schedule = {
            "paused": settings.schedule.paused,
            "blackout": settings.schedule.blackout,
            "on_hold": hold.reason if hold else None,
        }
        output.record({"event": "status", **found, "schedule": schedule})
    else:
        _show(output, settings, found)
        if hold is not None:
            output.line(hold.what)
    return code


def _write_metrics(
    output: Output, settings: Settings, found: Mapping[str, Any]
) -> None:
    """The status is told whether or not its file can be written."""
    if not settings.metrics.file:
        return
    # Deferred: few profiles ask for the file.
    from haihai_tui.services.metrics import write_metrics

    try:
        write_metrics(settings, found, utc_now())
    except SettingsError as error:
        output.say(error.what, "warning")


def _show(output: Output, settings: Settings, found: Mapping[str, Any]) -> None:
    output.line(text("プロファイル: {profile}", profile=settings.profile))
    parts = (
        (text("接続"), _connection(output, found["connection"])),
        (text("実行中"), _running(found["running"])),
        (text("連携"), _flows(output, settings, found)),
        (text("最近の実行"), _runs(output, found["last_runs"])),
        (text("API の使用量"), _budgets(output, settings, found["api_budgets"])),
        (text("通知"), _alerts(found)),
    )
    for title, lines in parts:
        output.line(f"■ {output.render(title)}")
        shown = list(lines) or [text("なし")]
        for line in shown:
            output.line(f"    {line if isinstance(line, str) else output.render(line)}")


def _connection(output: Output, connection: Mapping[str, Any]) -> Iterator[Text | str]:
    salesforce = connection["salesforce"]
    if salesforce["authorised"]:
        yield text("Salesforce: 認可済み")
    elif salesforce["cause"]:
        yield text(
            "Salesforce: 認可が無効です ({cause})。連携トークンを更新してください: "
            "haihai-tui --authorize",
            cause=salesforce["cause"],
        )
    else:
        yield text("Salesforce: 未認可。haihai-tui --authorize で認可してください。")
    facts = (
        (text("組織"), salesforce["org_name"] or salesforce["org_id"]),
        (text("ユーザー"), salesforce["username"]),
        (text("認可"), _moment(salesforce["authorised_at"])),
    )
    known = [f"{output.render(name)} {value}" for name, value in facts if value]
    if known:
        yield "    " + "  ".join(known)
    if connection["haihai"]["token_stored"]:
        yield text("配配メール: API トークンを保管しています")
    else:
        yield text("配配メール: API トークンがありません")


def _running(running: Mapping[str, Any] | None) -> Iterator[Text | str]:
    if running is not None:
        yield text(
            "{run_id}  開始 {at}  ({host}、プロセス {pid})",
            run_id=running["run_id"],
            at=_moment(running["started_at"]),
            host=running["host"],
            pid=running["pid"],
        )


def _flows(
    output: Output, settings: Settings, found: Mapping[str, Any]
) -> Iterator[Text | str]:
    for flow in settings.flows.enabled:
        counts = [
            output.render(Text(label.msgid, {"n": found[key][flow]}))
            for key, label in _COUNTS
            if found[key].get(flow)
        ]
        last = text(
            "{flow}: 最終成功 {at}  読み取り位置 {cursor}",
            flow=flow_label(flow),
            at=local_date_time(found["last_success"].get(flow)),
            cursor=local_date_time(found["read_until"].get(flow)),
        )
        yield "  ".join([output.render(last), *counts])


def _runs(output: Output, runs: list[Mapping[str, Any]]) -> Iterator[Text | str]:
    for run in runs:
        words = text(
            "{at}  {status} ({mode}、終了コード {code})  {run_id}",
            at=local_date_time(run["started_at"]),
            status=status_label(run["status"] or "running"),
            mode=MODE_LABELS.get(run["mode"]) or run["mode"],
            code="-" if run["exit_code"] is None else run["exit_code"],
            run_id=run["run_id"],
        )
        yield words
        for flow, numbers in run["flows"].items():
            if numbers:
                yield f"    {_numbers(output, flow, numbers)}"


def _numbers(output: Output, flow: str, numbers: Mapping[str, Any]) -> str:
    words = text(
        "{flow}: 読み取り {read} 書き込み {written} エラー {rejected}",
        flow=flow_label(flow),
        read=f"{numbers['read'] or 0:,}",
        written=f"{numbers['written'] or 0:,}",
        rejected=f"{numbers['rejected'] or 0:,}",
    )
    return output.render(words)


def _budgets(
    output: Output, settings: Settings, budgets: list[Mapping[str, Any]]
) -> Iterator[Text | str]:
    for row in budgets:
        yield text(
            "{api}: {calls} / {limit} 回 ({day})",
            api=_APIS.get(row["api"]) or f"{row['service']} {row['api']}",
            calls=f"{row['calls']:,}",
            limit=f"{settings.budget.haihai_calls:,}",
            day=row["day"],
        )


def _alerts(found: Mapping[str, Any]) -> Iterator[Text | str]:
    for one in found["alerts"]:
        yield text(
            "{flow}: {state}（{at} から）",
            flow=flow_label(flow_of(one["name"])),
            state=state_label(one["state"]),
            at=local_date_time(one["since"]),
        )
    for one in found["undelivered"]:
        yield text(
            "{channel} で送れませんでした（{at}）: {problem}",
            channel=one["channel"],
            at=local_date_time(one["at"]),
            problem=one["problem"],
        )


def _moment(stamped: str | None) -> str:
    return local_date_time(stamped) if stamped else ""
