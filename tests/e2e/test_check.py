"""`--check`: all ok when all is well, and what is broken named, one by one.

Each breakage is made by a switch of a sandbox, in the settings or on this machine;
the rule for all is that nothing else turns red but what depends on it, and that is
skipped.
"""

from __future__ import annotations

import json
import socket
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from haihai_tui.services.checks.all import check_profile
from haihai_tui.services.checks.bench import Outside
from haihai_tui.services.checks.model import CheckResult, Status
from haihai_tui.services.lock import RunLock
from haihai_tui.services.paths import Home, home_at
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings_edit import set_values
from haihai_tui.services.tokens import StoredTokens
from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(tmp_path_factory.mktemp("world"), customers=30) as made:
        yield made


@dataclass
class Broken:
    """A fresh home joined to the shared world; whatever is changed is undone."""

    stage: Stage
    undo: ExitStack
    outside: Outside

    @property
    def home(self) -> Home:
        return home_at(self.stage.folder)

    @property
    def secrets(self) -> SecretStore:
        return SecretStore(self.home, "default", KeySource(self.home, {}))

    def check(self) -> dict[str, CheckResult]:
        found = check_profile(self.home, "default", {}, outside=self.outside)
        return {result.name: result for result in found}

    def switch(self, **values: object) -> None:
        self._switch(self.stage.salesforce_control, values)

    def haihai_switch(self, **values: object) -> None:
        self._switch(self.stage.haihai_control, values)

    def _switch(self, control: Callable[..., Any], values: Mapping[str, Any]) -> None:
        before = control("switches", None, "GET")
        control("switches", values, "PUT")
        kept = {name: before[name] for name in values}
        self.undo.callback(control, "switches", kept, "PUT")

    def set(self, *assignments: str) -> None:
        set_values(self.home, "default", assignments, self.secrets)

    def app(self, **values: object) -> None:
        """Change the registered app as its administrator would."""
        before = {name: getattr(self.stage.world.parts.app, name) for name in values}
        client = {"client_id": self.stage.world.parts.app.client_id}
        self.stage.salesforce_control("apps", {**client, **values})
        self.undo.callback(self.stage.salesforce_control, "apps", {**client, **before})

    def tokens(self, scopes: list[str]) -> None:
        """An authorisation with other scopes than the app's."""
        parts = self.stage.world.parts
        user = parts.org.admin_user_id
        family = parts.sessions.approve(user, parts.app.client_id, scopes)
        self.undo.callback(parts.sessions.revoke, family.token)
        store = StoredTokens(self.secrets)
        kept = store.read()
        assert kept is not None
        values = kept.as_dict() | {"refresh_token": family.token}
        store.write(type(kept).from_dict(values))


@pytest.fixture
def broken(world: Stage, tmp_path: Path) -> Iterator[Broken]:
    with ExitStack() as undo:
        stage = Stage(world.world, tmp_path)
        undo.callback(stage.http.close)
        yield Broken(stage, undo, Outside())


def test_a_healthy_profile_is_all_ok(broken: Broken) -> None:
    found = broken.check()
    not_ok = {name: one.finding for name, one in found.items() if one.status != "ok"}
    assert not not_ok
    assert len(found) >= 45
    assert sum(one.seconds for one in found.values()) < 10


def test_checks_write_nothing_to_either_service(broken: Broken) -> None:
    broken.stage.forget_requests()
    broken.check()
    assert not broken.stage.salesforce_writes()
    assert not broken.stage.imports()
    assert len(broken.stage.salesforce_requests()) <= 16
    assert len(broken.stage.haihai_requests()) <= 2


# ------------------------------------------------------- one broken thing each

Break = Callable[[Broken], None]


def _busy_port(broken: Broken) -> None:
    url = broken.stage.world.ready["salesforce"]["callback_url"]
    port = int(url.split(":")[2].split("/")[0])
    taken = broken.undo.enter_context(closing(socket.socket()))
    taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    taken.bind(("127.0.0.1", port))
    taken.listen()


def _no_names(host: str, port: int) -> list[Any]:
    if port == 1:
        raise socket.gaierror("no such name")
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def _unresolvable(broken: Broken) -> None:
    broken.outside = Outside(resolve=_no_names)
    broken.set('salesforce.url="http://localhost:1"')


def _haihai_unresolvable(broken: Broken) -> None:
    broken.outside = Outside(resolve=_no_names)
    broken.set('haihai.base_url="http://localhost:1"')


@dataclass(frozen=True)
class _Disk:
    free: int = 50 * 1024 * 1024
    total: int = 1024**3


def _full_disk(broken: Broken) -> None:
    broken.outside = Outside(disk=lambda _path: _Disk())


def _tls_to_a_plain_port(broken: Broken) -> None:
    url = broken.stage.world.salesforce_url.replace("http://", "https://")
    broken.set(f'salesforce.url="{url}"')


def _skewed(broken: Broken) -> None:
    broken.stage.salesforce_control("clock", {"advance_s": 3000})
    broken.undo.callback(broken.stage.salesforce_control, "clock", {"advance_s": -3000})


def _used_up(broken: Broken) -> None:
    limits = {"daily_api_requests": 1}
    broken.switch(**limits)


def _encrypted_field(broken: Broken) -> None:
    metadata = {"name": "Contact.Secret__c", "type": "EncryptedText", "length": 20}
    broken.stage.salesforce_control("fields", metadata)
    broken.undo.callback(
        broken.stage.salesforce_control, "fields", {"remove": "Contact.Secret__c"}
    )
    _map(broken, "Secret__c", "会社名")
    broken.switch(user_permissions={"PermissionsViewEncryptedData": False})


def _map(broken: Broken, field: str, item: str) -> None:
    row = f'{{salesforce="{field}", haihai="{item}"}}'
    name = '{salesforce="LastName", haihai="姓"}'
    broken.set(f"customers.fields=[{name}, {row}]")


def _revoked(broken: Broken) -> None:
    """A token that died; the shared world keeps its own."""
    store = StoredTokens(broken.secrets)
    kept = store.read()
    assert kept is not None
    dead = kept.as_dict() | {"refresh_token": "5Aep861" + "x" * 80}
    store.write(type(kept).from_dict(dead))


def _open_secrets(broken: Broken) -> None:
    broken.home.secrets_file("default").chmod(0o644)


def _open_folder(broken: Broken) -> None:
    broken.home.state.mkdir(exist_ok=True)
    broken.home.state.chmod(0o777)


def _torn_profile(broken: Broken) -> None:
    broken.home.profile_file("default").write_text("[salesforce\n")


def _torn_database(broken: Broken) -> None:
    broken.home.state.mkdir(mode=0o700, exist_ok=True)
    broken.home.database.write_bytes(b"no database " * 500)
    broken.home.database.chmod(0o600)


def _other_key(broken: Broken) -> None:
    broken.home.key_file.write_text("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\n")


def _unknown_item(broken: Broken) -> None:
    _map(broken, "FirstName", "部署名")
    assert broken.stage.run("customers").code == 2


CASES: list[tuple[str, str, str, Break]] = [
    ("profile", "unknown", "a torn profile", _torn_profile),
    ("secret_files", "token_not_stored", "secrets that all may read", _open_secrets),
    ("secrets", "token_not_stored", "another key", _other_key),
    ("state_files", "token_not_stored", "a folder that all may write", _open_folder),
    ("database", "token_not_stored", "a torn database", _torn_database),
    ("disk", "token_not_stored", "a full disk", _full_disk),
    ("salesforce_dns", "dns", "a name that does not resolve", _unresolvable),
    ("haihai_dns", "dns", "a name that does not resolve", _haihai_unresolvable),
    ("salesforce_tls", "tls", "TLS to a plain port", _tls_to_a_plain_port),
    ("clock", "clock_skew", "a clock that is wrong", _skewed),
    (
        "salesforce_url",
        "lightning_url",
        "a screen's URL",
        lambda it: it.set('salesforce.url="https://lightning.force.com"'),
    ),
    (
        "salesforce_url",
        "not_a_salesforce_url",
        "another URL",
        lambda it: it.set('salesforce.url="https://www.example.com"'),
    ),
    (
        "salesforce_answer",
        "service_unavailable",
        "an org that is gone",
        lambda it: it.switch(no_route="on"),
    ),
    (
        "callback_url",
        "redirect_uri_mismatch",
        "a callback that nobody can register",
        lambda it: it.set('salesforce.callback_url="https://example.com/x#y"'),
    ),
    ("callback_port", "callback_port_busy", "a port in use", _busy_port),
    (
        "callback_registered",
        "redirect_uri_mismatch",
        "a callback that is not registered",
        lambda it: it.set('salesforce.callback_url="http://localhost:8799/sflogged"'),
    ),
    (
        "consumer_key",
        "invalid_client_id",
        "a key with a blank",
        lambda it: it.secrets.set("salesforce.consumer_key", "3MVG9 abc"),
    ),
    (
        "app_known",
        "invalid_client_id",
        "a mistyped key",
        lambda it: it.secrets.set("salesforce.consumer_key", "3MVG9" + "x" * 80),
    ),
    (
        "token",
        "invalid_client_secret",
        "a mistyped secret",
        lambda it: it.secrets.set("salesforce.consumer_secret", "0" * 64),
    ),
    (
        "token",
        "token_not_stored",
        "no token",
        lambda it: it.secrets.set_many(
            {"salesforce.access_token": "", "salesforce.refresh_token": ""}
        ),
    ),
    ("token", "token_expired", "a revoked token", _revoked),
    (
        "token",
        "inactive_user",
        "a frozen user",
        lambda it: it.switch(inactive_user="on"),
    ),
    (
        "token",
        "ip_restricted",
        "an address that is not allowed",
        lambda it: it.switch(ip_restricted="on"),
    ),
    (
        "token",
        "app_blocked",
        "a blocked app",
        lambda it: it.switch(app_blocked="on"),
    ),
    (
        "scopes",
        "scope_missing",
        "no scope api",
        lambda it: it.tokens(["refresh_token", "id"]),
    ),
    (
        "organisation",
        "wrong_org",
        "another org",
        lambda it: it.set('salesforce.org_id="00D000000000001AAA"'),
    ),
    (
        "api_version",
        "unknown",
        "a version from the future",
        lambda it: it.set('salesforce.api_version="99.0"'),
    ),
    (
        "api_enabled",
        "api_disabled",
        "an org without API",
        lambda it: it.switch(api_disabled="on"),
    ),
    (
        "api_enabled",
        "api_disabled",
        "a user without API",
        lambda it: it.switch(user_permissions={"PermissionsApiEnabled": False}),
    ),
    ("api_limits", "api_limit", "no API requests left", _used_up),
    (
        "object.Lead",
        "missing_object",
        "an object that is hidden",
        lambda it: it.switch(hidden_objects=["Lead"]),
    ),
    (
        "address_fields",
        "missing_field",
        "an address field that is hidden",
        lambda it: it.switch(hidden_fields=["Contact.Email"]),
    ),
    (
        "fields.customers",
        "missing_field",
        "a mapped field that is hidden",
        lambda it: it.switch(hidden_fields=["Contact.Phone"]),
    ),
    (
        "fields.suppressions",
        "missing_field",
        "a target that is hidden",
        lambda it: it.switch(hidden_fields=["Lead.HaihaiState__c"]),
    ),
    (
        "fields.page-views",
        "missing_field",
        "a target that is hidden",
        lambda it: it.switch(hidden_fields=["Contact.HaihaiViewCount__c"]),
    ),
    (
        "edit.suppressions",
        "no_edit_permission",
        "a target that is read-only",
        lambda it: it.switch(readonly_fields=["Contact.HaihaiState__c"]),
    ),
    (
        "edit.page-views",
        "no_edit_permission",
        "a target that is read-only",
        lambda it: it.switch(readonly_fields=["Contact.HaihaiLastViewedUrl__c"]),
    ),
    (
        "types.customers",
        "field_type_mismatch",
        "an address as a whole",
        lambda it: _map(it, "MailingAddress", "会社名"),
    ),
    (
        "types.suppressions",
        "field_type_mismatch",
        "a state that is a date",
        lambda it: it.switch(field_types={"Contact.HaihaiState__c": "date"}),
    ),
    (
        "types.page-views",
        "field_type_mismatch",
        "a count that is a checkbox",
        lambda it: it.switch(field_types={"Lead.HaihaiViewCount__c": "boolean"}),
    ),
    (
        "encrypted_data",
        "no_encrypted_data_permission",
        "an encrypted field without the right to read it",
        _encrypted_field,
    ),
    (
        "audience",
        "unknown",
        "a condition that is no SOQL",
        lambda it: it.set('customers.audience="Email =="'),
    ),
    (
        "haihai_account",
        "haihai_token_invalid",
        "no API token",
        lambda it: it.secrets.delete("haihai.api_token"),
    ),
    (
        "haihai_token",
        "haihai_token_invalid",
        "a wrong API token",
        lambda it: it.secrets.set("haihai.api_token", "wrong-token"),
    ),
    (
        "haihai_address",
        "haihai_ip_denied",
        "an address that is not on the list",
        lambda it: it.haihai_switch(allowed_addresses=["192.0.2.1"]),
    ),
    (
        "haihai_calls",
        "haihai_limit",
        "no calls left",
        lambda it: it.haihai_switch(daily_calls=0),
    ),
    (
        "haihai_group",
        "haihai_group_unknown",
        "a group that is not there",
        lambda it: it.set('haihai.group_id="9"'),
    ),
    ("haihai_items", "haihai_item_unknown", "an item that is not there", _unknown_item),
]


@pytest.mark.parametrize(
    ("name", "code", "make"),
    [(name, code, make) for name, code, _, make in CASES],
    ids=[f"{name}: {what}" for name, _, what, _ in CASES],
)
def test_what_is_broken_is_named_and_nothing_else_is_red(
    broken: Broken, name: str, code: str, make: Break
) -> None:
    make(broken)
    found = broken.check()
    red = {one.name: one.code for one in found.values() if one.status == "fail"}
    assert red == {name: code}
    assert found[name].remedy
    _require_skipped_only_behind(found, name)


def _require_skipped_only_behind(found: Mapping[str, CheckResult], red: str) -> None:
    """Whatever was skipped needs the red one, directly or by way of others."""
    behind = {red}
    for _ in found:
        behind |= {
            one.name for one in found.values() if behind.intersection(one.check.needs)
        }
    skipped = {one.name for one in found.values() if one.status is Status.SKIPPED}
    assert skipped <= behind


# ------------------------------------------------------------------- warnings


def _five_approvals(broken: Broken) -> None:
    parts = broken.stage.world.parts
    user, app = parts.org.admin_user_id, parts.app
    have = len(parts.sessions.approvals(user, app.client_id))
    for _ in range(5 - have):
        family = parts.sessions.approve(user, app.client_id, app.scopes)
        broken.undo.callback(parts.sessions.revoke, family.token)


def _used(broken: Broken) -> int:
    answer = broken.stage.salesforce_control("api-usage", {"use": 300})
    return int(answer["used"])


def _without_secret(broken: Broken) -> None:
    broken.secrets.delete("salesforce.consumer_secret")
    broken.app(client_secret="", secret_required_for_refresh=False)


WARNINGS: list[tuple[str, str, Break]] = [
    ("token_count", "token_expired", _five_approvals),
    (
        "types.page-views",
        "field_too_short",
        lambda it: it.switch(field_lengths={"Contact.HaihaiLastViewedUrl__c": 80}),
    ),
    (
        "api_limits",
        "api_limit",
        lambda it: it.switch(daily_api_requests=_used(it) + 20),
    ),
    (
        "consumer_secret",
        "invalid_client_secret",
        _without_secret,
    ),
    ("audience", "", lambda it: it.set("customers.audience=\"Email = 'none'\"")),
]


@pytest.mark.parametrize(
    ("name", "code", "make"), WARNINGS, ids=[name for name, *_ in WARNINGS]
)
def test_what_will_be_trouble_is_a_warning_and_nothing_is_red(
    broken: Broken, name: str, code: str, make: Break
) -> None:
    make(broken)
    found = broken.check()
    told = {one.name: one.code for one in found.values() if one.status != "ok"}
    assert told == {name: code}
    assert found[name].status is Status.WARN


def test_a_run_under_way_is_told_and_no_trouble(broken: Broken) -> None:
    with RunLock(broken.home, "default", "run-1"):
        found = broken.check()["run_lock"]
    assert found.status is Status.OK
    assert "run-1" in str(found.finding.facts[0])


# ----------------------------------------------------------------- the command


def test_the_command_tells_the_same(broken: Broken) -> None:
    fine = broken.stage.command("--check", "--json")
    assert fine.code == 0, fine.err
    assert {row["status"] for row in fine.events} == {"ok"}
    keys = {"check", "status", "code", "what", "remedy", "see"}
    assert all(keys <= row.keys() for row in fine.events)

    broken.switch(readonly_fields=["Contact.HaihaiState__c"])
    bad = broken.stage.command("--check", "--json")
    assert bad.code == 1
    (red,) = [row for row in bad.events if row["status"] == "fail"]
    assert (red["check"], red["code"]) == ("edit.suppressions", "no_edit_permission")
    assert "Contact.HaihaiState__c" in red["what"]

    words = broken.stage.command("--check")
    assert words.code == 1
    assert "no_edit_permission" in words.out


def test_the_support_bundle_holds_no_secret_and_no_address(
    broken: Broken, tmp_path: Path
) -> None:
    assert broken.stage.run("customers").code == 0
    secrets = broken.secrets
    values = [secrets.get(name) for name in secrets.names()]
    known = {secret.reveal() for secret in values if secret}
    known |= {broken.stage.world.access_token, broken.stage.world.refresh_token}

    path = tmp_path / "bundle.zip"
    done = broken.stage.command("--support-bundle", str(path), "--json")
    assert done.code == 0, done.err
    assert path.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    whole = "\n".join(parts.values())
    assert not [secret for secret in known if secret in whole]
    addresses = list(broken.stage.customers())
    assert addresses
    assert not [one for one in addresses if one in whole]

    checks = json.loads(parts["checks.json"])
    assert {row["status"] for row in checks} == {"ok"}
    assert json.loads(parts["settings.json"])["customers"]["object"] == "Contact"
    assert json.loads(parts["status.json"])["last_runs"]
    assert json.loads(parts["events.json"])
    assert json.loads(parts["versions.json"])["haihai-tui"]
