"""The pages that a browser sees when it comes back from the Salesforce login.

Each tells the same in both languages, the browser's own first: whoever sits there may
be an administrator who never sees the console.  Nothing of the address is repeated,
nothing is loaded from elsewhere, and a script takes the code out of the address bar
and the history.
"""

from __future__ import annotations

import html
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus

from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.locales import Catalogue, Language
from haihai_tui.services.causes import cause_text
from haihai_tui.services.redaction import redact

SCRIPT = "history.replaceState(null,'',location.pathname)"
_STYLE = """
:root{color-scheme:light dark;--back:#f3f4f7;--card:#fff;--ink:#1c2330;--soft:#5b6576;
--line:#dfe3ea;--ok:#137a4b;--ok-back:#e2f4ea;--bad:#b3261e;--bad-back:#fbe9e7;
--wait:#8a5a00;--wait-back:#fdf2dc}
@media(prefers-color-scheme:dark){:root{--back:#12161d;--card:#1b212b;--ink:#e8ebf1;
--soft:#a3adbd;--line:#313a48;--ok:#5fd39a;--ok-back:#16352a;--bad:#ff9d94;
--bad-back:#3f211f;--wait:#f2c46b;--wait-back:#3a2e16}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:flex;flex-direction:column;align-items:center;
padding:6vh 1rem 2rem;background:var(--back);color:var(--ink);
font:16px/1.75 system-ui,"Hiragino Sans","Yu Gothic UI","Noto Sans CJK JP",sans-serif}
main{width:100%;max-width:38rem;background:var(--card);border:1px solid var(--line);
border-radius:14px;overflow:hidden;box-shadow:0 8px 28px rgb(15 23 42/.08)}
header{display:flex;gap:1rem;align-items:center;padding:1.5rem 1.75rem}
header svg{flex:none;width:44px;height:44px}
h1{margin:0;font-size:1.2rem;line-height:1.5}
.ok header{background:var(--ok-back)}.ok svg{color:var(--ok)}
.bad header{background:var(--bad-back)}.bad svg{color:var(--bad)}
.wait header{background:var(--wait-back)}.wait svg{color:var(--wait)}
section{padding:1.25rem 1.75rem}section+section{border-top:1px solid var(--line);
color:var(--soft);font-size:.9rem}
h2{margin:0 0 .35rem;font-size:1rem}p{margin:.25rem 0}
ol{margin:.5rem 0 0;padding-left:1.4rem}li{margin:.25rem 0}
code{padding:.1em .45em;border:1px solid var(--line);border-radius:6px;font-size:.85em}
.next{font-weight:600}.see{color:var(--soft);font-size:.85em}
footer{margin-top:1.25rem;color:var(--soft);font-size:.85rem;text-align:center}
"""
_HASHES = " ".join(
    f"{kind} 'sha256-{b64encode(sha256(content.encode()).digest()).decode()}';"
    for kind, content in (("script-src", SCRIPT), ("style-src", _STYLE))
)
POLICY = (
    f"default-src 'none'; {_HASHES} base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_ICONS = {
    "ok": '<path d="M7 12.5l3.5 3.5L17 9"/>',
    "bad": '<path d="M12 7v6M12 16.4v.1"/>',
    "wait": '<path d="M12 7.5V12l3 2"/>',
}
_LINES = {
    "close": text("この画面を閉じて、コンソールに戻ってください。"),
    "remedy": text("対処"),
    "see": text("参照: マニュアル {see}"),
}


@dataclass(frozen=True, slots=True)
class Page:
    """One page.  `look` is ok, bad or wait; `error` adds cause and remedy."""

    status: HTTPStatus
    look: str
    title: Text
    next: Text
    error: ConnectorError | None = None

    def encode(self, languages: Iterable[Language]) -> bytes:
        """The document, told in each language in this order."""
        first, *others = languages
        sections = [self._section(first)]
        sections += [self._section(one, with_title=True) for one in others]
        title = _shown(Catalogue(first), self.title)
        return (
            f'<!doctype html>\n<html lang="{first}"><head><meta charset="utf-8">\n'
            f"<title>{title} - haihai-tui</title>\n"
            '<meta name="viewport" content="width=device-width,initial-scale=1">\n'
            '<meta name="referrer" content="no-referrer">\n'
            f"<style>{_STYLE}</style>\n<script>{SCRIPT}</script></head>\n"
            f'<body><main class="{self.look}">\n<header>{_icon(self.look)}'
            f"<h1>{title}</h1></header>\n{''.join(sections)}</main>\n"
            f"<footer>{_footer(first)}</footer></body></html>\n"
        ).encode()

    def _section(self, language: Language, *, with_title: bool = False) -> str:
        catalogue = Catalogue(language)
        heading = f"<h2>{_shown(catalogue, self.title)}</h2>\n" if with_title else ""
        told = "" if self.error is None else _told(catalogue, self.error)
        follow = f'<p class="next">{_shown(catalogue, self.next)}</p>'
        return f'<section lang="{language}">{heading}{told}{follow}</section>\n'


def _told(catalogue: Catalogue, error: ConnectorError) -> str:
    """Cause and remedy in the words of the troubleshooting screen."""
    known = cause_text(error.cause)
    steps = known.remedy or ((error.remedy,) if error.remedy else ())
    items = "".join(f"<li>{_shown(catalogue, step)}</li>" for step in steps)
    title = "" if error.cause == "unknown" else f"{_shown(catalogue, known.title)} "
    see = Text(_LINES["see"].msgid, {"see": known.see})
    return (
        f"<h2>{title}<code>{html.escape(error.cause)}</code></h2>\n"
        f"<p>{_shown(catalogue, error.what)}</p>\n"
        f"<p><b>{_shown(catalogue, _LINES['remedy'])}</b></p><ol>{items}</ol>\n"
        f'<p class="see">{_shown(catalogue, see)}</p>\n'
    )


def _shown(catalogue: Catalogue, message: Text) -> str:
    return html.escape(redact(catalogue.render(message)))


def _icon(look: str) -> str:
    return (
        '<svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
        'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
        f'<circle cx="12" cy="12" r="10"/>{_ICONS[look]}</svg>'
    )


def _footer(language: Language) -> str:
    return _shown(Catalogue(language), text("配配メール連携 (haihai-tui)"))


def preferred(accept_language: str) -> tuple[Language, Language]:
    """Both languages, the one that a browser asks for first; Japanese else.

    Browsers list the languages by preference, so the weights need not be read.
    """
    for wish in accept_language.lower().split(","):
        if wish.strip().startswith("en"):
            return "en", "ja"
        if wish.strip().startswith("ja"):
            break
    return "ja", "en"


DONE = Page(
    HTTPStatus.OK,
    "ok",
    text("連携トークンを受け取りました"),
    _LINES["close"],
)
LATE = Page(
    HTTPStatus.OK,
    "wait",
    text("応答を受け取りました"),
    text("結果はコンソールで確認してください。"),
)
USED = Page(
    HTTPStatus.GONE,
    "bad",
    text("この認可の応答はすでに使われました"),
    text("結果はコンソールで確認してください。やり直すときは最初から始めます。"),
)
STRANGER = Page(
    HTTPStatus.BAD_REQUEST,
    "bad",
    text("開始した認可への応答ではありません"),
    text("コンソールに表示された URL から、もう一度始めてください。"),
    ConnectorError(
        text("認可の応答が、開始した認可のものではありません（state の不一致）。"),
        cause="state_mismatch",
    ),
)
NOT_HERE = Page(
    HTTPStatus.NOT_FOUND,
    "bad",
    text("ページがありません"),
    _LINES["close"],
)


def failed(error: ConnectorError) -> Page:
    """What is shown where the authorisation failed."""
    return Page(
        HTTPStatus.OK,
        "bad",
        text("連携トークンの更新に失敗しました"),
        text("直したら、コンソールからもう一度始めてください。"),
        error,
    )
