"""The shape of a cause's texts, and remedies that several causes share."""

from __future__ import annotations

from dataclasses import dataclass

from haihai_tui.errors import Text, text

WAIT = text(
    "Salesforce の設定変更は反映に数十分かかることがあります。待ってから再度実施し"
    "てください。"
)
AUTHORISE = text("「連携トークンの更新」（--authorize）をもう一度実施してください。")
RUN_AGAIN = text("次回の実行は続きから再開します。しばらく待って再実行してください。")


@dataclass(frozen=True, slots=True)
class CauseText:
    """`see` is the number of the manual's section."""

    title: Text
    what: Text
    remedy: tuple[Text, ...]
    see: str
