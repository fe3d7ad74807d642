"""The wizard's questions to both services, step by step.

Each check yields findings as they come, so that a screen can tick them off and
`--check` can print them.  A failure of one is told and the next goes on, unless it
cannot be asked without the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.services.audience import Preview, preview, sample_fields
from haihai_tui.services.checks.model import Status
from haihai_tui.services.findings import (
    Found,
    doubtful,
    fine,
    from_error,
    skipped,
    trouble,
)
from haihai_tui.services.mapping_check import (
    RowCheck,
    check_address_field,
    check_row,
    parents_of,
)
from haihai_tui.services.salesforce.errors import refusal_of
from haihai_tui.services.salesforce.listviews import AudienceReader
from haihai_tui.services.salesforce.reports import Reports
from haihai_tui.services.salesforce.session import Session
from haihai_tui.services.settings_schema import Settings
from haihai_tui.services.target_check import (
    Target,
    TargetCheck,
    check_target,
    flow_targets,
)
from haihai_tui.sync.ports import Group, SObject

_HAIHAI = text("配配メールへの接続")
_GROUP = text("配信グループ")
_LOGIN = text("Salesforce のログイン先")
_TOKEN = text("連携トークン")
_RIGHTS = text("連携ユーザーの権限")
_OBJECT = text("対象オブジェクト")
_ADDRESS = text("メールアドレス項目")
_AUDIENCE = text("対象の顧客")
_REPORT = text("対象のレポート")
_MAPPING = text("項目の対応")


class HaihaiDoor(Protocol):
    """The part of the HaiHai Mail client that is asked."""

    def groups(self) -> tuple[Group, ...] | None: ...


class SalesforceDoor(Protocol):
    """The part of the Salesforce client that is asked."""

    @property
    def session(self) -> Session: ...
    def describe(self, sobject: str) -> SObject: ...


class Doors(Protocol):
    """Opens the services as the settings to be checked have them."""

    def haihai(self) -> AbstractContextManager[HaihaiDoor]: ...
    def salesforce(self) -> AbstractContextManager[SalesforceDoor]: ...
    def refusal(self) -> ConnectorError | None: ...
    def known_types(self) -> Mapping[str, str]: ...


@dataclass(slots=True)
class Seen:
    """What the checks read on their way, for the form to show and to offer.

    `groups` is None where the service was not asked or cannot list them.
    """

    groups: tuple[Group, ...] | None = None
    objects: dict[str, SObject] = field(default_factory=dict)
    rows: tuple[RowCheck, ...] = ()
    preview: Preview | None = None
    targets: list[TargetCheck] = field(default_factory=list)
    sees_encrypted: bool = True


class LiveChecks:
    """The checks of one draft; `seen` fills as they go."""

    def __init__(self, doors: Doors, settings: Settings) -> None:
        self._doors = doors
        self._settings = settings
        self.seen = Seen()

    # ---------------------------------------------------------------- step 2

    def haihai(self) -> Iterator[Found]:
        """Connection, and whether the group is among those of the service."""
        try:
            with self._doors.haihai() as client:
                self.seen.groups = client.groups()
        except ConnectorError as error:
            yield from_error("haihai.connection", _HAIHAI, error)
            return
        groups = self.seen.groups
        if groups is None:
            what = text("接続できましたが、この契約ではグループの一覧を取得できません")
            yield fine("haihai.connection", _HAIHAI, what)
            yield skipped("haihai.group", _GROUP, text("番号は照合できません"))
            return
        found = text("接続できました（配信グループ {n} 件）", n=len(groups))
        yield fine("haihai.connection", _HAIHAI, found)
        yield self._group(groups)

    def _group(self, groups: Sequence[Group]) -> Found:
        wanted = self._settings.haihai.group_id
        if not wanted and self._settings.haihai.plan_id:
            why = text("プラン {id} を使います", id=self._settings.haihai.plan_id)
            return skipped("haihai.group", _GROUP, why)
        names = {group.gid: group.name for group in groups}
        if not wanted:
            what = text("一覧から配信グループを選んでください")
            return doubtful("haihai.group", _GROUP, what)
        if wanted not in names:
            what = text("番号 {id} のグループはありません", id=wanted)
            return trouble("haihai.group", _GROUP, what, "haihai_group_unknown")
        what = text("{id}「{name}」", id=wanted, name=names[wanted])
        return fine("haihai.group", _GROUP, what)

    # ---------------------------------------------------------------- step 3

    def login(self) -> Iterator[Found]:
        """What Salesforce says to consumer key and callback URL, before a login."""
        try:
            refused = self._doors.refusal()
        except ConnectorError as error:
            refused = error
        if refused is not None:
            yield from_error("salesforce.login", _LOGIN, refused)
            return
        what = text("コンシューマ鍵とコールバック URL は受け付けられました")
        yield fine("salesforce.login", _LOGIN, what)

    def token(self) -> Iterator[Found]:
        """Whether the stored token works, and what its user may do."""
        try:
            with self._doors.salesforce() as client:
                rights = _rights(client.session)
        except ConnectorError as error:
            yield from_error("salesforce.token", _TOKEN, error)
            return
        yield fine("salesforce.token", _TOKEN, text("有効です"))
        yield self._judge_rights(rights)

    def _judge_rights(self, rights: Mapping[str, Any]) -> Found:
        check = "salesforce.rights"
        if rights.get("PermissionsApiEnabled") is False:
            what = text("「API の有効化」がありません")
            return trouble(check, _RIGHTS, what, "api_disabled")
        if rights.get("PermissionsViewEncryptedData") is False:
            self.seen.sees_encrypted = False
            what = text("「暗号化されたデータの参照」がありません")
            code = "no_encrypted_data_permission"
            return trouble(check, _RIGHTS, what, code, status=Status.WARN)
        return fine(check, _RIGHTS, text("API と暗号化データの参照ができます"))

    # ---------------------------------------------------------------- step 4

    def customers(self) -> Iterator[Found]:
        """Object, address field, mapping and audience, in one connection."""
        try:
            with self._doors.salesforce() as client:
                yield from self._customers(client)
        except ConnectorError as error:
            yield from_error("customers.object", _OBJECT, error)

    def _customers(self, client: SalesforceDoor) -> Iterator[Found]:
        settings = self._settings.customers
        rights = _rights(client.session)
        visible = rights.get("PermissionsViewEncryptedData") is not False
        self.seen.sees_encrypted = visible
        described = self._describe(client, settings.object)
        what = text("{label}（{name}）", label=described.label, name=described.name)
        yield fine("customers.object", _OBJECT, what)
        names = [settings.address_field, *(row.salesforce for row in settings.fields)]
        parents = self._parents(client, described, names)
        status, what, code = check_address_field(
            settings.address_field, described, parents
        )
        yield _judged("customers.address_field", _ADDRESS, status, what, code)
        known = self._doors.known_types()
        self.seen.rows = tuple(
            check_row(row, described, parents, sees_encrypted=visible, known=known)
            for row in settings.fields
        )
        yield from self._mapping()
        yield self._audience(client, described)

    def _mapping(self) -> Iterator[Found]:
        """A line for all rows that are fine, and one for each that is not."""
        rows = self.seen.rows
        if not rows:
            what = text("まだ 1 つもありません（メールアドレスだけが送られます）")
            yield doubtful("customers.fields", _MAPPING, what)
            return
        explained: set[str] = set()
        for row in rows:
            if row.status is Status.OK:
                continue
            title = text("項目の対応 {field}", field=row.salesforce)
            found = _judged("customers.fields", title, row.status, row.what, row.code)
            # Rows with the same trouble have the same remedy: told once.
            known = row.code in explained
            yield replace(found, remedy=()) if known else found
            explained.add(row.code)
        n = sum(row.status is Status.OK for row in rows)
        if n:
            yield fine("customers.fields", _MAPPING, text("{n} 件", n=n))

    def _audience(self, client: SalesforceDoor, described: SObject) -> Found:
        settings = self._settings.customers
        usable = [
            row.salesforce for row in self.seen.rows if row.status is not Status.FAIL
        ]
        ids: Sequence[str] | None = None
        try:
            if settings.audience_report:
                report = Reports(client.session)
                ids = report.members(settings.audience_report, described).ids
        except ConnectorError as error:
            return from_error("customers.audience_report", _REPORT, error)
        try:
            found = preview(
                AudienceReader(client.session),
                described.name,
                settings.audience,
                settings.address_field,
                sample_fields(usable, described),
                ids,
            )
        except ConnectorError as error:
            return _bad_condition(error)
        self.seen.preview = found
        if not found.total:
            what = text("条件に合うレコードがありません")
            return doubtful("customers.audience", _AUDIENCE, what)
        if found.without_address:
            what = text(
                "{n} 件（うち {missing} 件はメールアドレスが空で、エラーになります）",
                n=found.total,
                missing=found.without_address,
            )
            return doubtful("customers.audience", _AUDIENCE, what)
        return fine("customers.audience", _AUDIENCE, text("{n} 件", n=found.total))

    def _describe(self, client: SalesforceDoor, sobject: str) -> SObject:
        known = self.seen.objects.get(sobject.lower())
        if known is None:
            known = client.describe(sobject)
            self.seen.objects[sobject.lower()] = known
        return known

    def _parents(
        self, client: SalesforceDoor, described: SObject, names: Sequence[str]
    ) -> dict[str, SObject]:
        found = {}
        for relationship, sobject in parents_of(names, described).items():
            try:
                found[relationship] = self._describe(client, sobject)
            except ConnectorError as error:
                if error.cause != "missing_object":
                    raise
        return found

    # ---------------------------------------------------------------- step 5

    def write_back(self) -> Iterator[Found]:
        """The target fields of the flows that are enabled."""
        enabled = self._settings.flows.enabled
        wanted = [
            target
            for flow in ("suppressions", "page-views")
            if flow in enabled
            for target in flow_targets(self._settings, flow)
        ]
        self.seen.targets = []
        if not wanted:
            title = text("書き戻し")
            yield skipped("write_back", title, text("どの書き戻しも選ばれていません"))
            return
        try:
            with self._doors.salesforce() as client:
                for target in wanted:
                    yield self._target(client, target)
        except ConnectorError as error:
            yield from_error("write_back", text("書き戻し"), error)

    def _target(self, client: SalesforceDoor, target: Target) -> Found:
        described: SObject | None = None
        try:
            described = self._describe(client, target.sobject)
        except ConnectorError as error:
            if error.cause != "missing_object":
                raise
        judged = check_target(target, described)
        self.seen.targets.append(judged)
        name = f"{target.sobject}.{target.field}"
        return _judged(
            f"write_back.{name}", Text(name), judged.status, judged.what, judged.code
        )


def _rights(session: Session) -> Mapping[str, Any]:
    """The running user's rights; empty where the org does not tell them."""
    # Deferred knowledge: an org without one of the columns refuses the whole query.
    columns = "PermissionsApiEnabled, PermissionsViewEncryptedData"
    try:
        found = session.json(
            "GET",
            "/query",
            params={"q": f"SELECT {columns} FROM UserPermissionAccess"},
        )
    except ConnectorError as error:
        refusal = refusal_of(error)
        if refusal is not None and refusal.code in ("INVALID_FIELD", "INVALID_TYPE"):
            return {}
        raise
    records = found.get("records") or [{}]
    rights: Mapping[str, Any] = records[0]
    return rights


def _bad_condition(error: ConnectorError) -> Found:
    """A refused query told in the operator's terms: the condition is wrong."""
    refusal = refusal_of(error)
    if refusal is None or refusal.status != 400:
        return from_error("customers.audience", _AUDIENCE, error)
    lines = [line.strip() for line in refusal.message.splitlines() if line.strip()]
    what = text(
        "条件を Salesforce が受け付けません: {message}",
        message=lines[-1] if lines else refusal.code,
    )
    remedy = (text("対象条件の書き方を確認してください。"),)
    return Found("customers.audience", _AUDIENCE, Status.FAIL, what, "unknown", remedy)


def _judged(check: str, title: Text, status: Status, what: Text, code: str) -> Found:
    if code:
        return trouble(check, title, what, code, status)
    return Found(check, title, status, what)
