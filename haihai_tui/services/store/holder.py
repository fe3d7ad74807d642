"""Who holds a lock or a lease; apart, since the lock must load without SQLAlchemy."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Holder:
    """One run under way; `started_at` is RFC 3339 UTC."""

    run_id: str
    host: str
    pid: int
    started_at: str
