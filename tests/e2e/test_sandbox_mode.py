"""`--sandbox` from outside: one line when ready, signals, and what a folder keeps."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.e2e

API = "/services/data/v66.0"


@contextmanager
def served(
    home: Path, *arguments: str
) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "haihai_tui", "--sandbox", *arguments],
        env={**os.environ, "HAIHAI_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process, json.loads(process.stdout.readline())
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=30)


def ask(ready: dict[str, Any], method: str, path: str, **more: Any) -> Any:
    org = ready["salesforce"]
    answer = httpx.request(
        method,
        org["login_url"] + path,
        headers={"Authorization": f"Bearer {org['access_token']}"},
        **more,
    )
    assert answer.status_code < 300, answer.text
    return answer.json()


def create(ready: dict[str, Any], name: str) -> None:
    ask(ready, "POST", f"{API}/sobjects/Contact", json={"LastName": name})


def count(ready: dict[str, Any], name: str) -> int:
    soql = f"SELECT count() FROM Contact WHERE LastName = '{name}'"
    found: int = ask(ready, "GET", f"{API}/query", params={"q": soql})["totalSize"]
    return found


def stop_reader(ready: dict[str, Any], address: str) -> None:
    url = f"{ready['haihai']['base_url']}/_sandbox/groups/1/stop"
    assert httpx.post(url, json={"address": address}).status_code == 200


def addresses(ready: dict[str, Any]) -> list[str]:
    url = f"{ready['haihai']['base_url']}/_sandbox/customers"
    return [json.loads(line)["address"] for line in httpx.get(url).text.splitlines()]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_serves_until_interrupted_and_keeps_its_folder(
    tmp_path: Path, number: signal.Signals
) -> None:
    state = ("--customers", "5", "--state", str(tmp_path / "state"))
    with served(tmp_path, *state) as (process, ready):
        create(ready, "終了")
        process.send_signal(number)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out) == (0, "")
        assert "Traceback" not in err
    with served(tmp_path, *state) as (_, ready):
        assert count(ready, "終了") == 1


def test_a_killed_sandbox_has_kept_its_folder(tmp_path: Path) -> None:
    state = ("--customers", "5", "--state", str(tmp_path / "state"))
    with served(tmp_path, *state) as (process, ready):
        create(ready, "切断")
        stop_reader(ready, "stopped@example.com")
        files = [
            tmp_path / "state" / name
            for name in ("salesforce-org.jsonl", "haihai-customers.ndjson")
        ]
        wanted = ("切断", "stopped@example.com")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if all(
                file.exists() and word in file.read_text("utf-8")
                for file, word in zip(files, wanted, strict=True)
            ):
                break
            time.sleep(0.1)
        process.kill()
    with served(tmp_path, *state) as (_, ready):
        assert count(ready, "切断") == 1
        assert addresses(ready) == ["stopped@example.com"]


def test_a_taken_port_is_a_plain_message(tmp_path: Path) -> None:
    with served(tmp_path, "--customers", "5") as (_, ready):
        port = ready["salesforce"]["login_url"].rpartition(":")[2]
        finished = subprocess.run(
            [
                *(sys.executable, "-m", "haihai_tui", "--sandbox"),
                *("--customers", "5", "--salesforce-port", port),
            ],
            env={**os.environ, "HAIHAI_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (finished.returncode, finished.stdout) == (2, "")
    assert port in finished.stderr
