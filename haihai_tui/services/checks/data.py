"""Objects and fields: there, readable, writable, of a fitting type and length.

Asked by describe as the integration user, which reflects field-level security: what
that user may not see is missing from it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.services import mapping_check, target_check
from haihai_tui.services.audience import ReportMembers, conditions_of
from haihai_tui.services.checks.bench import Bench
from haihai_tui.services.checks.model import (
    Area,
    Check,
    Finding,
    Run,
    Status,
    fail,
    failed_by,
    ok,
    skipped,
    warn,
)
from haihai_tui.services.checks.org import permissions
from haihai_tui.services.checks.targets import address_field, flow_objects, objects
from haihai_tui.services.known_types import known_types
from haihai_tui.services.salesforce.reports import Reports
from haihai_tui.services.settings_schema import MOST_ITEMS, USUAL_ITEMS, Settings
from haihai_tui.services.target_check import Target, flow_targets
from haihai_tui.services.wording import flow_label
from haihai_tui.sync.ports import Field, SObject

_SEE = {"customers": "1.2.6", "suppressions": "1.2.8", "page-views": "1.2.9"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One field that does not fit."""

    code: str
    what: Text
    is_warning: bool = False


def checks(settings: Settings) -> tuple[Check, ...]:
    """The checks that this profile's objects and flows give rise to."""
    flows = settings.flows.enabled
    made = [_object_check(name) for name in objects(settings)]
    made.append(_address_check(settings))
    if "customers" in flows:
        made += _customer_checks(settings)
    for flow in ("suppressions", "page-views"):
        if flow in flows:
            made += _write_checks(settings, flow)
    return tuple(made)


def _object_check(name: str) -> Check:
    return Check(
        f"object.{name}",
        text("オブジェクト {object}", object=name),
        text("GET /sobjects/{object}/describe で、項目の一覧を尋ねます。", object=name),
        Area.DATA,
        _object(name),
        needs=("api_limits",),
        see="1.2.6",
    )


def _needs(settings: Settings, flow: str) -> tuple[str, ...]:
    return tuple(f"object.{name}" for name in flow_objects(settings, flow))


def _address_check(settings: Settings) -> Check:
    return Check(
        "address_fields",
        text("メールアドレスの項目"),
        text("各オブジェクトに、メールアドレスの項目があるかを調べます。"),
        Area.DATA,
        _addresses,
        needs=tuple(f"object.{name}" for name in objects(settings)),
        see="1.2.6",
    )


def _customer_checks(settings: Settings) -> list[Check]:
    label = flow_label("customers")
    named = ("audience_report",) if settings.customers.audience_report else ()
    made = [_report_check(settings)] if named else []
    return [
        *made,
        Check(
            "fields.customers",
            text("{flow}の項目", flow=label),
            text("対応付けた項目が、連携用ユーザーから見えるかを調べます。"),
            Area.DATA,
            _customer_fields,
            needs=_needs(settings, "customers"),
            see="1.2.6",
        ),
        Check(
            "types.customers",
            text("{flow}の型と長さ", flow=label),
            text("対応付けた項目を、配配メールの項目に収められるかを調べます。"),
            Area.DATA,
            _customer_types,
            # The types that the last run met are kept there.
            needs=("fields.customers", "database"),
            see="2.1.3",
        ),
        Check(
            "encrypted_data",
            text("暗号化されたデータの参照"),
            text("暗号化項目と、ユーザー権限 ViewEncryptedData を調べます。"),
            Area.DATA,
            _encrypted,
            needs=("fields.customers",),
            see="1.2.6",
        ),
        Check(
            "audience",
            text("対象の条件"),
            text("条件に合うレコードの件数を SELECT COUNT() で尋ねます。"),
            Area.DATA,
            _audience,
            needs=("address_fields", *named, *_needs(settings, "customers")),
            see="2.1.3",
        ),
    ]


def _report_check(settings: Settings) -> Check:
    return Check(
        "audience_report",
        text("対象のレポート"),
        text("レポートを実行し、ID の列と、全件を読めるかを調べます。"),
        Area.DATA,
        _report,
        needs=_needs(settings, "customers"),
        see="2.1.3",
    )


def _write_checks(settings: Settings, flow: str) -> list[Check]:
    label, see = flow_label(flow), _SEE[flow]
    return [
        Check(
            f"fields.{flow}",
            text("{flow}の項目", flow=label),
            text("書き戻す項目が、連携用ユーザーから見えるかを調べます。"),
            Area.DATA,
            _written_fields(flow),
            needs=_needs(settings, flow),
            see=see,
        ),
        Check(
            f"edit.{flow}",
            text("{flow}の編集権限", flow=label),
            text("書き戻す項目を、連携用ユーザーが編集できるかを調べます。"),
            Area.DATA,
            _editable(flow),
            needs=(f"fields.{flow}",),
            see=see,
        ),
        Check(
            f"types.{flow}",
            text("{flow}の型と長さ", flow=label),
            text("書き戻す値を収められる型、長さ、選択肢かを調べます。"),
            Area.DATA,
            _fitting(flow),
            needs=(f"fields.{flow}",),
            see=see,
        ),
    ]


# ------------------------------------------------------------------ objects


def described(bench: Bench, sobject: str) -> SObject:
    name = f"object.{sobject.lower()}"
    return bench.once(name, lambda: bench.rest.describe(sobject))


def _object(name: str) -> Run:
    def run(bench: Bench) -> Finding:
        try:
            found = described(bench, name)
        except ConnectorError as error:
            return failed_by(error)
        return ok(
            text("オブジェクト {object} が見えます。", object=name),
            text("表示名 {label}、項目 {n} 件", label=found.label, n=len(found.fields)),
        )

    return run


def resolve(bench: Bench, sobject: str, path: str) -> Field | None:
    """The field behind `LastName` or `Account.Name`; None where it is not seen."""
    *parents, name = path.split(".")
    here = described(bench, sobject)
    for parent in parents:
        link = _link(here, parent)
        if link is None:
            return None
        try:
            here = described(bench, link)
        except ConnectorError as error:
            if error.cause == "missing_object":
                return None
            raise
    return here.fields.get(name.lower())


def _link(here: SObject, relationship: str) -> str | None:
    for field in here.fields.values():
        if field.relationship.lower() == relationship.lower() and field.reference_to:
            return field.reference_to[0]
    return None


# ------------------------------------------------------------------- reading


def _addresses(bench: Bench) -> Finding:
    settings, problems, seen = bench.settings, list[Problem](), list[Text]()
    if "customers" in settings.flows.enabled and not settings.customers.object:
        what = text("顧客連携の対象オブジェクトが設定されていません。")
        return fail(what, code="missing_object")
    for sobject in objects(settings):
        name = address_field(settings, sobject)
        found = resolve(bench, sobject, name)
        if found is None:
            problems.append(_unseen(sobject, name))
        else:
            seen.append(_shown(sobject, name, found))
    return _judged(problems, text("メールアドレスの項目があります。"), seen)


def _customer_fields(bench: Bench) -> Finding:
    customers = bench.settings.customers
    problems, seen = [], []
    for mapping in customers.fields:
        found = resolve(bench, customers.object, mapping.salesforce)
        if found is None:
            problems.append(_unseen(customers.object, mapping.salesforce))
        else:
            seen.append(_shown(customers.object, mapping.salesforce, found))
    fine = text("対応付けた {n} 項目がすべて見えます。", n=len(customers.fields))
    return _judged(problems, fine, seen)


def _many_items(count: int) -> Problem:
    what = text(
        "{n} 項目を対応付けています。配配メールの項目は通常 {usual} 個までです"
        "（オプションで {most} 個）。契約を確認してください。",
        n=count,
        usual=USUAL_ITEMS,
        most=MOST_ITEMS,
    )
    return Problem("haihai_item_unknown", what, is_warning=True)


def _customer_types(bench: Bench) -> Finding:
    customers, problems = bench.settings.customers, list[Problem]()
    if len(customers.fields) > USUAL_ITEMS:
        problems.append(_many_items(len(customers.fields)))
    known = known_types(bench.database, bench.profile)
    for mapping in customers.fields:
        field = resolve(bench, customers.object, mapping.salesforce)
        assert field is not None
        # Whether encrypted data is seen is a check of its own.
        judged = mapping_check.judge_field(field, mapping, known=known)
        problems += _problems(f"{customers.object}.{mapping.salesforce}", judged)
    return _judged(problems, text("すべての項目を配配メールに送れます。"), ())


def _encrypted(bench: Bench) -> Finding:
    customers = bench.settings.customers
    names = [
        mapping.salesforce
        for mapping in customers.fields
        if (field := resolve(bench, customers.object, mapping.salesforce))
        and (field.encrypted or field.type == "encryptedstring")
    ]
    if not names:
        return ok(text("暗号化された項目は対応付けられていません。"))
    fact = text("暗号化された項目: {names}", names=names)
    right = permissions(bench).get("PermissionsViewEncryptedData")
    if right is None:
        what = text("連携用ユーザーの権限を読めないため、確認できません。")
        return skipped(what, fact)
    if not right:
        return fail(
            text(
                "「暗号化されたデータの参照」権限がなく、{names} は伏せ字で届きます。",
                names=names,
            ),
            fact,
            code="no_encrypted_data_permission",
        )
    return ok(text("「暗号化されたデータの参照」権限があります。"), fact)


def _members(bench: Bench) -> ReportMembers:
    customers = bench.settings.customers
    here = described(bench, customers.object)

    def read() -> ReportMembers:
        return Reports(bench.session).members(customers.audience_report, here)

    return bench.once("report", read)


def _report(bench: Bench) -> Finding:
    fact = text("レポート: {report}", report=bench.settings.customers.audience_report)
    try:
        found = _members(bench)
    except ConnectorError as error:
        return failed_by(error, fact)
    what = text(
        "レポート「{report}」から {n} 件の ID を読めます。",
        report=found.name,
        n=f"{len(found.ids):,}",
    )
    return ok(what, fact)


def _audience(bench: Bench) -> Finding:
    customers = bench.settings.customers
    fact = text("条件: {condition}", condition=customers.audience or "-")
    ids = _members(bench).ids if customers.audience_report else None
    try:
        count = sum(
            bench.rest.count(customers.object, part)
            for part in conditions_of(customers.audience, ids)
        )
    except ConnectorError as error:
        return failed_by(error, fact)
    if count == 0:
        what = text("条件に合うレコードが 1 件もありません。")
        remedy = (text("連携設定の Step4 で、対象の条件を確認してください。"),)
        return warn(what, fact, remedy=remedy)
    return ok(text("条件に合うレコードは {n} 件です。", n=f"{count:,}"), fact)


# ------------------------------------------------------------------- writing


def _written_fields(flow: str) -> Run:
    def run(bench: Bench) -> Finding:
        wanted = flow_targets(bench.settings, flow)
        if not wanted or (
            flow == "suppressions" and not bench.settings.suppressions.state_field
        ):
            what = text("{flow}の書き戻し先の項目が未設定です。", flow=flow_label(flow))
            return fail(what, code="missing_field")
        problems, seen = [], []
        for target in wanted:
            found = resolve(bench, target.sobject, target.field)
            if found is None:
                problems.append(_unseen(target.sobject, target.field))
            else:
                seen.append(_shown(target.sobject, target.field, found))
        fine = text("書き戻す {n} 項目がすべて見えます。", n=len(wanted))
        return _judged(problems, fine, seen)

    return run


def _present(bench: Bench, flow: str) -> Iterator[tuple[Target, Field]]:
    for target in flow_targets(bench.settings, flow):
        field = resolve(bench, target.sobject, target.field)
        assert field is not None
        yield target, field


def _editable(flow: str) -> Run:
    def run(bench: Bench) -> Finding:
        problems = [
            Problem(
                "no_edit_permission",
                text(
                    "{field} を編集する権限がありません。",
                    field=f"{target.sobject}.{target.field}",
                ),
            )
            for target, field in _present(bench, flow)
            if not field.updateable
        ]
        return _judged(problems, text("書き戻す項目をすべて編集できます。"), ())

    return run


def _fitting(flow: str) -> Run:
    def run(bench: Bench) -> Finding:
        problems = [
            problem
            for target, field in _present(bench, flow)
            for problem in _problems(
                f"{target.sobject}.{target.field}",
                target_check.judge_field(field, target.purpose),
            )
        ]
        return _judged(problems, text("型、長さ、選択肢が合っています。"), ())

    return run


def _problems(name: str, judged: tuple[Status, Text, str]) -> Iterator[Problem]:
    """What the rules of the wizard say of a field, where they say anything."""
    status, what, code = judged
    if status is not Status.OK:
        told = text("{field}: {what}", field=name, what=what)
        yield Problem(code, told, is_warning=status is Status.WARN)


# ------------------------------------------------------------------ findings


def _unseen(sobject: str, path: str) -> Problem:
    what = text("{object}.{field} が見つかりません。", object=sobject, field=path)
    return Problem("missing_field", what)


def _shown(sobject: str, path: str, field: Field) -> Text:
    size = f"({field.length})" if field.length else ""
    return text(
        "{object}.{field}: {type}", object=sobject, field=path, type=field.type + size
    )


def _judged(problems: list[Problem], fine: Text, facts: Iterable[Text]) -> Finding:
    """The worst problem names the code, all of them are told."""
    if not problems:
        return ok(fine, *facts)
    problems.sort(key=lambda problem: problem.is_warning)
    worst = problems[0]
    what, told = worst.what, tuple(facts)
    if len(problems) > 1:
        what = text("{first} ほか {n} 件。", first=what, n=len(problems) - 1)
        told = (*(problem.what for problem in problems), *told)
    status = Status.WARN if worst.is_warning else Status.FAIL
    return Finding(status, what, worst.code, told)
