"""Changes to a profile: `--set`, the console's forms, import and export.

A change is made on a copy of the operator's own file, so that comments and order
survive; the result is checked whole before a single byte is written, and secrets
go to the encrypted store, never into the profile.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from haihai_tui.errors import SettingsError, text
from haihai_tui.services.atomic import storage_errors, write_atomic
from haihai_tui.services.filelock import file_lock
from haihai_tui.services.paths import Home
from haihai_tui.services.secret import HIDDEN
from haihai_tui.services.settings import parse_profile, parse_toml, read_toml, to_table
from haihai_tui.services.settings_rules import unknown_key
from haihai_tui.services.settings_schema import SECRET_NAMES, Settings, all_keys

if TYPE_CHECKING:
    from haihai_tui.services.secrets import SecretStore


@dataclass(frozen=True, slots=True)
class Change:
    """One changed key for the audit log; JSON-able, a secret's value hidden."""

    key: str
    before: object
    after: object


def set_values(
    home: Home, name: str, assignments: Sequence[str], secrets: SecretStore
) -> tuple[Change, ...]:
    """Apply `KEY=VALUE` texts (values in TOML syntax) to a profile.

    The profile is created where there is none.  Nothing is written unless all
    assignments are correct.  Returns what really changed, in the order given.
    """
    values: list[tuple[tuple[str, ...], object]] = []
    secret_values: dict[str, str] = {}
    for assignment in assignments:
        path, raw = _split(assignment)
        key = ".".join(path)
        if key in SECRET_NAMES:
            secret_values[key] = _secret_value(raw)
        else:
            values.append((path, _toml_value(key, raw)))
    return change_profile(home, name, values, secret_values, secrets)


def change_profile(
    home: Home,
    name: str,
    values: Sequence[tuple[tuple[str, ...], object]],
    secret_values: Mapping[str, str],
    secrets: SecretStore,
) -> tuple[Change, ...]:
    """Write key paths and secrets of one profile; an empty secret is deleted."""
    changes: list[Change] = []
    with file_lock(home.profile_file(name)):
        content = None
        if values:
            content, changes = _edited(home, name, values)
        changes += _secret_changes(secret_values, secrets)
        secrets.set_many(secret_values)
        if content is not None:
            write_atomic(home.profile_file(name), content)
    return tuple(changes)


def import_settings(
    home: Home, name: str, file: Path, secrets: SecretStore
) -> tuple[Change, ...]:
    """Take a TOML file as the profile `name`; its `[secrets]` go to the store.

    The file replaces the profile whole.  Checked in full before anything is
    written, and read once: a pipe holds nothing the second time.
    """
    with storage_errors(file):
        given = file.read_bytes()
    table = parse_toml(given, file)
    secret_values = _imported_secrets(table.pop("secrets", {}), file)
    settings = parse_profile(name, table, str(file))
    content = _dumped(_without_secrets_table(given))
    with file_lock(home.profile_file(name)):
        before = _flat(to_table(_current(home, name)))
        changes = _differences(before, _flat(to_table(settings)))
        changes += _secret_changes(secret_values, secrets)
        secrets.set_many(secret_values)
        write_atomic(home.profile_file(name), content)
    return tuple(changes)


def save_settings(home: Home, settings: Settings) -> None:
    """Write a profile that was made in memory (demo, sandbox, wizard)."""
    table = to_table(settings)
    parse_profile(settings.profile, table, settings.profile)
    with file_lock(home.profile_file(settings.profile)):
        write_atomic(home.profile_file(settings.profile), _dumped(table))


def export_settings(settings: Settings, file: Path) -> None:
    """Write the profile to `file` as TOML (0600).  It never holds a secret."""
    write_atomic(file, exported(settings))


def exported(settings: Settings) -> bytes:
    """The profile as TOML, as `export_settings` writes it."""
    return _dumped(to_table(settings))


# ------------------------------------------------------------------ parsing


def _split(assignment: str) -> tuple[tuple[str, ...], str]:
    """`a.b = 1` as (("a", "b"), "1"); the key may hold quoted parts."""
    key, sign, raw = assignment.partition("=")
    try:
        table: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        table = {}
    path: list[str] = []
    while isinstance(table, dict) and len(table) == 1:
        ((part, table),) = table.items()
        path.append(part)
    if not sign or not path or table != 0:
        raise SettingsError(
            text("「{key}」は KEY=VALUE の形ではありません。", key=key.strip()),
            text("例: --set customers.on_delete='\"bar\"'"),
        )
    if len(path) < 2:
        raise SettingsError(
            text("{key} という設定はありません。", key=path[0]),
            unknown_key(path[0], (key.name for key in all_keys())),
        )
    return tuple(path), raw.strip()


def _toml_value(key: str, raw: str) -> object:
    try:
        table = tomllib.loads(f"value = {raw}")
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(
            text(
                "{key} の値 {value} は TOML の書き方ではありません。",
                key=key,
                value=raw or '""',
            ),
            text(
                "文字列は引用符で囲み、さらにシェルから守ってください: "
                "--set {key}='\"{value}\"'",
                key=key,
                value=raw,
            ),
        ) from error
    if table.keys() != {"value"}:
        raise SettingsError(
            text("{key} に指定できる値は 1 つだけです。", key=key),
            text("ほかの設定は別の --set で指定してください。"),
        )
    return table["value"]


def _secret_value(raw: str) -> str:
    """A secret as a TOML string, or as it stands where it is none.

    Shells eat quotes, and a token without quotes is unmistakable.
    """
    try:
        value = tomllib.loads(f"value = {raw}").get("value")
    except tomllib.TOMLDecodeError:
        return raw
    return value if isinstance(value, str) else raw


def _imported_secrets(table: object, file: Path) -> dict[str, str]:
    flat = _flat(table) if isinstance(table, Mapping) else {"": table}
    for name, value in flat.items():
        if name not in SECRET_NAMES:
            raise SettingsError(
                text(
                    "{source}: [secrets] {key} という秘密情報はありません。",
                    source=str(file),
                    key=name,
                ),
                unknown_key(name, SECRET_NAMES),
            )
        if not isinstance(value, str):
            raise SettingsError(
                text(
                    "{source}: [secrets] {key} が文字列ではありません。",
                    source=str(file),
                    key=name,
                ),
                text("引用符で囲んだ文字列を指定してください。"),
            )
    return {name: str(value) for name, value in flat.items()}


# ------------------------------------------------------------------ writing


def _edited(
    home: Home, name: str, values: Sequence[tuple[tuple[str, ...], object]]
) -> tuple[bytes, list[Change]]:
    # Deferred: 30 ms that only a change of settings has to pay.
    import tomlkit

    path = home.profile_file(name)
    before = _flat(to_table(_current(home, name)))
    source = ""
    if path.exists():
        read_toml(path)  # a broken file is refused with line and column
        source = path.read_text(encoding="utf-8-sig")
    document = tomlkit.parse(source)
    for keys, value in values:
        _place(document, keys, value)
    content = tomlkit.dumps(document)
    settings = parse_profile(name, tomllib.loads(content), str(path))
    after = _flat(to_table(settings))
    return content.encode(), _differences(before, after)


def _place(document: Any, keys: tuple[str, ...], value: object) -> None:
    # Deferred: as above.
    import tomlkit

    place = document
    for part in keys[:-1]:
        if part not in place:
            place[part] = tomlkit.table()
        place = place[part]
        if not isinstance(place, Mapping):
            key = ".".join(keys)
            raise SettingsError(
                text("{key} という設定はありません。", key=key),
                unknown_key(key, (known.name for known in all_keys())),
            )
    place[keys[-1]] = value


def _differences(
    before: Mapping[str, object], after: Mapping[str, object]
) -> list[Change]:
    return [
        Change(key, before.get(key), after.get(key))
        for key in sorted(before.keys() | after.keys())
        if before.get(key) != after.get(key)
    ]


def _current(home: Home, name: str) -> Settings:
    """The profile as it is; the defaults where there is none or it is broken."""
    path = home.profile_file(name)
    if not path.exists():
        return Settings(profile=name)
    try:
        return parse_profile(name, read_toml(path), str(path))
    except SettingsError:
        # A broken profile must stay mendable: the new content is checked anyway.
        return Settings(profile=name)


def _secret_changes(values: Mapping[str, str], secrets: SecretStore) -> list[Change]:
    if not values:
        return []
    present = frozenset(secrets.names())
    return [
        Change(name, HIDDEN if name in present else None, HIDDEN if value else None)
        for name, value in values.items()
        if value or name in present
    ]


def _without_secrets_table(given: bytes) -> Any:
    """The operator's own text without `[secrets]`, comments kept."""
    # Deferred: as above.
    import tomlkit

    document = tomlkit.parse(given.decode("utf-8-sig"))
    if "secrets" in document:
        del document["secrets"]
    return document


def _dumped(table: Any) -> bytes:
    # Deferred: only writing needs them.
    import tomli_w
    import tomlkit

    if isinstance(table, tomlkit.TOMLDocument):
        return tomlkit.dumps(table).encode()
    return tomli_w.dumps(table).encode()


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, object]:
    """Nested tables as dotted keys; lists stay whole."""
    flat: dict[str, object] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
