"""Causes in the org's data: API rights and limits, objects, fields."""

from __future__ import annotations

from collections.abc import Mapping

from haihai_tui.errors import text
from haihai_tui.services.causes.base import RUN_AGAIN, CauseText

DATA: Mapping[str, CauseText] = {
    "api_disabled": CauseText(
        text("API が使えないユーザーまたは組織です"),
        text(
            "連携用ユーザーに「API の有効化」権限がないか、組織のエディションが API を"
            "含みません。"
        ),
        (
            text("連携用ユーザーのプロファイルで「API の有効化」を許可してください。"),
            text("組織のエディションで API が使えるか確認してください。"),
        ),
        "1.2.6",
    ),
    "api_limit": CauseText(
        text("Salesforce の API 要求数が上限に達しました"),
        text("組織の 24 時間あたりの API 要求数、または同時要求数の上限に達しました。"),
        (
            RUN_AGAIN,
            text(
                "設定 >「会社情報」で API 要求数と、ほかの連携の使用量を確認してく"
                "ださい。"
            ),
        ),
        "2.2",
    ),
    "missing_object": CauseText(
        text("オブジェクトが見つかりません"),
        text(
            "設定されたオブジェクトが組織に存在しないか、連携用ユーザーから見えません。"
        ),
        (
            text("連携設定のオブジェクトの API 参照名を確認してください。"),
            text(
                "プロファイルまたは権限セットで、オブジェクトの参照権限を許可してく"
                "ださい。"
            ),
        ),
        "1.2.6",
    ),
    "missing_field": CauseText(
        text("項目が見つかりません"),
        text(
            "対応付けられた項目が存在しないか、項目レベルセキュリティで連携用ユー"
            "ザーから"
            "見えません。Salesforce はこの二つを区別しません。"
        ),
        (
            text(
                "項目の API 参照名を確認してください（カスタム項目は __c で終わりま"
                "す）。"
            ),
            text(
                "項目レベルセキュリティで、連携用ユーザーの「参照可能」を許可してく"
                "ださい。"
            ),
        ),
        "1.2.8",
    ),
    "no_edit_permission": CauseText(
        text("項目またはレコードを編集する権限がありません"),
        text("連携用ユーザーに、書き戻し先の編集権限がありません。"),
        (
            text(
                "プロファイルまたは権限セットで、オブジェクトの編集権限と項目の「編"
                "集アクセ"
                "ス権」を許可してください。"
            ),
        ),
        "1.2.8",
    ),
    "no_encrypted_data_permission": CauseText(
        text("「暗号化されたデータの参照」権限がありません"),
        text("この権限がないと、暗号化された項目は伏せ字のまま読み出されます。"),
        (
            text(
                "プロファイルの一般ユーザー権限で「暗号化されたデータの参照」を許可して"
                "ください。"
            ),
        ),
        "1.2.6",
    ),
    "field_type_mismatch": CauseText(
        text("項目のデータ型が合いません"),
        text("書き込む値が、項目のデータ型や選択リストの値に合いません。"),
        (
            text("書き戻し先の項目のデータ型を確認してください。"),
            text("選択リストの場合は、書き込む値を選択肢に加えてください。"),
        ),
        "1.2.8",
    ),
    "field_too_short": CauseText(
        text("項目の文字数が足りません"),
        text("書き込む値が、項目の最大文字数を超えています。"),
        (text("項目の文字数を増やすか、連携設定で長い値の扱いを選んでください。"),),
        "1.2.9",
    ),
    "wrong_org": CauseText(
        text("別の Salesforce 組織に接続しています"),
        text(
            "連携トークンの組織が、最初に認可した組織と違います。Sandbox の更新でも"
            "組織 ID"
            " は変わります。"
        ),
        (
            text("ブラウザで正しい組織にログインし、認可をやり直してください。"),
            text("組織を意図して変える場合は、新しいプロファイルを作成してください。"),
        ),
        "2.1.3",
    ),
}
