"""HaiHai Mail imitated over real HTTP: what spec and clients show, guesses included.

It reads the same wire table as the client and shares nothing else with it.
"""

from __future__ import annotations
