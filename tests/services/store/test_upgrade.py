"""A database of every earlier version, stored as SQL, becomes today's.

`first_schema.sql` was written by the first version and is never made anew.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from haihai_tui.services.paths import Home
from haihai_tui.services.status import status
from haihai_tui.services.store import audit, migrations
from haihai_tui.services.store.alerts import AlertBook
from haihai_tui.services.store.database import open_database
from haihai_tui.services.store.rejects import Rejects
from haihai_tui.services.store.runs import Runs
from haihai_tui.services.store.version import VERSION

OLD = Path(__file__).parent


@pytest.fixture(params=["first_schema.sql"])
def old_home(home: Home, request: pytest.FixtureRequest) -> Home:
    home.state.mkdir(parents=True, mode=0o700)
    with closing(sqlite3.connect(home.database)) as connection:
        connection.executescript((OLD / request.param).read_text("utf-8"))
    home.database.chmod(0o600)
    return home


def test_an_old_database_is_read_as_it_is(old_home: Home) -> None:
    found = status(old_home, "default")
    assert found["rejects"] == {"customers": 1}
    assert found["alerts"] == []
    with closing(sqlite3.connect(old_home.database)) as connection:
        assert connection.execute("SELECT max(version) FROM schema_version") is not None
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert ("alerts",) not in tables


def test_an_old_database_keeps_everything_and_gains_what_is_new(
    old_home: Home,
) -> None:
    database = open_database(old_home)
    try:
        with database.read() as connection:
            assert migrations.version_of(connection) == VERSION
        (run,) = Runs(database, "default").recent()
        assert (run.run_id, run.status) == ("20260216T010203-000abcdef", "partial")
        assert Rejects(database, "default").counts() == {"customers": 1}
        assert audit.first_broken(database) is None
        assert len(audit.entries(database)) == 2
        book = AlertBook(database, "default")
        book.note({"customers": ("failed", {})})
        assert [one.state for one in book.conditions()] == ["failed"]
    finally:
        database.close()


def test_an_upgraded_database_has_the_tables_of_a_new_one(
    old_home: Home, tmp_path: Path
) -> None:
    open_database(old_home).close()
    fresh = Home(tmp_path / "n", tmp_path / "n" / "state", tmp_path / "n" / "secrets")
    open_database(fresh).close()
    assert _columns(old_home) == _columns(fresh)


def _columns(home: Home) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(home.database)) as connection:
        tables = connection.execute(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'trigger')"
        ).fetchall()
        return {
            name: connection.execute(f"PRAGMA table_info({name})").fetchall()
            for (name,) in tables
        }
