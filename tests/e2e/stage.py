"""Both sandboxes, a home of its own, and the real command against them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from haihai_tui.headless.demo import write_profile
from haihai_tui.sandbox.world import World
from haihai_tui.services.paths import home_at

MAPPED = {
    "姓": "LastName",
    "名": "FirstName",
    "会社名": "Account.Name",
    "電話番号": "Phone",
    "SalesforceID": "Id",
}
AUDIENCE = "HasOptedOutOfEmail = false AND Email != null"


@dataclass
class Finished:
    """One run of the command."""

    code: int
    out: str
    err: str

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def summary(self) -> dict[str, Any]:
        return self.events[-1]

    def flow(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.summary["flows"][name]
        return found

    def numbers(self, name: str, *keys: str) -> tuple[int, ...]:
        return tuple(self.flow(name)[key] for key in keys)


@dataclass
class Stage:
    """A world, a home with a ready profile, and shortcuts to both sides."""

    world: World
    folder: Path
    http: httpx.Client = field(default_factory=lambda: httpx.Client(timeout=60))

    def __post_init__(self) -> None:
        write_profile(home_at(self.folder), "default", self.world)

    # ------------------------------------------------------------- the command

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
            "HAIHAI_HOME": str(self.folder),
            "HAIHAI_LANG": "en",
            "HAIHAI_TRACEBACK": "1",
            "PYTHONWARNINGS": "error",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "haihai_tui", *arguments],
            env=self.environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def command(self, *arguments: str) -> Finished:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return Finished(process.returncode, out, err)

    def run(self, *arguments: str) -> Finished:
        return self.command("--run-sync", *arguments, "--json")

    def interrupted(self, after_s: float, number: signal.Signals) -> int:
        """Start a run and send it a signal; its exit code."""
        process = self.start("--run-sync", "--json")
        time.sleep(after_s)
        process.send_signal(number)
        process.communicate(timeout=120)
        return process.returncode

    def set(self, *assignments: str) -> None:
        finished = self.command("--set", *assignments)
        assert finished.code == 0, finished.err

    # -------------------------------------------------------------- Salesforce

    @property
    def _bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.world.access_token}"}

    def query(self, soql: str) -> list[dict[str, Any]]:
        base, path = self.world.salesforce_url, "/services/data/v66.0/query"
        answer = self.http.get(base + path, params={"q": soql}, headers=self._bearer)
        answer.raise_for_status()
        page = answer.json()
        records: list[dict[str, Any]] = page["records"]
        while not page["done"]:
            answer = self.http.get(base + page["nextRecordsUrl"], headers=self._bearer)
            page = answer.json()
            records += page["records"]
        return records

    def write(
        self, method: str, path: str, values: Mapping[str, Any] | None = None
    ) -> Any:
        answer = self.http.request(
            method,
            f"{self.world.salesforce_url}/services/data/v66.0/sobjects/{path}",
            json=values,
            headers=self._bearer,
        )
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def create(self, sobject: str, **values: Any) -> str:
        made = self.write("POST", f"{sobject}/", values)
        return str(made["id"])

    def update(self, record: str, **values: Any) -> None:
        sobject = {"003": "Contact", "00Q": "Lead", "001": "Account"}[record[:3]]
        self.write("PATCH", f"{sobject}/{record}", values)

    def delete(self, record: str) -> None:
        self.write("DELETE", f"Contact/{record}")

    def salesforce_control(self, path: str, body: Any, method: str = "POST") -> Any:
        return self._control(self.world.salesforce_url, path, body, method)

    # ------------------------------------------------------------- HaiHai Mail

    def haihai_control(self, path: str, body: Any, method: str = "POST") -> Any:
        return self._control(self.world.haihai_url, path, body, method)

    def _control(self, base: str, path: str, body: Any, method: str) -> Any:
        answer = self.http.request(method, f"{base}/_sandbox/{path}", json=body)
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def customers(self) -> dict[str, dict[str, Any]]:
        answer = self.http.get(f"{self.world.haihai_url}/_sandbox/customers")
        rows = (json.loads(line) for line in answer.text.splitlines())
        return {row["address"]: row for row in rows}

    def members(self, group: str = "1") -> dict[str, str]:
        """Address → state, of everyone in a group."""
        return {
            address: row["groups"][group]["state"]
            for address, row in self.customers().items()
            if group in row["groups"]
        }

    def stop(self, address: str, group: str = "1") -> None:
        self.haihai_control(f"groups/{group}/stop", {"address": address})

    def import_by_hand(self, kind: int, *lines: str, group: str = "1") -> None:
        """What an operator of the service does with a CSV file; `lines` are records
        below the item names of the first one.  Returns when it is worked off."""
        haihai = self.world.ready["haihai"]
        form = {
            "aid": haihai["contract_id"].partition("-")[2],
            "loginid": haihai["login_id"],
            "import_type": str(kind),
            "is_overwrite": "1" if kind == 0 else "0",
            "gid": group,
            "spid": "",
            "report_option": "0",
        }
        content = "".join(f"{line}\r\n" for line in lines).encode("cp932")
        answer = self.http.post(
            f"{haihai['base_url']}/?ac=ScheduleCsvImport",
            data=form,
            files={"csvfile": ("x.csv", content)},
            headers={"X-HM-apitoken": haihai["api_token"]},
        )
        assert "10200" in answer.text, answer.text
        self.world.haihai.queue.drain(10)

    def view(self, address: str, url: str, at: str, kind: str = "click") -> None:
        self.haihai_control(
            "views", [{"address": address, "url": url, "at": at, "kind": kind}]
        )

    def haihai_requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get(
            f"{self.world.haihai_url}/_sandbox/requests"
        ).json()
        return found

    def salesforce_requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get(
            f"{self.world.salesforce_url}/_sandbox/requests"
        ).json()
        return found

    def forget_requests(self) -> None:
        for base in (self.world.salesforce_url, self.world.haihai_url):
            self.http.delete(f"{base}/_sandbox/requests")

    def imports(self) -> list[tuple[int, int]]:
        """Kind and rows of every CSV import since the log was emptied."""
        rows = self.haihai_requests()
        return [(row["kind"], row["rows"]) for row in rows if "kind" in row]

    def salesforce_writes(self) -> list[str]:
        """Every request that changes records, since the log was emptied."""
        return [
            f"{row['method']} {row['path']}"
            for row in self.salesforce_requests()
            if row["method"] not in ("GET", "HEAD")
            and "/jobs/query" not in row["path"]
            and "/analytics/reports" not in row["path"]
            and "/oauth2/" not in row["path"]
        ]

    # ---------------------------------------------------------- the comparison

    def audience(self) -> dict[str, dict[str, str]]:
        """What the group should hold, read independently of the program."""
        fields = ", ".join(["Email", *MAPPED.values()])
        rows = self.query(f"SELECT {fields} FROM Contact WHERE {AUDIENCE}")
        return {
            row["Email"]: {item: _value(row, name) for item, name in MAPPED.items()}
            for row in rows
        }

    def difference(self) -> dict[str, Any]:
        """Members that are missing, too many or different; empty when in step."""
        wanted, customers = self.audience(), self.customers()
        joined = {
            address: row for address, row in customers.items() if "1" in row["groups"]
        }
        wrong = {
            address: (wanted[address], joined[address]["items"])
            for address in wanted.keys() & joined.keys()
            if any(
                joined[address]["items"].get(item, "") != value
                for item, value in wanted[address].items()
            )
        }
        silent = {
            address
            for address, row in joined.items()
            if row["groups"]["1"]["state"] != "配信可能"
        }
        found = {
            "missing": wanted.keys() - joined.keys(),
            "too many": joined.keys() - wanted.keys() - silent,
            "different": wrong,
        }
        return {name: value for name, value in found.items() if value}


def _value(row: Mapping[str, Any], name: str) -> str:
    value: Any = row
    for part in name.split("."):
        value = value[part] if value else None
    return "" if value is None else str(value)


@contextmanager
def staged(folder: Path, customers: int = 100, seed: int = 1) -> Iterator[Stage]:
    with World.start(customers=customers, seed=seed) as world:
        stage = Stage(world, folder)
        try:
            yield stage
        finally:
            stage.http.close()
