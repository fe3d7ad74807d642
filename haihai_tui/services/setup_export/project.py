"""The whole project: every file as text, then written into an empty folder.

The connected app lies in a package directory of its own: an org has either it or the
external client app, and new ones can be made of the latter alone since Spring '26.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from haihai_tui.errors import SettingsError, text
from haihai_tui.services.atomic import storage_errors
from haihai_tui.services.salesforce.urls import parse_callback
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.setup_export.access import (
    custom_fields,
    permission_set,
    write_back_targets,
)
from haihai_tui.services.setup_export.apps import (
    CONTACT_VARIABLE,
    connected_app,
    external_client_app,
)
from haihai_tui.services.setup_export.guide import Guide, guides
from haihai_tui.services.setup_export.metadata import Component, manifest
from haihai_tui.services.setup_export.rights import rights_of

MAIN = PurePosixPath("force-app")
OTHER = PurePosixPath("connected-app")
_BELOW = PurePosixPath("main", "default")
_IGNORED = """\
# What is retrieved from an org can hold the consumer secret.
force-app/main/default/extlClntAppGlobalOauthSets/
connected-app/main/default/connectedApps/
.sf/
.sfdx/
"""


@dataclass(frozen=True, slots=True)
class Project:
    """Files by their path in the project, and what is left to a person.

    `by_hand` are fields whose rights only a person can grant.
    """

    files: Mapping[PurePosixPath, str]
    by_hand: tuple[str, ...]


def build(
    settings: Settings, *, as_in_manual: bool = False, contact: str = ""
) -> Project:
    """The project of a profile; asks no service.

    `contact` is the app's contact address; without it the deployment takes it from
    an environment variable.  Raises SettingsError for a callback URL or a name that
    Salesforce would refuse.
    """
    callback = parse_callback(settings.salesforce.callback_url).url
    address = contact or CONTACT_VARIABLE
    rights = rights_of(settings)
    targets = write_back_targets(settings)
    sees_encrypted = as_in_manual or settings.customers.encrypted
    components = [
        *custom_fields(targets),
        permission_set(rights, sees_encrypted=sees_encrypted),
        *external_client_app(callback, address, as_in_manual=as_in_manual),
    ]
    app = connected_app(callback, address, as_in_manual=as_in_manual)
    version = settings.salesforce.api_version
    files = {
        PurePosixPath("sfdx-project.json"): _project_file(version, bool(contact)),
        PurePosixPath("manifest", "package.xml"): manifest(components, version),
        PurePosixPath("manifest", "connected-app.xml"): manifest([app], version),
        PurePosixPath(".gitignore"): _IGNORED,
        **{MAIN / _BELOW / one.path: one.xml() for one in components},
        OTHER / _BELOW / app.path: app.xml(),
    }
    guide = Guide(
        settings=settings,
        callback=callback,
        rights=rights,
        targets=targets,
        made=_names(components, "CustomField"),
        sees_encrypted=sees_encrypted,
        as_in_manual=as_in_manual,
        has_contact=bool(contact),
    )
    files |= {PurePosixPath(name): words for name, words in guides(guide).items()}
    return Project(files, tuple(rights.by_hand))


def write(project: Project, folder: Path) -> tuple[Path, ...]:
    """Write the files below `folder` and return their paths.

    Raises SettingsError where it is a file, holds something, or cannot be written.
    """
    with storage_errors(folder):
        if folder.exists() and not folder.is_dir():
            raise SettingsError(
                text("{folder} はフォルダーではありません。", folder=str(folder)),
                text("空のフォルダーか、まだ無い名前を指定してください。"),
            )
        if folder.is_dir() and any(folder.iterdir()):
            raise SettingsError(
                text("{folder} は空ではありません。", folder=str(folder)),
                text(
                    "上書きはしません。空のフォルダーか、まだ無い名前を指定して"
                    "ください。"
                ),
            )
    written = []
    for name, content in project.files.items():
        path = folder / name
        with storage_errors(path, needed=len(content)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8", newline="\n")
        written.append(path)
    return tuple(written)


def _names(components: Sequence[Component], kind: str) -> tuple[str, ...]:
    return tuple(one.name for one in components if one.kind == kind)


def _project_file(version: str, has_contact: bool) -> str:
    project: dict[str, object] = {
        "packageDirectories": [
            {"path": str(MAIN), "default": True},
            {"path": str(OTHER)},
        ],
        "name": "haihai-connect",
        "namespace": "",
        "sourceApiVersion": version,
    }
    if not has_contact:
        # The deployment stops where the variable is not set.
        project["replacements"] = [
            {
                "glob": f"{place}/**/*-meta.xml",
                "stringToReplace": CONTACT_VARIABLE,
                "replaceWithEnv": CONTACT_VARIABLE,
            }
            for place in (
                MAIN / _BELOW / "externalClientApps",
                OTHER / _BELOW / "connectedApps",
            )
        ]
    return json.dumps(project, ensure_ascii=False, indent=2) + "\n"
