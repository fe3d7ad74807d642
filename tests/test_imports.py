"""Who may import whom, held twice: by reading, and in a fresh interpreter."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import haihai_tui

PACKAGE = Path(haihai_tui.__file__).parent

FORBIDDEN = {
    "sync": ("haihai_tui.", "!haihai_tui.sync", "!haihai_tui.errors"),
    "services": (
        "textual",
        "rich",
        "haihai_tui.screens",
        "haihai_tui.app",
        "haihai_tui.headless",
        "haihai_tui.sandbox",
    ),
    "headless": ("textual", "rich", "haihai_tui.screens"),
    "sandbox": (
        "haihai_tui.sync",
        "haihai_tui.services",
        "!haihai_tui.services.haihai.wire",
        "haihai_tui.headless",
        "textual",
    ),
    "screens": ("httpx", "sqlalchemy", "authlib", "haihai_tui.sandbox"),
}
"""By folder: prefixes that must not be imported; `!` makes an exception."""

ONLY_IN = {
    "httpx": ("services/salesforce/", "services/haihai/", "services/http.py"),
    "authlib": ("services/salesforce/oauth.py",),
    "sqlalchemy": ("services/",),
}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            if node.module.startswith("haihai_tui"):
                yield from (f"{node.module}.{name.name}" for name in node.names)


def sources(folder: str = "") -> list[Path]:
    return sorted((PACKAGE / folder).rglob("*.py"))


def _matches(name: str, prefix: str) -> bool:
    return name == prefix or name.startswith(prefix.rstrip(".") + ".")


@pytest.mark.parametrize("folder", sorted(FORBIDDEN))
def test_no_folder_imports_what_it_must_not_know(folder: str) -> None:
    rules = [rule for rule in FORBIDDEN[folder] if not rule.startswith("!")]
    exceptions = [rule[1:] for rule in FORBIDDEN[folder] if rule.startswith("!")]
    wrong = [
        f"{path.relative_to(PACKAGE)}: {name}"
        for path in sources(folder)
        for name in imports(path)
        if any(_matches(name, rule) for rule in rules)
        and not any(
            _matches(name, exception) or _matches(exception, name)
            for exception in exceptions
        )
    ]
    assert not wrong


def test_the_sync_needs_the_standard_library_alone() -> None:
    names = {name.split(".")[0] for path in sources("sync") for name in imports(path)}
    assert names - set(sys.stdlib_module_names) == {"haihai_tui"}


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_is_known_in_its_place_alone(library: str) -> None:
    places = ONLY_IN[library]
    wrong = [
        str(path.relative_to(PACKAGE))
        for path in sources()
        if any(_matches(name, library) for name in imports(path))
        and not path.relative_to(PACKAGE).as_posix().startswith(places)
    ]
    assert not wrong


HEAVY = ("textual", "rich", "httpx", "authlib", "starlette", "uvicorn")


@pytest.mark.parametrize(
    ("arguments", "never"),
    [
        (["--version"], (*HEAVY, "sqlalchemy", "haihai_tui.sync")),
        (["--diagnose", "x"], (*HEAVY, "sqlalchemy", "haihai_tui.sync")),
        (["--status"], (*HEAVY, "haihai_tui.sync", "haihai_tui.sandbox")),
        (["--run-sync"], ("textual", "rich", "starlette", "haihai_tui.sandbox")),
    ],
)
def test_a_mode_loads_no_more_than_it_needs(
    tmp_path: Path, arguments: list[str], never: tuple[str, ...]
) -> None:
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "default.toml").write_text("", "utf-8")
    program = (
        "import json, sys\n"
        "from haihai_tui.__main__ import main\n"
        "try:\n"
        f"    main({arguments!r})\n"
        "except SystemExit:\n"
        "    pass\n"
        "loaded = [name for name, found in sys.modules.items() if found]\n"
        "print(json.dumps(loaded), file=sys.stderr)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "HAIHAI_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = json.loads(finished.stderr.splitlines()[-1])
    assert not [
        name for name in loaded if any(_matches(name, wrong) for wrong in never)
    ]
