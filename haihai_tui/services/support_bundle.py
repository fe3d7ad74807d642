"""An archive for whoever helps: enough to understand, nothing to misuse.

Every text that goes in passes the same gate on its way: known secrets, tokens and
codes become stars, and of addresses only the first character and the domain are
left.  What cannot be read is noted in the archive instead of spoiling it.
"""

from __future__ import annotations

import io
import json
import platform
import sys
import zipfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

from haihai_tui import __version__
from haihai_tui.errors import ConnectorError, Text
from haihai_tui.services.atomic import write_atomic
from haihai_tui.services.checks.model import CheckResult
from haihai_tui.services.paths import Home
from haihai_tui.services.redaction import redact
from haihai_tui.services.secret import HIDDEN
from haihai_tui.services.secret_keys import KeySource
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings import load_profile, to_table
from haihai_tui.services.status import status
from haihai_tui.services.store import audit
from haihai_tui.services.store.codec import mask_addresses
from haihai_tui.services.store.database import open_database
from haihai_tui.services.store.events import last_events

Render = Callable[[Text], str]

RUNS = 10
EVENTS_PER_RUN = 500
_LIBRARIES = (
    "authlib",
    "cryptography",
    "httpx",
    "sqlalchemy",
    "textual",
)
_DATE = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class Bundle:
    """A written archive: its path, the names in it, its size in bytes."""

    path: Path
    names: tuple[str, ...]
    size: int


def write_bundle(
    home: Home,
    profile: str,
    path: Path,
    results: Sequence[CheckResult],
    render: Render,
    environ: Mapping[str, str],
    actor: str,
) -> Bundle:
    """Write the archive (zip, 0600) and return what it holds.

    `results` are the answers of the checks; `render` gives their language; `actor`
    is for the audit log.  SettingsError where the file cannot be written.
    """
    secrets = known_secrets(SecretStore(home, profile, KeySource(home, environ)))
    parts = {
        "versions.json": _versions,
        "settings.json": lambda: _settings(home, profile),
        "status.json": lambda: _status(home, profile, environ),
        "checks.json": lambda: [one.as_json(render) for one in results],
        "events.json": lambda: _events(home, profile, render),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, make in parts.items():
            part = harmless(_as_text(make, render), secrets)
            archive.writestr(zipfile.ZipInfo(name, _DATE), part)
    content = packed.getvalue()
    write_atomic(path, content)
    _log(home, profile, path, actor)
    return Bundle(path, tuple(parts), len(content))


def _log(home: Home, profile: str, path: Path, actor: str) -> None:
    """A bundle is most needed where the database is broken: then it goes unlogged."""
    try:
        database = open_database(home, load_profile(home, profile).store.url)
    except ConnectorError:
        return
    try:
        audit.note(
            database,
            actor=actor,
            action="exported",
            subject=str(path),
            profile=profile,
        )
    except ConnectorError:
        return
    finally:
        database.close()


def harmless(content: str, secrets: Iterable[str]) -> str:
    """`content` without secrets, tokens, codes and whole addresses."""
    for secret in sorted(secrets, key=len, reverse=True):
        content = content.replace(secret, HIDDEN)
    return mask_addresses(redact(content))


def _as_text(make: Callable[[], object], render: Render) -> str:
    try:
        found = make()
    except ConnectorError as error:
        found = {"unreadable": render(error.what), "cause": error.cause}
    return json.dumps(found, ensure_ascii=False, indent=1, default=str)


def known_secrets(store: SecretStore) -> tuple[str, ...]:
    """The values of the store in every form that a text may hold them.

    As they are, as in JSON, as in a URL, and in Base64; () where it is broken.
    """
    try:
        found = [store.get(name) for name in store.names()]
    except ConnectorError:
        return ()
    plain = [secret.reveal() for secret in found if secret]
    # A value of a few characters would make holes everywhere.
    long = [one for one in plain if len(one) >= 6]
    return tuple(dict.fromkeys(form for one in long for form in _forms(one)))


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield json.dumps(secret)[1:-1]
    yield quote(secret, safe="")
    yield quote_plus(secret)
    for encode in (b64encode, urlsafe_b64encode):
        yield encode(secret.encode()).decode().rstrip("=")


def _versions() -> dict[str, Any]:
    return {
        "haihai-tui": __version__,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "written_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _settings(home: Home, profile: str) -> dict[str, Any]:
    return to_table(load_profile(home, profile))


def _status(home: Home, profile: str, environ: Mapping[str, str]) -> dict[str, Any]:
    settings = load_profile(home, profile)
    names = SecretStore(home, profile, KeySource(home, environ)).names()
    return status(
        home,
        profile,
        store_url=settings.store.url,
        secret_names=names,
        last_runs=RUNS,
    )


def _events(home: Home, profile: str, render: Render) -> dict[str, Any]:
    """The newest events of the last runs, in words; plans' rows are left out."""
    settings = load_profile(home, profile)
    runs = status(home, profile, store_url=settings.store.url, last_runs=RUNS)
    if not runs["last_runs"]:
        return {}
    database = open_database(home, settings.store.url)
    try:
        return {
            run["run_id"]: [
                f"{one.at} {one.level} {one.flow} {render(one.text)}"
                for one in last_events(database, run["run_id"], limit=EVENTS_PER_RUN)
            ]
            for run in runs["last_runs"]
        }
    finally:
        database.close()
