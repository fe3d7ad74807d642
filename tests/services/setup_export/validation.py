"""A strict reader of deployable metadata: what it does not know is an error."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from xml.etree import ElementTree

from tests.services.setup_export.definitions import (
    ELEMENTS,
    NEEDS,
    PLACES,
    REPEATED,
    Kind,
)

NAMESPACE = "{http://soap.sforce.com/2006/04/metadata}"


def complaints(path: PurePosixPath, content: str) -> list[str]:
    """What is wrong with one file of a package directory; empty: nothing."""
    root = ElementTree.fromstring(content.encode())
    kind = _bare(root.tag)
    if kind not in PLACES:
        return [f"{path}: no such type {kind}"]
    return [*_misplaced(path, kind, root), *judge(root, kind, str(path))]


def _misplaced(path: PurePosixPath, kind: str, root: ElementTree.Element) -> list[str]:
    folder, suffix = PLACES[kind]
    found = re.fullmatch(rf"(\w+)\.{suffix}-meta\.xml", path.name, re.ASCII)
    wrong = [] if path.parent.name == folder else [f"{path}: not in {folder}"]
    if not found:
        return [*wrong, f"{path}: not NAME.{suffix}-meta.xml"]
    name = found[1]
    if kind == "CustomField":
        if path.parent.parent.parent.name != "objects":
            wrong.append(f"{path}: not below objects/OBJECT")
        if root.findtext(f"{NAMESPACE}fullName") != name:
            wrong.append(f"{path}: fullName is not the file's name")
        type_ = root.findtext(f"{NAMESPACE}type") or ""
        have = {_bare(child.tag) for child in root}
        wrong += (
            f"{path}: a {type_} needs {need}" for need in NEEDS.get(type_, set()) - have
        )
        return wrong
    if "__" in name or name.endswith("_"):
        wrong.append(f"{path}: {name} is no name")
    return wrong


def judge(element: ElementTree.Element, kind: str, where: str) -> list[str]:
    """What is wrong inside an element of a type."""
    known, wrong = ELEMENTS[kind], []
    tags = [_bare(child.tag) for child in element]
    if element.text and element.text.strip():
        wrong.append(f"{where}: text between elements")
    for child, tag in zip(element, tags, strict=True):
        if tag not in known:
            wrong.append(f"{where}: {kind} has no {tag}")
            continue
        wrong += _value(child, known[tag], f"{where}/{tag}")
    for tag, rule in known.items():
        many = tag in REPEATED or (isinstance(rule, str) and rule.endswith("*"))
        if tags.count(tag) > 1 and not many:
            wrong.append(f"{where}: {tag} is repeated")
        if isinstance(rule, str) and rule.endswith("!") and tag not in tags:
            wrong.append(f"{where}: {tag} is missing")
    groups = [tag for at, tag in enumerate(tags) if at == 0 or tags[at - 1] != tag]
    if len(groups) != len(set(groups)):
        wrong.append(f"{where}: repeated elements are not together")
    return wrong


def _value(child: ElementTree.Element, rule: Kind, where: str) -> list[str]:
    written = child.text or ""
    if isinstance(rule, tuple):
        return [] if written in rule else [f"{where}: {written!r}"]
    bare = rule.rstrip("!*")
    if bare in ELEMENTS:
        return judge(child, bare, where)
    fits = {
        "text": bool(written.strip()),
        "flag": written in ("true", "false"),
        "number": written.isdecimal(),
    }[bare]
    return [] if fits and not len(child) else [f"{where}: {written!r}"]


def _bare(tag: str) -> str:
    assert tag.startswith(NAMESPACE), tag
    return tag.removeprefix(NAMESPACE)
