"""The README of the project, in both languages at once.

Its words are two files beside this module: it is a document for whoever deploys, who
may be somebody else than the operator, and not a message in the operator's language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from string import Template

from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.setup_export.access import LABEL
from haihai_tui.services.setup_export.apps import APP, CONTACT_VARIABLE, PERMISSION_SET
from haihai_tui.services.setup_export.rights import Rights
from haihai_tui.services.target_check import Target

_NAMES = {"ja": "README.ja.md", "en": "README.md"}
_WORDS = {
    "ja": {
        "on": "オン",
        "off": "オフ",
        "read": "参照",
        "edit": "参照と編集",
        "none": "なし",
        "reports": "対象をレポートから取るため、「レポート実行」もオンです。レポートの"
        "フォルダーは、連携用ユーザーに共有してください。",
        "all_users": "すべてのユーザーは自己承認可能",
        "approved": f"管理者が承認したユーザーは事前承認済み（{LABEL}）",
        "there": "既にある項目（作成しない）",
        "made": "この中の項目を作成",
    },
    "en": {
        "on": "on",
        "off": "off",
        "read": "read",
        "edit": "read and edit",
        "none": "none",
        "reports": 'The audience is a report: "Run Reports" is on, and its folder must '
        "be shared with the integration user. ",
        "all_users": "all users may self-authorize",
        "approved": f"admin approved users are pre-authorized ({LABEL})",
        "there": "exists already (not made)",
        "made": "made by this project",
    },
}


@dataclass(frozen=True, slots=True)
class Guide:
    """What the README tells of; `made` are fields as `Object.Field__c`."""

    settings: Settings
    callback: str
    rights: Rights
    targets: tuple[Target, ...]
    made: tuple[str, ...]
    sees_encrypted: bool
    as_in_manual: bool
    has_contact: bool


def guides(guide: Guide) -> dict[str, str]:
    """File name to content, for each language."""
    return {name: _written(guide, language) for language, name in _NAMES.items()}


def _written(guide: Guide, language: str) -> str:
    words = _WORDS[language]
    template = files(__package__).joinpath(_NAMES[language]).read_text("utf-8")
    return Template(template).substitute(
        app=APP,
        permission_set=PERMISSION_SET,
        label=LABEL,
        variable=CONTACT_VARIABLE,
        url=guide.settings.salesforce.url or "https://login.salesforce.com",
        callback=guide.callback,
        profile=guide.settings.profile,
        pkce=words["off" if guide.as_in_manual else "on"],
        refresh_secret=words["off" if guide.as_in_manual else "on"],
        permitted=words["all_users" if guide.as_in_manual else "approved"],
        encrypted=words["on" if guide.sees_encrypted else "off"],
        users=words["reports"] if "RunReports" in guide.rights.users else "",
        contact=_contact(guide, language),
        objects=_rights(guide.rights.objects, words),
        fields=_rights(guide.rights.fields, words),
        by_hand=_list(guide.rights.by_hand, words),
        suppressions=_targets(guide, "1.2.8", words),
        page_views=_targets(guide, "1.2.9", words),
    )


def _contact(guide: Guide, language: str) -> str:
    if guide.has_contact:
        return ""
    words = {
        "ja": "# アプリの連絡先メールアドレス（1.2.3）。無いとリリースは止まります。",
        "en": "# The app's contact address (1.2.3); without it the deployment stops.",
    }
    return f"{words[language]}\nexport {CONTACT_VARIABLE}=admin@example.com\n"


def _rights(rights: Mapping[str, bool], words: Mapping[str, str]) -> str:
    rows = [
        f"`{name}`: {words['edit' if edit else 'read']}"
        for name, edit in sorted(rights.items())
    ]
    return _list(rows, words)


def _targets(guide: Guide, section: str, words: Mapping[str, str]) -> str:
    rows = []
    for target in guide.targets:
        if target.purpose.section == section:
            name = f"{target.sobject}.{target.field}"
            kind = target.purpose.metadata["type"]
            state = words["made" if name in guide.made else "there"]
            rows.append(f"`{name}` ({kind}): {state}")
    return _list(rows, words)


def _list(rows: list[str], words: Mapping[str, str]) -> str:
    return "\n".join(f"- {row}" for row in rows) or f"- {words['none']}"
