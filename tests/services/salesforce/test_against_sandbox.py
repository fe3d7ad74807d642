"""The client over real HTTP, against an org that keeps its own books."""

from __future__ import annotations

import csv
import io
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest

from haihai_tui.errors import (
    AuthorisationNeeded,
    BudgetUsedUp,
    ServiceUnreachable,
    SettingsError,
)
from haihai_tui.sandbox.world import World
from haihai_tui.services.http import Timeouts
from haihai_tui.services.salesforce import bulk
from haihai_tui.services.salesforce.authorise import authorise
from haihai_tui.services.salesforce.client import SalesforceClient
from haihai_tui.services.salesforce.jobs import JobLimits
from haihai_tui.services.salesforce.tokens import Tokens
from haihai_tui.sync.ports import Extract
from tests.services.salesforce.support import MemoryStore, Opened, opened

CUSTOMERS = 2500
SOQL = "SELECT Id, LastName, Account.Name, Email, SystemModstamp FROM Contact"


@dataclass
class Org:
    """The sandbox, its control interface, and clients for it."""

    world: World
    stack: ExitStack
    web: httpx.Client

    @property
    def facts(self) -> dict[str, str]:
        facts: dict[str, str] = self.world.ready["salesforce"]
        return facts

    def control(self, path: str, values: Any) -> None:
        method = "PUT" if path == "switches" else "POST"
        self.web.request(method, f"/_sandbox/{path}", json=values).raise_for_status()

    def fault(self, match: str, do: str, **more: Any) -> None:
        self.control("faults", [{"match": match, "do": do, **more}])

    def requests(self, path: str) -> int:
        rows = self.web.get("/_sandbox/requests").json()
        return sum(path.lower() in row["path"].lower() for row in rows)

    def forget_requests(self) -> None:
        self.web.delete("/_sandbox/requests")

    def open(self, tokens: Tokens | None = None, **settings: Any) -> Opened:
        facts = self.facts
        access, refresh = self.world.parts.grant()
        kept = tokens or Tokens(
            access_token=access,
            refresh_token=refresh,
            instance_url=facts["login_url"],
            org_id=facts["org_id"],
        )
        return self.stack.enter_context(
            opened(
                MemoryStore(kept),
                login=facts["login_url"],
                secret=facts["client_secret"],
                client_id=facts["client_id"],
                **{"callback": facts["callback_url"], **settings},
            )
        )

    def client(self, **settings: Any) -> SalesforceClient:
        return SalesforceClient(self.open().session, **settings)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World.start(customers=CUSTOMERS) as started:
        yield started


@pytest.fixture
def org(world: World) -> Iterator[Org]:
    before = world.parts.control.switches.as_dict()
    with ExitStack() as stack:
        web = stack.enter_context(
            httpx.Client(base_url=world.salesforce_url, trust_env=False)
        )
        made = Org(world, stack, web)
        made.forget_requests()
        yield made
        made.control("faults", [])
        made.control("bulk_damage", [])
        made.control("row_faults", [])
        made.control("switches", before)


def read(extract: Extract) -> list[list[str]]:
    found: list[list[str]] = []
    for page in extract.pages():
        content = page.path.read_bytes().decode()
        lines = list(csv.reader(io.StringIO(content, newline="")))
        assert tuple(lines[0]) == extract.columns
        assert len(lines) == page.rows + 1
        found += lines[1:]
    return found


# ---------------------------------------------------------------- extracts


def test_rest_and_bulk_give_the_same(org: Org, tmp_path: Path) -> None:
    salesforce = org.client()
    by_rest = read(salesforce.extract(SOQL, tmp_path))
    by_bulk = read(salesforce.extract(SOQL, tmp_path, expect_many=True))
    assert len(by_rest) == salesforce.count("Contact", "")
    assert sorted(by_rest) == sorted(by_bulk)
    assert len({row[0] for row in by_rest}) == len(by_rest)
    assert org.requests("/jobs/query") > 0


def test_the_size_decides_which_way(org: Org, tmp_path: Path) -> None:
    read(org.client(bulk_threshold=100).extract(SOQL, tmp_path))
    assert org.requests("/jobs/query") > 0


def test_a_query_too_long_for_a_url_goes_to_bulk(org: Org, tmp_path: Path) -> None:
    names = ", ".join(f"'名前{n:05d}'" for n in range(800))
    long = f"{SOQL} WHERE LastName NOT IN ({names})"
    assert len(read(org.client().extract(long, tmp_path))) > 0
    assert org.requests("/query?") == 0


def test_nothing_new_costs_one_call(org: Org, tmp_path: Path) -> None:
    salesforce = org.client()
    soql = f"{SOQL} WHERE SystemModstamp > 2099-01-01T00:00:00Z"
    assert read(salesforce.extract(soql, tmp_path, include_deleted=True)) == []
    assert salesforce.calls() == 1


KINDS = ("short", "cut", "html", "repeat", "locator", "expired")


@pytest.mark.parametrize(
    ("kind", "zipped"),
    [(kind, zipped) for kind in KINDS for zipped in ("on", "off")] + [("gzip", "on")],
)
def test_every_damage_is_healed(
    org: Org, tmp_path: Path, kind: str, zipped: str
) -> None:
    org.control("switches", {"bulk_gzip": zipped})
    expected = read(org.client().extract(SOQL, tmp_path))
    org.control("bulk_damage", [{"page": 1, "kind": kind, "times": 1}])
    extract = _small_pages(org.open(), tmp_path, 700)
    assert sorted(read(extract)) == sorted(expected)


def test_lasting_damage_is_never_taken_for_the_end(org: Org, tmp_path: Path) -> None:
    org.control("bulk_damage", [{"page": 1, "kind": "short", "times": 50}])
    with pytest.raises(ServiceUnreachable):
        read(_small_pages(org.open(), tmp_path, 700))


def _small_pages(opened: Opened, folder: Path, rows: int) -> bulk.BulkExtract:
    salesforce = SalesforceClient(opened.session, parallel=1)
    extract = salesforce.extract(SOQL, folder, expect_many=True)
    assert isinstance(extract, bulk.BulkExtract)
    extract.page_rows = rows
    return extract


@pytest.mark.parametrize("key", ["nextRecordsUrl", "nextRecordUrl"])
def test_pages_side_by_side(
    org: Org, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr(bulk, "PARALLEL_FROM_ROWS", 1)
    org.control("switches", {"bulk_page_rows": 300, "bulk_pages_key": key})
    expected = org.client().count("Contact", "")
    found = read(org.client().extract(SOQL, tmp_path, expect_many=True))
    assert len({row[0] for row in found}) == len(found) == expected
    assert org.requests("/resultPages") >= 2


@pytest.mark.parametrize(
    "switches",
    [
        {"bulk_last_locator": "absent"},
        {"query_page_rows": 200},
        {"per_app_usage": "on", "limit_info_on_204": "off"},
    ],
)
def test_works_with_every_switch(
    org: Org, tmp_path: Path, switches: dict[str, Any]
) -> None:
    org.control("switches", switches)
    salesforce = org.client()
    expected = salesforce.count("Contact", "")
    assert len(read(salesforce.extract(SOQL, tmp_path))) == expected
    assert len(read(salesforce.extract(SOQL, tmp_path, expect_many=True))) == expected


@pytest.mark.parametrize("outcome", ["failed", "aborted", "stuck"])
def test_a_job_that_does_not_end_well_is_replaced(
    org: Org, tmp_path: Path, outcome: str
) -> None:
    org.control("switches", {"bulk_job_outcome": outcome})
    salesforce = org.client(job_limits=JobLimits(stuck_s=3.0))
    found = read(salesforce.extract(SOQL, tmp_path, expect_many=True))
    assert len(found) == salesforce.count("Contact", "")


@pytest.mark.parametrize(
    "fault", ["status:503", "status:502", "status:420", "reset", "truncate:50"]
)
@pytest.mark.parametrize("path", ["/query", "/jobs/query", "/results"])
def test_passing_trouble_passes(
    org: Org, tmp_path: Path, fault: str, path: str
) -> None:
    org.fault(f"* {path}", fault, times=2)
    opened = org.open()
    salesforce = SalesforceClient(opened.session)
    expected = salesforce.count("Contact", "")
    assert len(read(salesforce.extract(SOQL, tmp_path))) == expected
    assert len(read(salesforce.extract(SOQL, tmp_path, expect_many=True))) == expected
    assert opened.retries


def test_a_session_that_ends_in_the_middle_goes_on(org: Org, tmp_path: Path) -> None:
    opened = org.open()
    pages = _small_pages(opened, tmp_path, 700).pages()
    count = next(pages).rows
    org.control("expire_sessions", {})
    assert count + sum(page.rows for page in pages) == org.client().count("Contact", "")
    assert org.requests("/services/oauth2/token") == 1


def test_a_revoked_token_needs_a_person(org: Org, tmp_path: Path) -> None:
    opened = org.open()
    salesforce = SalesforceClient(opened.session)
    salesforce.count("Contact", "")
    org.control("revoke", {})
    for _ in range(2):
        with pytest.raises(AuthorisationNeeded) as caught:
            salesforce.count("Contact", "")
    assert caught.value.cause == "token_expired"
    assert org.requests("/services/oauth2/token") == 1


@pytest.mark.parametrize(
    ("switch", "cause"),
    [("inactive_user", "inactive_user"), ("ip_restricted", "ip_restricted")],
)
def test_a_frozen_user_or_a_forbidden_address_is_named(
    org: Org, switch: str, cause: str
) -> None:
    salesforce = org.client()
    org.control("expire_sessions", {})
    org.control("switches", {switch: "on"})
    with pytest.raises(AuthorisationNeeded) as caught:
        salesforce.count("Contact", "")
    assert caught.value.cause == cause


def test_limits_daily_and_concurrent(org: Org) -> None:
    org.fault("GET /query", "error:REQUEST_LIMIT_EXCEEDED", times=1)
    salesforce = org.client()
    for _ in range(2):
        with pytest.raises(BudgetUsedUp):
            salesforce.count("Contact", "")
    assert org.requests("/query") == 1


def test_a_disabled_api_and_another_org_are_settings(org: Org) -> None:
    with pytest.raises(SettingsError) as wrong:
        SalesforceClient(org.open(expected_org_id="00D000000000009AAA").session).count(
            "Contact", ""
        )
    assert wrong.value.cause == "wrong_org"
    assert org.requests("/services/data") == 0
    salesforce = org.client()
    org.control("switches", {"api_disabled": "on"})
    with pytest.raises(SettingsError) as disabled:
        salesforce.count("Contact", "")
    assert disabled.value.cause == "api_disabled"


def test_hidden_fields_and_objects_are_named(org: Org, tmp_path: Path) -> None:
    salesforce = org.client()
    org.control("switches", {"hidden_fields": ["Contact.Email"]})
    assert "email" not in salesforce.describe("Contact").fields
    with pytest.raises(SettingsError) as field:
        salesforce.extract(SOQL, tmp_path)
    assert field.value.cause == "missing_field"
    with pytest.raises(SettingsError) as missing:
        salesforce.count("Nothing__c", "")
    assert missing.value.cause == "missing_object"


def test_describes_what_the_flows_need(org: Org) -> None:
    contact = org.client().describe("Contact")
    state = contact.fields["haihaistate__c"]
    assert set(state.picklist) >= {"配信停止", "配信禁止"}
    assert state.updateable
    assert (contact.key_prefix, contact.fields["email"].length) == ("003", 80)


# ----------------------------------------------------------------- updates


def _table(folder: Path, org: Org, count: int) -> tuple[Path, list[str]]:
    found = read(org.client().extract(f"SELECT Id FROM Contact LIMIT {count}", folder))
    ids = [row[0] for row in found]
    path = folder / "update.csv"
    lines = [
        f'"{i}","配信停止","{n}","2026-02-16T01:02:03.000Z"' for n, i in enumerate(ids)
    ]
    header = '"Id","HaihaiState__c","HaihaiViewCount__c","HaihaiStateAt__c"'
    path.write_text("\n".join([header, *lines, ""]), "utf-8")
    return path, ids


def _states(org: Org, folder: Path) -> dict[str, list[str]]:
    soql = (
        "SELECT Id, HaihaiState__c, HaihaiViewCount__c, HaihaiStateAt__c FROM Contact"
    )
    return {row[0]: row[1:] for row in read(org.client().extract(soql, folder))}


@pytest.mark.parametrize("by_collections", [True, False])
@pytest.mark.parametrize(
    "fault",
    [None, ("PATCH /composite", "lose_reply"), ("PUT /batches", "reset"),
     ("PUT /batches", "lose_reply"), ("PATCH /jobs/ingest", "lose_reply"),
     ("POST /jobs/ingest", "lose_reply"), ("GET /failedResults", "truncate:40")],
)  # fmt: skip
def test_updates_arrive_whatever_happens(
    org: Org, tmp_path: Path, by_collections: bool, fault: tuple[str, str] | None
) -> None:
    table, ids = _table(tmp_path, org, 450)
    stamp = "2026-02-16T01:02:03.000Z"
    if fault:
        org.fault(*fault, times=1)
    org.control(
        "row_faults",
        [
            {"code": "UNABLE_TO_LOCK_ROW", "record": ids[7], "times": 2},
            {"code": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "record": ids[9], "times": 9},
        ],
    )
    salesforce = org.client(collections_rows=2000 if by_collections else 0)
    outcome = salesforce.update("Contact", table, len(ids), tmp_path)
    failures = list(outcome.failures)
    assert [(f.record_id, f.code) for f in failures] == [
        (ids[9], "FIELD_CUSTOM_VALIDATION_EXCEPTION")
    ]
    assert outcome.succeeded == 449
    states = _states(org, tmp_path)
    for number, record_id in enumerate(ids):
        if record_id != ids[9]:
            state, count, at = states[record_id]
            assert (state, float(count), at) == ("配信停止", float(number), stamp)


@pytest.mark.parametrize("by_collections", [True, False])
def test_null_is_written_and_unknown_ids_are_refused(
    org: Org, tmp_path: Path, by_collections: bool
) -> None:
    _, (record_id,) = _table(tmp_path, org, 1)
    path = tmp_path / "nulls.csv"
    path.write_text(
        '"Id","HaihaiState__c","HaihaiViewCount__c"\n'
        f'"{record_id}","#N/A",""\n"003000000000000AAA","配信停止","1"\n',
        "utf-8",
    )
    before = _states(org, tmp_path)[record_id]
    salesforce = org.client(collections_rows=2000 if by_collections else 0)
    outcome = salesforce.update("Contact", path, 2, tmp_path)
    assert outcome.succeeded == 1
    assert [f.record_id for f in outcome.failures] == ["003000000000000AAA"]
    after = _states(org, tmp_path)[record_id]
    assert after == ["", before[1], before[2]]


# ----------------------------------------------------------- authorisation


class Browser:
    """Logs in and consents as a person would."""

    def __init__(self, org: Org, button: str = "oaapprove") -> None:
        self._org = org
        self._button = button
        self.seen: list[str] = []
        self.last: httpx.Response | None = None

    def open(self, url: str) -> None:
        threading.Thread(target=self._walk, args=(url,), daemon=True).start()

    def _walk(self, url: str) -> None:
        with httpx.Client(follow_redirects=True, trust_env=False) as web:
            page = web.get(url)
            for typed in (
                {"username": self._org.facts["username"],
                 "pw": self._org.facts["password"]},
                {self._button.replace("oaapprove", "save").replace("oadeny", "cancel"):
                 "x"},
            ):  # fmt: skip
                form = re.search(r"(?s)<form.*?</form>", page.text)
                if form is None:
                    break
                action = re.search(r'action="([^"]*)"', form.group(0))
                assert action is not None
                hidden = dict(
                    re.findall(
                        r'type="hidden" name="([^"]*)" value="([^"]*)"', form.group(0)
                    )
                )
                fields = {name: unescape(value) for name, value in hidden.items()}
                page = web.post(
                    str(page.url.join(unescape(action.group(1)))),
                    data={**fields, **typed},
                )
            self.seen = [str(step.url) for step in page.history] + [str(page.url)]
            self.last = page


@contextmanager
def _registered(org: Org, **app: Any) -> Iterator[dict[str, Any]]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    values = {
        "client_id": f"3MVG9.{port}",
        "client_secret": "SECRET123",
        "callback_urls": [f"http://localhost:{port}/sflogged"],
        "scopes": ["api", "refresh_token"],
        **app,
    }
    org.control("apps", values)
    yield values


def _authorise(
    org: Org, app: dict[str, Any], show: Callable[[str], None]
) -> tuple[Opened, Tokens]:
    made = org.stack.enter_context(
        opened(
            MemoryStore(),
            login=org.facts["login_url"],
            secret=app["client_secret"],
            client_id=app["client_id"],
            callback=app["callback_urls"][0],
            expected_org_id=org.facts["org_id"],
        )
    )
    return made, authorise(made.oauth, made.store, show, timeout=8.0)


@pytest.mark.parametrize("pkce", [True, False])
@pytest.mark.parametrize("rotation", [True, False])
@pytest.mark.parametrize("secret", ["SECRET123", ""])
def test_authorises_like_a_person_and_renews(
    org: Org, pkce: bool, rotation: bool, secret: str
) -> None:
    org.control("switches", {"verifier_tilde": "reject", "pkce_required_org": "on"})
    browser = Browser(org)
    with _registered(
        org, pkce_required=pkce, rotation=rotation, client_secret=secret
    ) as app:
        made, tokens = _authorise(org, app, browser.open)
    assert tokens.org_id == org.facts["org_id"]
    assert set(tokens.scope.split()) == {"api", "refresh_token"}
    salesforce = SalesforceClient(made.session)
    assert salesforce.count("Contact", "") > 0
    for _ in range(3):
        org.control("expire_sessions", {})
        assert salesforce.count("Contact", "") > 0
    kept = made.store.tokens
    assert kept is not None
    assert (kept.refresh_token != tokens.refresh_token) == rotation
    assert kept.rotates is rotation
    assert made.oauth.userinfo(kept)["organization_id"] == org.facts["org_id"]
    made.oauth.revoke(kept.refresh_token)
    org.control("expire_sessions", {})
    with pytest.raises(AuthorisationNeeded):
        salesforce.count("Contact", "")


def test_the_browser_is_told_how_it_went(org: Org) -> None:
    browser = Browser(org, button="oadeny")
    with (
        _registered(org) as app,
        pytest.raises(AuthorisationNeeded) as caught,
    ):
        _authorise(org, app, browser.open)
    assert caught.value.cause == "access_denied"
    for _ in range(50):
        if browser.last is not None:
            break
        threading.Event().wait(0.05)
    assert browser.last is not None
    assert "access_denied" in browser.last.text


@pytest.mark.parametrize(("rotates", "requests"), [(True, 1), (None, 1), (False, 2)])
def test_a_lost_renewal_is_no_storm(
    org: Org, rotates: bool | None, requests: int
) -> None:
    browser = Browser(org)
    with _registered(org, rotation=bool(rotates)) as app:
        made, tokens = _authorise(org, app, browser.open)
    made.store.tokens = Tokens.from_dict({**tokens.as_dict(), "rotates": rotates})
    org.forget_requests()
    org.control("expire_sessions", {})
    org.fault("POST /services/oauth2/token", "lose_reply", times=1)
    salesforce = SalesforceClient(made.session)
    if rotates is False:
        assert salesforce.count("Contact", "") > 0
    else:
        for _ in range(3):
            with pytest.raises(AuthorisationNeeded):
                salesforce.count("Contact", "")
    assert org.requests("/services/oauth2/token") == requests


def test_many_threads_renew_once(org: Org) -> None:
    opened = org.open()
    salesforce = SalesforceClient(opened.session)
    salesforce.count("Contact", "")
    org.control("expire_sessions", {})
    counts: list[int] = []
    threads = [
        threading.Thread(target=lambda: counts.append(salesforce.count("Contact", "")))
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(counts)) == 1
    assert len(counts) == 6
    assert org.requests("/services/oauth2/token") == 1


def test_a_black_hole_ends(org: Org) -> None:
    org.fault("GET /query", "delay:3", times=1)
    quick = org.open(timeouts=Timeouts(read=0.4))
    assert SalesforceClient(quick.session).count("Contact", "") > 0
    assert [record.cause for record in quick.retries] == ["timeout"]
