"""Failed sign-ins under names that nobody has.

They cost the same growing delay as a wrong password does, kept in the database
likewise; else the delay would tell which names exist.  A name is kept as one of
4,096 buckets only: people type passwords into the wrong field.
"""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from haihai_tui.services.store.codec import dump_json, load_json
from haihai_tui.services.store.schema import facts

_PROFILE = ""  # of no profile: operators belong to the whole database
_NAME = "strangers"
_BUCKETS = 4096


def failures_of(connection: Connection, name: str) -> tuple[int, str | None]:
    """How many failures under this name, and until when it is blocked."""
    failures, until = _read(connection).get(_bucket(name), (0, None))
    return failures, until


def count_failure(
    connection: Connection, name: str, failures: int, until: str | None, now: str
) -> None:
    """Keep the new number of failures and the new block."""
    kept = _read(connection)
    kept[_bucket(name)] = (failures, until)
    values = {"value": dump_json(kept), "changed_at": now}
    mine = (facts.c.profile == _PROFILE, facts.c.name == _NAME)
    done = connection.execute(facts.update().where(*mine).values(**values))
    if not done.rowcount:
        connection.execute(
            facts.insert().values(profile=_PROFILE, name=_NAME, **values)
        )


def _read(connection: Connection) -> dict[str, tuple[int, str | None]]:
    found = connection.execute(
        sa.select(facts.c.value).where(
            facts.c.profile == _PROFILE, facts.c.name == _NAME
        )
    ).scalar_one_or_none()
    kept = load_json(found) if found else {}
    return {bucket: (int(one[0]), one[1]) for bucket, one in kept.items()}


def _bucket(name: str) -> str:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass")).digest()
    return str(int.from_bytes(digest[:4], "big") % _BUCKETS)
