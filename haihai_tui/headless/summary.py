"""The summary of a run, for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haihai_tui.errors import Text, text
from haihai_tui.headless.output import Output

_STATUS: dict[str, Text] = {
    "ok": text("正常終了"),
    "partial": text("一部エラー"),
    "failed": text("失敗"),
    "paused": text("一時停止 (API の予算)"),
    "halted": text("安全停止 (何も書き込んでいません)"),
    "stopped": text("中断"),
}

_FLOWS: dict[str, Text] = {
    "customers": text("顧客連携 (Salesforce → 配配メール)"),
    "suppressions": text("配信停止禁止顧客連携 (配配メール → Salesforce)"),
    "page-views": text("顧客閲覧URL連携 (配配メール → Salesforce)"),
}

_TITLES: dict[str, Text] = {
    "reconcile": text("突き合わせ (書き込みなし)"),
    "fix": text("突き合わせと反映"),
}

_COLUMNS: tuple[tuple[str, Text], ...] = (
    ("read", text("読み取り")),
    ("unchanged", text("変更なし")),
    ("created", text("新規")),
    ("linked", text("既存と一致")),
    ("updated", text("更新")),
    ("excluded", text("除外")),
    ("held", text("確認待ち")),
    ("skipped", text("対象外")),
    ("rejected", text("エラー")),
    ("differences", text("不一致")),
    ("mended", text("反映済み")),
    ("unconfirmed", text("結果未確認")),
    ("marked", text("自動アクセスの疑い")),
    ("written", text("書き込み")),
)

_ALWAYS = frozenset(("read", "unchanged", "created", "updated", "rejected", "written"))


def show_summary(output: Output, summary: Mapping[str, Any], *, plan: bool) -> None:
    """A few lines that answer: did it work, what moved, what is left to do."""
    output.line()
    title = _TITLES.get(summary["mode"]) or (
        text("計画 (書き込みなし)") if plan else text("実行結果")
    )
    output.line(
        text(
            "{title}: {status}   実行番号 {run_id}",
            title=output.render(title),
            status=output.render(_STATUS[summary["status"]]),
            run_id=summary["run_id"],
        )
    )
    for name, numbers in summary["flows"].items():
        output.line(f"■ {output.render(_FLOWS[name])}")
        output.line("    " + "  ".join(_numbers(output, numbers)))
        calls = numbers["api_calls"]
        output.line(
            text(
                "    API 呼び出し  Salesforce {salesforce}  配配メール {haihai}",
                salesforce=calls["salesforce"],
                haihai=calls["haihai"],
            )
        )
    for line in _next_steps(summary):
        output.line(line)


def _numbers(output: Output, numbers: Mapping[str, Any]) -> list[str]:
    return [
        f"{output.render(label)} {numbers[key]:,}"
        for key, label in _COLUMNS
        if key in _ALWAYS or numbers[key]
    ]


_CONFIRM = {"fix": "--reconcile --fix", "full": "--run-sync --full"}
"""How a halted run of a mode is asked for again; others by `--run-sync`."""


def _next_steps(summary: Mapping[str, Any]) -> list[Text]:
    steps: list[Text] = []
    flows = summary["flows"].values()
    if summary["status"] == "halted":
        again = _CONFIRM.get(summary["mode"], "--run-sync")
        steps.append(
            text(
                "→ 計画を確認し、正しければ: haihai-tui {again} --confirm {run_id}",
                again=again,
                run_id=summary["run_id"],
            )
        )
    if summary["mode"] == "reconcile" and any(flow["differences"] for flow in flows):
        steps.append(text("→ 不一致を反映する: haihai-tui --reconcile --fix"))
    if any(flow["rejected"] for flow in flows):
        steps.append(
            text("→ エラーの内容: haihai-tui --status (修正後の実行で自動的に再送)")
        )
    if any(flow["held"] for flow in flows):
        steps.append(
            text("→ 同じアドレスを持つレコードがあります: haihai-tui --status で確認")
        )
    return steps
