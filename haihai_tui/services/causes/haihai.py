"""Causes at HaiHai Mail, and the honest `unknown`."""

from __future__ import annotations

from collections.abc import Mapping

from haihai_tui.errors import text
from haihai_tui.services.causes.base import CauseText

HAIHAI: Mapping[str, CauseText] = {
    "haihai_token_invalid": CauseText(
        text("配配メールの API トークンまたはログイン ID が違います"),
        text(
            "配配メールが認証を拒否しました。トークンは再生成すると古い値が無効になりま"
            "す。"
        ),
        (
            text(
                "配配メールの 各種設定 > 基本設定 で API トークンを確認し、連携設定"
                "に入力"
                "し直してください。"
            ),
            text("契約 ID とログイン ID も確認してください。"),
        ),
        "1.1.1",
    ),
    "haihai_ip_denied": CauseText(
        text("接続元 IP アドレスが配配メールに許可されていません"),
        text("配配メールの API IP アドレス制限に、このマシンの接続元がありません。"),
        (
            text(
                "配配メールの API IP アドレス制限に、接続元 IP アドレスを 1 行に 1 "
                "つずつ"
                "加えてください（範囲指定はできません）。"
            ),
        ),
        "1.1.1",
    ),
    "haihai_limit": CauseText(
        text("配配メールの API 呼び出し回数が上限に達しました"),
        text("API ごとに 1 日の呼び出し回数の上限があります。"),
        (
            text("翌日の実行は続きから再開します。"),
            text("1 ファイルの行数の上限（haihai.wire）を増やすと、回数が減ります。"),
        ),
        "2.2",
    ),
    "haihai_group_unknown": CauseText(
        text("配信グループまたはステップメールプランが見つかりません"),
        text("設定された番号の配信グループまたはプランが配配メールにありません。"),
        (text("配配メールの画面で番号を確認し、連携設定を直してください。"),),
        "2.1.3",
    ),
    "haihai_item_unknown": CauseText(
        text("データベース項目が配配メールにありません"),
        text(
            "取り込みファイルの項目名が、配配メールのデータベース項目と一致しません。"
        ),
        (
            text(
                "配配メールのデータベース項目の名前を確認し、項目の対応付けを直して"
                "ください"
                "（全角・半角も区別されます）。"
            ),
        ),
        "2.1.3",
    ),
    "unknown": CauseText(
        text("原因を特定できません"),
        text("このテキストから知られた原因は見つかりませんでした。"),
        (
            text(
                "エラーの全文、またはブラウザのアドレス欄の URL 全体を貼り付けてく"
                "ださい。"
            ),
            text("--check で設定と接続を一通り確認できます。"),
            text(
                "解決しない場合は、--support-bundle の出力を添えて問い合わせてくだ"
                "さい。"
            ),
        ),
        "6.1",
    ),
}
