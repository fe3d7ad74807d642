"""Takes secrets out of log records.

The HTTP libraries log URLs and, at debug level, whole headers; so the filter
sits on their loggers and does not trust any caller to have been careful.
"""

from __future__ import annotations

import logging
import re

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

_hidden: set[str] = set()


def hide(secret: str) -> None:
    """Keep `secret` out of every later log line (short values are ignored)."""
    if len(secret) >= 6:
        _hidden.add(secret)


def redact(line: str) -> str:
    """`line` without tokens, secrets and authorisation codes."""
    for secret in _hidden:
        line = line.replace(secret, "…")
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
