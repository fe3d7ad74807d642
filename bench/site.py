"""The running sandboxes and the profile that is measured.

Twelve items are mapped, so that a record has the size that is usual: about 230 bytes.
Changes between the rounds are made over the same interfaces that anybody has.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

FIELDS = (
    ("LastName", "姓"),
    ("FirstName", "名"),
    ("Account.Name", "会社名"),
    ("Phone", "電話番号"),
    ("Id", "SalesforceID"),
    ("Title", "役職"),
    ("Account.Type", "取引先種別"),
    ("Account.Phone", "代表電話"),
    ("Account.BillingCity", "市区町村"),
    ("AccountId", "取引先ID"),
    ("OwnerId", "所有者ID"),
    ("CreatedById", "作成者ID"),
)
COLUMNS = ("Id", "Email", *(name for name, _ in FIELDS if name != "Id"))
AUDIENCE = "HasOptedOutOfEmail = false AND Email != null"
SOQL = f"SELECT {', '.join(COLUMNS)} FROM Contact WHERE ({AUDIENCE})"
PAGE_ROWS = 50_000
TIMEOUT_S = 1800.0


@dataclass
class Site:
    """Both sandboxes in one process, with a ready profile in `home`."""

    home: Path
    salesforce: dict[str, str]
    haihai: dict[str, str]
    process: subprocess.Popen[str]
    group: str = "1"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "HAIHAI_HOME": str(self.home)}

    @property
    def api(self) -> str:
        version = self.salesforce["api_version"]
        return f"{self.salesforce['login_url']}/services/data/v{version}"

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.salesforce['access_token']}"}

    def forget(self) -> None:
        """The next run is a first one: nothing is known, nobody is in the group."""
        shutil.rmtree(self.home / "state", ignore_errors=True)

    def new_group(self, number: str) -> None:
        """From now on another, empty group is filled."""
        base = self.haihai["base_url"]
        control(base, "POST", "groups", {"gid": number, "name": f"group {number}"})
        settings(self, f'haihai.group_id="{number}"')
        self.group = number

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


def start_site(home: Path, rows: int) -> Site:
    command = [sys.executable, "-m", "haihai_tui", "--sandbox", "--write-profile"]
    process = subprocess.Popen(
        [*command, "--customers", str(rows)],
        env={**os.environ, "HAIHAI_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    ready = json.loads(process.stdout.readline())
    site = Site(home, ready["salesforce"], ready["haihai"], process)
    _map_twelve(site)
    return site


def _map_twelve(site: Site) -> None:
    base = site.haihai["base_url"]
    control(base, "POST", "items", [name for _, name in FIELDS])
    fields = ", ".join(
        f'{{salesforce = "{name}", haihai = "{item}"}}' for name, item in FIELDS
    )
    settings(site, f"customers.fields=[{fields}]")
    # Rounds follow each other faster than days do: no limit of a day may end one.
    many = 86_400
    control(base, "PUT", "switches", {"daily_calls": many})
    login = site.salesforce["login_url"]
    control(login, "PUT", "switches", {"daily_api_requests": 10 * many})
    settings(site, f"budget.haihai_calls={many}", f"haihai.wire.calls_per_day={many}")


def settings(site: Site, *changes: str) -> None:
    """Change the profile by the command."""
    subprocess.run(
        [sys.executable, "-m", "haihai_tui", "--set", *changes],
        env=site.environment,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def control(base: str, method: str, path: str, body: Any = None) -> Any:
    """A call to a sandbox's control interface."""
    answer = httpx.request(
        method, f"{base}/_sandbox/{path}", json=body, timeout=TIMEOUT_S
    )
    answer.raise_for_status()
    return answer.json() if answer.content else None


def bulk_rows(site: Site) -> str:
    """The id of a finished Bulk 2.0 job with the audience's rows."""
    with httpx.Client(headers=site.bearer, timeout=TIMEOUT_S) as client:
        base = f"{site.api}/jobs/query"
        body = {"operation": "query", "query": SOQL}
        # Asked for packed: the sandbox then compresses the pages beforehand.
        packed = {"Accept-Encoding": "gzip"}
        job = client.post(base, json=body, headers=packed).json()["id"]
        while client.get(f"{base}/{job}").json()["state"] != "JobComplete":
            time.sleep(0.05)
    return str(job)


def contacts(site: Site, count: int, offset: int = 0) -> list[tuple[str, str]]:
    """(Id, address) of `count` of the audience, spread over all of it."""
    rows: list[tuple[str, str]] = []
    soql = f"SELECT Id, Email FROM Contact WHERE ({AUDIENCE})"
    with httpx.Client(headers=site.bearer, timeout=TIMEOUT_S) as client:
        answer = client.get(f"{site.api}/query", params={"q": soql}).json()
        step = max(1, answer["totalSize"] // count)
        seen = 0
        while len(rows) < count:
            for record in answer["records"]:
                if seen % step == offset % step and len(rows) < count:
                    rows.append((record["Id"], record["Email"]))
                seen += 1
            if answer["done"]:
                break
            root = site.salesforce["login_url"]
            answer = client.get(f"{root}{answer['nextRecordsUrl']}").json()
    return rows


def change(site: Site, ids: Sequence[str], turn: int) -> None:
    """Give contacts another phone number, by one ingest job of our own making."""
    lines = ["Id,Phone", *(f"{one},03-{turn % 10000:04}-0000" for one in ids)]
    with httpx.Client(headers=site.bearer, timeout=TIMEOUT_S) as client:
        base = f"{site.api}/jobs/ingest"
        body = {"object": "Contact", "operation": "update", "contentType": "CSV"}
        job = client.post(base, json=body).json()["id"]
        sent = client.put(
            f"{base}/{job}/batches",
            content="\n".join(lines) + "\n",
            headers={"Content-Type": "text/csv"},
        )
        sent.raise_for_status()
        client.patch(f"{base}/{job}", json={"state": "UploadComplete"})
        while (state := client.get(f"{base}/{job}").json())["state"] != "JobComplete":
            if state["state"] in ("Failed", "Aborted"):
                raise SystemExit(f"the change failed: {state}")
            time.sleep(0.05)
