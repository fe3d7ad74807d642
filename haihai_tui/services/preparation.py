"""The preparation of the manual's chapter 1, verified as far as the APIs allow.

Each step names what must be so, where it is set, and the checks that prove it.
What no API shows says so, with where to look instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from haihai_tui.errors import Text, text
from haihai_tui.services.checks.model import CheckResult, Status


class StepState(StrEnum):
    """`BY_HAND`: no API shows it, or not all of it; a person has to look."""

    DONE = "done"
    OPEN = "open"
    BY_HAND = "by_hand"
    UNKNOWN = "unknown"


def state_label(state: StepState) -> Text:
    return {
        StepState.DONE: text("確認済み"),
        StepState.OPEN: text("未完了"),
        StepState.BY_HAND: text("画面で確認"),
        StepState.UNKNOWN: text("未確認"),
    }[state]


@dataclass(frozen=True, slots=True)
class Step:
    """One section.  `proofs` are names of checks; one ending in a point stands for
    all that begin with it.  `by_hand` is what they do not prove."""

    section: str
    title: Text
    must: Text
    where: Text
    proofs: tuple[str, ...] = ()
    by_hand: Text | None = None


@dataclass(frozen=True, slots=True)
class StepResult:
    """A step as it stands; `proven` are the answers that it rests on."""

    step: Step
    state: StepState
    proven: tuple[CheckResult, ...]


def steps() -> tuple[Step, ...]:
    return (
        Step(
            "1.1.1",
            text("配配メールの API トークン"),
            text("API トークンが発行され、接続元 IP アドレスが許可されている。"),
            text("配配メール: 各種設定 > 基本設定"),
            ("haihai_account", "haihai_address", "haihai_token"),
        ),
        Step(
            "1.2.2",
            text("PKCE の組織設定"),
            text(
                "元の手順では PKCE の要求をオフにします。本製品は PKCE に対応している"
                "ため、オンのままで構いません。"
            ),
            text("Salesforce: 設定 > ID > OAuth および OpenID Connect 設定"),
            by_hand=text("組織の PKCE の設定は API では読めません。"),
        ),
        Step(
            "1.2.3",
            text("接続アプリ App_HaihaiConnect"),
            text(
                "アプリケーションがあり、コールバック URL と OAuth 範囲 api、"
                "refresh_token が登録されている。"
            ),
            text("Salesforce: 設定 > 外部クライアントアプリケーション > 設定"),
            ("app_known", "callback_registered", "scopes"),
        ),
        Step(
            "1.2.4",
            text("連携トークンの期限"),
            text("更新トークンは「取り消されるまで有効」、セッションは「なし」。"),
            text("Salesforce: アプリケーションマネージャ > 管理 > ポリシーを編集"),
            ("token", "app_policies"),
            text(
                "セッションのタイムアウトと、外部クライアントアプリケーションの"
                "ポリシーは API では読めません。"
            ),
        ),
        Step(
            "1.2.5",
            text("コンシューマ鍵と秘密"),
            text("両方が連携設定の Step3 に登録され、Salesforce のものと一致する。"),
            text(
                "Salesforce: アプリケーションマネージャ > 参照 > コンシューマの"
                "詳細を管理"
            ),
            ("consumer_key", "consumer_secret", "app_known", "token"),
        ),
        Step(
            "1.2.6",
            text("プロファイル_配配メール"),
            text("API を使え、対象の項目を参照でき、暗号化されたデータを参照できる。"),
            text("Salesforce: 設定 > プロファイル"),
            (
                "api_enabled",
                "object.",
                "address_fields",
                "fields.customers",
                "encrypted_data",
            ),
        ),
        Step(
            "1.2.7",
            text("連携用ユーザー"),
            text("連携用ユーザーが有効で、そのプロファイルを持っている。"),
            text("Salesforce: 設定 > ユーザー"),
            ("identity", "organisation"),
            text("プロファイルの名前は確認しません。必要な権限は 1.2.6 で確認します。"),
        ),
        Step(
            "1.2.8",
            text("配信停止禁止顧客連携の項目"),
            text("書き戻す項目があり、編集でき、型と長さが合っている。"),
            text("Salesforce: 設定 > オブジェクトマネージャ > 項目とリレーション"),
            ("fields.suppressions", "edit.suppressions", "types.suppressions"),
        ),
        Step(
            "1.2.9",
            text("顧客閲覧 URL 連携の項目"),
            text("書き戻す項目があり、編集でき、型と長さが合っている。"),
            text("Salesforce: 設定 > オブジェクトマネージャ > 項目とリレーション"),
            ("fields.page-views", "edit.page-views", "types.page-views"),
        ),
    )


def judge(results: Mapping[str, CheckResult]) -> tuple[StepResult, ...]:
    """Every step as the answers of the checks have it, by name of the check."""
    return tuple(_judged(step, results) for step in steps())


def _judged(step: Step, results: Mapping[str, CheckResult]) -> StepResult:
    proven = tuple(
        one
        for name, one in results.items()
        if any(_is_meant(name, proof) for proof in step.proofs)
    )
    return StepResult(step, _state(step, proven), proven)


def _is_meant(name: str, proof: str) -> bool:
    return name.startswith(proof) if proof.endswith(".") else name == proof


def _state(step: Step, proven: tuple[CheckResult, ...]) -> StepState:
    if not step.proofs:
        return StepState.BY_HAND
    states = {one.status for one in proven}
    if Status.FAIL in states:
        return StepState.OPEN
    if not proven:
        return StepState.UNKNOWN
    if Status.SKIPPED in states:
        # A proof that the API itself withholds leaves the rest to a person.
        return StepState.BY_HAND if step.by_hand else StepState.UNKNOWN
    return StepState.DONE
