"""What makes a password acceptable, and how it is kept.

Argon2id with the parameters that OWASP recommends for sign-in (19 MiB, 2 passes):
some 30 ms, so that a dozen old passwords can be ruled out while a person waits.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from haihai_tui.errors import SettingsError, text

MINIMUM_LENGTH = 12
MAXIMUM_LENGTH = 256
MINIMUM_SCORE = 3
REMEMBERED = 12
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"
_BLOCKED = ("haihai", "配配", "salesforce", "password", "パスワード")


class Hasher(Protocol):
    """The part of `argon2.PasswordHasher` that is used."""

    def hash(self, password: str) -> str: ...
    def verify(self, hash: str, password: str) -> bool: ...
    def check_needs_rehash(self, hash: str) -> bool: ...


def default_hasher() -> Hasher:
    # Deferred: 20 ms, and only signing in needs it.
    from argon2 import PasswordHasher

    return PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)


def matches(hasher: Hasher, kept: str, password: str) -> bool:
    """Whether `password` is the one behind the kept hash."""
    # Deferred: as above.
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return hasher.verify(kept, password)
    except (VerificationError, InvalidHashError):
        return False


def new_initial_password() -> str:
    """Twenty letters and digits that cannot be mistaken for one another (99 bits)."""
    letters = [secrets.choice(_ALPHABET) for _ in range(20)]
    return "-".join("".join(letters[at : at + 5]) for at in range(0, 20, 5))


def require_acceptable(
    password: str, *, name: str, used: Iterable[str], hasher: Hasher
) -> None:
    """SettingsError that tells what is wrong with a new password."""
    if not MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH:
        raise SettingsError(
            text("新しいパスワードの長さが {length} 文字です。", length=len(password)),
            text(
                "{minimum} 文字以上 {maximum} 文字以内にしてください。",
                minimum=MINIMUM_LENGTH,
                maximum=MAXIMUM_LENGTH,
            ),
        )
    if made_of_known_words(password, name):
        raise SettingsError(
            text("新しいパスワードが推測されやすい語からできています。"),
            text("名前や製品名に頼らない、無関係な語の組み合わせにしてください。"),
        )
    score = strength(password, name)
    if score < MINIMUM_SCORE:
        raise SettingsError(
            text(
                "新しいパスワードは推測されやすいものです（強さ {score}/4）。",
                score=score,
            ),
            text("無関係な語をいくつか組み合わせて、もっと長くしてください。"),
        )
    if any(matches(hasher, kept, password) for kept in used):
        raise SettingsError(
            text("以前に使ったパスワードです。"),
            text("過去 {count} 回と異なるパスワードにしてください。", count=REMEMBERED),
        )


def made_of_known_words(password: str, name: str) -> bool:
    """Whether little is left of it without the operator's and the product's name."""
    left = lowered = password.casefold()
    for word in (name.casefold(), *_BLOCKED):
        if word:
            left = left.replace(word, "")
    return left != lowered and len(left) < MINIMUM_LENGTH // 2


def strength(password: str, name: str) -> int:
    """How hard it is to guess, 0 to 4, as zxcvbn judges; takes some milliseconds."""
    if not password:
        return 0
    # Deferred: its word lists take 100 ms, and passwords are seldom changed.
    from zxcvbn import zxcvbn  # type: ignore[import-untyped]

    known = [word for word in (name, *_BLOCKED) if word]
    # What it judges beyond 72 characters only costs time: the rest is strong anyway.
    found = zxcvbn(password[:72], user_inputs=known)
    return int(found["score"])


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is told about a password while it is typed; `score` is 0 to 4."""

    password: str
    long_enough: bool
    unrelated: bool
    score: int

    @property
    def acceptable(self) -> bool:
        return self.long_enough and self.unrelated and self.score >= MINIMUM_SCORE


def judge(password: str, name: str) -> Judgement:
    """All that can be told without knowing the passwords used before."""
    return Judgement(
        password,
        MINIMUM_LENGTH <= len(password) <= MAXIMUM_LENGTH,
        bool(password) and not made_of_known_words(password, name),
        strength(password, name),
    )
