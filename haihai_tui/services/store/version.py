"""The version of the state database; apart, for readers without SQLAlchemy."""

from __future__ import annotations

VERSION = 2
