"""Record ids in both lengths.

People and reports show 15 characters, whose case matters; the API's 18 carry the case
in their last three.  Compared are always the 18.
"""

from __future__ import annotations

import re

_CHECK = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"
_FORM = re.compile(r"[0-9A-Za-z]{15}(?:[0-9A-Za-z]{3})?")


def full_id(written: str) -> str | None:
    """The 18-character form, or None where `written` is no id."""
    if not _FORM.fullmatch(written):
        return None
    return written[:15] + "".join(
        _CHECK[sum(1 << at for at, one in enumerate(part) if one.isupper())]
        for part in (written[:5], written[5:10], written[10:15])
    )
