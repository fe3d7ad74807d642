"""From what somebody pasted to causes and remedies, best first.

Nothing of the paste is given back except names that cannot be secrets: the kind
of text, a host, an error name made of plain words, an HTTP status.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, reduce
from urllib.parse import SplitResult

from haihai_tui.errors import SettingsError, Text, text
from haihai_tui.services import paste as pasted
from haihai_tui.services.causes import CAUSES, cause_text
from haihai_tui.services.diagnosis_rules import RULES, Rule
from haihai_tui.services.paste import Paste
from haihai_tui.services.salesforce.urls import normalise_url

MOST = 5
"""How many causes are named at most."""

_SHARE = 0.45
"""A cause less likely than this share of the best one is left out."""

_CUT = 0.6
"""What a phrase is worth of which only this share, or more, was pasted."""

_CUT_LETTERS = 9
_PLAIN_NAME = re.compile(r"[A-Za-z]{2,20}(?:[_-][A-Za-z]{2,20}){0,7}")
_ERROR_NAME = re.compile(
    r"""(?:\berror|errorCode|statusCode|exceptionCode)["']?\s*[=:>]\s*["']?"""
    r"""([A-Za-z_-]{2,80})""",
)
_CAPITALS = re.compile(r"\b([A-Z]{2,}(?:_[A-Z]{2,})+)\b")
_STATUS = re.compile(
    r"(?:HTTP(?:/[\d.]+)?|status(?:[ _]code)?)\W{1,3}([1-5]\d\d)\b", re.I
)
_CAUSE = re.compile(r"""(?:cause|code|原因|、)["']?\s*[=:]?\s*["']?([a-z_]{3,40})""")


@dataclass(frozen=True, slots=True)
class Cause:
    """One possible cause; `confidence` from 0 to 1, `see` a section of the manual."""

    code: str
    confidence: float
    title: Text
    what: Text
    remedy: tuple[Text, ...]
    see: str


def diagnose(message: str, *, salesforce_url: str = "") -> list[Cause]:
    """Causes of a redirect URL, page, error body, log line or message of ours.

    `salesforce_url` is the profile's, where there is one: some errors have their
    true cause there.  Never empty; `unknown` stands alone and tells what is known.
    """
    paste = pasted.read(message)
    found: dict[str, float] = {}
    for code, confidence in _evidence(paste):
        found[code] = max(confidence, found.get(code, 0.0))
    _weigh_settings(found, salesforce_url)
    if not found:
        return [_unknown(paste)]
    best = max(found.values())
    order = sorted(found, key=lambda code: -found[code])
    kept = [code for code in order if found[code] >= best * _SHARE][:MOST]
    return [_cause(code, found[code]) for code in kept]


def _cause(code: str, confidence: float, what: Text | None = None) -> Cause:
    known = cause_text(code)
    return Cause(
        code,
        round(confidence, 2),
        known.title,
        what or known.what,
        known.remedy,
        known.see,
    )


def _weigh_settings(found: dict[str, float], salesforce_url: str) -> None:
    """A screen's URL in the settings is behind many a mismatch (manual, 6.1)."""
    if found.get("redirect_uri_mismatch") and _is_screen(salesforce_url):
        found["lightning_url"] = 0.98
        found["redirect_uri_mismatch"] = min(found["redirect_uri_mismatch"], 0.8)


# ------------------------------------------------------------------ evidence


def _evidence(paste: Paste) -> Iterator[tuple[str, float]]:
    yield from _by_rules(paste)
    yield from _by_own_words(paste)
    yield from _by_urls(paste)


@cache
def _folded(phrases: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(pasted.fold, phrases))


def _by_rules(paste: Paste) -> Iterator[tuple[str, float]]:
    spaced = f" {' '.join(re.findall(r'[a-z0-9./]+', paste.plain.lower()))} "
    for rule in RULES:
        if not _applies(rule, paste.folded):
            continue
        if rule.whole_words:
            if any(f" {phrase.lower()} " in spaced for phrase in rule.phrases):
                yield rule.code, rule.confidence
            continue
        phrases = _folded(rule.phrases)
        if any(phrase in paste.folded for phrase in phrases):
            yield rule.code, rule.confidence
        elif any(_is_cut(phrase, paste.folded) for phrase in phrases):
            yield rule.code, rule.confidence * _CUT


def _applies(rule: Rule, folded: str) -> bool:
    if any(phrase in folded for phrase in _folded(rule.unless)):
        return False
    also = _folded(rule.also)
    return not also or any(phrase in folded for phrase in also)


def _is_cut(phrase: str, folded: str) -> bool:
    """Whether the paste ends within `phrase`, or begins within it."""
    if not phrase.isascii():
        return False
    least = max(_CUT_LETTERS, int(len(phrase) * _CUT))
    for length in range(len(phrase) - 1, least - 1, -1):
        head, tail = phrase[:length], phrase[-length:]
        cut = (folded.endswith(head) and head) or (folded.startswith(tail) and tail)
        if cut:
            # What is a phrase in its own right was not cut.
            return cut not in _all_phrases()
    return False


@cache
def _all_phrases() -> frozenset[str]:
    return frozenset(phrase for rule in RULES for phrase in _folded(rule.phrases))


def _by_own_words(paste: Paste) -> Iterator[tuple[str, float]]:
    """Our own codes and titles, as the console, `--json` and logs print them."""
    plain = set(_CAUSE.findall(paste.plain))
    for code, known in CAUSES.items():
        if code == "unknown":
            continue
        if code in plain or ("_" in code and code in paste.words):
            yield code, 0.9
        elif pasted.fold(str(known.title)) in paste.folded:
            yield code, 0.92


def _by_urls(paste: Paste) -> Iterator[tuple[str, float]]:
    alone = not re.search(r"\s", paste.plain.strip())
    for parts in paste.urls:
        yield from _by_url(parts, pasted.parameters(parts), alone)


def _by_url(
    parts: SplitResult, given: Mapping[str, str], alone: bool
) -> Iterator[tuple[str, float]]:
    host, path = parts.hostname or "", parts.path.lower()
    is_oauth = "/services/oauth2" in path
    is_callback = path.rstrip("/").endswith("/sflogged") or "code" in given
    if _is_screen(host):
        yield "lightning_url", 0.97 if is_oauth else 0.9
    elif not _is_salesforce(host):
        if is_oauth:
            yield "not_a_salesforce_url", 0.9
        elif alone and not is_callback and "error" not in given:
            yield "not_a_salesforce_url", 0.75
    elif path.endswith("/services/oauth2/authorize") and "error" not in given:
        yield from _by_request(given)
    if is_callback and "error" not in given:
        # Logged in and sent back: only the way to the waiting connector is missing.
        yield "no_answer", 0.6
        if "code" in given:
            yield "code_expired", 0.35


def _by_request(given: Mapping[str, str]) -> Iterator[tuple[str, float]]:
    """The authorisation URL itself, no error in it: what in it may be refused."""
    yield "no_answer", 0.4
    scopes = given.get("scope", "").split()
    if scopes and not {"refresh_token", "offline_access"} & set(scopes):
        yield "scope_missing", 0.6
    if "client_id" in given and "code_challenge" not in given:
        yield "pkce_required", 0.5
    callback = given.get("redirect_uri", "")
    if callback.startswith("http://") and not callback.startswith("http://localhost"):
        yield "redirect_uri_mismatch", 0.6


def _is_screen(url: str) -> bool:
    """A host of pages that people look at, with a known host behind it."""
    try:
        return bool(url) and normalise_url(url).hint is not None
    except SettingsError as error:
        return error.cause == "lightning_url"


def _is_salesforce(host: str) -> bool:
    try:
        normalise_url(host)
    except SettingsError:
        return False
    return True


# ------------------------------------------------------------ what is known


def _unknown(paste: Paste) -> Cause:
    if not paste.plain.strip():
        return _cause("unknown", 0.0, text("貼り付けられたテキストが空です。"))
    facts = list(_facts(paste))
    if not facts:
        return _cause("unknown", 0.0)
    known = reduce(lambda first, more: text("{a}、{b}", a=first, b=more), facts)
    what = text(
        "知られた原因は見つかりませんでした。テキストからわかること: {facts}。",
        facts=known,
    )
    return _cause("unknown", 0.0, what)


def _facts(paste: Paste) -> Iterable[Text]:
    plain = paste.plain.strip()
    if plain.startswith(("{", "[")):
        yield text("JSON の応答")
    elif re.match(r"<(!doctype html|html)", plain, re.IGNORECASE):
        yield text("HTML のページ")
    elif plain.startswith("<"):
        yield text("XML の応答")
    elif paste.urls:
        yield text("ホスト {host} の URL", host=_shown_host(paste.urls[0]))
    status = _STATUS.search(plain)
    if status:
        yield text("HTTP {status}", status=status[1])
    named = _ERROR_NAME.search(plain) or _CAPITALS.search(plain)
    if named and _PLAIN_NAME.fullmatch(named[1]):
        yield text("エラー名 {name}", name=named[1])


def _shown_host(parts: SplitResult) -> str:
    """The host's last parts: enough to know whose it is, too little to be a secret."""
    return ".".join((parts.hostname or "").split(".")[-3:])[:60]
