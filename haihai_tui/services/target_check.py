"""The fields that are written back to, judged against what Salesforce describes.

For each object and purpose: is the field there, may the user edit it, has it a type
that takes the value, is it long enough.  The wizard and `--check` judge by the same
rules, each in lines of its own.  What a missing field would have to be stands beside
it, so that it can be created as it is expected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from haihai_tui.errors import Text, text
from haihai_tui.services.checks.model import Status
from haihai_tui.services.checks.targets import (
    LONGEST_URL,
    MOMENTS,
    NUMBERS,
    STATE_WORDS,
    STATES,
    STATUS_WORDS,
    TEXTS,
)
from haihai_tui.services.settings_schema import (
    PageViewSettings,
    Settings,
    SuppressionSettings,
)
from haihai_tui.sync.ports import Field, SObject


@dataclass(frozen=True, slots=True)
class Purpose:
    """What one field is for.  `longest` is in characters.

    `metadata` is what the Tooling API takes to create it.
    """

    name: str
    label: Text
    types: frozenset[str]
    metadata: Mapping[str, object]
    values: tuple[str, ...] = ()
    longest: int = 0
    section: str = "1.2.8"


# `YYYY-MM-DD HH:MM:SS`, in a field that is a text.
_MOMENT = 19


def _metadata(kind: str, label: str, **more: object) -> dict[str, object]:
    return {"type": kind, "label": label, "required": False, **more}


def _picklist(values: tuple[str, ...]) -> dict[str, object]:
    rows = [{"fullName": value, "label": value, "default": False} for value in values]
    definition = {"sorted": False, "value": rows}
    return {"restricted": True, "valueSetDefinition": definition}


STATE = Purpose(
    "state",
    text("配信状態の項目"),
    STATES,
    _metadata("Picklist", "配信状態", valueSet=_picklist(STATE_WORDS)),
    STATE_WORDS,
    max(map(len, STATE_WORDS)),
)
CHANGED_AT = Purpose(
    "changed_at",
    text("配信停止日時の項目"),
    MOMENTS,
    _metadata("DateTime", "配信停止日時"),
    longest=_MOMENT,
)
STATUS = Purpose(
    "status",
    text("ステータス（エラー）の項目"),
    STATES - {"boolean"},
    _metadata("Text", "配配メール ステータス", length=20),
    STATUS_WORDS,
    3,
)
VIEWED_URL = Purpose(
    "url",
    text("最後に閲覧した URL の項目"),
    TEXTS - {"picklist", "email", "phone"},
    _metadata("Url", "最後に閲覧した URL"),
    section="1.2.9",
)
VIEWED_AT = Purpose(
    "viewed_at",
    text("最後に閲覧した日時の項目"),
    MOMENTS,
    _metadata("DateTime", "最後に閲覧した日時"),
    longest=_MOMENT,
    section="1.2.9",
)
VIEW_COUNT = Purpose(
    "count",
    text("閲覧回数の項目"),
    NUMBERS,
    _metadata("Number", "閲覧回数", precision=18, scale=0),
    section="1.2.9",
)
VIEW_LOG = Purpose(
    "log",
    text("閲覧履歴の項目"),
    frozenset(("string", "textarea")),
    _metadata("LongTextArea", "閲覧履歴", length=32768, visibleLines=10),
    section="1.2.9",
)
RECORD_URL = Purpose(
    "record_url",
    text("顧客画面 URL の項目"),
    TEXTS - {"picklist", "email", "phone"},
    _metadata("Url", "配配メールの顧客画面"),
    section="1.2.9",
)


@dataclass(frozen=True, slots=True)
class Target:
    """One field of one object that a flow writes to."""

    sobject: str
    field: str
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class TargetCheck:
    """What was found; `creatable` where the field could be made by the wizard."""

    target: Target
    status: Status
    what: Text
    code: str = ""
    creatable: bool = False


def flow_targets(settings: Settings, flow: str) -> tuple[Target, ...]:
    """The fields that a write-back flow writes, object by object."""
    if flow == "suppressions":
        return tuple(suppression_targets(settings.suppressions))
    return tuple(page_view_targets(settings.page_views))


def suppression_targets(settings: SuppressionSettings) -> Iterator[Target]:
    wanted = (
        (settings.state_field, STATE),
        (settings.changed_at_field, CHANGED_AT),
        (settings.status_field, STATUS),
    )
    yield from _targets(settings.objects, wanted)


def page_view_targets(settings: PageViewSettings) -> Iterator[Target]:
    wanted = (
        (settings.url_field, VIEWED_URL),
        (settings.viewed_at_field, VIEWED_AT),
        (settings.count_field, VIEW_COUNT),
        (settings.log_field, VIEW_LOG),
        (settings.record_url_field, RECORD_URL),
    )
    yield from _targets(settings.objects, wanted)


def _targets(
    objects: tuple[str, ...], wanted: tuple[tuple[str, Purpose], ...]
) -> Iterator[Target]:
    for sobject in objects:
        for name, purpose in wanted:
            if name:
                yield Target(sobject, name, purpose)


def check_target(target: Target, described: SObject | None) -> TargetCheck:
    """Judge one target; `described` is None where the object itself is not seen."""
    if described is None:
        what = text("オブジェクト {object} を参照できません", object=target.sobject)
        return TargetCheck(target, Status.FAIL, what, "missing_object")
    field = described.fields.get(target.field.lower())
    if field is None:
        creatable = target.field.endswith("__c")
        what = (
            text("項目がありません（作成できます）")
            if creatable
            else text("項目がないか、参照できません")
        )
        return TargetCheck(target, Status.FAIL, what, "missing_field", creatable)
    if not field.updateable:
        what = text("連携ユーザーに編集権限がありません")
        return TargetCheck(target, Status.FAIL, what, "no_edit_permission")
    status, what, code = judge_field(field, target.purpose)
    return TargetCheck(target, status, what, code)


def judge_field(field: Field, purpose: Purpose) -> tuple[Status, Text, str]:
    """Whether type, values and length fit: what to say, and a cause's code or ""."""
    if field.type not in purpose.types:
        what = text("型 {type} には書き込めません", type=field.type)
        return Status.FAIL, what, "field_type_mismatch"
    if field.restricted and field.picklist:
        missing = [value for value in purpose.values if value not in field.picklist]
        if missing:
            what = text("選択肢にありません: {values}", values="、".join(missing))
            return Status.FAIL, what, "field_type_mismatch"
    if 0 < field.length < purpose.longest:
        what = text(
            "{length} 文字では足りません（{longest} 文字必要）",
            length=field.length,
            longest=purpose.longest,
        )
        return Status.FAIL, what, "field_too_short"
    if field.type == "boolean":
        return Status.OK, text("停止と禁止を区別せず、チェックの有無で書きます"), ""
    if field.type == "date":
        return Status.WARN, text("日付だけが書かれ、時刻は失われます"), ""
    if purpose is VIEWED_URL and 0 < field.length < LONGEST_URL:
        what = text("{length} 文字より長い URL があります", length=field.length)
        return Status.WARN, what, "field_too_short"
    return Status.OK, text("書き込めます"), ""
