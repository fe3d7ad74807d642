"""Opens the state database and gives out its transactions.

SQLite in WAL mode: readers never wait for the run.  Events are written with
`synchronous=NORMAL`, whose last moments a power cut may take; what moves a cursor
is written with `FULL`.  Every driver error leaves here as an error with a remedy.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import exc
from sqlalchemy.engine import Connection, Engine, make_url

from haihai_tui.errors import SettingsError, text
from haihai_tui.services.atomic import (
    PRIVATE_FILE,
    make_private_folder,
    require_private,
    storage_errors,
)
from haihai_tui.services.filelock import file_lock
from haihai_tui.services.paths import Home
from haihai_tui.services.store import migrations
from haihai_tui.services.store.failures import damaged, translate

BUSY_S = 15.0
RECLAIMED = 16 * 1024 * 1024
"""Bytes of free pages below which rewriting the database is not worth it."""
_BEGIN = "haihai_begin"


class Database:
    """An open state database; safe to use from several threads."""

    def __init__(self, engine: Engine, place: str) -> None:
        self.engine = engine
        self.place = place
        self.is_sqlite = engine.dialect.name == "sqlite"
        self._writing = threading.local()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and writes nothing.

        Inside `write()` of the same thread it sees what was written there.
        """
        with translated(self.place):
            if outer := self._outer():
                yield outer
                return
            with self.engine.connect() as connection:
                yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """A transaction that is committed at the end, or undone by an exception.

        Waits for another writer at its beginning, not in its middle.  `durable`
        decides whether the commit is on the disk when this returns (SQLite).
        Nested in one thread, all belongs to the outermost transaction.
        """
        if outer := self._outer():
            yield outer
            return
        with translated(self.place), self.engine.connect() as connection:
            if self.is_sqlite:
                level = "FULL" if durable else "NORMAL"
                _driver(connection).execute(f"PRAGMA synchronous = {level}")
            with connection.execution_options(**{_BEGIN: "IMMEDIATE"}).begin():
                self._writing.connection = connection
                try:
                    yield connection
                finally:
                    self._writing.connection = None

    def insert(self, table: sa.Table) -> Any:
        """An INSERT that knows ON CONFLICT, for the database in use."""
        # Deferred: each dialect loads only where it is used.
        if self.is_sqlite:
            from sqlalchemy.dialects.sqlite import insert as insert_sqlite

            return insert_sqlite(table)
        from sqlalchemy.dialects.postgresql import insert as insert_postgresql

        return insert_postgresql(table)

    def check(self) -> None:
        """Read the whole database for damage (SQLite); raises SettingsError."""
        if not self.is_sqlite:
            return
        with self.read() as connection:
            found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise damaged(self.place, str(found))

    def reclaim(self, *, at_least: int = RECLAIMED) -> int:
        """Give freed space back to the disk where it is worth it (SQLite).

        Returns the bytes freed; 0 also where another process is in the way, since
        the next call may do it as well.
        """
        if not self.is_sqlite:
            return 0
        with self.engine.connect() as connection:
            driver = _driver(connection)
            size, pages, free = (
                driver.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("page_size", "page_count", "freelist_count")
            )
            if free * size < at_least or free * 4 < pages:
                return 0
            try:
                driver.execute("VACUUM")
            except sqlite3.OperationalError:
                return 0
            return int(free * size)

    def close(self) -> None:
        self.engine.dispose()

    def _outer(self) -> Connection | None:
        """The transaction that this thread is writing in, if any."""
        found: Connection | None = getattr(self._writing, "connection", None)
        return found


def open_database(home: Home, url: str = "", *, busy_s: float = BUSY_S) -> Database:
    """The state database of `home`, or the PostgreSQL one at `url`.

    Made or lifted to this program's version where needed.  `busy_s` bounds every
    wait for another writer.  SettingsError on a newer, damaged or unreadable one;
    LockHeld where it stays busy; ServiceUnreachable where no server answers.
    """
    if url:
        database = _open_postgresql(url, busy_s)
        _lift(database)
        return database
    make_private_folder(home.database.parent)
    with file_lock(home.database, wait_s=busy_s):
        database = _open_sqlite(home.database, busy_s)
        _lift(database)
    return database


@contextmanager
def translated(place: str) -> Iterator[None]:
    """Turn a driver's error into one with a remedy; a defect stays as it is."""
    try:
        yield
    except exc.DBAPIError as error:
        known = translate(error.orig, place) if error.orig else None
        if known is None:
            raise
        raise known from error


def _lift(database: Database) -> None:
    try:
        with database.read() as connection:
            done = migrations.is_current(connection, database.place)
        if not done:
            with database.write() as connection:
                migrations.upgrade(connection, database.place)
    except BaseException:
        database.close()
        raise


def _open_sqlite(path: Path, busy_s: float) -> Database:
    if path.exists():
        require_private(path)
    else:
        with storage_errors(path):
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, PRIVATE_FILE))
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": busy_s, "check_same_thread": False},
    )
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return Database(engine, str(path))


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # The driver's own transactions begin too late and cannot be IMMEDIATE.
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "journal_size_limit = 67108864",
    ):
        connection.execute(f"PRAGMA {pragma}").close()


def _begin_sqlite(connection: Connection) -> None:
    kind = connection.get_execution_options().get(_BEGIN, "DEFERRED")
    connection.exec_driver_sql(f"BEGIN {kind}")


def _driver(connection: Connection) -> Any:
    """The driver's own connection: a PRAGMA of SQLite must precede the BEGIN."""
    return connection.connection.driver_connection


def _open_postgresql(url: str, busy_s: float) -> Database:
    address = make_url(url).set(drivername="postgresql+psycopg")
    place = address.render_as_string(hide_password=True)
    try:
        engine = sa.create_engine(
            address,
            pool_pre_ping=True,
            connect_args={
                "connect_timeout": 10,
                "options": f"-c lock_timeout={int(busy_s * 1000)}",
            },
        )
    except ModuleNotFoundError as error:
        raise SettingsError(
            text("PostgreSQL を使うための部品（psycopg）がありません。"),
            text("pip install 'haihai-tui[postgresql]' を実行してください。"),
        ) from error
    return Database(engine, place)
