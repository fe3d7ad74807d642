"""Takes secrets out of log records.

The HTTP libraries log URLs and, at debug level, whole headers; so the filter
sits on their loggers and does not trust any caller to have been careful.
"""

from __future__ import annotations

import json
import logging
import re
from base64 import b64encode
from urllib.parse import quote

_LOGGERS = (
    "httpx",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)

_NAMES = (
    "access_token|refresh_token|id_token|client_secret|code_verifier|code|token|"
    "password|assertion|signature|api_token|apitoken|api_key|oauth_token|sid"
)

_PATTERNS = (
    # Salesforce access tokens, then refresh tokens, then any bearer credential.
    (re.compile(r"00D\w{9,15}![\w.%-]*"), "00D…"),
    (re.compile(r"5Aep861[\w.%-]*"), "5Aep861…"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=!%-]+"), r"\1 …"),
    (re.compile(rf"(?i)\b({_NAMES})=[^&\s'\"]+"), r"\1=…"),
    (
        re.compile(rf"(?i)(['\"])({_NAMES})\1\s*:\s*(['\"])(?:\\.|(?!\3).)*\3"),
        r"\1\2\1:\3…\3",
    ),
)

_SHORTEST = 6
"""A value of fewer characters would make holes everywhere."""

_hidden: set[str] = set()


def hide(secret: str) -> None:
    """Keep `secret` out of every later log line (short values are ignored)."""
    if len(secret) < _SHORTEST:
        return
    for form in (secret, quote(secret, safe=""), _escaped(secret)):
        _hidden.add(form)
    for shift in range(3):
        # In the middle of something encoded, as of `user:password`.
        encoded = b64encode(b"\0" * shift + secret.encode()).decode()
        # Of the digits, those that depend on the secret alone.
        whole = encoded[-(-shift * 8 // 6) : (shift + len(secret.encode())) * 8 // 6]
        if len(whole) >= _SHORTEST:
            _hidden.add(whole)


def _escaped(secret: str) -> str:
    return json.dumps(secret)[1:-1]


def conceal(line: str) -> str:
    """`line` without the secrets that this process has handled."""
    for secret in tuple(_hidden):
        line = line.replace(secret, "…")
    return line


def redact(line: str) -> str:
    """`line` without tokens, secrets and authorisation codes."""
    line = conceal(line)
    for pattern, replacement in _PATTERNS:
        line = pattern.sub(replacement, line)
    return line


class RedactSecrets(logging.Filter):
    """Rewrites a record's message; attach it to loggers and to handlers."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = redact(message)
        if clean != message:
            record.msg, record.args = clean, ()
        return True


_FILTER = RedactSecrets()


def guard_loggers() -> None:
    """Put the filter on the HTTP libraries' loggers (once, however often called)."""
    for name in _LOGGERS:
        # addFilter ignores a filter that is already there.
        logging.getLogger(name).addFilter(_FILTER)
