"""What a run's progress is in words, short enough for one line each.

Nothing here knows a widget; the bars are of `#` and `-`, which are one cell wide in
every terminal and read without colour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from haihai_tui.errors import Text, text
from haihai_tui.services.progress import PHASES, STAGES, FlowProgress
from haihai_tui.services.usage import Usage
from haihai_tui.services.wording import span, status_label

COUNTS: tuple[tuple[str, Text], ...] = (
    ("read", text("読み取り")),
    ("created", text("新規")),
    ("linked", text("既存と一致")),
    ("updated", text("更新")),
    ("excluded", text("除外")),
    ("held", text("確認待ち")),
    ("skipped", text("対象外")),
    ("rejected", text("エラー")),
    ("unconfirmed", text("結果未確認")),
    ("marked", text("自動アクセスの疑い")),
    ("written", text("書き込み")),
)
"""What became of records, in the order in which people ask."""

SERVICES: dict[str, Text] = {
    "salesforce": text("API Salesforce"),
    "haihai": text("API 配配メール"),
}
APIS: dict[str, Text] = {
    "": text("24 時間"),
    "import": text("取り込み"),
    "retrieval": text("取得"),
}


def bar(share: float, width: int) -> str:
    """`[####------]` of `width` cells; empty and full only at 0 and 1."""
    room = width - 2
    filled = round(share * room)
    if 0 < share < 1:
        filled = min(max(filled, 1), room - 1)
    return f"[{'#' * filled}{'-' * (room - filled)}]"


def flow_words(flow: FlowProgress, numbers: Mapping[str, Any], width: int) -> Text:
    """How a flow stands; `numbers` is its outcome once it is over.

    `width` cells decide how much is told: word, share and time left come first.
    """
    if flow.phase == "done":
        return joined(text("完了"), *_counts(numbers or flow.planned, width - 6))
    if flow.phase == "failed":
        return joined(status_label(flow.outcome), flow.failure or "")
    if flow.phase == "waiting":
        return PHASES["waiting"]
    if flow.phase == "planned":
        return joined(PHASES["planned"], *_counts(flow.planned, width - 10))
    return joined(*_under_way(flow, width), between=" ")


def _under_way(flow: FlowProgress, width: int) -> list[Text | str]:
    parts: list[Text | str] = [PHASES[flow.phase]]
    if flow.phase == "planning" and flow.stage in STAGES:
        parts = [STAGES[flow.stage]]
    share, rate, left = flow.share, flow.rate, flow.left_s
    if share is not None:
        if width >= 44:
            parts.append(bar(share, 10))
        parts.append(f"{share:.0%}")
    else:
        parts.append(text("{n} 件", n=f"{flow.done:,}"))
    if rate is not None and width >= 40:
        parts.append(text("{n}/秒", n=_rate(rate)))
    if left:
        parts.append(text("残り {time}", time=span(left)))
    elif flow.phase == "writing" and share == 1.0:
        parts.append(text("結果待ち"))
    return parts


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.1f}"


def _counts(numbers: Mapping[str, Any], width: int) -> Iterable[Text]:
    """Numbers that are not zero, as many as fit; what needs a person comes first."""
    order = ("rejected", "held", "written", "created", "linked", "updated", "excluded")
    labels = dict(COUNTS)
    shown = [name for name in order if numbers.get(name)]
    if not shown:
        return [text("変更なし")]
    found = [
        text("{label} {n}", label=labels[name], n=f"{int(numbers[name]):,}")
        for name in shown
    ]
    return found[: max(width // 13, 1)]


def joined(*parts: Text | str, between: str = "  ") -> Text:
    """Parts side by side, each in the language of the reader; empty ones go."""
    named = {f"p{at}": part for at, part in enumerate(parts) if part != ""}
    return Text(between.join(f"{{{name}}}" for name in named), named)


def usage_words(usage: Usage, width: int) -> Text:
    """One API budget: how full, used of limit, and our own part of it."""
    share = usage.used / usage.limit if usage.limit else 0.0
    own: Text | str = ""
    if usage.service == "salesforce" and usage.allowed and width >= 72:
        own = text(
            "この実行 {spent} / {allowed}",
            spent=f"{usage.spent:,}",
            allowed=f"{usage.allowed:,}",
        )
    return joined(
        SERVICES[usage.service],
        bar(share, 16 if width >= 60 else 10),
        f"{usage.used:,} / {usage.limit:,}",
        APIS.get(usage.api, usage.api) if usage.api or width >= 90 else "",
        own,
    )
