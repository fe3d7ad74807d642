"""`--status`: what it tells, and that it loads little and writes nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from haihai_tui.errors import SettingsError, text
from haihai_tui.services.lock import RunLock
from haihai_tui.services.paths import Home
from haihai_tui.services.profile_changes import ProfileChanges
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.status import status
from haihai_tui.services.store import audit, migrations
from haihai_tui.services.store.budgets import Budgets
from haihai_tui.services.store.database import Database
from haihai_tui.services.store.facts import Facts
from haihai_tui.services.store.runs import Runs
from haihai_tui.services.store.state import ProfileState
from haihai_tui.services.store.version import VERSION
from haihai_tui.sync.ports import ImportKind, PendingImport, Receipt, Reject, Review
from tests.services.conftest import MovedClock

TOKENS = ("haihai.api_token", "salesforce.refresh_token")


def fill(database: Database, clock: MovedClock) -> str:
    """A profile with one finished run; returns the run's id."""
    runs = Runs(database, "default", clock)
    run_id = runs.start("sync", ["customers"], actor="cron")
    calls = {"salesforce": 3, "haihai": 2}
    numbers = {"read": 5, "written": 4, "rejected": 1, "api_calls": calls}
    runs.finish(run_id, "ok", 0, {"flows": {"customers": numbers}})
    receipt = Receipt("7", ImportKind.REGISTER, "a.csv", 0, 4)
    with ProfileState(database, "default").transaction() as transaction:
        transaction.set_cursor("customers", "2026-02-16T01:00:00Z")
        transaction.put_rejects(
            run_id, [Reject("customers", "003A", "Email", "x", text("a"), text("b"))]
        )
        transaction.put_reviews(
            run_id, [Review("customers", "k", "a@example.jp", text("c"), ("003A",))]
        )
        transaction.put_pending([PendingImport("customers", receipt, "rows")])
    budgets = Budgets(database, "default")
    budgets.add("haihai", "import", "2026-02-15", 9)
    budgets.add("haihai", "import", "2026-02-16", 2)
    return run_id


def test_an_empty_home_has_an_empty_status(home: Home) -> None:
    found = status(home, "default")
    assert found["connection"]["salesforce"]["authorised"] is False
    assert (found["running"], found["last_runs"], found["rejects"]) == (None, [], {})
    assert not home.config.exists()


def test_everything_on_record_is_told(
    home: Home, database: Database, clock: MovedClock
) -> None:
    run_id = fill(database, clock)
    Facts(database, "default").set({"salesforce.org_id": "00D000000000001"})
    found = status(home, "default", secret_names=TOKENS)
    assert json.loads(json.dumps(found)) == found
    assert found["connection"]["salesforce"]["authorised"] is True
    assert found["connection"]["salesforce"]["org_id"] == "00D000000000001"
    assert found["connection"]["haihai"] == {"token_stored": True}
    assert found["cursors"] == {"customers": "2026-02-16T01:00:00Z"}
    assert found["last_success"] == {"customers": "2026-02-16T01:02:03.000000Z"}
    assert found["rejects"] == {"customers": 1}
    assert found["reviews"] == {"customers": 1}
    assert found["pending_imports"] == {"customers": 1}
    assert found["api_budgets"] == [
        {"service": "haihai", "api": "import", "day": "2026-02-16", "calls": 2}
    ]
    (run,) = found["last_runs"]
    assert run["run_id"] == run_id
    assert run["flows"]["customers"]["api_calls"] == {"salesforce": 3, "haihai": 2}
    assert run["flows"]["customers"]["read"] == 5
    assert status(home, "other")["last_runs"] == []


def test_a_dead_authorisation_is_told_with_its_cause(
    home: Home, database: Database
) -> None:
    Facts(database, "default").set({"salesforce.authorisation": "token_expired"})
    found = status(home, "default", secret_names=TOKENS)["connection"]["salesforce"]
    assert (found["authorised"], found["cause"]) == (False, "token_expired")


def test_the_run_under_way_is_told(home: Home) -> None:
    with RunLock(home, "default", "run-1"):
        running = status(home, "default")["running"]
    assert running is not None
    assert running["run_id"] == "run-1"
    assert status(home, "default")["running"] is None


def test_a_newer_database_is_refused(home: Home, database: Database) -> None:
    with database.write() as connection:
        migrations._record(connection, VERSION + 1)
    with pytest.raises(SettingsError, match="更新"):
        status(home, "default")


def test_a_torn_database_is_told(home: Home) -> None:
    home.state.mkdir(parents=True)
    home.database.write_bytes(b"no database " * 500)
    home.database.chmod(0o600)
    with pytest.raises(SettingsError, match="壊れて"):
        status(home, "default")


def test_nothing_heavy_is_loaded(home: Home, database: Database) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from haihai_tui.services.paths import home_at\n"
        "from haihai_tui.services.secret_keys import KeySource\n"
        "from haihai_tui.services.secrets import SecretStore\n"
        "from haihai_tui.services.settings import list_profiles\n"
        "from haihai_tui.services.status import status\n"
        "home = home_at(Path(sys.argv[1]))\n"
        "names = SecretStore(home, 'default', KeySource(home, {})).names()\n"
        "status(home, 'default', secret_names=names); list_profiles(home)\n"
        "heavy = ('sqlalchemy', 'haihai_tui.sync', 'httpx', 'textual', 'tomlkit',\n"
        "         'cryptography', 'keyring', 'argon2', 'haihai_tui.sandbox')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    command = [sys.executable, "-c", script, str(home.config)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def test_changed_settings_leave_who_when_before_and_after(
    home: Home, secret_store: SecretStore, database: Database, clock: MovedClock
) -> None:
    changes = ProfileChanges(home, "default", secret_store, database, "hanako", clock)
    changes.set(['customers.on_delete="bar"', "haihai.api_token=t0k3n"])
    secret, setting = audit.entries(database)
    assert (setting.actor, setting.subject) == ("hanako", "customers.on_delete")
    assert (setting.before, setting.after) == ("exclude", "bar")
    assert setting.at == "2026-02-16T01:02:03.000000Z"
    assert secret.subject == "haihai.api_token"
    assert "t0k3n" not in str(secret)
