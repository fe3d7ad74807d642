"""What HaiHai Mail says; its codes are those of the wire table."""

from __future__ import annotations

from haihai_tui.services.diagnosis_rules.rule import HAIHAI_WORDS, Rule
from haihai_tui.services.haihai.wire import Wire

_WIRE = Wire()

HAIHAI: tuple[Rule, ...] = (
    Rule(
        "haihai_limit",
        0.93,
        ("too many calls", "呼び出し回数の上限", "API 呼び出し回数が上限"),
    ),
    Rule("haihai_limit", 0.95, ("配配メール API",), also=("本日の予算",)),
    Rule("haihai_limit", 0.95, _WIRE.limit_codes, whole_words=True),
    Rule(
        "haihai_token_invalid",
        0.95,
        (
            "配配メールの API トークンが",
            "配配メールが HTTP 401",
            "API トークンが正しくありません",
            "API トークンが不正",
        ),
    ),
    Rule(
        "haihai_token_invalid",
        0.85,
        ("authentication failed", "認証に失敗しました"),
        also=HAIHAI_WORDS,
    ),
    Rule("haihai_token_invalid", 0.93, _WIRE.token_codes, whole_words=True),
    Rule(
        "haihai_ip_denied",
        0.95,
        ("配配メールが HTTP 403", "API IP アドレス制限"),
    ),
    Rule(
        "haihai_ip_denied",
        0.92,
        (
            "ip address not allowed",
            "許可されていない IP アドレス",
            "IP アドレスが許可されていません",
        ),
        also=HAIHAI_WORDS,
    ),
    Rule("haihai_ip_denied", 0.45, ("ip address not allowed",), unless=HAIHAI_WORDS),
    Rule("haihai_ip_denied", 0.93, _WIRE.address_denied_codes, whole_words=True),
    Rule(
        "haihai_group_unknown",
        0.9,
        (
            "unknown group",
            "配信グループが見つかりません",
            "配信グループが存在しません",
            "ステップメールプランが存在しません",
        ),
    ),
    Rule("haihai_group_unknown", 0.93, _WIRE.unknown_group_codes, whole_words=True),
    Rule(
        "haihai_item_unknown",
        0.9,
        (
            "unknown item",
            "データベース項目が存在しません",
            "データベース項目がありません",
            "項目名が存在しません",
        ),
    ),
    Rule("haihai_item_unknown", 0.93, _WIRE.unknown_item_codes, whole_words=True),
)
