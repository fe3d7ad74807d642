"""What is said of API rights and limits, objects and fields."""

from __future__ import annotations

from haihai_tui.services.diagnosis_rules.rule import Rule

DATA: tuple[Rule, ...] = (
    Rule(
        "api_disabled",
        0.96,
        (
            "API_DISABLED_FOR_ORG",
            "API_CURRENTLY_DISABLED",
            "API is not enabled for this Organization",
            "API is disabled for this user",
            "API_DISABLED_FOR_USER",
            "API が有効になっていません",
        ),
    ),
    Rule("api_disabled", 0.8, ("FeatureNotEnabled", "API Enabled permission")),
    Rule("api_disabled", 0.9, ("PermissionsApiEnabled false",)),
    Rule(
        "api_limit",
        0.95,
        (
            "REQUEST_LIMIT_EXCEEDED",
            "TotalRequests Limit exceeded",
            "ConcurrentRequests",
            "ConcurrentPerOrgLongTxn",
            "ExceededQuota",
            "API 要求数を使い切りました",
            "API 要求の制限を超え",
            "API 要求数の上限",
        ),
    ),
    Rule("api_limit", 0.95, ("Salesforce の API 要求数",), also=("使い切りました",)),
    Rule("api_limit", 0.7, ("LIMIT_EXCEEDED",)),
    Rule(
        "missing_object",
        0.96,
        (
            "is not supported. If you are attempting to use a custom object",
            "INVALIDENTITY",
            "オブジェクトが見つかりません",
        ),
    ),
    Rule(
        "missing_object",
        0.9,
        ("INVALID_TYPE",),
        unless=("INVALID_TYPE_ON_FIELD_IN_RECORD",),
    ),
    Rule("missing_object", 0.7, ("The requested resource does not exist",)),
    Rule(
        "missing_field",
        0.96,
        (
            "No such column",
            "external ID field does not exist or is not accessible",
            "すべて Salesforce で参照できません",
            "If you are attempting to use a custom field",
            "Didn't understand relationship",
        ),
    ),
    Rule(
        "missing_field",
        0.9,
        ("INVALID_FIELD",),
        unless=("INVALID_FIELD_FOR_INSERT_UPDATE",),
    ),
    Rule(
        "no_edit_permission",
        0.96,
        (
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Unable to create/update fields",
            "insufficient access rights",
            "INSUFFICIENT_ACCESS",
            "レコードへのアクセス権が不足",
            "編集する権限がありません",
        ),
    ),
    Rule(
        "no_encrypted_data_permission",
        0.94,
        (
            "View Encrypted Data",
            "ViewEncryptedData",
            "暗号化されたデータの参照",
            "暗号化データの参照",
        ),
        unless=("PermissionsViewEncryptedData true",),
    ),
    Rule(
        "field_type_mismatch",
        0.95,
        (
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "bad value for restricted picklist field",
            "INVALID_TYPE_ON_FIELD_IN_RECORD",
            "value not of required type",
            "Cannot deserialize instance of",
            "制限つき選択リスト項目",
            "制限付き選択リスト項目",
            "複合項目のため読み取れません",
        ),
    ),
    Rule(
        "field_type_mismatch",
        0.75,
        ("INVALID_QUERY_FILTER_OPERATOR", "NUMBER_OUTSIDE_VALID_RANGE"),
    ),
    Rule(
        "field_too_short",
        0.96,
        (
            "STRING_TOO_LONG",
            "data value too large",
            "データ値が大きすぎます",
            "最大文字数を超えています",
        ),
    ),
    Rule(
        "wrong_org",
        0.95,
        (
            "このプロファイルの組織は",
            "belongs to another org",
            "organization id does not match",
            "別の組織のトークン",
            "wrong org",
        ),
    ),
)
