"""The shape of a rule, and words that rules of several subjects share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """Any of `phrases`, together with any of `also`, and none of `unless`.

    `whole_words` compares the phrases as separate words instead.
    """

    code: str
    confidence: float
    phrases: tuple[str, ...]
    also: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    whole_words: bool = False


APPROVAL_PAGE = (
    "OAUTH_APPROVAL_ERROR_GENERIC",
    "We can't authorize you because of an OAuth error",
    "An unexpected error has occurred during authentication",
    "An unexpected error has occured during authentication",
    "OAuth エラーが発生したため、認証できません",
    "OAuth エラーのため、認証できません",
    "OAuth エラーのため承認できません",
    "認証中に予期しないエラーが発生しました",
)
LOOPBACK = ("localhost", "127.0.0.1", "sflogged")
HAIHAI_WORDS = ("配配メール", "HaiHai Mail", "hm-f.jp", "ScheduleCsvImport")
