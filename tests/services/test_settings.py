"""Profiles: what is read, refused, changed, imported and exported."""

from __future__ import annotations

import json
import re
import stat
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from haihai_tui.errors import SettingsError
from haihai_tui.services.paths import Home, find_home, home_at
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings import (
    list_profiles,
    load_profile,
    missing_keys,
    require_complete,
    to_table,
)
from haihai_tui.services.settings_edit import (
    export_settings,
    import_settings,
    save_settings,
    set_values,
)
from haihai_tui.services.settings_schema import FieldMapping, Settings, all_keys

CONTRACT = """\
# kept by the operators of example.jp
[haihai]
contract_id = "a01-24"      # names the server
base_url = ""
login_id = "someone"
group_id = "1"
[haihai.wire]

[salesforce]
url = "https://example.my.salesforce.com"
callback_url = "http://localhost:8711/sflogged"
api_version = "66.0"
org_id = ""

[flows]
enabled = ["customers", "suppressions", "page-views"]

[customers]
object = "Contact"
audience = "HasOptedOutOfEmail = false AND Email != null"
address_field = "Email"
on_delete = "exclude"       # or "bar"
create = true
[[customers.fields]]
salesforce = "LastName"
haihai = "姓"
blank = "keep"

[suppressions]
objects = ["Contact", "Lead"]
state_field = "HaihaiState__c"
changed_at_field = "HaihaiStateAt__c"
rollup = "any"

[page_views]
objects = ["Contact", "Lead"]
url_field = "HaihaiLastViewedUrl__c"
viewed_at_field = "HaihaiLastViewedAt__c"
count_field = "HaihaiViewCount__c"
too_long = "truncate"

[guard]
max_excluded = 100
max_excluded_share = 0.05
max_stopped_share = 0.05
max_blanked_share = 0.05
zero_rows = "halt"

[budget]
salesforce_share = 0.25
haihai_calls = 200
"""


def write_profile(home: Home, content: str, name: str = "default") -> Path:
    path = home.profile_file(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")
    return path


def test_the_contract_profile_is_read_whole(home: Home) -> None:
    write_profile(home, CONTRACT)
    settings = load_profile(home, "default")
    assert settings.haihai.contract_id == "a01-24"
    assert settings.customers.fields == (FieldMapping("LastName", "姓", "keep"),)
    assert settings.guard.max_excluded_share == 0.05
    assert settings.suppressions.rollup == "any"
    assert missing_keys(settings, ("customers", "suppressions", "page-views")) == ()


def test_the_defaults_are_those_of_the_contract(home: Home) -> None:
    write_profile(home, CONTRACT)
    read, plain = load_profile(home, "default"), Settings()
    for section in ("flows", "suppressions", "page_views", "guard", "budget"):
        assert getattr(read, section) == getattr(plain, section)
    assert replace(read.customers, fields=()) == plain.customers


def test_every_key_has_a_rule_that_takes_its_own_default() -> None:
    for key in all_keys():
        assert key.rule.check(key.default) == key.default, key.name


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ('on_delete = "exclude"', 'on_delete = "bra"', r'on_delete = "bra".*"bar"'),
        ("on_delete", "on_delet", r"customers\.on_delet .*「on_delete」"),
        ("[customers]", "[custmers]", r"custmers .*「customers」"),
        ("max_excluded = 100", "max_excluded = -1", r"guard\.max_excluded = -1"),
        ("max_excluded = 100", 'max_excluded = "1"', r'guard\.max_excluded = "1"'),
        ("_share = 0.25", "_share = 1.5", r"salesforce_share = 1\.5 .*0 から 1"),
        ("create = true", 'create = "yes"', r'customers\.create = "yes" .*true'),
        ('group_id = "1"', "group_id = 1", r"haihai\.group_id = 1 .*引用符"),
        ('"66.0"', "66.0", r"api_version = 66\.0 "),
        ('salesforce = "LastName"', 'salesforce = "a b"', r"fields\[0\]\.salesforce"),
        ('haihai = "姓"', 'haihai = "メールアドレス"', r"customers\.address_field"),
        ('haihai = "姓"\n', "", r"customers\.fields\[0\]\.haihai がありません"),
        ('rollup = "any"', "rollup = []", r"suppressions\.rollup"),
        ('rollup = "any"', 'rollup = ["1", "1"]', r"rollup\[1\]"),
        ("https://example.my", "http://example.my", r"salesforce\.url = .*https://"),
        ('login_id = "someone"', 'login_id = "a\\nb"', r"haihai\.login_id.*制御文字"),
        ('group_id = "1"', 'group_id = "1"\nplan_id = "2"', r"haihai\.plan_id.*一方"),
        ("[budget]", "budget = 1\n[x]", r"budget"),
        (
            'login_id = "someone"',
            'api_token = "t0k3n"',
            r"api_token は秘密情報",
        ),
    ],
)
def test_what_is_wrong_is_named_with_file_key_value_and_remedy(
    home: Home, before: str, after: str, expected: str
) -> None:
    assert before in CONTRACT
    content = CONTRACT.replace(before, after)
    path = write_profile(home, content)
    with pytest.raises(SettingsError) as caught:
        load_profile(home, "default")
    message = str(caught.value)
    assert re.search(expected, message), message
    assert str(path) in message
    assert caught.value.remedy is not None
    assert "t0k3n" not in message


def test_a_password_in_the_database_url_is_refused_and_not_repeated(home: Home) -> None:
    write_profile(home, '[store]\nurl = "postgresql://me:s3cr3t@localhost/x"\n')
    with pytest.raises(SettingsError) as caught:
        load_profile(home, "default")
    assert "s3cr3t" not in str(caught.value)


def test_a_syntax_error_names_line_and_column(home: Home) -> None:
    write_profile(home, '[haihai]\nlogin_id = "x\n')
    with pytest.raises(SettingsError, match="2 行 14 列目"):
        load_profile(home, "default")


def test_bytes_that_are_no_utf8_are_refused_by_name(home: Home) -> None:
    path = write_profile(home, "")
    path.write_bytes("[haihai]\nlogin_id = '姓'".encode("cp932"))
    with pytest.raises(SettingsError, match="UTF-8"):
        load_profile(home, "default")


def test_a_byte_order_mark_and_crlf_are_taken(home: Home) -> None:
    path = write_profile(home, "")
    path.write_bytes(b"\xef\xbb\xbf[haihai]\r\nlogin_id = 'x'\r\n")
    assert load_profile(home, "default").haihai.login_id == "x"


def test_a_missing_profile_says_how_to_make_one(home: Home) -> None:
    with pytest.raises(SettingsError, match="--import-settings"):
        load_profile(home, "default")


@pytest.mark.parametrize("name", ["", "..", "a/b", "-x", ".x", "x" * 65, "a\n"])
def test_a_profile_name_cannot_leave_its_folder(home: Home, name: str) -> None:
    with pytest.raises(SettingsError):
        load_profile(home, name)


def test_profiles_are_listed_sorted(home: Home, secret_store: SecretStore) -> None:
    assert list_profiles(home) == ()
    for name in ("zeta", "alpha"):
        set_values(home, name, ['haihai.login_id="x"'], secret_store)
    assert list_profiles(home) == ("alpha", "zeta")


def test_missing_keys_depend_on_the_flows(home: Home) -> None:
    settings = Settings()
    assert "haihai.group_id" in missing_keys(settings, ["customers"])
    assert "haihai.group_id" not in missing_keys(settings, ["page-views"])
    with pytest.raises(SettingsError, match=r"salesforce\.url"):
        require_complete(home, settings, ["page-views"])


def test_set_keeps_comments_and_order(home: Home, secret_store: SecretStore) -> None:
    path = write_profile(home, CONTRACT)
    changes = set_values(
        home,
        "default",
        ['customers.on_delete="bar"', "guard.max_excluded = 7"],
        secret_store,
    )
    content = path.read_text(encoding="utf-8")
    expected = CONTRACT.replace('"exclude" ', '"bar" ').replace("ded = 100", "ded = 7")
    assert content.split() == expected.split()
    assert {(c.key, c.before, c.after) for c in changes} == {
        ("customers.on_delete", "exclude", "bar"),
        ("guard.max_excluded", 100, 7),
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_set_writes_nothing_unless_all_is_right(
    home: Home, secret_store: SecretStore
) -> None:
    path = write_profile(home, CONTRACT)
    with pytest.raises(SettingsError):
        set_values(
            home,
            "default",
            ["guard.max_excluded=7", 'haihai.api_token="t"', "guard.max_excluded=-1"],
            secret_store,
        )
    assert path.read_text(encoding="utf-8") == CONTRACT
    assert secret_store.names() == ()


@pytest.mark.parametrize(
    ("assignment", "expected"),
    [
        ("customers.on_delete=bar", r"--set customers\.on_delete='\"bar\"'"),
        ("customers.on_delete", "KEY=VALUE"),
        ("guard.max_excluded=1\n[guard]", "1 つだけ"),
        ("guard.max_exclude=1", "「max_excluded」"),
        ("guard.max_excluded.x=1", "という設定はありません"),
        ("guard=1", "という設定はありません"),
        ("=1", "KEY=VALUE"),
    ],
)
def test_set_explains_what_it_cannot_take(
    home: Home, secret_store: SecretStore, assignment: str, expected: str
) -> None:
    write_profile(home, CONTRACT)
    with pytest.raises(SettingsError, match=expected):
        set_values(home, "default", [assignment], secret_store)


def test_set_takes_lists_of_tables_and_the_wire_table(
    home: Home, secret_store: SecretStore
) -> None:
    write_profile(home, CONTRACT)
    value = '[{salesforce="FirstName", haihai="名", blank="overwrite"}]'
    set_values(
        home,
        "default",
        [f"customers.fields={value}", 'suppressions.rollup=["1","2"]'],
        secret_store,
    )
    settings = load_profile(home, "default")
    assert settings.customers.fields == (FieldMapping("FirstName", "名", "overwrite"),)
    assert settings.suppressions.rollup == ("1", "2")


def test_a_wrong_wire_key_is_refused_with_the_file_named(
    home: Home, secret_store: SecretStore
) -> None:
    with pytest.raises(SettingsError, match=r"default\.toml.*no_such_key"):
        set_values(home, "default", ['haihai.wire.no_such_key="x"'], secret_store)
    assert not home.profile_file("default").exists()


@pytest.mark.parametrize("raw", ['"t0k3n"', "t0k3n"])
def test_secrets_by_name_go_to_the_store_with_or_without_quotes(
    home: Home, secret_store: SecretStore, raw: str
) -> None:
    changes = set_values(home, "default", [f"haihai.api_token={raw}"], secret_store)
    stored = secret_store.get("haihai.api_token")
    assert stored is not None
    assert stored.reveal() == "t0k3n"
    assert "t0k3n" not in str(changes)
    assert not home.profile_file("default").exists()


def test_an_import_splits_settings_from_secrets(
    home: Home, secret_store: SecretStore, tmp_path: Path
) -> None:
    file = tmp_path / "in.toml"
    secrets = (
        '[secrets]\n"haihai.api_token" = "t0k3n"\nsalesforce.consumer_key = "k3y"\n'
    )
    file.write_text(CONTRACT + secrets, encoding="utf-8")
    import_settings(home, "org2", file, secret_store)
    assert secret_store.names() == ("haihai.api_token", "salesforce.consumer_key")
    content = home.profile_file("org2").read_text(encoding="utf-8")
    assert "kept by the operators" in content
    for word in ("t0k3n", "k3y", "secrets"):
        assert word not in content


@pytest.mark.parametrize(
    "tail",
    [
        '[secrets]\nhaihai.api_tokn = "x"\n',
        "[secrets]\nhaihai.api_token = 1\n",
        '[haihia]\nx = "y"\n',
    ],
)
def test_a_wrong_import_changes_nothing(
    home: Home, secret_store: SecretStore, tmp_path: Path, tail: str
) -> None:
    path = write_profile(home, CONTRACT)
    file = tmp_path / "in.toml"
    file.write_text('[flows]\nenabled = ["customers"]\n' + tail, encoding="utf-8")
    with pytest.raises(SettingsError):
        import_settings(home, "default", file, secret_store)
    assert path.read_text(encoding="utf-8") == CONTRACT
    assert secret_store.names() == ()


def test_an_export_comes_back_the_same_and_holds_no_secret(
    home: Home, secret_store: SecretStore, tmp_path: Path
) -> None:
    write_profile(home, CONTRACT)
    set_values(home, "default", ["haihai.api_token=t0k3n"], secret_store)
    settings = load_profile(home, "default")
    file = tmp_path / "out.toml"
    export_settings(settings, file)
    assert "t0k3n" not in file.read_text(encoding="utf-8")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    import_settings(home, "default", file, secret_store)
    assert load_profile(home, "default") == settings


def test_the_public_view_is_json_and_complete(home: Home) -> None:
    table = to_table(Settings())
    assert json.loads(json.dumps(table)) == table
    flat = {f"{section}.{key}" for section, keys in table.items() for key in keys}
    assert flat == {key.name for key in all_keys()}


def test_settings_made_in_memory_are_saved(home: Home) -> None:
    settings = Settings(profile="demo")
    save_settings(home, settings)
    assert load_profile(home, "demo") == settings


def test_a_linked_profile_stays_a_link(
    home: Home, secret_store: SecretStore, tmp_path: Path
) -> None:
    target = tmp_path / "managed.toml"
    target.write_text(CONTRACT, encoding="utf-8")
    link = home.profile_file("default")
    link.parent.mkdir(parents=True)
    link.symlink_to(target)
    set_values(home, "default", ["guard.max_excluded=7"], secret_store)
    assert link.is_symlink()
    assert tomllib.loads(target.read_text("utf-8"))["guard"]["max_excluded"] == 7


def test_one_variable_moves_everything(tmp_path: Path) -> None:
    home = find_home({"HAIHAI_HOME": str(tmp_path)})
    assert home == home_at(tmp_path)
    assert home.profile_file("x") == tmp_path / "profiles" / "x.toml"
    assert home.state == tmp_path / "state"
    assert home.secrets == tmp_path / "secrets"
