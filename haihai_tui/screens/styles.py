"""Finds the style sheets, in a wheel and in an editable install alike.

`importlib.resources` does not see the top-level `styles/` of an editable install,
so the two places are looked at by path.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path, PurePath

# Later sheets win: narrow layouts and plain terminals override the base.
_SHARED = ("base", "narrow", "plain")
_TOKEN = re.compile(r"^\$([a-z-]+):\s*([^;]+);", re.MULTILINE)


@cache
def folder() -> Path:
    """Where the sheets are; FileNotFoundError where the installation lacks them."""
    package = Path(__file__).resolve().parent.parent
    for place in (package / "styles", package.parent / "styles"):
        if (place / "base.tcss").is_file():
            return place
    raise FileNotFoundError(f"{package / 'styles' / 'base.tcss'}")


def shared_sheets() -> list[str | PurePath]:
    """The sheets of the app, in the order in which they are applied."""
    return [folder() / f"{name}.tcss" for name in _SHARED]


def tokens() -> dict[str, str]:
    """Name and value of every token of `tokens.tcss`, for all sheets to use.

    Textual keeps a variable to the sheet that declares it; given to the app they
    hold everywhere.
    """
    return dict(_TOKEN.findall((folder() / "tokens.tcss").read_text("utf-8")))


def sheet(screen: str) -> Path | None:
    """The sheet of one screen, where it has one."""
    path = folder() / f"{screen}.tcss"
    return path if path.is_file() else None
