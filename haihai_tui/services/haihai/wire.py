"""The one table of what is assumed about HaiHai Mail's wire format.

The vendor gives its specifications to customers only, so names, codes and words are
data: an operator who holds the specification corrects them in the profile's
`[haihai.wire]` table, and neither client nor sandbox is touched.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta, timezone, tzinfo
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from haihai_tui.errors import SettingsError, Text, text

Confidence = Literal["doc", "code", "kin", "guess"]
"""doc: a manual says so; code: seen in client programs; kin: a sister product of the
same vendor; guess: our reading."""

Value = str | int | bool | tuple[str, ...]


def _key(
    default: Value,
    confidence: Confidence,
    meaning: Text,
    *,
    choices: tuple[str, ...] = (),
    pattern: bool = False,
) -> Any:
    """A field of `Wire`; `pattern` marks a regular expression with one group."""
    metadata = {
        "confidence": confidence,
        "meaning": meaning,
        "choices": choices,
        "pattern": pattern,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True)
class Wire:
    """Names, codes, words and limits of the service; each key's own text is `listing`.

    An action (`…_action`) is the value of `ac` in `POST /?ac=…`; an empty one means
    that the service does not offer it.
    """

    # -- access
    host_pattern: str = _key(
        "https://{server}.hm-f.jp",
        "code",
        text("サーバの URL。{server} は契約 ID の前半に置き換えられる"),
    )
    aid_part: str = _key("aid", "code", text("契約番号の項目名"))
    login_part: str = _key("loginid", "code", text("ログイン ID の項目名"))
    token_place: str = _key(
        "header",
        "guess",
        text("API トークンを送る場所"),
        choices=("header", "form", "both"),
    )
    token_header: str = _key(
        "X-HM-apitoken", "guess", text("API トークンの HTTP ヘッダ名")
    )
    token_part: str = _key(
        "transport_password", "code", text("API トークンをフォームで送るときの項目名")
    )

    # -- CSV import
    import_path: str = _key(
        "/?ac=ScheduleCsvImport", "code", text("CSV 一括登録・削除のパス")
    )
    kind_part: str = _key("import_type", "code", text("処理の種類の項目名"))
    overwrite_part: str = _key("is_overwrite", "code", text("上書きの項目名"))
    overwrite_yes: str = _key("1", "code", text("上書きするときの値"))
    overwrite_no: str = _key("0", "code", text("上書きしないときの値"))
    group_part: str = _key("gid", "code", text("配信グループの項目名"))
    plan_part: str = _key("spid", "code", text("ステップメールプランの項目名"))
    report_part: str = _key("report_option", "code", text("結果メールの項目名"))
    report_value: str = _key(
        "0",
        "code",
        text("結果メール。0: 送らない、1: 必ず送る、2: エラー時に送る"),
        choices=("0", "1", "2"),
    )
    file_part: str = _key("csvfile", "code", text("CSV ファイルの項目名"))
    file_type: str = _key(
        "application/octet-stream", "code", text("CSV ファイルの Content-Type")
    )
    blank_part: str = _key("blank_option", "guess", text("空欄の扱いの項目名"))
    blank_keep: str = _key("0", "guess", text("空欄なら元の値を残すときの値"))
    blank_overwrite: str = _key("1", "guess", text("空欄で上書きするときの値"))
    presence_part: str = _key(
        "state_option",
        "guess",
        text("ファイルの有無で配信状態を変える機能の項目名。本製品は決して送らない"),
    )
    presence_stop: str = _key(
        "1", "guess", text("ファイルに無い顧客を配信停止にするときの値")
    )
    presence_allow: str = _key(
        "2", "guess", text("ファイルにある顧客を配信可能にするときの値")
    )
    presence_both: str = _key("3", "guess", text("その両方を行うときの値"))
    address_column: str = _key(
        "メールアドレス", "doc", text("メールアドレスのデータベース項目名")
    )
    encoding: str = _key(
        "cp932", "code", text("CSV ファイルの文字コード"), choices=("cp932", "utf-8")
    )
    line_break: str = _key(
        "\r\n", "guess", text("値の中の改行。CSV にはこの文字で書く")
    )
    max_rows: int = _key(10_000, "kin", text("1 ファイルの最大行数"))
    max_bytes: int = _key(3_000_000, "kin", text("1 ファイルの最大バイト数"))
    item_max_chars: int = _key(900, "doc", text("データベース項目の最大文字数"))

    # -- answers: CODE,STATUS,MESSAGE as CSV, HTTP 200 even for errors
    answer_columns: tuple[str, ...] = _key(
        ("CODE", "STATUS", "MESSAGE"), "kin", text("応答の列名。見出し行は無くてもよい")
    )
    success_codes: tuple[str, ...] = _key(("10200",), "kin", text("成功のコード"))
    pending_codes: tuple[str, ...] = _key(("10202",), "guess", text("処理中のコード"))
    limit_codes: tuple[str, ...] = _key(
        ("81404",), "kin", text("1 日の呼び出し回数を使い切ったコード")
    )
    token_codes: tuple[str, ...] = _key(
        ("81401",), "guess", text("API トークンまたはログイン ID が違うコード")
    )
    address_denied_codes: tuple[str, ...] = _key(
        ("81403",), "guess", text("許可されていない IP アドレスのコード")
    )
    unknown_group_codes: tuple[str, ...] = _key(
        ("81410",), "guess", text("配信グループまたはプランが無いコード")
    )
    unknown_item_codes: tuple[str, ...] = _key(
        ("81411",), "guess", text("データベース項目が無いコード")
    )
    too_large_codes: tuple[str, ...] = _key(
        ("81413",), "guess", text("ファイルが大きすぎるコード")
    )
    unknown_action_codes: tuple[str, ...] = _key(
        ("81405",), "guess", text("その機能が提供されていないコード")
    )
    unknown_job_codes: tuple[str, ...] = _key(
        ("81412",), "guess", text("受付番号が無い、または結果の保存期間が過ぎたコード")
    )
    invalid_codes: tuple[str, ...] = _key(
        ("81400",), "guess", text("パラメータやファイルが正しくないコード")
    )
    busy_codes: tuple[str, ...] = _key(
        ("81503",), "guess", text("混雑や保守のため、後で再試行すべきコード")
    )
    job_pattern: str = _key(
        r"job[ =:#]*([0-9]+)",
        "guess",
        text("受付の MESSAGE から受付番号を取り出す正規表現"),
        pattern=True,
    )

    # -- retrievals: what all have in common
    charset_part: str = _key("charset", "kin", text("取得系の文字コードの項目名"))
    charset_value: str = _key("utf-8", "kin", text("取得系の文字コードの値"))
    format_part: str = _key("return_format", "kin", text("取得系の形式の項目名"))
    format_value: str = _key("csv", "kin", text("取得系の形式の値"))
    time_format: str = _key(
        "%Y/%m/%d %H:%M:%S", "guess", text("日時の書式 (strftime の記法)")
    )
    time_zone: str = _key(
        "+09:00", "guess", text("日時の時間帯。+09:00 の形、または Asia/Tokyo の形")
    )

    # -- result of an import
    result_action: str = _key(
        "ScheduleCsvImportResult", "guess", text("処理結果の取得。空なら提供なし")
    )
    result_job_part: str = _key("job_id", "guess", text("受付番号の項目名"))
    result_row_column: str = _key("行番号", "guess", text("処理結果の行番号の列名"))
    result_first_row: int = _key(
        2, "guess", text("最初のデータ行の行番号 (見出し行を 1 と数えるなら 2)")
    )
    result_address_column: str = _key(
        "メールアドレス", "guess", text("処理結果のメールアドレスの列名")
    )
    result_outcome_column: str = _key("結果", "guess", text("処理結果の列名"))
    result_reason_column: str = _key("理由", "guess", text("処理結果の理由の列名"))
    outcome_done: str = _key("成功", "doc", text("処理結果: 成功"))
    outcome_failed: str = _key("失敗", "doc", text("処理結果: 失敗"))
    outcome_other: str = _key(
        "その他", "doc", text("処理結果: その他 (登録済み、配信停止など)")
    )

    # -- members of a group
    members_action: str = _key(
        "GroupMemberList", "guess", text("グループの顧客の取得。空なら提供なし")
    )
    member_address_column: str = _key(
        "メールアドレス", "doc", text("顧客一覧のメールアドレスの列名")
    )
    member_state_column: str = _key("配信状態", "doc", text("配信状態の列名"))
    member_stopped_at_column: str = _key(
        "配信停止日時", "doc", text("配信停止日時の列名")
    )
    member_method_column: str = _key("配信停止方法", "doc", text("配信停止方法の列名"))
    member_status_column: str = _key("ステータス", "doc", text("ステータスの列名"))
    member_items_part: str = _key(
        "items",
        "guess",
        text("顧客の取得で、一緒に欲しいデータベース項目を , 区切りで渡す項目名"),
    )
    state_allowed: str = _key("配信可能", "doc", text("配信状態: 配信可能"))
    state_stopped: str = _key("配信停止", "doc", text("配信状態: 配信停止"))
    state_barred: str = _key("配信禁止", "doc", text("配信状態: 配信禁止"))
    status_ok: str = _key("OK", "doc", text("ステータス: 正常"))
    status_error: str = _key("エラー", "doc", text("ステータス: エラー"))

    # -- viewed URLs
    views_action: str = _key(
        "ViewedUrlList", "guess", text("閲覧 URL の取得。空なら提供なし")
    )
    views_since_part: str = _key("from", "guess", text("閲覧 URL の開始日時の項目名"))
    view_address_column: str = _key(
        "メールアドレス", "guess", text("閲覧 URL のメールアドレスの列名")
    )
    view_url_column: str = _key("URL", "guess", text("閲覧 URL の URL の列名"))
    view_at_column: str = _key("日時", "guess", text("閲覧 URL の日時の列名"))
    view_kind_column: str = _key("種別", "guess", text("閲覧 URL の種別の列名"))
    view_user_agent_column: str = _key(
        "ユーザーエージェント", "guess", text("閲覧 URL のユーザーエージェントの列名")
    )
    view_click: str = _key("クリック", "guess", text("閲覧の種別: クリック"))
    view_visit: str = _key("来訪", "guess", text("閲覧の種別: 来訪"))

    # -- groups
    groups_action: str = _key(
        "GroupList", "guess", text("配信グループ一覧の取得。空なら提供なし")
    )
    group_id_column: str = _key("グループID", "guess", text("グループ番号の列名"))
    group_name_column: str = _key("グループ名", "guess", text("グループ名の列名"))

    # -- daily limits
    calls_per_day: int = _key(
        240, "doc", text("API ごとの 1 日の呼び出し回数 (専用サーバは 86400)")
    )
    day_start: str = _key("00:00", "guess", text("回数が数え直される時刻 (時間帯は上)"))
    failed_calls_count: bool = _key(
        False, "kin", text("失敗した呼び出しも回数に数えるか")
    )

    @classmethod
    def from_table(cls, table: Mapping[str, object]) -> Wire:
        """The defaults with what `[haihai.wire]` changes.

        Raises SettingsError for an unknown key (naming the nearest), a value of
        another type, or one that cannot be used.
        """
        known = {key.name: key for key in listing()}
        values: dict[str, Any] = {}
        for name, value in table.items():
            if name not in known:
                raise _unknown_key(name, list(known))
            values[name] = _checked(known[name], value)
        return cls(**values)

    @property
    def zone(self) -> tzinfo:
        """`time_zone` as tzinfo."""
        return _zone(self.time_zone)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of `[haihai.wire]`, for the manual and for checking."""

    name: str
    default: Value
    confidence: Confidence
    meaning: Text
    choices: tuple[str, ...] = ()
    pattern: bool = False

    @property
    def type_name(self) -> str:
        """The TOML type: `string`, `integer`, `boolean` or `array`."""
        names = {bool: "boolean", int: "integer", str: "string", tuple: "array"}
        return names[type(self.default)]


def listing() -> tuple[Key, ...]:
    """All keys in the order of the table."""
    return tuple(
        Key(
            name=item.name,
            default=cast("Value", item.default),
            confidence=item.metadata["confidence"],
            meaning=item.metadata["meaning"],
            choices=item.metadata["choices"],
            pattern=item.metadata["pattern"],
        )
        for item in fields(Wire)
    )


def _unknown_key(name: str, known: list[str]) -> SettingsError:
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    return SettingsError(
        text("haihai.wire に {key} という設定はありません。", key=name),
        text("{key} ではありませんか。", key=nearest),
    )


def _checked(key: Key, value: object) -> Value:
    if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
        value = tuple(value)
    if type(value) is not type(key.default):
        raise SettingsError(
            text("haihai.wire.{key} の型が違います。", key=key.name),
            text("{type} を指定してください。", type=key.type_name),
        )
    usable: Value = value
    if not _usable(key, usable):
        raise SettingsError(
            text(
                "haihai.wire.{key} の値が正しくありません: {value}",
                key=key.name,
                value=value,
            ),
            key.meaning
            if not key.choices
            else text(
                "{choices} のどれかを指定してください。", choices=", ".join(key.choices)
            ),
        )
    return usable


def _usable(key: Key, value: Value) -> bool:
    if isinstance(value, bool | tuple):
        return True
    if isinstance(value, int):
        return value > 0
    if key.choices:
        return value in key.choices
    if key.pattern:
        return _has_one_group(value)
    if key.name == "time_zone":
        return _is_zone(value)
    if key.name == "day_start":
        return re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value) is not None
    return bool(value) or key.name.endswith("_action")


def _has_one_group(pattern: str) -> bool:
    try:
        return re.compile(pattern).groups == 1
    except re.error:
        return False


def _is_zone(name: str) -> bool:
    try:
        _zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def _zone(name: str) -> tzinfo:
    offset = re.fullmatch(r"([+-])(\d\d):(\d\d)", name)
    if offset is None:
        return ZoneInfo(name)
    minutes = int(offset[2]) * 60 + int(offset[3])
    return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
