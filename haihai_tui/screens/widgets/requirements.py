"""What a new password must fulfil, ticked off while it is typed."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical

from haihai_tui.errors import Text, text
from haihai_tui.screens.widgets.words import Words
from haihai_tui.services.passwords import (
    MAXIMUM_LENGTH,
    MINIMUM_LENGTH,
    MINIMUM_SCORE,
    Judgement,
)

_SCORES = (
    text("とても弱い"),
    text("弱い"),
    text("やや弱い"),
    text("強い"),
    text("とても強い"),
)


class Requirements(Vertical):
    """Length, words, strength and repetition, each in words with its mark."""

    def compose(self) -> ComposeResult:
        for name in ("length", "words", "strength", "same"):
            yield Words("", id=f"rule-{name}", classes="wide")

    def show(self, judged: Judgement, same: bool) -> None:
        """Tell each rule; nothing typed yet fulfils none."""
        typed = bool(judged.password)
        self._tell(
            "length",
            judged.long_enough,
            typed,
            text(
                "{minimum} 文字以上 {maximum} 文字以内 (いま {length} 文字)",
                minimum=MINIMUM_LENGTH,
                maximum=MAXIMUM_LENGTH,
                length=len(judged.password),
            ),
        )
        self._tell(
            "words",
            judged.unrelated,
            typed,
            text("利用者名や製品名に頼っていない"),
        )
        self._tell(
            "strength", judged.score >= MINIMUM_SCORE, typed, _strength(judged, typed)
        )
        self._tell("same", typed and same, typed, text("2 回の入力が同じ"))

    def _tell(self, rule: str, fulfilled: bool, typed: bool, wording: Text) -> None:
        mark = "[x]" if fulfilled else "[ ]"
        level = "ok" if fulfilled else "warning" if typed else "info"
        self.query_one(f"#rule-{rule}", Words).show(
            text("{mark} {rule}", mark=mark, rule=wording), level
        )


def _strength(judged: Judgement, typed: bool) -> Text:
    if not typed:
        return text("強さ {minimum}/4 以上", minimum=MINIMUM_SCORE)
    return text(
        "強さ {minimum}/4 以上 (いま {score}/4 {bar} {word})",
        minimum=MINIMUM_SCORE,
        score=judged.score,
        bar="#" * judged.score + "." * (4 - judged.score),
        word=_SCORES[judged.score],
    )
