"""Profiles: read, checked, listed and shown.

A profile is one TOML file.  It is either read whole and found correct or refused
with the file, the key, the value and the remedy; a run never starts on half of
its settings.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from haihai_tui.errors import ConnectorError, SettingsError, text
from haihai_tui.services.atomic import storage_errors
from haihai_tui.services.paths import Home
from haihai_tui.services.settings_rules import (
    LOOPBACK,
    BadValue,
    UnknownKey,
    build,
    unknown_key,
)
from haihai_tui.services.settings_schema import SECRET_NAMES, SECTIONS, Settings

_POSITION = re.compile(r"\(at line (\d+), column (\d+)\)")
_SHOWN = 80


def load_profile(home: Home, name: str) -> Settings:
    """The checked settings of a profile; SettingsError where there is none."""
    path = home.profile_file(name)
    if not path.exists():
        raise SettingsError(
            text(
                "プロファイル「{name}」がありません（{path}）。",
                name=name,
                path=str(path),
            ),
            text(
                "コンソールの連携設定で作るか、haihai-tui --profile {name} "
                "--import-settings FILE で取り込んでください。",
                name=name,
            ),
        )
    return parse_profile(name, read_toml(path), str(path))


def list_profiles(home: Home) -> tuple[str, ...]:
    """The names of all profiles, sorted; none where the folder is missing."""
    return tuple(sorted(path.stem for path in home.profiles.glob("*.toml")))


def read_toml(path: Path) -> dict[str, object]:
    """A TOML file as a dict; a syntax error tells line and column."""
    with storage_errors(path):
        content = path.read_bytes()
    return parse_toml(content, path)


def parse_toml(content: bytes, path: Path) -> dict[str, object]:
    """What was read from `path` as a dict; errors as of `read_toml`."""
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise SettingsError(
            text(
                "{path} は UTF-8 の文字列ではありません（{position} バイト目）。",
                path=str(path),
                position=error.start + 1,
            ),
            text("ファイルを UTF-8 で保存し直してください。"),
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise _syntax_error(path, error) from error


def parse_profile(name: str, table: Mapping[str, object], source: str) -> Settings:
    """Check a whole profile; `source` is the file name shown in messages."""
    sections: dict[str, Any] = {}
    for section, content in table.items():
        if section not in SECTIONS:
            error = UnknownKey(unknown_key(section, SECTIONS))
            raise settings_error(source, section, content, error)
        try:
            sections[section] = build(SECTIONS[section], content)
        except BadValue as error:
            key = f"{section}.{error.where}" if error.where else section
            value = content if error.value is ... else error.value
            raise settings_error(source, key, value, error) from error
    settings = Settings(profile=name, **sections)
    _check_together(settings, source)
    return settings


def settings_error(
    source: str, key: str, value: object, error: BadValue
) -> SettingsError:
    """Name file, key, value and remedy; a secret's value is never repeated."""
    if key in SECRET_NAMES:
        return SettingsError(
            text("{source}: {key} は秘密情報です。", source=source, key=key),
            text(
                "設定ファイルから消し、haihai-tui --set {key}=… か"
                "取り込みファイルの [secrets] で登録してください。",
                key=key,
            ),
        )
    if isinstance(error, UnknownKey):
        return SettingsError(
            text("{source}: {key} という設定はありません。", source=source, key=key),
            error.expected,
        )
    if value is None:
        return SettingsError(
            text("{source}: {key} がありません。", source=source, key=key),
            error.expected,
        )
    return SettingsError(
        text(
            "{source}: {key} = {value} は正しくありません。",
            source=source,
            key=key,
            value=_shown(value),
        ),
        error.expected,
    )


def to_table(settings: Settings) -> dict[str, Any]:
    """The profile as TOML and JSON know it: plain dicts, lists and scalars.

    Holds every key of the schema and no secret.
    """
    return {section: _plain(getattr(settings, section)) for section in SECTIONS}


def missing_keys(settings: Settings, flows: Iterable[str]) -> tuple[str, ...]:
    """Dotted keys that these flows cannot do without and that are still empty."""
    chosen = frozenset(flows)
    needed = {
        "haihai.contract_id": not settings.haihai.contract_id,
        "haihai.login_id": not settings.haihai.login_id,
        "salesforce.url": not settings.salesforce.url,
        "haihai.group_id": "customers" in chosen
        and not (settings.haihai.group_id or settings.haihai.plan_id),
        "customers.address_field": "customers" in chosen
        and not settings.customers.address_field,
        "customers.object": "customers" in chosen and not settings.customers.object,
        "suppressions.state_field": "suppressions" in chosen
        and not settings.suppressions.state_field,
        "page_views.url_field": "page-views" in chosen
        and not any(_page_view_fields(settings)),
    }
    return tuple(key for key, is_missing in needed.items() if is_missing)


def require_complete(home: Home, settings: Settings, flows: Iterable[str]) -> None:
    """SettingsError that names every key still to be filled in for `flows`."""
    if missing := missing_keys(settings, flows):
        raise SettingsError(
            text(
                "{source}: まだ設定されていない項目があります: {keys}",
                source=str(home.profile_file(settings.profile)),
                keys=", ".join(missing),
            ),
            text(
                "コンソールの連携設定か haihai-tui --set {key}='\"…\"' で"
                "設定してください。",
                key=missing[0],
            ),
        )


def _check_together(settings: Settings, source: str) -> None:
    """What no single key can tell."""
    haihai = settings.haihai
    if haihai.group_id and haihai.plan_id:
        error = BadValue(
            text("haihai.group_id と haihai.plan_id は一方だけを指定してください。")
        )
        raise settings_error(source, "haihai.plan_id", haihai.plan_id, error)
    views = settings.page_views
    if views.record_url_field and "{address}" not in views.record_url_template:
        error = BadValue(
            text("{example} を含むひな形にしてください。", example="{address}")
        )
        raise settings_error(
            source, "page_views.record_url_template", views.record_url_template, error
        )
    if haihai.wire:
        _check_wire(haihai.wire, source)
    alerts = settings.alerts
    if alerts.smtp_security == "none" and alerts.smtp_host not in ("", *LOOPBACK):
        error = BadValue(
            text("暗号化なしの SMTP は、このコンピューター自身にだけ使えます。")
        )
        raise settings_error(source, "alerts.smtp_security", "none", error)


def _check_wire(wire: Mapping[str, object], source: str) -> None:
    # Deferred: few profiles correct the wire format, and `--status` need not know it.
    from haihai_tui.services.haihai.wire import Wire

    try:
        Wire.from_table(wire)
    except ConnectorError as error:
        raise SettingsError(
            text("{source}: {what}", source=source, what=error.what),
            error.remedy,
            cause=error.cause,
        ) from error


def _page_view_fields(settings: Settings) -> tuple[str, ...]:
    views = settings.page_views
    return (
        views.url_field,
        views.viewed_at_field,
        views.count_field,
        views.record_url_field,
    )


def _plain(value: object) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _syntax_error(path: Path, error: tomllib.TOMLDecodeError) -> SettingsError:
    found = _POSITION.search(str(error))
    reason = _POSITION.sub("", str(error)).strip()
    where = (
        text(
            "{path} の {line} 行 {column} 列目",
            path=str(path),
            line=found[1],
            column=found[2],
        )
        if found
        else text("{path} の末尾", path=str(path))
    )
    return SettingsError(
        text("{where}が TOML として読めません: {reason}", where=where, reason=reason),
        text("引用符、括弧、改行を確認してください。"),
    )


def _shown(value: object) -> str:
    """A value as TOML would show it, cut where it is long."""
    shown = json.dumps(value, ensure_ascii=False, default=str)
    if not isinstance(value, str | bool):
        shown = str(value)
    return shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
