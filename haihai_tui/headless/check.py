"""`--check` and `--support-bundle`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from haihai_tui.arguments import Arguments
from haihai_tui.errors import ExitCode, SettingsError, text
from haihai_tui.headless.actor import system_actor
from haihai_tui.headless.output import Output
from haihai_tui.services.checks.all import check_profile
from haihai_tui.services.checks.model import (
    Area,
    CheckResult,
    Status,
    area_label,
    status_label,
    summary,
)
from haihai_tui.services.paths import Home
from haihai_tui.services.support_bundle import write_bundle


def run(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    if arguments.mode == "support_bundle":
        return _bundle(arguments, output, home, profile)
    results = _check(output, home, profile)
    if output.as_json:
        for result in results:
            output.record(result.as_json(output.render))
    else:
        _show(output, results)
    failed = any(result.status is Status.FAIL for result in results)
    return ExitCode.REJECTS if failed else ExitCode.OK


def _check(output: Output, home: Home, profile: str) -> tuple[CheckResult, ...]:
    done = 0

    def tell(result: CheckResult) -> None:
        nonlocal done
        done += 1
        output.progress(
            text("確認中: {n} 件 {label}", n=done, label=result.check.label)
        )

    return check_profile(home, profile, os.environ, on_result=tell)


def _show(output: Output, results: Sequence[CheckResult]) -> None:
    for area in Area:
        output.line(area_label(area))
        for result in results:
            if result.check.area is area:
                _show_one(output, result)
        output.line()
    output.line(summary(results))


def _show_one(output: Output, result: CheckResult) -> None:
    status = output.render(status_label(result.status))
    label = output.render(result.check.label)
    output.line(f"  [{status}] {label}: {output.render(result.finding.what)}")
    if result.status in (Status.OK, Status.SKIPPED):
        return
    for fact in result.finding.facts:
        output.line(f"      {output.render(fact)}")
    for step in result.remedy:
        output.line(f"      > {output.render(step)}")
    if result.see:
        code = result.code or "-"
        output.line(
            text("      参照: {see}  コード: {code}", see=result.see, code=code)
        )


def _bundle(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    if not arguments.value:
        raise SettingsError(text("ファイル名を指定してください。"))
    results = _check(output, home, profile)
    path = Path(arguments.value)
    bundle = write_bundle(
        home, profile, path, results, output.render, os.environ, system_actor()
    )
    if output.as_json:
        output.record(
            {
                "event": "support_bundle",
                "profile": profile,
                "file": str(bundle.path),
                "size": bundle.size,
                "names": bundle.names,
            }
        )
        return ExitCode.OK
    output.line(
        text(
            "{file} を書き出しました（{size} バイト）。秘密情報は入っていません。",
            file=str(bundle.path),
            size=f"{bundle.size:,}",
        )
    )
    return ExitCode.OK
