"""The settings of one profile: every key with its rule, default and name.

The dataclasses are the schema.  Loading, `--set`, the export and the console's
forms all walk over them, so a new key is one line here and nothing elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any, Literal, cast

from haihai_tui.errors import Text, text
from haihai_tui.services.settings_rules import (
    SFIELD,
    SFIELD_PATH,
    SOBJECT,
    BadValue,
    Choice,
    DatabaseUrl,
    Decimal,
    Rule,
    Several,
    Switch,
    Table,
    Url,
    Whole,
    WordOrList,
    Words,
    build,
)
from haihai_tui.services.settings_rules import key as _key
from haihai_tui.services.settings_unattended import (
    SMTP_PASSWORD,
    WEBHOOK_URL,
    AlertSettings,
    MetricsSettings,
    ScheduleSettings,
)

FLOWS = ("customers", "suppressions", "page-views")
ADDRESS_ITEM = "メールアドレス"
USUAL_ITEMS, MOST_ITEMS = 30, 100
"""Items that a customer of HaiHai Mail can have beside the address: as sold, and at
most, by option."""


@dataclass(frozen=True, slots=True)
class HaihaiSettings:
    """`[haihai]`: the account.  `wire` holds only what differs from the defaults."""

    contract_id: str = _key(
        Words(
            r"[A-Za-z0-9]+-[0-9]+",
            text("契約 ID は「a01-24」のような形で指定してください。"),
        ),
        "",
        text("契約 ID"),
    )
    base_url: str = _key(Url(), "", text("接続先 URL（契約 ID と異なるとき）"))
    login_id: str = _key(Words(), "", text("ログイン ID"))
    group_id: str = _key(
        Words(r"[0-9]+", text('配信グループの番号（例: "1"）を指定してください。')),
        "",
        text("配信グループ ID"),
    )
    plan_id: str = _key(
        Words(r"[0-9]+", text('プランの番号（例: "1"）を指定してください。')),
        "",
        text("ステップメールプラン ID"),
    )
    timeout_s: float = _key(Decimal(1, 600), 60.0, text("応答を待つ秒数"))
    result_wait_s: float = _key(
        Decimal(0, 3600), 60.0, text("一括登録の結果を待つ秒数")
    )
    ca_bundle: str = _key(Words(), "", text("認証局証明書のファイル"))
    wire: Mapping[str, object] = _key(Table(), {}, text("通信形式の上書き"))


@dataclass(frozen=True, slots=True)
class SalesforceSettings:
    """`[salesforce]`: the org and how the connector reaches it."""

    url: str = _key(Url(), "", text("Salesforce URL"))
    callback_url: str = _key(
        Url(), "http://localhost:8711/sflogged", text("コールバック URL")
    )
    api_version: str = _key(
        Words(
            r"[0-9]{2,3}\.0",
            text('API のバージョンは "66.0" のような形で指定してください。'),
            may_be_empty=False,
        ),
        "66.0",
        text("API バージョン"),
    )
    org_id: str = _key(
        Words(
            r"00D[A-Za-z0-9]{12}([A-Za-z0-9]{3})?",
            text("組織 ID は 00D で始まる 15 桁か 18 桁です。"),
        ),
        "",
        text("組織 ID（初回の認可で固定）"),
    )
    bulk_threshold: int = _key(
        Whole(1, 10_000_000), 10_000, text("Bulk API に切り替える件数")
    )
    ca_bundle: str = _key(Words(), "", text("認証局証明書のファイル"))


@dataclass(frozen=True, slots=True)
class FlowSettings:
    """`[flows]`: what a run without named flows does, in the contract's order."""

    enabled: tuple[str, ...] = _key(Several(Choice(FLOWS)), FLOWS, text("実行する連携"))


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """One `[[customers.fields]]`: a Salesforce field and its item."""

    salesforce: str = _key(SFIELD_PATH, MISSING, text("Salesforce 項目"))
    haihai: str = _key(Words(may_be_empty=False), MISSING, text("配配メールの項目名"))
    blank: Literal["keep", "overwrite"] = _key(
        Choice(("keep", "overwrite")), "keep", text("空欄の扱い")
    )
    type: str = _key(
        Words(
            r"[a-z]+",
            text("Salesforce のデータ型（例: string、boolean）を指定してください。"),
        ),
        "",
        text("Salesforce のデータ型"),
    )


@dataclass(frozen=True, slots=True)
class MappingList:
    """The rule of `customers.fields`: each item is fed by one field."""

    def check(self, value: object) -> object:
        if not isinstance(value, list | tuple):
            raise BadValue(
                text("[[customers.fields]] の見出しを項目ごとに書いてください。")
            )
        if len(value) > MOST_ITEMS:
            raise BadValue(
                text("対応させられる項目は {most} 個までです。", most=MOST_ITEMS),
                value=len(value),
            )
        mappings: list[FieldMapping] = []
        for index, row in enumerate(value):
            mappings.append(self._one(index, row, mappings))
        return tuple(mappings)

    def _one(self, index: int, row: object, before: list[FieldMapping]) -> FieldMapping:
        try:
            mapping = build(FieldMapping, row)
        except BadValue as error:
            where = f"[{index}].{error.where}" if error.where else f"[{index}]"
            raise type(error)(error.expected, where, value=error.value) from error
        if mapping.haihai == ADDRESS_ITEM:
            raise BadValue(
                text(
                    "「{item}」は customers.address_field で指定してください。",
                    item=ADDRESS_ITEM,
                ),
                f"[{index}].haihai",
                value=mapping.haihai,
            )
        if any(mapping.haihai == other.haihai for other in before):
            raise BadValue(
                text("1 つの項目名に対応させられるのは 1 つの項目だけです。"),
                f"[{index}].haihai",
                value=mapping.haihai,
            )
        return mapping


@dataclass(frozen=True, slots=True)
class CustomerSettings:
    """`[customers]`: 顧客連携, Salesforce to HaiHai Mail."""

    object: str = _key(SOBJECT, "Contact", text("対象オブジェクト"))
    audience: str = _key(
        Words(),
        "HasOptedOutOfEmail = false AND Email != null",
        text("対象の条件（SOQL）"),
    )
    audience_report: str = _key(
        Words(
            r"00O[A-Za-z0-9]{12}([A-Za-z0-9]{3})?",
            text("レポートの ID は 00O で始まる 15 桁か 18 桁です。"),
        ),
        "",
        text("対象のレポート"),
    )
    address_field: str = _key(SFIELD_PATH, "Email", text("メールアドレス項目"))
    on_delete: Literal["exclude", "bar"] = _key(
        Choice(("exclude", "bar")), "exclude", text("削除された顧客の扱い")
    )
    create: bool = _key(Switch(), True, text("配配メールに無い顧客を登録する"))
    encrypted: bool = _key(Switch(), False, text("暗号化された項目を連携する"))
    overlap_minutes: int = _key(Whole(0, 10_080), 30, text("差分取得を重ねる分数"))
    fields: tuple[FieldMapping, ...] = _key(MappingList(), (), text("項目の対応"))


@dataclass(frozen=True, slots=True)
class SuppressionSettings:
    """`[suppressions]`: 配信停止禁止顧客連携.  No `groups`: all that the service
    lists."""

    objects: tuple[str, ...] = _key(
        Several(SOBJECT, may_be_empty=False),
        ("Contact", "Lead"),
        text("書き戻すオブジェクト"),
    )
    state_field: str = _key(SFIELD, "HaihaiState__c", text("配信状態の項目"))
    changed_at_field: str = _key(SFIELD, "HaihaiStateAt__c", text("配信停止日時の項目"))
    status_field: str = _key(SFIELD, "", text("ステータス（エラー）の項目"))
    groups: tuple[str, ...] = _key(
        Several(Words(may_be_empty=False)), (), text("調べる配信グループ")
    )
    rollup: str | tuple[str, ...] = _key(
        WordOrList(("any", "all")), "any", text("複数グループのまとめ方")
    )


@dataclass(frozen=True, slots=True)
class PageViewSettings:
    """`[page_views]`: 顧客閲覧 URL 連携.  `record_url_template` may hold
    `{address}`."""

    objects: tuple[str, ...] = _key(
        Several(SOBJECT, may_be_empty=False),
        ("Contact", "Lead"),
        text("書き戻すオブジェクト"),
    )
    url_field: str = _key(
        SFIELD, "HaihaiLastViewedUrl__c", text("最後に閲覧した URL の項目")
    )
    viewed_at_field: str = _key(
        SFIELD, "HaihaiLastViewedAt__c", text("最後に閲覧した日時の項目")
    )
    count_field: str = _key(SFIELD, "HaihaiViewCount__c", text("閲覧回数の項目"))
    log_field: str = _key(SFIELD, "", text("閲覧履歴の項目"))
    record_url_field: str = _key(SFIELD, "", text("顧客画面 URL の項目"))
    record_url_template: str = _key(Words(), "", text("顧客画面 URL のひな形"))
    too_long: Literal["truncate", "skip"] = _key(
        Choice(("truncate", "skip")), "truncate", text("項目より長い URL の扱い")
    )
    overlap_days: int = _key(Whole(1, 3650), 400, text("閲覧履歴を読み直す日数"))
    bot_urls: int = _key(Whole(0, 1000), 4, text("自動アクセスとみなす URL の数"))
    bot_seconds: int = _key(Whole(0, 3600), 5, text("自動アクセスとみなす秒数"))
    bot_agents: tuple[str, ...] = _key(
        Several(Words(may_be_empty=False)),
        ("bot", "crawler", "spider", "scanner", "preview"),
        text("自動アクセスとみなすユーザーエージェント"),
    )


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """`[guard]`: limits that halt a run; shares are of the audience (0 to 1).

    Below `min_records` records a share says nothing and is not looked at.
    """

    max_excluded: int = _key(Whole(0, 100_000_000), 100, text("除外の上限（件）"))
    max_excluded_share: float = _key(Decimal(0, 1), 0.05, text("除外の上限（割合）"))
    max_stopped_share: float = _key(
        Decimal(0, 1), 0.05, text("停止・禁止の上限（割合）")
    )
    max_blanked_share: float = _key(Decimal(0, 1), 0.05, text("空欄化の上限（割合）"))
    zero_rows: Literal["halt", "allow"] = _key(
        Choice(("halt", "allow")), "halt", text("取得 0 件のとき")
    )
    min_records: int = _key(Whole(0, 100_000_000), 5, text("割合を見る最小の件数"))


@dataclass(frozen=True, slots=True)
class BudgetSettings:
    """`[budget]`: the share of the org's daily API requests that a run may use, and
    the calls a day for each API of HaiHai Mail."""

    salesforce_share: float = _key(
        Decimal(0, 1), 0.25, text("Salesforce API の割合（1 実行）")
    )
    haihai_calls: int = _key(
        Whole(1, 86_400), 200, text("配配メール API の回数（1 日・API ごと）")
    )


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """`[store]`: the state database; "" is the SQLite file of the home."""

    url: str = _key(DatabaseUrl(), "", text("状態データベースの URL"))
    keep_runs: int = _key(Whole(10, 100_000), 400, text("履歴に残す実行の数"))
    keep_events: int = _key(
        Whole(100, 1_000_000), 50_000, text("実行ごとに残すログの行数")
    )
    keep_plans: int = _key(Whole(1, 100), 7, text("残す計画の数"))
    keep_closed_days: int = _key(Whole(1, 3650), 400, text("解決したエラーを残す日数"))


@dataclass(frozen=True, slots=True)
class LogSettings:
    """`[log]`: the narration on standard error and in the console."""

    level: Literal["debug", "info", "warning", "error"] = _key(
        Choice(("debug", "info", "warning", "error")), "info", text("ログの詳しさ")
    )


@dataclass(frozen=True, slots=True)
class ScreenSettings:
    """`[ui]`: the language where neither option nor environment names one, and the
    idle time after which the console locks itself (0: never)."""

    lang: Literal["", "ja", "en"] = _key(Choice(("", "ja", "en")), "", text("表示言語"))
    lock_minutes: int = _key(Whole(0, 1440), 15, text("自動ロックまでの分数"))


@dataclass(frozen=True, slots=True)
class Settings:
    """A profile, checked.  `profile` is its name and no key of the file."""

    profile: str = "default"
    haihai: HaihaiSettings = field(default_factory=HaihaiSettings)
    salesforce: SalesforceSettings = field(default_factory=SalesforceSettings)
    flows: FlowSettings = field(default_factory=FlowSettings)
    customers: CustomerSettings = field(default_factory=CustomerSettings)
    suppressions: SuppressionSettings = field(default_factory=SuppressionSettings)
    page_views: PageViewSettings = field(default_factory=PageViewSettings)
    guard: GuardSettings = field(default_factory=GuardSettings)
    budget: BudgetSettings = field(default_factory=BudgetSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    log: LogSettings = field(default_factory=LogSettings)
    ui: ScreenSettings = field(default_factory=ScreenSettings)
    schedule: ScheduleSettings = field(default_factory=ScheduleSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)


SECTIONS: Mapping[str, type] = {
    section.name: cast(type, section.default_factory)
    for section in fields(Settings)
    if section.name != "profile"
}

SECRET_NAMES = (
    "haihai.api_token",
    "salesforce.consumer_key",
    "salesforce.consumer_secret",
    "salesforce.refresh_token",
    "salesforce.access_token",
    SMTP_PASSWORD,
    WEBHOOK_URL,
)


@dataclass(frozen=True, slots=True)
class Key:
    """One key as forms and messages need it; `name` is dotted."""

    name: str
    rule: Rule
    label: Text
    default: object


def keys_of(kind: type, prefix: str) -> Iterator[Key]:
    """The keys of one section or of a mapping, in the order of the schema."""
    for item in fields(kind):
        yield _described(item, f"{prefix}{item.name}")


def all_keys() -> Iterator[Key]:
    """Every dotted key of a profile, in the order of the schema."""
    for section, kind in SECTIONS.items():
        yield from keys_of(kind, f"{section}.")


def _described(item: Field[Any], name: str) -> Key:
    default = item.default
    if item.default_factory is not MISSING:
        default = item.default_factory()
    return Key(name, item.metadata["rule"], item.metadata["label"], default)
