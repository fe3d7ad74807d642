"""Causes after the login: codes, tokens, users."""

from __future__ import annotations

from collections.abc import Mapping

from haihai_tui.errors import text
from haihai_tui.services.causes.base import AUTHORISE, WAIT, CauseText

TOKEN: Mapping[str, CauseText] = {
    "code_expired": CauseText(
        text("認可コードの期限切れ、または使用済みです"),
        text(
            "認可コードは 15 分以内に一度だけ使えます。時間が経過したか、同じ URL "
            "が二度"
            "使われました。"
        ),
        (text("認可を最初からやり直し、すぐに結果を渡してください。"),),
        "6.1",
    ),
    "token_expired": CauseText(
        text("連携トークンが無効になりました"),
        text(
            "トークンの取り消し、有効期限、パスワードの変更、または同じユーザーでの"
            " 6 回目"
            "以降の認可により、連携トークンが使えなくなりました。"
        ),
        (
            AUTHORISE,
            text(
                "アプリケーションの更新トークンポリシーを「取り消されるまで有効」にして"
                "ください。"
            ),
        ),
        "1.2.4",
    ),
    "token_not_stored": CauseText(
        text("連携トークンを保管できませんでした"),
        text(
            "ログイン後に連携トークンを受け取れなかったか、保存できませんでした。理由は"
            "子画面の URL に書かれていることがあります。"
        ),
        (
            text("子画面のアドレス欄の URL 全体をここに貼り付けてください。"),
            text("設定フォルダに書き込めるか、空き容量があるかを確認してください。"),
            AUTHORISE,
        ),
        "6.1",
    ),
    "inactive_user": CauseText(
        text("連携用ユーザーが無効または凍結されています"),
        text("Salesforce の連携用ユーザーが使えない状態です。"),
        (
            text(
                "設定 >「ユーザー」で連携用ユーザーを有効にし、凍結されていれば解除して"
                "ください。"
            ),
            AUTHORISE,
        ),
        "1.2.7",
    ),
    "ip_restricted": CauseText(
        text("接続元 IP アドレスが Salesforce に許可されていません"),
        text(
            "プロファイルのログイン IP アドレスの制限、またはアプリケーションの IP "
            "制限に"
            "より拒否されました。"
        ),
        (
            text(
                "このマシンの接続元 IP アドレスをプロファイルのログイン IP 範囲に加"
                "えるか、"
                "アプリケーションの「IP 制限の緩和」を見直してください。"
            ),
            text("VPN や匿名プロキシを経由していないか確認してください。"),
        ),
        "1.2.6",
    ),
    "login_failed": CauseText(
        text("Salesforce へのログインに失敗しました"),
        text(
            "ユーザー名またはパスワードの誤り、ログイン時間帯の制限、アカウントのロ"
            "ックが"
            "考えられます。"
        ),
        (
            text("連携用ユーザーのユーザー名とパスワードを確認してください。"),
            text(
                "本番組織と Sandbox のログイン先（Salesforce URL）を取り違えていな"
                "いか確認"
                "してください。"
            ),
            text("詳しい理由は、設定 >「ログイン履歴」で管理者が確認できます。"),
        ),
        "1.2.7",
    ),
    "state_mismatch": CauseText(
        text("認可の応答が、始めた認可のものではありません"),
        text(
            "コールバックの state が一致しません。前回の画面の URL を貼り付けたか、別の"
            "画面の応答が届きました。安全のため受け付けません。"
        ),
        (text("ほかの認可画面をすべて閉じ、最初からやり直してください。"),),
        "6.1",
    ),
    "no_answer": CauseText(
        text("Salesforce からの応答が連携に届きません"),
        text(
            "応答が返らない場合、アプリケーションが未インストール、コンシューマ鍵の"
            "誤り、"
            "コールバック URL の誤りのいずれかがほとんどです。ログインまで済んだ場"
            "合は、"
            "ブラウザから連携の待ち受けに届いていません。"
        ),
        (
            text(
                "ブラウザのアドレス欄の URL 全体をコピーし、--authorize の入力また"
                "はこの"
                "画面に貼り付けてください。"
            ),
            text(
                "別のマシンのブラウザを使う場合、localhost のコールバックは届きませ"
                "ん。URL"
                " の貼り付けで続けられます。"
            ),
        ),
        "6.1",
    ),
    "not_yet_active": CauseText(
        text("設定変更がまだ有効になっていません"),
        text(
            "作成または変更したばかりのアプリケーションは、有効になるまで 10 分以上"
            "かかる"
            "ことがあります。"
        ),
        (WAIT, text("待っても続く場合は、コンシューマ鍵を確認してください。")),
        "6.1",
    ),
}
