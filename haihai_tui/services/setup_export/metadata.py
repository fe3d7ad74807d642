"""Metadata components and the XML that they are deployed as.

A component knows its folder and suffix, so that a file in the wrong place cannot
be expressed.  Folders and suffixes are the vendor's metadata registry's; elements
are written in alphabetical order, as the vendor's tools write them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TypeAlias
from xml.sax.saxutils import escape

from haihai_tui.errors import SettingsError, text

NAMESPACE = "http://soap.sforce.com/2006/04/metadata"
LONGEST_FIELD = 40
"""Characters of a custom field's name before `__c`."""

Value: TypeAlias = "str | bool | int | Sequence[tuple[str, Value]]"
Elements: TypeAlias = Sequence[tuple[str, Value]]

_PLACES = {
    "ExternalClientApplication": ("externalClientApps", "eca"),
    "ExtlClntAppGlobalOauthSettings": ("extlClntAppGlobalOauthSets", "ecaGlblOauth"),
    "ExtlClntAppOauthSettings": ("extlClntAppOauthSettings", "ecaOauth"),
    "ExtlClntAppOauthConfigurablePolicies": (
        "extlClntAppOauthPolicies",
        "ecaOauthPlcy",
    ),
    "ExtlClntAppConfigurablePolicies": ("extlClntAppPolicies", "ecaPlcy"),
    "ConnectedApp": ("connectedApps", "connectedApp"),
    "PermissionSet": ("permissionsets", "permissionset"),
    "CustomField": ("fields", "field"),
}
_NAME = re.compile(r"(?!.*__)[A-Za-z]\w*(?<!_)", re.ASCII)
_UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Component:
    """One thing to deploy.  A CustomField is named `Object.Field__c`."""

    kind: str
    name: str
    elements: Elements

    @property
    def path(self) -> PurePosixPath:
        """Where its file lies below `…/main/default`."""
        folder, suffix = _PLACES[self.kind]
        if self.kind == "CustomField":
            sobject, _, field = self.name.partition(".")
            return PurePosixPath(
                "objects", sobject, folder, f"{field}.{suffix}-meta.xml"
            )
        return PurePosixPath(folder, f"{self.name}.{suffix}-meta.xml")

    def xml(self) -> str:
        return document(self.kind, self.elements)


def document(root: str, elements: Elements) -> str:
    """A metadata file; a character that XML cannot hold raises SettingsError."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<{root} xmlns="{NAMESPACE}">\n{_inside(elements, 1)}</{root}>\n'
    )


def _inside(elements: Elements, depth: int) -> str:
    return "".join(_element(tag, value, depth) for tag, value in elements)


def _element(tag: str, value: Value, depth: int) -> str:
    indent = "    " * depth
    if isinstance(value, bool):
        return f"{indent}<{tag}>{'true' if value else 'false'}</{tag}>\n"
    if isinstance(value, str | int):
        return f"{indent}<{tag}>{_escaped(str(value))}</{tag}>\n"
    return f"{indent}<{tag}>\n{_inside(value, depth + 1)}{indent}</{tag}>\n"


def _escaped(value: str) -> str:
    if _UNFIT.search(value):
        raise SettingsError(
            text("XML に書けない文字があります: {value}", value=ascii(value)),
            text("設定の値から制御文字などを取り除いてください。"),
        )
    return escape(value)


def manifest(components: Sequence[Component], api_version: str) -> str:
    """`package.xml` naming every component."""
    kinds: dict[str, list[str]] = {}
    for component in components:
        kinds.setdefault(component.kind, []).append(component.name)
    elements: list[tuple[str, Value]] = [
        (
            "types",
            [*(("members", name) for name in sorted(kinds[kind])), ("name", kind)],
        )
        for kind in sorted(kinds)
    ]
    return document("Package", [*elements, ("version", api_version)])


def check_name(name: str) -> str:
    """`name` where it can be an API name; SettingsError else."""
    if not _NAME.fullmatch(name) or len(name) > 80:
        raise _bad_name(name)
    return name


def check_custom_field(name: str) -> str:
    """`name` where a custom field may be made under it; SettingsError else."""
    bare = name.removesuffix("__c")
    fits = name != bare and _NAME.fullmatch(bare) and len(bare) <= LONGEST_FIELD
    if not fits:
        raise _bad_name(name)
    return name


def _bad_name(name: str) -> SettingsError:
    return SettingsError(
        text("Salesforce の API 名として使えません: {name}", name=name),
        text(
            "英字で始まる英数字と下線だけの名前にしてください（下線は続けて使えず、"
            "末尾にも置けません。項目は {longest} 文字までと __c）。",
            longest=LONGEST_FIELD,
        ),
        cause="missing_field",
    )
