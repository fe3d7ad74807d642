"""Causes on this machine and on the way to the services."""

from __future__ import annotations

from collections.abc import Mapping

from haihai_tui.errors import text
from haihai_tui.services.causes.base import RUN_AGAIN, CauseText

NETWORK: Mapping[str, CauseText] = {
    "clock_skew": CauseText(
        text("このマシンの時計がずれています"),
        text("証明書や期限の判定に影響するほど、時計が実際の時刻と違います。"),
        (text("OS の時刻同期（NTP）を有効にし、時刻を合わせてください。"),),
        "6.3",
    ),
    "dns": CauseText(
        text("ホスト名を解決できません"),
        text("接続先の名前に対応する IP アドレスが得られませんでした。"),
        (
            text("URL のつづりを確認してください。"),
            text("このマシンの DNS とネットワークの設定を確認してください。"),
        ),
        "6.3",
    ),
    "tls": CauseText(
        text("安全な接続（TLS）を確立できません"),
        text(
            "証明書を検証できないか、暗号化の方式が合いません。社内プロキシが通信を検査"
            "している場合にも起こります。"
        ),
        (
            text("社内プロキシの証明書を OS の信頼済み証明書に加えてください。"),
            text("このマシンの時刻が正しいか確認してください。"),
        ),
        "6.3",
    ),
    "timeout": CauseText(
        text("時間内に応答がありません"),
        text("接続または応答が制限時間内に完了しませんでした。"),
        (
            text("ネットワークとプロキシ、ファイアウォールの設定を確認してください。"),
            RUN_AGAIN,
        ),
        "6.3",
    ),
    "service_unavailable": CauseText(
        text("サービスが一時的に利用できません"),
        text("接続先がエラーを返したか、接続が拒否または切断されました。"),
        (
            text(
                "Salesforce は status.salesforce.com、配配メールはサポートサイトで"
                "障害情報"
                "を確認してください。"
            ),
            RUN_AGAIN,
        ),
        "6.3",
    ),
    "callback_port_busy": CauseText(
        text("コールバックのポートが使用中です"),
        text("認可の応答を待つポートを、ほかのプログラムが使っています。"),
        (
            text("ほかに動いている認可の画面やプログラムを終了してください。"),
            text(
                "終了できない場合は、コールバック URL のポートを変え、Salesforce の"
                "アプリ"
                "ケーションにも同じ URL を登録してください。"
            ),
        ),
        "6.1",
    ),
}
