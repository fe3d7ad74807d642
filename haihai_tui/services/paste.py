"""A paste made readable: whatever encodings and line breaks stand around its words.

People paste address bars, mails, log lines and screens.  Decoding is repeated
until nothing changes; what is compared in the end are letters and digits alone.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote_plus, urlsplit

MAX_CHARS = 200_000
"""Of a longer paste the beginning and the end are read."""

_ROUNDS = 8
_FULL_WIDTH = {code + 0xFEE0: code for code in range(0x21, 0x7F)}
_JSON_ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
_QUOTED_PRINTABLE = re.compile(r"=(3D|20|26|25|3F|2F|3A)", re.IGNORECASE)
_TERMINAL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_QUOTE_MARKS = re.compile(r"(?m)^[ \t]*(>+|\|)[ \t]?")
_SPACE = re.compile(r"\s+")
_URL = re.compile(r"""https?://[^\s"'<>`{}|\\^「」『』（）]+""", re.IGNORECASE)
_WORD = re.compile(r"[A-Za-z0-9]+(?:_[A-Za-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Paste:
    """`plain`: decoded text; `folded`: letters and digits of all readings of it."""

    plain: str
    folded: str
    urls: tuple[SplitResult, ...]

    @property
    def words(self) -> frozenset[str]:
        """Words and identifiers in lower case."""
        return frozenset(word.lower() for word in _WORD.findall(self.plain))


def read(text: str) -> Paste:
    """Decode `text` in every way that people's pastes were seen to need."""
    if len(text) > MAX_CHARS:
        half = MAX_CHARS // 2
        text = f"{text[:half]}\n{text[-half:]}"
    text = _TERMINAL.sub("", text).replace("\0", "")
    text = "".join(c for c in text if unicodedata.category(c) != "Cf")
    text = text.translate(_FULL_WIDTH)
    steps = _decoded(text)
    joined = _decoded(_SPACE.sub("", _QUOTE_MARKS.sub("", text)))
    plain = steps[-1]
    repaired = _repaired(plain)
    return Paste(
        f"{plain}\n{repaired}" if repaired else plain,
        "\n".join(fold(r) for r in (plain, joined[-1], repaired) if r),
        tuple(_urls(steps, joined)),
    )


def fold(text: str) -> str:
    """Letters and digits in lower case; full-width forms made plain."""
    folded = unicodedata.normalize("NFKC", text).lower()
    return "".join(filter(str.isalnum, folded))


def parameters(parts: SplitResult) -> dict[str, str]:
    """Query and fragment parameters; of a repeated one the first."""
    found: dict[str, str] = {}
    for query in (parts.query, parts.fragment):
        for name, value in parse_qsl(query, keep_blank_values=True):
            found.setdefault(name.lower(), value)
    return found


def _urls(*readings: list[str]) -> Iterator[SplitResult]:
    """URLs that can be taken apart, each reading's in its first legible step.

    Later steps have decoded the parameters, whose spaces would cut the URL short.
    One that line breaks have cut is left out for the one that was put together.
    """
    found = [url for steps in readings for url in _first_urls(steps)]
    for url in dict.fromkeys(found):
        if any(other != url and other.startswith(url) for other in found):
            continue
        try:
            parts = urlsplit(url)
            _ = parts.port
        except ValueError:
            continue
        if parts.hostname:
            yield parts


def _first_urls(steps: list[str]) -> list[str]:
    return next((urls for step in steps if (urls := _URL.findall(step))), [])


def _decoded(text: str) -> list[str]:
    """The text and what each round of decoding makes of it; the last is plain."""
    steps = [text]
    for _ in range(_ROUNDS):
        text = html.unescape(text)
        text = text.replace("\\/", "/").replace('\\"', '"')
        text = _JSON_ESCAPE.sub(lambda found: chr(int(found[1], 16)), text)
        if "=3D" in text.upper():
            text = text.replace("=\r\n", "").replace("=\n", "")
            text = _QUOTED_PRINTABLE.sub(lambda found: chr(int(found[1], 16)), text)
        if text == steps[-1] and "%" in text:
            text = unquote_plus(text)
        if text == steps[-1]:
            break
        steps.append(text)
    return steps


def _repaired(text: str) -> str:
    """UTF-8 that somebody read as Latin-1 or CP932, read again; else ""."""
    for wrong in ("cp1252", "latin-1", "cp932"):
        try:
            again = text.encode(wrong).decode("utf-8")
        except UnicodeError:
            continue
        if again != text:
            return again
    return ""
