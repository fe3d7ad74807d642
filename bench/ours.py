"""The program's own rows: whole runs over the command, on the two sandboxes."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.contenders import PEERS, SIMPLE, prepare
from bench.measure import Failed, Row, Taken, measured, take
from bench.site import Site, change, contacts, control

WHO = "haihai-tui"
STOPS = 20_000
CHANGED = 1_000
_FLOW_FACTS = ("read", "unchanged", "created", "updated", "written", "api_calls")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "haihai_tui", *arguments]


def run_sync(*arguments: str) -> list[str]:
    return command("--run-sync", *arguments, "--json")


def summary(taken: Taken) -> dict[str, Any]:
    """What a run said of itself: the last line of its output."""
    told = json.loads(taken.output.splitlines()[-1])
    facts: dict[str, Any] = {"run": {}}
    for flow, numbers in told["flows"].items():
        facts["run"][flow] = {name: numbers.get(name) for name in _FLOW_FACTS}
    return facts


class Ours:
    """Measures this program on one site; rows come in the order of a site's life."""

    def __init__(self, site: Site, rows: int, rounds: int) -> None:
        self._site = site
        self._rows = rows
        self._rounds = rounds
        self._turn = itertools.count(1)

    def all(self) -> list[Row]:
        rows = [self.first(), self.full(), self.quiet(), self.some_changed()]
        rows.append(self._row("all_quiet", "all flows, nothing changed", run_sync()))
        return [*rows, *self.short_ones()]

    def first(self) -> Row:
        """Every round fills an empty group."""

        def before() -> None:
            self._site.forget()
            self._site.new_group(str(100 + next(self._turn)))
            self._forget_calls()

        def look(taken: Taken) -> dict[str, Any]:
            return {**summary(taken), "haihai_calls": self._haihai_calls()}

        return self._row(
            *("first", "customers, first run, whole", run_sync("customers")),
            before=before,
            look=look,
        )

    def full(self) -> Row:
        ids = [one for one, _ in contacts(self._site, max(1, self._rows // 100))]
        return self._row(
            *("full", "customers, --full, 1 % changed"),
            run_sync("customers", "--full"),
            before=lambda: change(self._site, ids, next(self._turn)),
            look=summary,
        )

    def quiet(self) -> Row:
        # Once unmeasured: what the changes before left within the overlap is read.
        take(run_sync("customers"), self._site.environment)
        self._pass_overlap()

        def look(taken: Taken) -> dict[str, Any]:
            return {**summary(taken), "writing_calls": self._writing_calls()}

        return self._row(
            *("quiet", "customers, nothing changed", run_sync("customers")),
            before=self._forget_calls,
            look=look,
        )

    def some_changed(self) -> Row:
        ids = [one for one, _ in contacts(self._site, min(CHANGED, self._rows), 7)]

        def before() -> None:
            self._pass_overlap()
            change(self._site, ids, next(self._turn))

        return self._row(
            *("changed", f"customers, {CHANGED:,} changed", run_sync("customers")),
            before=before,
            look=summary,
        )

    def short_ones(self) -> list[Row]:
        return [
            self._row("help", "--help", command("--help")),
            self._row("version", "--version", command("--version")),
            self._row("status", "--status", command("--status", "--json")),
            self._row(
                *("diagnose", "--diagnose"),
                command("--diagnose", "error=redirect_uri_mismatch", "--json"),
            ),
        ]

    # ------------------------------------------------------------ suppressions

    def suppressions(self, folder: Path) -> list[Row]:
        """20,000 stopped of all members, and a peer that uploads just those."""
        count = min(STOPS, max(1, self._rows // 50))
        chosen = contacts(self._site, count, 3)
        addresses = [address for _, address in chosen]
        take(run_sync("suppressions"), self._site.environment)
        acts = itertools.cycle(("stop", "allow"))

        def before() -> None:
            body = {"addresses": addresses}
            base = self._site.haihai["base_url"]
            control(base, "POST", f"groups/{self._site.group}/{next(acts)}", body)

        ours = self._row(
            *("suppressions", f"suppressions, {count:,} of all changed"),
            run_sync("suppressions"),
            before=before,
            look=summary,
        )
        return [ours, self._peer_upload(folder, [one for one, _ in chosen])]

    def _peer_upload(self, folder: Path, ids: list[str]) -> Row:
        key, what = "simple_update", f"Bulk 2.0, just uploading {len(ids):,}"
        path = folder / "update.csv"
        states = itertools.cycle(("配信停止", "配信可能"))

        def before() -> None:
            state = next(states)
            lines = [f"{one},{state},2026-01-01T00:00:00.000Z" for one in ids]
            head = "Id,HaihaiState__c,HaihaiStateAt__c"
            path.write_text("\n".join([head, *lines]) + "\n", "utf-8")

        try:
            who = f"simple-salesforce {prepare(SIMPLE)}"
        except Failed as failed:
            return Row(key, "simple-salesforce", what, why_not=str(failed))
        salesforce = self._site.salesforce
        arguments = (salesforce["login_url"], salesforce["access_token"])
        script = [str(SIMPLE.python), str(PEERS / "simple_update.py"), *arguments]
        script += [salesforce["api_version"], str(path)]
        environment = {**self._site.environment, "PYTHONPATH": ""}
        return measured(
            key, who, what, script, environment, self._rounds, before=before
        )

    # ------------------------------------------------------------------ helpers

    def _row(
        self,
        key: str,
        what: str,
        arguments: list[str],
        *,
        before: Callable[[], None] = lambda: None,
        look: Callable[[Taken], dict[str, Any]] = lambda taken: {},
    ) -> Row:
        return measured(
            *(key, WHO, what, arguments, self._site.environment, self._rounds),
            before=before,
            look=look,
        )

    def _pass_overlap(self) -> None:
        """Let the time pass within which a run reads again what it has read."""
        base = self._site.salesforce["login_url"]
        control(base, "POST", "clock", {"advance_s": 1860})
        take(run_sync("customers"), self._site.environment)

    def _bases(self) -> tuple[str, str]:
        return self._site.salesforce["login_url"], self._site.haihai["base_url"]

    def _forget_calls(self) -> None:
        for base in self._bases():
            control(base, "DELETE", "requests")

    def _writing_calls(self) -> int:
        """Calls that change something; a query job is a way of reading."""
        salesforce, haihai = (
            control(base, "GET", "requests") for base in self._bases()
        )
        changing = [
            call
            for call in salesforce
            if call["method"] in ("POST", "PUT", "PATCH", "DELETE")
            and "/jobs/query" not in call["path"]
            and "/oauth2/" not in call["path"]
        ]
        return len(changing) + sum(1 for call in haihai if "kind" in call)

    def _haihai_calls(self) -> dict[str, int]:
        calls = control(self._site.haihai["base_url"], "GET", "requests")
        imports = sum(1 for call in calls if "kind" in call)
        return {"all": len(calls), "imports": imports}
