"""What the person at this console likes: language and colours, kept for next time.

A small file of its own: no right is needed to change it, and it is read before the
first frame.  Nothing depends on it, so a bad file is the same as none.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from haihai_tui.services.paths import Home


@dataclass(frozen=True, slots=True)
class Preferences:
    """`lang` and `theme` are "" where nothing was chosen."""

    lang: str = ""
    theme: str = ""


def read_preferences(home: Home) -> Preferences:
    """What was kept; nothing where there is no file or it makes no sense."""
    try:
        written = _file(home).read_text("utf-8")
    except (OSError, ValueError):
        return Preferences()
    kept = dict(line.partition("=")[::2] for line in written.splitlines())
    return Preferences(kept.get("lang", ""), kept.get("theme", ""))


def keep_preferences(home: Home, preferences: Preferences) -> None:
    """Replace the file; SettingsError where the disk refuses."""
    # Deferred: most consoles never change it.
    from haihai_tui.services.atomic import write_atomic

    lines = f"lang={preferences.lang}\ntheme={preferences.theme}\n"
    write_atomic(_file(home), lines.encode())


def _file(home: Home) -> Path:
    return home.state / "console.conf"
