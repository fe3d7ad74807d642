"""A small world at a moment that can be gone back to, and runs from there.

What stands in both services is compared record by record; only what tells when
something was written may differ.
"""

from __future__ import annotations

import copy
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from haihai_tui.sandbox.salesforce.table import STAMPS
from tests.e2e.faults.nursery import Nursery
from tests.e2e.stage import Finished, Stage, staged

QUICK: Mapping[str, Any] = {
    "haihai_tui.sync.imports:FIRST_WAIT": 0.01,
    # Attempts, all in all, the first wait, the longest, jitter: see RetryPolicy.
    "haihai_tui.services.http:RetryPolicy.__init__.__defaults__": [
        5,
        20.0,
        0.01,
        0.02,
        0.01,
    ],
}
_COMPARED = ("Contact", "Lead", "Account")
_RANDOM = re.compile(
    r"\d{8}T\d{6}-[0-9a-f]+(\.(left|begun|settled|cut)$)?|(?<=\.)\w{8}$"
)
"""A run's number, with the stage of the run at which a table was written."""
_SQLITE = ("-wal", "-shm")
_OWN_METHOD = "一括登録・削除"

Records = dict[str, Any]


@dataclass
class Scene:
    """A stage whose runs are forked, with a moment to go back to."""

    stage: Stage
    nursery: Nursery
    kept: Path
    options: tuple[str, ...] = ()

    # -------------------------------------------------------------------- runs

    def run(self, *arguments: str, **how: Any) -> Finished:
        """A run to its end; `how` as for `Nursery.start`."""
        self.start(*arguments, **how)
        return self.nursery.finished()

    def start(self, *arguments: str, **how: Any) -> int:
        environment = {**self.stage.environment, **how.pop("environment", {})}
        how = {"watched": "at" in how, **how}
        return self.nursery.start(
            ("--run-sync", *arguments, *self.options, "--json"), environment, **how
        )

    # ------------------------------------------------------------- the moment

    def keep(self) -> None:
        """Remember both services and our own files as they are now."""
        self.stage.world.haihai.queue.drain()
        shutil.rmtree(self.kept, ignore_errors=True)
        self.stage.world.salesforce.save(self.kept / "salesforce")
        account, world = self.stage.world.haihai.account, self.stage.world
        self._tokens = copy.deepcopy(world.parts.tokens())
        self._account = copy.deepcopy(_contents(account))
        self._controls = [
            (one, one.switches.as_dict(), one.clock.now() - datetime.now(UTC))
            for one in (world.parts.control, world.haihai.control)
        ]
        shutil.copytree(self.stage.folder, self.kept / "home")

    def go_back(self) -> None:
        world = self.stage.world
        self.mend()
        world.haihai.queue.drain()
        world.parts.apps.restore(copy.deepcopy(self._tokens["apps"]))
        world.parts.sessions.restore(copy.deepcopy(self._tokens["sessions"]))
        world.salesforce.load(self.kept / "salesforce")
        with world.haihai.account.lock:
            vars(world.haihai.account).update(copy.deepcopy(self._account))
            world.haihai.calls.load({"day": "", "used": {}})
        shutil.rmtree(self.stage.folder)
        shutil.copytree(self.kept / "home", self.stage.folder)

    def mend(self) -> None:
        """No fault is left, every switch is as at the moment that was kept."""
        world = self.stage.world
        world.parts.control.faults.add(())
        world.haihai.control.faults.add(())
        world.salesforce.row_faults.put([])
        self.stage.salesforce_control("bulk_damage", [])
        for control, switches, offset in self._controls:
            control.switches.update(switches)
            now = control.clock.now() - datetime.now(UTC)
            control.clock.advance((offset - now).total_seconds())

    # --------------------------------------------------------------- comparison

    def files(self) -> Counter[str]:
        """Our own files, without the runs' numbers and what is random."""
        names = (str(one.relative_to(self.stage.folder)) for one in _files(self))
        return Counter(_RANDOM.sub("", name) for name in names)

    def records(self) -> Records:
        """Every record of both services."""
        self.stage.world.haihai.queue.drain()
        customers = self.stage.customers()
        silenced = {one for one, row in customers.items() if _own_states(row)}
        found: Records = {
            address: _without_own_times(row) for address, row in customers.items()
        }
        org = self.stage.world.salesforce
        for sobject in _COMPARED:
            table = org.table(sobject)
            names = sorted(set(table.columns) - {*STAMPS, "LastModifiedById"})
            for slot in table.slots(include_deleted=True):
                values = {name: table.value(slot, name) for name in names}
                if values.get("Email") in silenced:
                    values["HaihaiStateAt__c"] = bool(values.get("HaihaiStateAt__c"))
                found[table.ids[slot]] = (slot in table.deleted, values)
        return found


def difference(one: Records, other: Records) -> dict[str, tuple[Any, Any]]:
    """Records that differ, with what either side holds (None: missing)."""
    return {
        key: (one.get(key), other.get(key))
        for key in one.keys() | other.keys()
        if one.get(key) != other.get(key)
    }


def _files(scene: Scene) -> Iterator[Path]:
    """All but SQLite's own, which it may keep or not, the plans of each run, and what
    a run notes for the next one alone: a run more has taken it over."""
    for path in scene.stage.folder.rglob("*"):
        planned = path.parent.name == "plans" and not path.name.startswith(".")
        planned = planned or path.name.startswith("suppressions.relinked.")
        if path.is_file() and not planned and not path.name.endswith(_SQLITE):
            yield path


def _contents(account: Any) -> dict[str, Any]:
    names = ("items", "customers", "in_error", "groups", "plans", "views")
    return {name: getattr(account, name) for name in names}


def _own_states(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Memberships whose state an import of ours has set."""
    members = (*row["groups"].values(), *row.get("plans", {}).values())
    return [member for member in members if member.get("method") == _OWN_METHOD]


def _without_own_times(row: dict[str, Any]) -> dict[str, Any]:
    """When a state was set by an import is when the import was sent."""
    row = copy.deepcopy(row)
    for member in _own_states(row):
        member["stopped_at"] = bool(member["stopped_at"])
    return row


@contextmanager
def scene(
    folder: Path, customers: int, constants: Mapping[str, Any] | None = None
) -> Iterator[Scene]:
    """A world without delays, and a nursery for its runs."""
    with staged(folder / "home", customers=customers) as stage:
        stage.haihai_control(
            "switches", {"import_delay_s": 0, "daily_calls": 100_000}, "PUT"
        )
        stage.salesforce_control(
            "switches", {"bulk_job_polls": 0, "daily_api_requests": 1_000_000}, "PUT"
        )
        nursery = Nursery(folder / "runs", {**QUICK, **(constants or {})})
        try:
            yield Scene(stage, nursery, folder / "kept")
        finally:
            nursery.close()


def by_bulk(made: Scene) -> None:
    """Bulk jobs for what is usually too little for them."""
    stage, made.options = made.stage, ("--full",)
    stage.set("salesforce.bulk_threshold=1")
    stage.salesforce_control("switches", {"query_page_rows": 200}, "PUT")


BULK = {
    "haihai_tui.services.salesforce.client:SalesforceClient.__init__.__kwdefaults__": {
        "bulk_threshold": 1,
        "collections_rows": 1,
    }
}


@contextmanager
def moment(folder: Path, name: str) -> Iterator[Scene]:
    """A world just before the run that is going to be killed."""
    customers = 220 if name == "bulk" else 30
    with scene(folder, customers, BULK if name == "bulk" else {}) as made:
        if name == "bulk":
            by_bulk(made)
        if name != "first":
            first = made.run()
            assert first.code == 0, first.err
        evening(made.stage)
        made.keep()
        yield made


# ------------------------------------------------------------------- an evening


def evening(stage: Stage) -> None:
    """Something of everything that can happen between two runs."""
    contacts = stage.query(
        "SELECT Id, Email FROM Contact WHERE HasOptedOutOfEmail = false "
        "AND Email != null ORDER BY Id LIMIT 30"
    )
    ids = [row["Id"] for row in contacts]
    addresses = [row["Email"] for row in contacts]
    for at in range(3):
        stage.update(ids[at], LastName=f"変更{at}", Phone="")
    for at in (3, 4):
        stage.update(ids[at], Email=f"moved{at}@example.jp")
    stage.stop(addresses[4])
    stage.delete(ids[5])
    stage.update(ids[6], HasOptedOutOfEmail=True)
    for at in (7, 8):
        stage.stop(addresses[at])
    stage.haihai_control("groups/1/bar", {"address": addresses[9]})
    stage.create("Lead", LastName="見込", Company="例", Email=addresses[7])
    for at in range(3):
        stage.create("Contact", LastName=f"新規{at}", Email=f"new{at}@example.jp")
    stage.create("Contact", LastName="😀", Email="reject@example.jp")
    for name in ("山田", "佐藤"):
        stage.create("Contact", LastName=name, Email="shared@example.jp")
    for number in range(12):
        moment = f"2026-11-20T01:{number:02d}:00Z"
        url = f"https://example.com/{number}"
        stage.view(addresses[10 + number % 5], url, moment)
