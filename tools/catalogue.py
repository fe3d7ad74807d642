"""Keeps the English catalogue in step with the source.

Run plainly, it takes every `text("…")` of the package into the .po, keeping the
translations, and compiles the .mo; with `--check` it changes nothing and fails where
something is untranslated, out of date, or differs in its placeholders.  Calls are
found in the syntax tree: a call of another library's `text` method is no message.
"""

from __future__ import annotations

import argparse
import ast
import io
import string
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import read_mo, write_mo
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "haihai_tui"
PO_FILE = PACKAGE / "locales" / "en" / "LC_MESSAGES" / "haihai_tui.po"
MO_FILE = PO_FILE.with_suffix(".mo")
KEYWORD = "text"
_UNWANTED = (b'"Generated-By', b'"Report-Msgid-Bugs-To', b'"Project-Id-Version')
# A fixed date: the file changes when a message does, and not when it was looked at.
_WRITTEN = datetime(2026, 1, 1, tzinfo=UTC)


def main(arguments: list[str] | None = None) -> int:
    """The exit code: 0 when all is translated and up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing")
    options = parser.parse_args(arguments)
    found, problems = extract(PACKAGE)
    before = PO_FILE.read_bytes() if PO_FILE.exists() else b""
    catalogue = updated(before, found)
    problems += check(catalogue)
    po = as_po(catalogue)
    if options.check:
        if po != before:
            problems.append(f"{PO_FILE.relative_to(ROOT)}: out of date")
        if compiled(MO_FILE) != translations(catalogue):
            problems.append(f"{MO_FILE.relative_to(ROOT)}: out of date")
    else:
        PO_FILE.parent.mkdir(parents=True, exist_ok=True)
        PO_FILE.write_bytes(po)
        MO_FILE.write_bytes(as_mo(catalogue))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(found)} messages, {len(problems)} problems", file=sys.stderr)
    return 1 if problems else 0


def extract(package: Path) -> tuple[dict[str, list[str]], list[str]]:
    """Message ids with the files that use them; and what cannot be extracted."""
    found: dict[str, list[str]] = {}
    problems: list[str] = []
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package.parent).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for call in _calls(tree):
            first = call.args[0] if call.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                places = found.setdefault(first.value, [])
                if name not in places:
                    places.append(name)
            elif not (isinstance(first, ast.Name) and _marks_constants(tree)):
                problems.append(f"{name}:{call.lineno}: not a plain text")
    return found, problems


def updated(before: bytes, found: dict[str, list[str]]) -> Catalog:
    """The catalogue with exactly the messages found, translations kept."""
    old = read_po(io.BytesIO(before), locale="en") if before else Catalog("en")
    catalogue = Catalog(
        locale="en",
        domain="haihai_tui",
        project="haihai-tui",
        header_comment="# English wording of haihai-tui; the source is Japanese.",
        creation_date=_WRITTEN,
        revision_date=_WRITTEN,
        last_translator="haihai-tui maintainers",
        language_team="haihai-tui maintainers",
        fuzzy=False,
    )
    for msgid, places in sorted(found.items(), key=lambda item: (item[1], item[0])):
        kept = old.get(msgid)
        translation = kept.string if isinstance(kept, Message) else ""
        catalogue.add(msgid, translation, locations=[(place, 0) for place in places])
    return catalogue


def check(catalogue: Catalog) -> list[str]:
    """What is untranslated, or has other placeholders than its source."""
    problems = []
    for message in _messages(catalogue):
        source, translation = str(message.id), str(message.string)
        place = message.locations[0][0]
        if not translation:
            problems.append(f"{place}: untranslated: {source}")
        elif placeholders(source) != placeholders(translation):
            problems.append(f"{place}: placeholders differ: {source}")
    return problems


def placeholders(pattern: str) -> set[str]:
    """The names in a `str.format` pattern; a broken one raises ValueError."""
    return {name for _, name, _, _ in string.Formatter().parse(pattern) if name}


def as_po(catalogue: Catalog) -> bytes:
    buffer = io.BytesIO()
    # Neither wrapped nor signed: another version of Babel must write the same.
    write_po(buffer, catalogue, width=0, include_lineno=False)
    lines = buffer.getvalue().splitlines(keepends=True)
    return b"".join(line for line in lines if not line.startswith(_UNWANTED))


def as_mo(catalogue: Catalog) -> bytes:
    buffer = io.BytesIO()
    write_mo(buffer, catalogue)
    return buffer.getvalue()


def translations(catalogue: Catalog) -> dict[str, str]:
    """What a compiled catalogue should hold: source and translation."""
    return {
        str(message.id): str(message.string)
        for message in _messages(catalogue)
        if message.string
    }


def compiled(path: Path) -> dict[str, str]:
    """What the compiled catalogue at `path` holds; nothing where there is none."""
    if not path.exists():
        return {}
    with path.open("rb") as file:
        return translations(read_mo(file))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id == KEYWORD
        ):
            yield node


def _marks_constants(tree: ast.Module) -> bool:
    """Whether the module names messages by `text("…").msgid` to bind them later."""
    return any(
        isinstance(node, ast.Attribute)
        and node.attr == "msgid"
        and isinstance(node.value, ast.Call)
        and node.value in set(_calls(tree))
        for node in ast.walk(tree)
    )


def _messages(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id)


if __name__ == "__main__":
    raise SystemExit(main())
