"""Logging out from Salesforce: revoked there first, forgotten here afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from haihai_tui.services.paths import home_at
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.store import audit
from haihai_tui.services.store.database import open_database
from haihai_tui.services.tokens import StoredTokens
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.e2e


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=10) as made:
        yield made


def stored(stage: Stage) -> StoredTokens:
    home = home_at(stage.folder)
    return StoredTokens(SecretStore(home, "default", KeySource(home, {})))


def revoked(stage: Stage) -> tuple[int, str]:
    done = stage.command("--authorize", "--revoke", "--json")
    return done.code, done.events[-1].get("outcome", "")


def introspected(stage: Stage, token: str) -> bool:
    ready = stage.world.ready["salesforce"]
    answer = stage.http.post(
        f"{stage.world.salesforce_url}/services/oauth2/introspect",
        data={
            "token": token,
            "client_id": ready["client_id"],
            "client_secret": ready["client_secret"],
        },
    )
    return bool(answer.json()["active"])


def test_the_token_is_dead_there_and_gone_here(stage: Stage) -> None:
    before = stored(stage).read()
    assert before is not None and introspected(stage, before.refresh_token)
    assert revoked(stage) == (0, "revoked")
    assert stored(stage).read() is None
    assert not introspected(stage, before.refresh_token)
    assert not introspected(stage, before.access_token)
    status = stage.command("--status", "--json").events[-1]["connection"]["salesforce"]
    assert not status["authorised"] and not status["cause"]
    assert stage.run("customers").code == 4
    assert revoked(stage) == (0, "nothing_stored")
    database = open_database(home_at(stage.folder))
    try:
        entries = audit.entries(database, profile="default")
    finally:
        database.close()
    (entry,) = [one for one in entries if one.action == "token_revoked"]
    assert entry.after == "revoked" and entry.actor


def test_a_token_that_was_dead_already_is_removed_and_told_apart(stage: Stage) -> None:
    stage.salesforce_control("revoke", {})
    assert revoked(stage) == (0, "already_dead")
    assert stored(stage).read() is None
    told = stage.command("--authorize", "--revoke", "--lang", "ja")
    assert "保管された連携トークンはありません" in told.out


def test_what_cannot_be_revoked_stays_and_that_is_told(stage: Stage) -> None:
    fault = {"match": "* /services/oauth2/revoke", "times": None, "do": "status:503"}
    stage.salesforce_control("faults", [fault])
    before = stored(stage).read()
    told = stage.command("--authorize", "--revoke", "--lang", "ja")
    assert told.code == 3
    assert "取り消せなかったため、連携トークンは保管したままです" in told.err
    assert stored(stage).read() == before
    stage.salesforce_control("faults", None, "DELETE")
    assert stage.run("customers", "--plan").code == 0
