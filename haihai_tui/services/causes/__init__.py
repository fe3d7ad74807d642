"""What can be wrong, in words: the texts behind every cause code.

One table serves `--diagnose`, `--check` and the troubleshooting screen, so that the
same trouble is told in the same words wherever it is met.  Codes are a promise
to operators; wording is not.
"""

from __future__ import annotations

from collections.abc import Mapping

from haihai_tui.services.causes.app import APP
from haihai_tui.services.causes.base import CauseText
from haihai_tui.services.causes.data import DATA
from haihai_tui.services.causes.haihai import HAIHAI
from haihai_tui.services.causes.network import NETWORK
from haihai_tui.services.causes.token import TOKEN

__all__ = ["CAUSES", "CauseText", "cause_text"]

CAUSES: Mapping[str, CauseText] = {**APP, **TOKEN, **DATA, **NETWORK, **HAIHAI}


def cause_text(code: str) -> CauseText:
    """The texts of `code`; those of `unknown` for a code that does not exist."""
    return CAUSES.get(code, CAUSES["unknown"])
