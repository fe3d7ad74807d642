"""The life of the integration token: rotation, loss, reuse, revocation, strangers."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from haihai_tui.headless.demo import write_profile
from haihai_tui.sandbox.world import World
from haihai_tui.services.paths import home_at
from haihai_tui.services.runs import Stopper
from haihai_tui.services.salesforce.tokens import Tokens
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.tokens import StoredTokens
from haihai_tui.wiring import open_workplace, salesforce_of
from tests.e2e.browser import Browser
from tests.e2e.stage import Finished, Stage, staged

pytestmark = pytest.mark.e2e
TOKEN = "/services/oauth2/token"


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path / "home", customers=10) as made:
        yield made


def switch(stage: Stage, **values: object) -> None:
    stage.salesforce_control("switches", values, "PUT")


def expire(stage: Stage) -> None:
    stage.salesforce_control("expire_sessions", {})


def secrets(stage: Stage) -> SecretStore:
    home = home_at(stage.folder)
    return SecretStore(home, "default", KeySource(home, {}))


def stored(stage: Stage) -> Tokens:
    tokens = StoredTokens(secrets(stage)).read()
    assert tokens is not None
    return tokens


def token_calls(stage: Stage) -> int:
    return sum(TOKEN in row["path"] for row in stage.salesforce_requests())


def count_customers(stage: Stage) -> int:
    """One call by a client that was built from the disk for it alone."""
    with (
        open_workplace(home_at(stage.folder), "default", {}) as place,
        ExitStack() as stack,
    ):
        client = salesforce_of(place, stack, Stopper(), lambda _: None)
        return client.count("Contact", "")


def cause(stage: Stage) -> str | None:
    status = stage.command("--status", "--json").events[-1]
    found: str | None = status["connection"]["salesforce"]["cause"]
    return found


class Authorising:
    """`--authorize --json` under way."""

    def __init__(self, stage: Stage) -> None:
        self._process = stage.start("--authorize", "--json", "--lang", "ja")
        assert self._process.stdout is not None
        self.url = str(json.loads(self._process.stdout.readline())["url"])

    def end(self) -> Finished:
        out, err = self._process.communicate(timeout=120)
        return Finished(self._process.returncode, out, err)


def authorised(stage: Stage) -> Finished:
    command = Authorising(stage)
    answer = Browser(stage).answer_of(command.url)
    httpx.get(answer, timeout=60, trust_env=False)
    return command.end()


# ------------------------------------------------------------------- rotation


def test_a_hundred_rotations_with_a_restart_after_each(stage: Stage) -> None:
    switch(stage, refresh_rotation="on", refresh_reuse="revoke_family")
    stage.forget_requests()
    seen = {stored(stage).refresh_token}
    for _ in range(100):
        expire(stage)
        assert count_customers(stage) > 0
        seen.add(stored(stage).refresh_token)
    assert len(seen) == 101
    assert token_calls(stage) == 100
    for _ in range(2):
        expire(stage)
        assert stage.run("customers", "--plan").code == 0
    assert cause(stage) is None


_PROGRAM = """
import sys
from contextlib import ExitStack
from pathlib import Path
from haihai_tui.services.paths import home_at
from haihai_tui.services.runs import Stopper
from haihai_tui.wiring import open_workplace, salesforce_of
with open_workplace(home_at(Path(sys.argv[1])), "default", {}) as place:
    with ExitStack() as stack:
        client = salesforce_of(place, stack, Stopper(), lambda _: None)
        print("ready", flush=True)
        sys.stdin.readline()
        print(client.count("Contact", ""), flush=True)
"""


def test_four_processes_at_once_refresh_once(stage: Stage) -> None:
    switch(stage, refresh_rotation="on", refresh_reuse="revoke_family")
    expire(stage)
    stage.forget_requests()
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", _PROGRAM, str(stage.folder)],
                    env=stage.environment,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(4)
        ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [process.communicate(timeout=120)[0] for process in processes]
        assert [process.returncode for process in processes] == [0] * 4
    assert len(set(told)) == 1
    assert token_calls(stage) == 1
    expire(stage)
    assert count_customers(stage) > 0


def test_a_reply_lost_after_a_rotation_asks_for_a_person_once(stage: Stage) -> None:
    switch(stage, refresh_rotation="on", refresh_reuse="revoke_family")
    expire(stage)
    stage.forget_requests()
    lost = {"match": f"POST {TOKEN}", "times": 1, "do": "lose_reply"}
    stage.salesforce_control("faults", [lost])
    run = stage.command("--run-sync", "--lang", "ja")
    assert run.code == 4
    assert run.err.count("応答が失われ") == 1
    assert token_calls(stage) == 1
    assert cause(stage) == "token_expired"
    # The token that was lost is gone for good; asking again is one call a run.
    assert stage.run().code == 4
    assert token_calls(stage) == 2
    assert authorised(stage).code == 0
    assert stage.run("customers", "--plan").code == 0
    assert cause(stage) is None


def test_a_reuse_that_killed_the_family_is_recognised(stage: Stage) -> None:
    """A home restored from a backup uses a refresh token that was rotated out."""
    switch(stage, refresh_rotation="on", refresh_reuse="revoke_family")
    expire(stage)
    assert count_customers(stage) > 0  # from now on it is known to rotate
    place = stage.folder / "secrets"
    backup = stage.folder.parent / "backup"
    shutil.copytree(place, backup)
    expire(stage)
    assert count_customers(stage) > 0
    newer = stored(stage)
    for file in backup.iterdir():
        shutil.copy2(file, place / file.name)
    expire(stage)
    stage.forget_requests()
    run = stage.command("--run-sync", "--lang", "ja")
    assert run.code == 4
    assert run.err.count("控えから戻した古いトークン") == 1
    assert token_calls(stage) == 1
    StoredTokens(secrets(stage)).write(newer)
    assert stage.run().code == 4  # the family is dead, the newer token with it
    assert authorised(stage).code == 0
    assert stage.run("customers", "--plan").code == 0


# ----------------------------------------------------------------- revocation


def test_a_revocation_is_told_once_and_ends_with_4(stage: Stage) -> None:
    stage.salesforce_control("revoke", {})
    stage.forget_requests()
    run = stage.command("--run-sync", "--lang", "ja")
    assert run.code == 4
    assert run.err.count("連携トークンの更新（認可）を最初から") == 1
    assert token_calls(stage) == 1
    assert not stage.salesforce_writes()
    assert cause(stage) == "token_expired"
    assert authorised(stage).code == 0
    assert cause(stage) is None


# -------------------------------------------------------------------- the org


def test_the_token_of_another_org_is_refused_everywhere(stage: Stage) -> None:
    before = stored(stage)
    with World.start(customers=5, seed=2) as other:
        elsewhere = home_at(stage.folder.parent / "elsewhere")
        write_profile(elsewhere, "default", other)
        foreign = SecretStore(elsewhere, "default", KeySource(elsewhere, {}))
        ready = other.ready["salesforce"]
        stage.set(
            f'salesforce.url="{ready["login_url"]}"',
            f'salesforce.callback_url="{ready["callback_url"]}"',
            f'salesforce.consumer_key="{ready["client_id"]}"',
            f'salesforce.consumer_secret="{ready["client_secret"]}"',
        )
        moved = Stage.__new__(Stage)
        moved.world, moved.folder, moved.http = other, stage.folder, stage.http
        done = authorised(moved)
        assert (done.code, done.events[-1]["code"]) == (2, "wrong_org")
        assert other.salesforce.org_id in done.events[-1]["what"]
        assert stored(stage) == before
        found = StoredTokens(foreign).read()
        assert found is not None
        StoredTokens(secrets(stage)).write(found)
        moved.forget_requests()
        run = stage.run("customers")
        assert run.code == 2
        assert "wrong_org" in run.out
        assert not moved.salesforce_writes()


# ----------------------------------------------------------------------- PKCE


@pytest.mark.parametrize("by_app", ["on", "off"])
@pytest.mark.parametrize("by_org", ["on", "off"])
def test_pkce_is_spoken_whether_or_not_it_is_demanded(
    stage: Stage, by_app: str, by_org: str
) -> None:
    switch(stage, pkce_required_app=by_app, pkce_required_org=by_org)
    stage.forget_requests()
    done = authorised(stage)
    assert (done.code, done.events[-1]["event"]) == (0, "authorised")
    paths = [row["path"] for row in stage.salesforce_requests()]
    assert any("code_challenge=" in path for path in paths if "authorize" in path)
    expire(stage)
    assert count_customers(stage) > 0


# ----------------------------------------------------------------- the way back


def test_strangers_at_the_callback_change_nothing(stage: Stage) -> None:
    callback = stage.world.ready["salesforce"]["callback_url"]
    command = Authorising(stage)
    stage.forget_requests()
    for query in (
        "code=aPrxStolen%3D%3D&state=another",
        "code=aPrxStolen%3D%3D",
        "error=access_denied&state=another",
        "",
    ):
        answer = httpx.get(f"{callback}?{query}", trust_env=False)
        assert answer.status_code == 400
        assert "state_mismatch" in answer.text
    elsewhere = {"Host": "connector.example.com"}
    good = Browser(stage).answer_of(command.url)
    assert httpx.get(good, headers=elsewhere, trust_env=False).status_code == 400
    assert token_calls(stage) == 0
    assert httpx.get(good, timeout=60, trust_env=False).status_code == 200
    assert command.end().code == 0
    with pytest.raises(httpx.ConnectError):
        httpx.get(good, trust_env=False)
    assert token_calls(stage) == 1


def test_an_answer_of_another_authorisation_that_is_pasted_is_refused(
    stage: Stage,
) -> None:
    first = Authorising(stage)
    answer = Browser(stage).answer_of(first.url)
    httpx.get(answer, timeout=60, trust_env=False)
    assert first.end().code == 0
    process = subprocess.run(
        [sys.executable, "-m", "haihai_tui", "--authorize", "--json"],
        env=stage.environment,
        input=f"{answer}\n",
        capture_output=True,
        text=True,
        timeout=120,
    )
    told = json.loads(process.stdout.splitlines()[-1])
    assert (process.returncode, told["code"]) == (4, "state_mismatch")


def test_a_busy_port_is_named(stage: Stage) -> None:
    port = int(
        stage.world.ready["salesforce"]["callback_url"].split(":")[2].split("/")[0]
    )
    with closing(socket.socket()) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        done = stage.command("--authorize", "--json")
    told = done.events[-1]
    assert (done.code, told["code"]) == (2, "callback_port_busy")
    assert str(port) in told["what"]


@contextmanager
def other_host() -> Iterator[tuple[str, list[str]]]:
    """A server that writes down whatever reaches it."""
    seen: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", "0"))
            seen.append(self.rfile.read(length).decode())
            self.send_response(200)
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}{TOKEN}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("status", [302, 307, 308])
def test_secret_and_code_are_not_sent_on_to_another_host(
    stage: Stage, status: int
) -> None:
    with other_host() as (url, seen):
        fault = {"match": f"POST {TOKEN}", "do": f"status:{status}", "times": None}
        headers = {"Location": url}
        stage.salesforce_control("faults", [{**fault, "headers": headers}])
        done = authorised(stage)
    assert (done.code, done.events[-1]["code"]) == (2, "not_a_salesforce_url")
    assert seen == []
