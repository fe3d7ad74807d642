"""What the services, browsers and libraries say, and which cause it speaks of: data.

A phrase is compared by letters and digits alone, so that `%20`, `+`, `-`, `_`, line
breaks and quoting make no difference.  A confidence is how often the phrase, met
alone, turned out to mean that cause; where several fit, the highest counts.
"""

from __future__ import annotations

from haihai_tui.services.diagnosis_rules.authorisation import AUTHORISATION
from haihai_tui.services.diagnosis_rules.data import DATA
from haihai_tui.services.diagnosis_rules.haihai import HAIHAI
from haihai_tui.services.diagnosis_rules.network import NETWORK
from haihai_tui.services.diagnosis_rules.rule import Rule
from haihai_tui.services.diagnosis_rules.tokens import TOKENS

__all__ = ["RULES", "Rule"]

RULES: tuple[Rule, ...] = (*AUTHORISATION, *TOKENS, *DATA, *NETWORK, *HAIHAI)
