"""Causes in the way to an authorisation: URL, app, consumer key, PKCE."""

from __future__ import annotations

from collections.abc import Mapping

from haihai_tui.errors import text
from haihai_tui.services.causes.base import AUTHORISE, WAIT, CauseText

APP: Mapping[str, CauseText] = {
    "redirect_uri_mismatch": CauseText(
        text("コールバック URL が一致していません"),
        text(
            "Salesforce のアプリケーションに登録されたコールバック URL と、連携が送った"
            "コールバック URL が一文字でも違うと、ログイン画面の前に拒否されます。"
        ),
        (
            text(
                "接続アプリケーション（または外部クライアントアプリケーション）の"
                "コールバック URL を、連携設定に表示される値と末尾まで同じにしてく"
                "ださい。"
            ),
            text(
                "Salesforce URL が ….salesforce.com の形であることも確かめてください。"
            ),
            WAIT,
        ),
        "1.2.3",
    ),
    "lightning_url": CauseText(
        text("Salesforce URL が Lightning 画面の URL です"),
        text(
            "….lightning.force.com は画面表示用の URL で、認可にも API にも使えません。"
        ),
        (
            text(
                "連携設定 Step3 の Salesforce URL を ….my.salesforce.com の形で入力して"
                "ください。"
            ),
            AUTHORISE,
        ),
        "2.1.3",
    ),
    "not_a_salesforce_url": CauseText(
        text("Salesforce の URL ではありません"),
        text(
            "入力された URL は Salesforce のログイン先として知られた形をしていません。"
            "鍵や認可コードが他者に渡らないよう、送信しません。"
        ),
        (
            text(
                "「私のドメイン」の URL（例: https://example.my.salesforce.com）を"
                "入力して"
                "ください。設定 >「私のドメイン」で確認できます。"
            ),
        ),
        "2.1.3",
    ),
    "invalid_client_id": CauseText(
        text("コンシューマ鍵が認識されません"),
        text(
            "コンシューマ鍵の入力誤り、アプリケーション作成直後でまだ有効でない、または"
            "別の組織にログイン中であることが考えられます。"
        ),
        (
            text(
                "連携設定 Step3 のコンシューマ鍵とコンシューマの秘密を、アプリケー"
                "ション"
                "マネージャの「コンシューマの詳細を管理」と照合してください。"
            ),
            text(
                "ブラウザで別の Salesforce 組織にログイン中なら、ログアウトしてくだ"
                "さい。"
            ),
            WAIT,
        ),
        "1.2.5",
    ),
    "invalid_client_secret": CauseText(
        text("コンシューマの秘密が違います"),
        text(
            "コンシューマ鍵は認識されましたが、コンシューマの秘密が一致しませんでした。"
        ),
        (
            text(
                "コンシューマの秘密を「コンシューマの詳細を管理」からコピーし直し"
                "て、連携"
                "設定 Step3 に入力してください。前後の空白にも注意してください。"
            ),
            text("秘密を再生成した場合は、新しい値だけが有効です。"),
        ),
        "1.2.5",
    ),
    "pkce_required": CauseText(
        text("PKCE（コード交換用の証明鍵）が要求されています"),
        text(
            "アプリケーションまたは組織の設定が PKCE を必須としているのに、認可の要求に"
            "コードチャレンジが含まれていませんでした。"
        ),
        (
            text(
                "この連携は PKCE に対応しています。「連携トークンの更新」から始めた"
                "新しい"
                "認可 URL を使ってください。"
            ),
            text(
                "それでも続く場合は、設定 >「OAuth および OpenID Connect 設定」の PKCE"
                " 必須と、アプリケーションの PKCE 必須を確認してください。"
            ),
        ),
        "1.2.2",
    ),
    "invalid_code_verifier": CauseText(
        text("PKCE の検証に失敗しました"),
        text(
            "認可を始めたときの検証鍵と、トークン要求で送った検証鍵が一致しません。"
            "別の画面や前回の認可で得た URL を貼り付けた場合に起こります。"
        ),
        (
            text("途中の画面をすべて閉じ、認可を最初からやり直してください。"),
            text("最後に開いた認可 URL の結果だけを貼り付けてください。"),
        ),
        "6.1",
    ),
    "access_denied": CauseText(
        text("アクセスの許可が拒否されました"),
        text("Salesforce の許可画面で「拒否」が選ばれました。"),
        (
            text("もう一度実施し、許可画面で「許可」を選んでください。"),
            text("連携用ユーザーでログインしているか確認してください。"),
        ),
        "2.1.3",
    ),
    "app_not_installed": CauseText(
        text("アプリケーションが組織にインストールされていません"),
        text(
            "Salesforce は、組織にインストールされていない接続アプリケーションの新しい"
            "認可を拒否します。この拒否はコールバックに届きません。"
        ),
        (
            text(
                "設定 >「接続アプリケーションの OAuth の利用状況」で、対象アプリ"
                "ケーション"
                "の「インストール」を選んでください。"
            ),
            text(
                "外部クライアントアプリケーションの場合は、この組織で有効になっているか"
                "「外部クライアントアプリケーションマネージャ」で確認してください。"
            ),
            WAIT,
        ),
        "1.2.3",
    ),
    "app_blocked": CauseText(
        text("アプリケーションが管理者によりブロックされています"),
        text("組織の管理者がこのアプリケーションの利用をブロックしています。"),
        (
            text(
                "設定 >「接続アプリケーションの OAuth の利用状況」で「ブロック解"
                "除」を選ん"
                "でください。"
            ),
            text(
                "ブロックしていない場合は、ユーザーの事前承認が必要か確認してください。"
            ),
        ),
        "1.2.3",
    ),
    "app_not_approved": CauseText(
        text("ユーザーがアプリケーションの利用を承認されていません"),
        text(
            "アプリケーションの「許可されているユーザー」が「管理者が承認したユー"
            "ザー」で、"
            "連携用ユーザーが含まれていません。"
        ),
        (
            text(
                "アプリケーションのポリシーで、連携用ユーザーのプロファイルまたは権"
                "限セット"
                "を割り当ててください。"
            ),
            WAIT,
        ),
        "1.2.6",
    ),
    "scope_missing": CauseText(
        text("OAuth 範囲が足りません"),
        text(
            "アプリケーションに api と refresh_token（offline_access）の両方が許可"
            "されて"
            "いません。"
        ),
        (
            text(
                "アプリケーションの OAuth 範囲に「API を使用してユーザーデータを管"
                "理 (api)」"
                "と「いつでも要求を実行 (refresh_token, offline_access)」を加えてく"
                "ださい。"
            ),
            WAIT,
            AUTHORISE,
        ),
        "1.2.3",
    ),
}
