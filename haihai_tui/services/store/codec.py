"""How messages and foreign text are kept in the database.

Messages are stored as msgid and parameters, never as a sentence, so that an old
reject is still read in the language of today's reader.  Foreign text is made
storable (no NUL, no lone surrogates), the values of people's fields are masked, and
secrets that the process has handled are taken out.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from haihai_tui.errors import Text
from haihai_tui.services.redaction import conceal

_ADDRESS = re.compile(r"([^\s@<>\"',;:()]{1,64})@([^\s@<>\"',;:()]{1,255})")
_LONGEST_KEY = 400
_TEXT = "$text"
STARS = "***"


def clean(value: str) -> str:
    """`value` as every database takes it."""
    if "\x00" in value:
        value = value.replace("\x00", "\u2400")
    try:
        value.encode()
    except UnicodeEncodeError:
        value = value.encode("utf-8", "replace").decode()
    return value


def clean_key(value: str) -> str:
    """A record's key: storable, and short enough for an index.

    A longer one keeps its beginning and gains a digest; the same key always gives
    the same text.
    """
    value = clean(value)
    if len(value) <= _LONGEST_KEY:
        return value
    digest = hashlib.sha256(value.encode()).hexdigest()[:32]
    return f"{value[: _LONGEST_KEY - 33]}#{digest}"


def mask(value: str) -> str:
    """The first character and stars; an address keeps its domain.

    Masking a masked value changes nothing.
    """
    value = clean(value)
    if not value:
        return value
    if _ADDRESS.fullmatch(value):
        return mask_addresses(value)
    return value[0] + STARS


def mask_addresses(value: str) -> str:
    """Addresses inside a sentence as `t***@example.com`."""
    return _ADDRESS.sub(lambda found: f"{found[1][0]}{STARS}@{found[2]}", value)


def dump_json(value: object) -> str:
    """Compact JSON; messages keep their form, unknown objects become text."""
    written = json.dumps(
        _plain(value), ensure_ascii=False, separators=(",", ":"), default=str
    )
    return clean(conceal(written))


def load_json(content: str) -> Any:
    """What `dump_json` wrote; messages come back as Text."""
    return json.loads(content, object_hook=_text_hook)


def dump_text(message: Text, *, masked: bool = False) -> str:
    """A message as JSON; `masked` hides addresses among its parameters."""
    params = dict(message.params)
    if masked:
        params = {
            key: mask_addresses(value) if isinstance(value, str) else value
            for key, value in params.items()
        }
    return dump_json(Text(message.msgid, params))


def load_text(content: str) -> Text:
    message = load_json(content)
    return message if isinstance(message, Text) else Text(str(message))


def _plain(value: object) -> object:
    if isinstance(value, Text):
        return {_TEXT: value.msgid, "params": _plain(dict(value.params))}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        return clean(value)
    return value


def _text_hook(table: dict[str, Any]) -> Any:
    if table.keys() == {_TEXT, "params"}:
        return Text(table[_TEXT], table["params"])
    return table
