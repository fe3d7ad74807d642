"""What the console knows: the home, the profile, who is signed in, what runs.

One object that every screen is given, so that a screen never opens a database or
reads a setting in a way of its own.  Everything heavy is opened on first use: the
first frame is drawn before the database driver is even loaded.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING

from haihai_tui.errors import ConnectorError, ExitCode
from haihai_tui.services.paths import Home
from haihai_tui.services.store.times import Clock, utc_now

if TYPE_CHECKING:
    from haihai_tui.locales import Language
    from haihai_tui.services.operators import Operators
    from haihai_tui.services.roles import Operator
    from haihai_tui.services.run_control import RunControl
    from haihai_tui.services.runs import Stopper
    from haihai_tui.services.secrets import SecretStore
    from haihai_tui.services.settings_schema import Settings
    from haihai_tui.services.store.database import Database
    from haihai_tui.wiring import Workplace

LOCK_MINUTES = 15


class ConsoleContext:
    """The state behind the screens; safe to use from several threads."""

    def __init__(
        self,
        home: Home,
        environ: Mapping[str, str],
        lang: Language = "ja",
        profile: str = "default",
        *,
        clock: Clock = utc_now,
        is_demo: bool = False,
    ) -> None:
        self.home = home
        self.environ = environ
        self.lang: Language = lang
        self.profile = profile
        self.clock = clock
        self.is_demo = is_demo
        self.operator: Operator | None = None
        self.work = BackgroundWork()
        self._lock = threading.RLock()
        self._database: Database | None = None
        self._runs: RunControl | None = None

    @property
    def runs(self) -> RunControl:
        """Starts and stops runs; one for the whole console."""
        with self._lock:
            if self._runs is None:
                # Deferred: the store's driver takes 200 ms.
                from haihai_tui.services.run_control import RunControl

                self._runs = RunControl(self)
            return self._runs

    @property
    def actor(self) -> str:
        """The name for the audit log; RuntimeError where nobody is signed in."""
        if self.operator is None:
            raise RuntimeError("nobody is signed in")
        return self.operator.name

    @property
    def database(self) -> Database:
        """The state database, opened on first use; blocks, so call it in a thread."""
        with self._lock:
            if self._database is None:
                # Deferred: SQLAlchemy takes 200 ms, the first frame must not wait.
                from haihai_tui.services.store.database import open_database

                settings = self.settings()
                url = settings.store.url if settings else ""
                self._database = open_database(self.home, url)
            return self._database

    def has_operators(self) -> bool:
        """Whether anybody could sign in.

        For SQLite without its driver's toolkit: it decides which screen is drawn
        first.  SettingsError where the profile or the database cannot be read.
        """
        if self._has_store_url():
            return bool(self.operators().listed())
        path = self.home.database
        if not path.exists() or path.stat().st_size == 0:
            return False
        # Deferred: a new home does without.
        import sqlite3

        try:
            with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as file:
                file.execute("PRAGMA query_only = 1")
                query = "SELECT 1 FROM operators LIMIT 1"
                return file.execute(query).fetchone() is not None
        except sqlite3.Error:
            # Opening it whole finds out what is wrong and says so.
            return bool(self.operators().listed())

    def _has_store_url(self) -> bool:
        path = self.home.profile_file(self.profile)
        try:
            written = path.read_text("utf-8-sig")
            if "store" not in written:
                return False
            # Deferred: few profiles name a store, and the first frame waits for this.
            import tomllib

            store = tomllib.loads(written).get("store", {})
            return not isinstance(store, dict) or bool(store.get("url"))
        except FileNotFoundError:
            return False
        except (OSError, ValueError):
            settings = self.settings()
            return bool(settings and settings.store.url)

    def operators(self) -> Operators:
        """The operators of the database; blocks like `database`."""
        # Deferred: as above.
        from haihai_tui.services.operators import Operators

        return Operators(self.database, clock=self.clock)

    def settings(self) -> Settings | None:
        """The profile as stored now; None where there is none yet.

        SettingsError where the file cannot be read or is wrong.
        """
        # Deferred: the schema is not needed to draw the login form.
        from haihai_tui.services.settings import list_profiles, load_profile

        if self.profile not in list_profiles(self.home):
            return None
        return load_profile(self.home, self.profile)

    def lock_after_s(self) -> float:
        """The idle time after which the console locks itself; 0 is never."""
        try:
            settings = self.settings()
        except ConnectorError:
            # Told where the profile is used; the lock must not depend on it.
            settings = None
        minutes = LOCK_MINUTES if settings is None else settings.ui.lock_minutes
        return minutes * 60.0

    def secrets(self) -> SecretStore:
        """The profile's secrets."""
        # Deferred: encryption is not needed to draw the login form.
        from haihai_tui.services.secret_keys import KeySource
        from haihai_tui.services.secrets import SecretStore

        return SecretStore(self.home, self.profile, KeySource(self.home, self.environ))

    def workplace(self) -> AbstractContextManager[Workplace]:
        """The profile opened for work, as headless opens it; blocks."""
        # Deferred: HTTP clients and the sync, 300 ms.
        from haihai_tui.wiring import open_workplace

        return open_workplace(self.home, self.profile, self.environ)

    def close(self) -> None:
        """Close the database; to be called when no work is left."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None


class BackgroundWork:
    """Runs that the console started; they outlive every screen and the console.

    The threads are no daemons: the process ends when they have.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: dict[threading.Thread, Stopper] = {}

    def start(self, stopper: Stopper, body: Callable[[], None]) -> threading.Thread:
        """Begin `body` on a thread of its own; `stopper` is how it is asked to end."""

        def run() -> None:
            try:
                body()
            finally:
                with self._lock:
                    self._threads.pop(threading.current_thread(), None)

        thread = threading.Thread(target=run, name="run")
        with self._lock:
            self._threads[thread] = stopper
        thread.start()
        return thread

    @property
    def is_active(self) -> bool:
        with self._lock:
            return bool(self._threads)

    def stop(self, exit_code: ExitCode = ExitCode.INTERRUPTED) -> None:
        """Ask all of it to end after the batch in hand."""
        with self._lock:
            stoppers = list(self._threads.values())
        for stopper in stoppers:
            stopper.stop(exit_code)

    def join(self, timeout_s: float | None = None) -> None:
        """Wait until it has ended."""
        with self._lock:
            threads = list(self._threads)
        for thread in threads:
            thread.join(timeout_s)
