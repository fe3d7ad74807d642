"""The modes of a home's folders, looked at before anything is read from them.

Files say for themselves that they are private, when they are opened.  A folder that
others may look into or write to is closed at once, and that is told: to refuse would
only make somebody open it wider.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from haihai_tui.errors import SettingsError, Text, text
from haihai_tui.services.paths import Home

_PRIVATE = 0o077
_WRITABLE = 0o022


def close_folders(home: Home) -> list[Text]:
    """Take rights away that others have; returns what was done.

    SettingsError where that is not possible.  Folders of another owner are left to
    the checks of their files.
    """
    return [
        *_closed(home.secrets, _PRIVATE),
        *_closed(home.state, _PRIVATE),
        *_closed(home.profiles, _WRITABLE),
    ]


def _closed(folder: Path, forbidden: int) -> Iterator[Text]:
    try:
        facts = folder.stat()
    except OSError:
        return  # it is made on first use, or reported by whoever needs it
    mode = stat.S_IMODE(facts.st_mode)
    if facts.st_uid != os.geteuid() or not mode & forbidden:
        return
    try:
        folder.chmod(mode & ~forbidden)
    except OSError as error:
        raise SettingsError(
            text(
                "フォルダー {path} は他の利用者も使えます（モード {mode}）。",
                path=str(folder),
                mode=f"{mode:04o}",
            ),
            text("chmod 700 '{path}' を実行してください。", path=str(folder)),
        ) from error
    yield text(
        "フォルダー {path} のモードを {before} から {after} に狭めました。",
        path=str(folder),
        before=f"{mode:04o}",
        after=f"{mode & ~forbidden:04o}",
    )
