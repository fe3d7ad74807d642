"""The questions of the set-up wizard, step by step.

Each question is a key of the settings' schema or the name of a secret: label and
rule come from there, so a form cannot ask for what a profile cannot hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from haihai_tui.errors import Text, text
from haihai_tui.services.settings_rules import Rule, Words
from haihai_tui.services.settings_schema import FLOWS, SECRET_NAMES, all_keys


class Step(IntEnum):
    """The six steps, numbered as in the manual."""

    BASICS = 1
    HAIHAI = 2
    SALESFORCE = 3
    CUSTOMERS = 4
    WRITE_BACK = 5
    REVIEW = 6


Kind = Literal["text", "secret", "choice", "several", "switch", "list", "mapping"]
"""How a question is answered: `list` is words behind commas, `mapping` the table."""

TITLES: Mapping[Step, Text] = {
    Step.BASICS: text("基本設定"),
    Step.HAIHAI: text("配配メール連携設定"),
    Step.SALESFORCE: text("Salesforce 連携設定"),
    Step.CUSTOMERS: text("顧客連携"),
    Step.WRITE_BACK: text("書き戻し"),
    Step.REVIEW: text("確認"),
}

FLOW_LABELS: Mapping[str, Text] = {
    "customers": text("顧客連携"),
    "suppressions": text("配信停止禁止顧客連携"),
    "page-views": text("顧客閲覧 URL 連携"),
}

BLANK_LABELS: Mapping[str, Text] = {
    "keep": text("残す"),
    "overwrite": text("空にする"),
}
"""What happens to the item's old value where the Salesforce field is blank."""


@dataclass(frozen=True, slots=True)
class Question:
    """One line of a form.  `hint` tells what to enter; `choices` value → label."""

    key: str
    label: Text
    kind: Kind
    rule: Rule
    hint: Text | None = None
    choices: Mapping[str, Text] | None = None
    required: bool = False

    @property
    def is_secret(self) -> bool:
        return self.kind == "secret"


_SECRET_LABELS: Mapping[str, Text] = {
    "haihai.api_token": text("API トークン"),
    "salesforce.consumer_key": text("コンシューマ鍵"),
    "salesforce.consumer_secret": text("コンシューマの秘密"),
}
_KEYS = {key.name: key for key in all_keys()}


def _ask(
    key: str,
    kind: Kind = "text",
    hint: Text | None = None,
    *,
    choices: Mapping[str, Text] | None = None,
    required: bool = False,
    label: Text | None = None,
) -> Question:
    if key in SECRET_NAMES:
        asked = label or _SECRET_LABELS[key]
        return Question(key, asked, "secret", Words(), hint, None, required)
    known = _KEYS[key]
    return Question(
        key, label or known.label, kind, known.rule, hint, choices, required
    )


QUESTIONS: Mapping[Step, tuple[Question, ...]] = {
    Step.BASICS: (
        _ask(
            "flows.enabled",
            "several",
            text("定期実行で動かす連携を選びます。"),
            choices={flow: FLOW_LABELS[flow] for flow in FLOWS},
            required=True,
        ),
    ),
    Step.HAIHAI: (
        _ask(
            "haihai.contract_id",
            hint=text("例: a01-24（契約時の案内にある番号）"),
            required=True,
        ),
        _ask(
            "haihai.login_id",
            hint=text("配配メールにログインするときの ID"),
            required=True,
        ),
        _ask(
            "haihai.api_token",
            hint=text("配配メールの 各種設定 > 基本設定 > 生成"),
            required=True,
        ),
        _ask(
            "haihai.group_id",
            hint=text("接続テストの後、一覧から選べます"),
        ),
        _ask(
            "haihai.plan_id",
            hint=text("配信グループの代わりにプランを使うときだけ"),
            label=text("ステップメールプラン"),
        ),
        _ask(
            "haihai.base_url",
            hint=text("通常は空欄（契約 ID から決まります）"),
            label=text("接続先 URL"),
        ),
    ),
    Step.SALESFORCE: (
        _ask(
            "salesforce.url",
            hint=text("例: https://example.my.salesforce.com"),
            required=True,
        ),
        _ask(
            "salesforce.consumer_key",
            hint=text("アプリケーションマネージャ > コンシューマの詳細を管理"),
            required=True,
        ),
        _ask(
            "salesforce.consumer_secret",
            hint=text("秘密を要求しないアプリでは空欄"),
        ),
        _ask(
            "salesforce.callback_url",
            hint=text("アプリに登録した値と一字一句同じにします"),
            required=True,
        ),
    ),
    Step.CUSTOMERS: (
        _ask("customers.object", hint=text("例: Contact、Lead"), required=True),
        _ask(
            "customers.audience",
            hint=text("SOQL の WHERE に書く条件。空欄なら全件"),
        ),
        _ask(
            "customers.audience_report",
            hint=text("条件のうちレポートにある顧客だけにするとき"),
        ),
        _ask(
            "customers.address_field",
            hint=text("顧客を見分けるメールアドレスの項目"),
            required=True,
        ),
        _ask(
            "customers.on_delete",
            "choice",
            choices={
                "exclude": text("グループから外す"),
                "bar": text("配信禁止にする"),
            },
        ),
        _ask("customers.create", "switch", label=text("無い顧客の登録")),
        _ask("customers.fields", "mapping"),
    ),
    Step.WRITE_BACK: (
        _ask(
            "suppressions.objects",
            "list",
            text("配信状態を書き戻すオブジェクト（カンマ区切り）"),
            label=text("停止の書き戻し先"),
        ),
        _ask(
            "suppressions.state_field",
            hint=text("選択リスト（配信可能・配信停止・配信禁止）かテキスト"),
        ),
        _ask(
            "suppressions.changed_at_field",
            hint=text("日付/時間。空欄なら書きません"),
        ),
        _ask(
            "suppressions.status_field",
            hint=text("OK かエラーを書く項目。空欄なら書きません"),
            label=text("ステータスの項目"),
        ),
        _ask(
            "suppressions.rollup",
            hint=text("any（1 つでも）、all（すべて）、または 1,2 のような番号"),
            label=text("複数グループの判定"),
        ),
        _ask(
            "page_views.objects",
            "list",
            text("閲覧 URL を書き戻すオブジェクト（カンマ区切り）"),
            label=text("閲覧の書き戻し先"),
        ),
        _ask(
            "page_views.url_field",
            hint=text("URL 型かテキスト"),
            label=text("閲覧 URL の項目"),
        ),
        _ask(
            "page_views.viewed_at_field",
            hint=text("日付/時間"),
            label=text("閲覧日時の項目"),
        ),
        _ask("page_views.count_field", hint=text("数値")),
        _ask(
            "page_views.too_long",
            "choice",
            choices={"truncate": text("切り詰める"), "skip": text("書かない")},
            label=text("長い URL の扱い"),
        ),
    ),
    Step.REVIEW: (),
}


_BY_KEY = {asked.key: asked for asked in sum(QUESTIONS.values(), ())}


def question(key: str) -> Question:
    """The question that asks for a key.  KeyError where none does."""
    return _BY_KEY[key]
