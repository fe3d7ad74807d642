"""A plan's entries in words: what is done to whom, and what it was before."""

from __future__ import annotations

from collections.abc import Mapping

from haihai_tui.errors import Text, text
from haihai_tui.services.plans import changes_of
from haihai_tui.services.wording import DIFFERENCE_LABELS
from haihai_tui.sync.services import PlanEntry

ACTIONS: dict[str, Text] = {
    "create": text("新規登録"),
    "return": text("復帰"),
    "update": text("更新"),
    "move": text("アドレス変更"),
    "exclude": text("除外"),
    "bar": text("配信禁止"),
    "unlink": text("連携解除"),
    "held": text("確認待ち"),
    "skipped": text("対象外"),
    **DIFFERENCE_LABELS,
}
TONES = {
    "create": "ok",
    "return": "ok",
    "exclude": "warning",
    "bar": "warning",
    "unlink": "warning",
    "held": "warning",
    "skipped": "quiet",
    "superfluous": "warning",
    "stop_mismatch": "error",
    "broken_link": "warning",
}


def action_words(action: str) -> Text:
    """`update Contact` is an update of a Salesforce object."""
    if label := ACTIONS.get(action):
        return label
    kind, _, sobject = action.partition(" ")
    if kind == "update" and sobject:
        return text("{object} 更新", object=sobject)
    return text("{action}", action=action)


def change_words(old: str | None, new: str | None) -> Text | str:
    """`old -> new`; only the new one where the old is not known."""
    if old is None:
        return _value(new)
    return text("{old} -> {new}", old=_value(old), new=_value(new))


def _value(value: str | None) -> Text | str:
    return value if value else text("(空白)")


def entry_words(entry: PlanEntry) -> Text:
    """All changes of an entry on one line."""
    parts = [
        text("{field}: {change}", field=field, change=change_words(old, new))
        for field, old, new in changes_of(entry)
    ]
    named: Mapping[str, object] = {f"p{at}": part for at, part in enumerate(parts)}
    return Text("  ".join(f"{{{name}}}" for name in named), named)
