"""Single checks where a sandbox cannot break the thing: proxy, policies, items."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from haihai_tui.errors import SettingsError, text
from haihai_tui.services.causes import CAUSES
from haihai_tui.services.checks import haihai, machine, network, org
from haihai_tui.services.checks.all import all_checks
from haihai_tui.services.checks.bench import Bench, Outside
from haihai_tui.services.checks.model import Check, Finding, Status
from haihai_tui.services.checks.relevant import checks_for, with_needs
from haihai_tui.services.checks.targets import address_field, objects
from haihai_tui.services.paths import Home, home_at
from haihai_tui.services.salesforce.tokens import Tokens
from haihai_tui.services.settings import parse_profile
from haihai_tui.services.settings_edit import save_settings
from haihai_tui.services.store.runs import Runs
from haihai_tui.services.target_check import STATE, flow_targets, judge_field
from haihai_tui.sync.ports import Field

NOW = datetime(2026, 2, 16, 1, 2, 3, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = home_at(tmp_path / "home")
    table: dict[str, Any] = {
        "salesforce": {"url": "https://example.my.salesforce.com"},
        "haihai": {"contract_id": "a01-24", "login_id": "api", "group_id": "1"},
        "customers": {"fields": [{"salesforce": "LastName", "haihai": "姓"}]},
    }
    save_settings(home, parse_profile("default", table, "default"))
    return home


@pytest.fixture
def bench(home: Home) -> Iterator[Bench]:
    made = Bench(home, "default", {}, Outside(now=lambda: NOW))
    yield made
    made.close()


def asked(checks: tuple[Check, ...], name: str, bench: Bench) -> Finding:
    return next(one for one in checks if one.name == name).run(bench)


# ----------------------------------------------------------------------- proxy


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "http_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.usefixtures("no_proxy")
def test_without_a_proxy_the_way_is_direct(bench: Bench) -> None:
    found = asked(network.checks(), "proxy", bench)
    assert (found.status, found.facts) == (Status.OK, ())


@pytest.mark.usefixtures("no_proxy")
def test_a_proxy_that_answers_is_told_without_its_password(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as proxy:
        port = proxy.getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:hush@127.0.0.1:{port}")
        found = asked(network.checks(), "proxy", bench)
    assert found.status is Status.OK
    told = str(found.facts)
    assert f"127.0.0.1:{port}" in told
    assert "hush" not in told


@pytest.mark.usefixtures("no_proxy")
def test_a_proxy_that_is_not_there_is_the_trouble(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        port = gone.getsockname()[1]
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    found = asked(network.checks(), "proxy", bench)
    assert (found.status, found.code) == (Status.FAIL, "service_unavailable")


@pytest.mark.usefixtures("no_proxy")
def test_a_proxy_without_a_name_is_the_trouble(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nobody(_host: str, _port: int) -> list[Any]:
        raise socket.gaierror("no such name")

    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:8080")
    bench = Bench(home, "default", {}, Outside(resolve=nobody))
    found = asked(network.checks(), "proxy", bench)
    bench.close()
    assert (found.status, found.code) == (Status.FAIL, "dns")


@pytest.mark.usefixtures("no_proxy")
def test_a_proxy_resolves_the_names_and_loopback_goes_past_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com:8080")
    found = asked(network.checks(), "salesforce_dns", bench)
    assert found.status is Status.OK
    assert "プロキシ" in str(found.what)
    assert network.proxy_for("https://localhost:1") is None
    monkeypatch.setenv("NO_PROXY", ".salesforce.com")
    assert network.proxy_for("https://example.my.salesforce.com") is None


# -------------------------------------------------------------------- policies


@dataclass
class Page:
    records: tuple[Mapping[str, Any], ...]


@dataclass
class Org:
    """Answers two queries; an error in the place of rows is raised."""

    apps: Any
    tokens: Any = ()

    def query(self, soql: str) -> Page:
        rows = self.tokens if "OauthToken" in soql else self.apps
        if isinstance(rows, Exception):
            raise rows
        return Page(tuple(rows))


OURS = {"AppName": "App_HaihaiConnect", "UserId": "005000000000001AAA"}
HIDDEN = SettingsError(text("sObject type is not supported"), cause="missing_object")


def with_org(bench: Bench, org: Org) -> Bench:
    tokens = Tokens("00D!x", user_id="005000000000001")
    bench.once("rest", lambda: org)
    bench.once("tokens", lambda: tokens)
    return bench


def test_a_refresh_token_that_ends_is_a_warning(bench: Bench) -> None:
    row = {"Name": "App_HaihaiConnect", "RefreshTokenValidityPeriod": 30}
    with_org(bench, Org([row], [OURS]))
    found = asked(org.checks(), "app_policies", bench)
    assert (found.status, found.code) == (Status.WARN, "token_expired")


def test_policies_that_no_api_shows_are_said_to_be_unseen(bench: Bench) -> None:
    with_org(bench, Org(HIDDEN, [OURS]))
    found = asked(org.checks(), "app_policies", bench)
    assert found.status is Status.SKIPPED


def test_an_external_client_app_is_not_in_the_list(bench: Bench) -> None:
    with_org(bench, Org([], [OURS]))
    found = asked(org.checks(), "app_policies", bench)
    assert found.status is Status.OK
    assert "画面で確認" in str(found.what)


@pytest.mark.parametrize(
    ("count", "status", "code"),
    [(1, "ok", ""), (4, "warn", ""), (5, "warn", "token_expired")],
)
def test_approvals_are_counted_for_this_user_and_app(
    bench: Bench, count: int, status: str, code: str
) -> None:
    others = [
        {**OURS, "UserId": "005000000000002AAA"},
        {**OURS, "AppName": "Other", "LastUsedDate": "2026-01-01"},
    ]
    mine = [{**OURS, "LastUsedDate": f"2026-02-{day + 1:02d}"} for day in range(count)]
    with_org(bench, Org([], [*others, *mine]))
    found = asked(org.checks(), "token_count", bench)
    assert (found.status.value, found.code) == (status, code)


# ------------------------------------------------------------------- the items


def test_items_are_known_to_be_good_by_the_last_run(bench: Bench) -> None:
    runs = Runs(bench.database, "default", lambda: NOW)
    run_id = runs.start("sync", ["customers"], actor="cron")
    runs.finish(run_id, "ok", 0, {"flows": {"customers": {"written": 3}}})
    found = asked(haihai.checks(), "haihai_items", bench)
    assert found.status is Status.OK
    assert run_id in str(found.what)


def test_items_that_the_service_refused_are_the_trouble(bench: Bench) -> None:
    runs = Runs(bench.database, "default", lambda: NOW)
    run_id = runs.start("sync", ["customers"], actor="cron")
    runs.finish(run_id, "failed", 2, {"cause": "haihai_item_unknown"})
    found = asked(haihai.checks(), "haihai_items", bench)
    assert (found.status, found.code) == (Status.FAIL, "haihai_item_unknown")


@pytest.mark.parametrize(
    ("names", "status"),
    [
        (("姓", "名"), "ok"),
        (("😀",), "fail"),
        ((" 姓",), "fail"),
        (("ＴＥＬ", "TEL"), "warn"),
    ],
)
def test_names_of_items_that_cannot_be(
    home: Home, names: tuple[str, ...], status: str
) -> None:
    fields = [
        {"salesforce": f"F{at}__c", "haihai": name} for at, name in enumerate(names)
    ]
    table: dict[str, Any] = {"customers": {"fields": fields}}
    save_settings(home, parse_profile("default", table, "default"))
    bench = Bench(home, "default", {})
    found = asked(haihai.checks(), "haihai_items", bench)
    bench.close()
    assert found.status.value == status


# ------------------------------------------------------------------ the machine


def test_no_success_for_two_days_is_a_warning(home: Home) -> None:
    bench = Bench(home, "default", {}, Outside(now=lambda: NOW + timedelta(days=3)))
    runs = Runs(bench.database, "default", lambda: NOW)
    run_id = runs.start("sync", ["customers"], actor="cron")
    assert asked(machine.checks(), "last_success", bench).status is Status.WARN
    runs.finish(run_id, "ok", 0, {"flows": {"customers": {"written": 3}}})
    assert asked(machine.checks(), "last_success", bench).status is Status.WARN
    bench.outside = Outside(now=lambda: NOW + timedelta(hours=5))
    assert asked(machine.checks(), "last_success", bench).status is Status.OK
    bench.close()


def test_little_room_is_a_warning_before_it_is_a_failure(home: Home) -> None:
    @dataclass(frozen=True)
    class Disk:
        free: int
        total: int = 10**12

    def _disk(disk: Disk, _path: Path) -> Disk:
        return disk

    found = {}
    for free in (100 * 1024**2, 500 * 1024**2, 50 * 1024**3):
        outside = Outside(disk=partial(_disk, Disk(free)))
        bench = Bench(home, "default", {}, outside)
        found[free] = asked(machine.checks(), "disk", bench).status.value
    assert list(found.values()) == ["fail", "warn", "ok"]


# -------------------------------------------------------------------- the fields


WORDS = ("配信可能", "配信停止", "配信禁止")


@pytest.mark.parametrize(
    ("field", "code"),
    [
        (Field("X__c", "picklist", length=255, restricted=True, picklist=WORDS), ""),
        (
            Field("X__c", "picklist", restricted=True, picklist=WORDS[:2]),
            "field_type_mismatch",
        ),
        (Field("X__c", "picklist", length=255, picklist=WORDS[:2]), ""),
        (Field("X__c", "boolean"), ""),
        (Field("X__c", "reference", length=18), "field_type_mismatch"),
        (Field("X__c", "string", length=3), "field_too_short"),
    ],
)
def test_a_state_needs_a_field_that_can_say_it(field: Field, code: str) -> None:
    status, _, found = judge_field(field, STATE)
    assert found == code
    assert (status is Status.FAIL) == bool(code)


def test_only_enabled_flows_ask_for_objects_and_fields() -> None:
    table: dict[str, Any] = {
        "flows": {"enabled": ["customers", "page-views"]},
        "customers": {"object": "Person__c", "address_field": "Mail__c"},
        "suppressions": {"objects": ["Lead"]},
        "page_views": {"objects": ["Person__c", "Contact"], "count_field": ""},
    }
    settings = parse_profile("default", table, "default")
    assert objects(settings) == ("Person__c", "Contact")
    assert address_field(settings, "Person__c") == "Mail__c"
    assert address_field(settings, "Contact") == "Email"
    names = [(one.sobject, one.field) for one in flow_targets(settings, "page-views")]
    assert names == [
        ("Person__c", "HaihaiLastViewedUrl__c"),
        ("Person__c", "HaihaiLastViewedAt__c"),
        ("Contact", "HaihaiLastViewedUrl__c"),
        ("Contact", "HaihaiLastViewedAt__c"),
    ]


# ------------------------------------------------------------------- relevance


def test_every_cause_has_checks_that_look_for_it(bench: Bench) -> None:
    checks = all_checks(bench)
    without = {code for code in CAUSES if not checks_for(code, checks)}
    assert without == {"unknown"}


def test_names_are_unique_and_every_need_exists(bench: Bench) -> None:
    checks = all_checks(bench)
    names = [one.name for one in checks]
    assert len(set(names)) == len(names)
    assert {need for one in checks for need in one.needs} <= set(names)


def test_a_few_checks_bring_along_what_they_need(bench: Bench) -> None:
    checks = all_checks(bench)
    chosen = with_needs(checks_for("invalid_client_secret", checks), checks)
    names = [one.name for one in chosen]
    assert {"profile", "secrets", "salesforce_tls", "app_known", "token"} <= set(names)
    assert not [name for name in names if name.startswith(("haihai", "object"))]
    order = [one.name for one in checks]
    assert names == sorted(names, key=order.index)
