"""The wording that operators read, in their language.

Japanese is the source: a message's key is its Japanese pattern, so a missing
translation still reads as a sentence.  English comes from a gettext catalogue.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from gettext import GNUTranslations
from pathlib import Path
from typing import Literal

from haihai_tui.errors import ConnectorError, Text

Language = Literal["ja", "en"]
LANGUAGES: tuple[Language, ...] = ("ja", "en")
DOMAIN = "haihai_tui"
_FOLDER = Path(__file__).parent


class Catalogue:
    """Renders messages in one language."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def render(self, message: Text) -> str:
        """The sentence with its parameters; messages among them are rendered too."""
        pattern = self._pattern(message.msgid)
        if not message.params:
            return pattern
        params = {key: self._param(value) for key, value in message.params.items()}
        try:
            return pattern.format(**params)
        except (LookupError, ValueError, TypeError, AttributeError):
            # An old event may carry fewer parameters than today's wording asks for.
            return pattern

    def error(self, error: ConnectorError) -> str:
        """What happened and the remedy, for one line or two sentences."""
        what = self.render(error.what)
        if error.remedy is None:
            return what
        return f"{what} {self.render(error.remedy)}"

    def _pattern(self, msgid: str) -> str:
        if self.language == "ja" or not msgid:
            return msgid
        return _translations(self.language).gettext(msgid)

    def _param(self, value: object) -> object:
        if isinstance(value, Text):
            return self.render(value)
        if isinstance(value, list | tuple):
            separator = "、" if self.language == "ja" else ", "
            return separator.join(str(self._param(item)) for item in value)
        if isinstance(value, str):
            return harmless(value)
        return value


def choose_language(
    option: str | None, environ: Mapping[str, str], setting: str = ""
) -> Language:
    """`--lang`, HAIHAI_LANG, the profile's `ui.lang`, then the locale; else ja."""
    for wish in (option, environ.get("HAIHAI_LANG"), setting):
        if language := _known(wish):
            return language
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        # The first that is set decides, as POSIX has it.
        if wish := environ.get(name):
            return _known(wish) or "ja"
    return "ja"


def harmless(value: str) -> str:
    """Foreign text without control characters: a terminal would obey them."""
    if value.isprintable():
        return value
    return "".join(
        character
        if character.isprintable()
        else character.encode("unicode_escape", "backslashreplace").decode()
        for character in value
    )


def _known(wish: str | None) -> Language | None:
    prefix = (wish or "").lower()[:2]
    return next((language for language in LANGUAGES if language == prefix), None)


@cache
def _translations(language: Language) -> GNUTranslations:
    path = _FOLDER / language / "LC_MESSAGES" / f"{DOMAIN}.mo"
    with path.open("rb") as file:
        return GNUTranslations(file)
