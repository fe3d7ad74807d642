"""Opening, versions, damage, waiting, and several processes at once."""

from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import threading
from contextlib import closing

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from haihai_tui.errors import LockHeld, ServiceUnreachable, SettingsError
from haihai_tui.services.paths import Home
from haihai_tui.services.store import migrations
from haihai_tui.services.store.database import Database, open_database
from haihai_tui.services.store.migrations import Migration, create_all
from haihai_tui.services.store.state import ProfileState
from haihai_tui.services.store.version import VERSION


def pragma(database: Database, name: str) -> object:
    with database.read() as connection:
        return connection.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_a_new_database_is_private_and_in_wal_mode(
    home: Home, database: Database
) -> None:
    assert pragma(database, "journal_mode") == "wal"
    for path in home.state.glob("haihai.db*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    with database.read() as connection:
        assert migrations.version_of(connection) == VERSION


@pytest.mark.parametrize(("durable", "level"), [(True, 2), (False, 1)])
def test_only_what_must_last_is_forced_to_the_disk(
    database: Database, durable: bool, level: int
) -> None:
    with database.write(durable=durable) as connection:
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == level


def test_wide_modes_are_refused(home: Home, database: Database) -> None:
    home.database.chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        open_database(home)


def test_a_newer_database_is_refused_with_advice(
    home: Home, database: Database
) -> None:
    with database.write() as connection:
        migrations._record(connection, VERSION + 1)
    with pytest.raises(SettingsError, match=rf"（{VERSION + 1}）.*更新"):
        open_database(home)


def test_an_older_database_is_lifted_step_by_step(home: Home) -> None:
    steps = (
        Migration(VERSION, create_all),
        Migration(VERSION + 1, _add("one")),
        Migration(VERSION + 2, _add("two")),
    )
    database = open_database(home)
    with database.write() as connection:
        assert migrations.upgrade(connection, "x", steps) == 2
        assert migrations.upgrade(connection, "x", steps) == 0
    with database.read() as connection:
        assert sa.inspect(connection).has_table("two")
        assert migrations.version_of(connection) == VERSION + 2
    database.close()


def test_a_failed_step_leaves_the_old_version(database: Database) -> None:
    def fail(connection: Connection) -> None:
        raise ZeroDivisionError

    steps = (
        Migration(VERSION, create_all),
        Migration(VERSION + 1, _add("one")),
        Migration(VERSION + 2, fail),
    )
    with pytest.raises(ZeroDivisionError), database.write() as connection:
        migrations.upgrade(connection, "x", steps)
    with database.read() as connection:
        assert not sa.inspect(connection).has_table("one")
        assert migrations.version_of(connection) == VERSION


def _add(name: str):  # type: ignore[no-untyped-def]
    def apply(connection: Connection) -> None:
        connection.exec_driver_sql(f"CREATE TABLE {name} (x INTEGER)")

    return apply


def test_no_database_at_all_is_told_from_a_torn_one(home: Home) -> None:
    home.state.mkdir(parents=True)
    home.database.write_bytes(b"this is no database " * 300)
    home.database.chmod(0o600)
    with pytest.raises(SettingsError, match="壊れて"):
        open_database(home)


def test_a_torn_page_is_found(home: Home, database: Database) -> None:
    with database.write() as connection:
        for number in range(200):
            connection.exec_driver_sql(
                "INSERT INTO facts VALUES ('p', ?, ?, '')", (str(number), "x" * 500)
            )
    database.close()
    content = bytearray(home.database.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = b"\xff" * 4096
    home.database.write_bytes(content)
    reopened = open_database(home)
    with pytest.raises(SettingsError, match="壊れて"):
        reopened.check()
    reopened.close()


def test_the_wait_for_another_writer_is_bounded(home: Home) -> None:
    database = open_database(home, busy_s=0.1)
    with closing(sqlite3.connect(home.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LockHeld), database.write():
            pass
        other.execute("ROLLBACK")
    with database.write():
        pass
    database.close()


def test_a_full_disk_is_told_with_the_bytes_needed(
    home: Home, database: Database
) -> None:
    with (
        pytest.raises(SettingsError, match=r"空きがない.*\d+ バイト"),
        database.write() as connection,
    ):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.exec_driver_sql(
            "INSERT INTO facts VALUES ('p', 'n', ?, '')", ("x" * 1_000_000,)
        )
    assert ProfileState(database, "p").cursor("n") is None


def test_a_defect_stays_a_defect(database: Database) -> None:
    with pytest.raises(sa.exc.OperationalError), database.read() as connection:
        connection.exec_driver_sql("SELECT * FROM no_such_table")


def test_threads_write_in_turns(database: Database) -> None:
    def count_up() -> None:
        for _ in range(25):
            with database.write(durable=False) as connection:
                now = connection.exec_driver_sql(
                    "SELECT coalesce(max(calls), 0) FROM budgets"
                ).scalar()
                assert isinstance(now, int)
                connection.exec_driver_sql("DELETE FROM budgets")
                connection.exec_driver_sql(
                    "INSERT INTO budgets VALUES ('p', 's', 'a', 'd', ?)", (now + 1,)
                )

    threads = [threading.Thread(target=count_up) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT calls FROM budgets").scalar() == 75


def test_processes_create_and_count_together(home: Home) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from haihai_tui.services.paths import home_at\n"
        "from haihai_tui.services.store.budgets import Budgets\n"
        "from haihai_tui.services.store.database import open_database\n"
        "budgets = Budgets(open_database(home_at(Path(sys.argv[1]))), 'default')\n"
        "for _ in range(20): budgets.add('haihai', 'import', '2026-02-16')\n"
    )
    command = [sys.executable, "-c", script, str(home.config)]
    running = [subprocess.Popen(command) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    database = open_database(home)
    with database.read() as connection:
        assert connection.exec_driver_sql("SELECT calls FROM budgets").scalar() == 60
    database.close()


def test_postgresql_that_cannot_be_used_is_told(home: Home) -> None:
    # Without the driver: what to install. With it: that nobody answers.
    with pytest.raises((SettingsError, ServiceUnreachable), match=r"psycopg|接続"):
        open_database(home, "postgresql://nobody@127.0.0.1:9/none")
