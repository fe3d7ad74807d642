"""The rules that a single setting must meet.

A rule is a value object, so that loading, `--set` and the console's input fields
check with the very same object and cannot disagree.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import urlsplit

from haihai_tui.errors import Text, text

LOOPBACK = ("localhost", "127.0.0.1", "::1")


class BadValue(ValueError):
    """`expected` tells what the key takes; `where` is an index or sub-key or ""."""

    def __init__(self, expected: Text, where: str = "", *, value: object = ...) -> None:
        super().__init__(str(expected))
        self.expected = expected
        self.where = where
        self.value = value


class Rule(Protocol):
    """Turns a value as TOML gives it into the typed one, or raises BadValue."""

    def check(self, value: object) -> object: ...


@dataclass(frozen=True, slots=True)
class Words:
    """A text; `pattern` must match it whole unless it is empty."""

    pattern: str = ""
    expected: Text | None = None
    may_be_empty: bool = True

    def check(self, value: object) -> object:
        if not isinstance(value, str):
            raise BadValue(text("引用符で囲んだ文字列を指定してください。"))
        if any(ord(character) < 32 or ord(character) == 127 for character in value):
            raise BadValue(text("制御文字（改行など）は使えません。"))
        if not value:
            if self.may_be_empty:
                return value
            raise BadValue(self.expected or text("空にはできません。"))
        if self.pattern and not re.fullmatch(self.pattern, value):
            raise BadValue(self.expected or text("書式を確認してください。"))
        return value


@dataclass(frozen=True, slots=True)
class Url:
    """An https URL, or http on this machine; "" where nothing is set."""

    def check(self, value: object) -> object:
        expected = text(
            "https:// で始まる URL を引用符で囲んで指定してください"
            "（http:// はこのコンピューター自身に限ります）。"
        )
        if value == "":
            return value
        if not isinstance(value, str) or re.search(r"\s", value):
            raise BadValue(expected)
        try:
            parts = urlsplit(value)
            host, _port = parts.hostname, parts.port
        except ValueError as error:
            raise BadValue(expected) from error
        plain_is_safe = parts.scheme == "http" and host in LOOPBACK
        if not host or not (parts.scheme == "https" or plain_is_safe):
            raise BadValue(expected)
        return value


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A PostgreSQL URL without a password; "" for the SQLite file of the home."""

    def check(self, value: object) -> object:
        if value == "":
            return value
        expected = text(
            "postgresql://利用者@ホスト/データベース の形で指定してください。"
        )
        if not isinstance(value, str):
            raise BadValue(expected)
        try:
            parts = urlsplit(value)
        except ValueError as error:
            raise BadValue(expected) from error
        if parts.scheme not in ("postgresql", "postgresql+psycopg"):
            raise BadValue(expected)
        if parts.password is not None:
            raise BadValue(
                text(
                    "パスワードは設定に書かず、~/.pgpass か PGPASSFILE で"
                    "渡してください。"
                ),
                value="postgresql://…",
            )
        return value


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds."""

    minimum: int
    maximum: int

    def check(self, value: object) -> object:
        if (
            not isinstance(value, int)
            or isinstance(value, bool)
            or not self.minimum <= value <= self.maximum
        ):
            raise BadValue(
                text(
                    "{minimum} から {maximum} までの整数を指定してください。",
                    minimum=self.minimum,
                    maximum=self.maximum,
                )
            )
        return value


@dataclass(frozen=True, slots=True)
class Decimal:
    """A number within bounds; whole numbers are taken as well."""

    minimum: float
    maximum: float

    def check(self, value: object) -> object:
        if (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not self.minimum <= value <= self.maximum
        ):
            raise BadValue(
                text(
                    "{minimum} から {maximum} までの数を指定してください。",
                    minimum=self.minimum,
                    maximum=self.maximum,
                )
            )
        return float(value)


@dataclass(frozen=True, slots=True)
class Switch:
    """true or false."""

    def check(self, value: object) -> object:
        if not isinstance(value, bool):
            raise BadValue(text("true か false を（引用符なしで）指定してください。"))
        return value


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    values: tuple[str, ...]

    def check(self, value: object) -> object:
        if value not in self.values or not isinstance(value, str):
            raise BadValue(
                text(
                    "次のいずれかを指定してください: {choices}",
                    choices=" / ".join(f'"{choice}"' for choice in self.values),
                )
            )
        return value


@dataclass(frozen=True, slots=True)
class Span:
    """Hours of every day, `22:00-02:00`; over midnight where the end is earlier."""

    def check(self, value: object) -> object:
        hour = r"([01][0-9]|2[0-3]):[0-5][0-9]"
        if not isinstance(value, str) or not re.fullmatch(f"{hour}-{hour}", value):
            raise BadValue(
                text('時間帯は "22:00-02:00" の形（24 時間制）で指定してください。')
            )
        begin, _, end = value.partition("-")
        if begin == end:
            raise BadValue(text("時間帯の始まりと終わりが同じです。"))
        return value


@dataclass(frozen=True, slots=True)
class Several:
    """A list without repetition, each element meeting `element`."""

    element: Rule
    may_be_empty: bool = True

    def check(self, value: object) -> object:
        if not isinstance(value, list | tuple):
            raise BadValue(text('["…", "…"] の形の一覧を指定してください。'))
        if not value and not self.may_be_empty:
            raise BadValue(text("少なくとも 1 つ指定してください。"))
        checked = []
        for index, item in enumerate(value):
            try:
                checked.append(self.element.check(item))
            except BadValue as error:
                raise BadValue(error.expected, f"[{index}]", value=item) from error
            if checked[-1] in checked[:-1]:
                raise BadValue(
                    text("同じ値を 2 度指定しないでください。"),
                    f"[{index}]",
                    value=item,
                )
        return tuple(checked)


@dataclass(frozen=True, slots=True)
class WordOrList:
    """One of a few words, or a list of texts (group numbers)."""

    words: tuple[str, ...]

    def check(self, value: object) -> object:
        if isinstance(value, str) and value in self.words:
            return value
        try:
            return Several(Words(may_be_empty=False), may_be_empty=False).check(value)
        except BadValue as error:
            raise BadValue(
                text(
                    '{words}、または番号の一覧（例: ["1", "2"]）を指定してください。',
                    words=" / ".join(f'"{word}"' for word in self.words),
                ),
                error.where,
                value=error.value,
            ) from error


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose inside another module judges."""

    def check(self, value: object) -> object:
        if not isinstance(value, Mapping):
            raise BadValue(text("表（[…] の見出しに続くキーと値）にしてください。"))
        return dict(value)


SOBJECT = Words(
    r"[A-Za-z][A-Za-z0-9_]*",
    text("Salesforce のオブジェクト API 名（例: Contact）を指定してください。"),
)
SFIELD = Words(
    r"[A-Za-z][A-Za-z0-9_]*",
    text("Salesforce の項目 API 名（例: HaihaiState__c）を指定してください。"),
)
SFIELD_PATH = Words(
    r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*){0,5}",
    text("Salesforce の項目 API 名（例: LastName、Account.Name）を指定してください。"),
    may_be_empty=False,
)
Built = TypeVar("Built")


def key(rule: Rule, default: object, label: Text) -> Any:
    """A dataclass field that carries its rule and its name on the screen."""
    facts = {"rule": rule, "label": label}
    if isinstance(default, dict):
        return field(default_factory=lambda: dict(default), metadata=facts)
    return field(default=default, metadata=facts)


class UnknownKey(BadValue):
    """The table has a key that the schema does not know."""


def build(kind: type[Built], table: object) -> Built:
    """An instance of the dataclass `kind` from a TOML table.

    Each field carries its rule in its metadata.  BadValue names the key in
    `where` (with index and sub-key, as `fields[0].blank`).
    """
    if not isinstance(table, Mapping):
        raise BadValue(text("表（[…] の見出しに続くキーと値）にしてください。"))
    known = {item.name: item for item in fields(cast(Any, kind))}
    for name in table:
        if name not in known:
            raise UnknownKey(unknown_key(str(name), known), str(name))
    values = {}
    for name, item in known.items():
        if name in table:
            values[name] = _checked(item.metadata["rule"], name, table[name])
        elif item.default is MISSING and item.default_factory is MISSING:
            raise BadValue(text("このキーは省略できません。"), name, value=None)
    return kind(**values)


def unknown_key(name: str, known: Iterable[str]) -> Text:
    """Tell the nearest key that there is, or all of them."""
    names = list(known)
    if near := difflib.get_close_matches(name, names, n=1, cutoff=0.6):
        return text("「{near}」の誤りではありませんか。", near=near[0])
    return text("使えるキー: {names}", names=", ".join(names))


def _checked(rule: Rule, name: str, value: object) -> object:
    try:
        return rule.check(value)
    except BadValue as error:
        where = f"{name}{error.where}"
        found = value if error.value is ... else error.value
        raise type(error)(error.expected, where, value=found) from error
