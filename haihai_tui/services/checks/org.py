"""The org behind the token: which it is, what it allows, how much is left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haihai_tui.errors import ConnectorError, Text, text
from haihai_tui.services.checks.app import versions
from haihai_tui.services.checks.bench import Bench
from haihai_tui.services.checks.model import (
    Area,
    Check,
    Finding,
    fail,
    failed_by,
    ok,
    skipped,
    warn,
)
from haihai_tui.services.salesforce.tokens import same_id

LOW_SHARE = 0.2
MOST_APPROVALS = 5


def checks() -> tuple[Check, ...]:
    return (
        Check(
            "organisation",
            text("接続先の組織"),
            text("トークンの組織 ID を、プロファイルに固定した組織 ID と比べます。"),
            Area.ORG,
            _organisation,
            needs=("scopes",),
            see="2.1.3",
        ),
        Check(
            "identity",
            text("連携用ユーザー"),
            text("GET /services/oauth2/userinfo で、トークンのユーザーを尋ねます。"),
            Area.ORG,
            _identity,
            needs=("organisation",),
            see="1.2.7",
        ),
        Check(
            "api_version",
            text("API バージョン"),
            text("設定の API バージョンを、組織が提供しているかを調べます。"),
            Area.ORG,
            _api_version,
            needs=("salesforce_answer",),
            see="2.1.3",
        ),
        Check(
            "api_enabled",
            text("API の有効化"),
            text("GET /services/data/vXX.0 と、ユーザー権限 ApiEnabled を調べます。"),
            Area.ORG,
            _api_enabled,
            needs=("organisation", "api_version"),
            see="1.2.6",
        ),
        Check(
            "api_limits",
            text("API 要求数の残り"),
            text("GET /limits で、24 時間あたりの API 要求数の残りを尋ねます。"),
            Area.ORG,
            _limits,
            needs=("api_enabled",),
            see="2.2",
        ),
        Check(
            "app_policies",
            text("アプリケーションのポリシー"),
            text("ConnectedApplication を検索し、更新トークンの期限などを調べます。"),
            Area.ORG,
            _policies,
            needs=("api_limits",),
            see="1.2.4",
        ),
        Check(
            "token_count",
            text("認可の数"),
            text("OauthToken を検索し、このアプリケーションの認可を数えます。"),
            Area.ORG,
            _token_count,
            needs=("api_limits",),
            see="1.2.4",
        ),
    )


# ----------------------------------------------------------------- identity


def _organisation(bench: Bench) -> Finding:
    pinned, found = bench.settings.salesforce.org_id, bench.tokens.org_id
    facts = (
        text("トークンの組織 ID: {id}", id=found or "-"),
        text("固定した組織 ID: {id}", id=pinned or "-"),
    )
    if not found:
        return skipped(text("トークンから組織 ID がわかりません。"), *facts)
    if not pinned:
        what = text("組織 ID はまだ固定されていません。次の認可で固定します。")
        return ok(what, *facts)
    if not same_id(pinned, found):
        return fail(
            text("トークンは別の組織 ({id}) のものです。", id=found),
            *facts,
            code="wrong_org",
        )
    return ok(text("プロファイルに固定した組織です。"), *facts)


def _identity(bench: Bench) -> Finding:
    try:
        who = bench.oauth.userinfo(bench.tokens)
    except ConnectorError as error:
        return failed_by(error)
    name = str(who.get("preferred_username") or "-")
    facts = (
        text("ユーザー名: {name}", name=name),
        text("ユーザー ID: {id}", id=str(who.get("user_id") or "-")),
    )
    if who.get("active") is False:
        what = text("ユーザー {name} は無効になっています。", name=name)
        return fail(what, *facts, code="inactive_user")
    return ok(text("ユーザー {name} として接続しています。", name=name), *facts)


# ---------------------------------------------------------------------- API


def _api_version(bench: Bench) -> Finding:
    wanted, listed = bench.settings.salesforce.api_version, versions(bench)
    fact = text("提供: {first} から {last}", first=listed[0], last=listed[-1])
    if wanted in listed:
        return ok(text("API {version} を使えます。", version=wanted), fact)
    return fail(
        text("この組織は API {version} を提供していません。", version=wanted),
        fact,
        code="unknown",
        remedy=(
            text(
                "salesforce.api_version を {last} にしてください: "
                "--set salesforce.api_version='\"{last}\"'",
                last=listed[-1],
            ),
        ),
    )


def _api_enabled(bench: Bench) -> Finding:
    try:
        bench.session.json("GET", "/")
    except ConnectorError as error:
        if error.cause != "api_limit":
            return failed_by(error)
        # Who is told of a limit may use the API; the limit is the next check.
        return ok(text("API を使えます（要求数の上限に達しています）。"))
    rights = permissions(bench)
    if rights.get("PermissionsApiEnabled") is False:
        return fail(
            text("連携用ユーザーに「API の有効化」権限がありません。"),
            code="api_disabled",
        )
    return ok(text("組織とユーザーで API を使えます。"))


def permissions(bench: Bench) -> Mapping[str, bool]:
    """Effective rights of the integration user; those that cannot be read are
    left out."""

    def ask() -> Mapping[str, bool]:
        names = ("PermissionsApiEnabled", "PermissionsViewEncryptedData")
        both = _rights(bench, names)
        if both is not None:
            return both
        found: dict[str, bool] = {}
        for name in names:
            found |= _rights(bench, (name,)) or {}
        return found

    return bench.once("permissions", ask)


def _rights(bench: Bench, names: tuple[str, ...]) -> dict[str, bool] | None:
    try:
        rows = bench.rest.query(f"SELECT {', '.join(names)} FROM UserPermissionAccess")
    except ConnectorError as error:
        if error.cause in ("missing_field", "missing_object"):
            return None
        raise
    row: Mapping[str, Any] = rows.records[0] if rows.records else {}
    return {name: bool(row[name]) for name in names if row.get(name) is not None}


def _limits(bench: Bench) -> Finding:
    try:
        daily = bench.rest.limits()["DailyApiRequests"]
        most, left = int(daily["Max"]), int(daily["Remaining"])
    except ConnectorError as error:
        return failed_by(error)
    except (KeyError, TypeError, ValueError):
        return skipped(text("Salesforce の応答に API 要求数がありません。"))
    fact = text("残り {left}、上限 {most}", left=f"{left:,}", most=f"{most:,}")
    if left <= 0:
        return fail(
            text("24 時間あたりの API 要求数を使い切っています。"),
            fact,
            code="api_limit",
        )
    if left < most * LOW_SHARE:
        return warn(
            text("API 要求数の残りが {left} 回です。", left=f"{left:,}"),
            fact,
            code="api_limit",
        )
    return ok(text("API 要求数は {left} 回残っています。", left=f"{left:,}"), fact)


# ----------------------------------------------------------------- approvals


def _approvals(bench: Bench) -> tuple[Mapping[str, Any], ...]:
    """The integration user's approvals, that in use just now first."""
    user = bench.tokens.user_id

    def ask() -> tuple[Mapping[str, Any], ...]:
        rows = bench.rest.query(
            "SELECT AppName, UserId, LastUsedDate, UseCount FROM OauthToken"
        ).records
        mine = [row for row in rows if same_id(str(row["UserId"]), user)]
        mine.sort(key=lambda row: str(row.get("LastUsedDate") or ""), reverse=True)
        return tuple(mine)

    return bench.once("approvals", ask)


def _app_name(bench: Bench) -> str:
    """Ours is the app whose token was used last: the refresh was a moment ago."""
    mine = _approvals(bench)
    return str(mine[0]["AppName"]) if mine else ""


def _token_count(bench: Bench) -> Finding:
    try:
        mine, name = _approvals(bench), _app_name(bench)
    except ConnectorError as error:
        return _unseen(error, text("OauthToken"))
    count = sum(row["AppName"] == name for row in mine)
    facts = (
        text("アプリケーション: {name}", name=name or "-"),
        text(
            "このユーザーの認可: {n} 件（上限 {most} 件）", n=count, most=MOST_APPROVALS
        ),
    )
    if count >= MOST_APPROVALS:
        return warn(
            text("次に認可すると、最も古い認可の連携トークンが使えなくなります。"),
            *facts,
            code="token_expired",
            remedy=(_TIDY,),
        )
    if count == MOST_APPROVALS - 1:
        return warn(
            text("認可が {n} 件あり、あと 1 件で上限です。", n=count),
            *facts,
            remedy=(_TIDY,),
        )
    return ok(text("認可の数には余裕があります（{n} 件）。", n=count), *facts)


_TIDY = text(
    "設定 >「接続アプリケーションの OAuth の利用状況」で、使っていない認可を"
    "取り消してください。"
)


def _policies(bench: Bench) -> Finding:
    try:
        name = _app_name(bench)
        rows = bench.rest.query(
            "SELECT Name, OptionsAllowAdminApprovedUsersOnly, "
            "OptionsRefreshTokenValidityMetric, RefreshTokenValidityPeriod, "
            f"StartUrl FROM ConnectedApplication WHERE Name = {_quoted(name)}"
        ).records
    except ConnectorError as error:
        return _unseen(error, text("ConnectedApplication"))
    if not rows:
        return ok(
            text(
                "接続アプリケーションの一覧にありません。外部クライアントアプリケーション"
                "のポリシーは API からは見えないため、画面で確認してください。"
            ),
            text("アプリケーション: {name}", name=name or "-"),
        )
    return _judged(name, rows[0])


def _judged(name: str, row: Mapping[str, Any]) -> Finding:
    period = int(row.get("RefreshTokenValidityPeriod") or 0)
    approved_only = bool(row.get("OptionsAllowAdminApprovedUsersOnly"))
    facts = (
        text("アプリケーション: {name}", name=name),
        text("許可されているユーザー: {who}", who=_ADMITTED[approved_only]),
        text("更新トークンの期限: {period}", period=period or _NO_END),
    )
    if period:
        return warn(
            text("更新トークンに期限 ({n}) があり、いずれ連携が止まります。", n=period),
            *facts,
            code="token_expired",
            remedy=(
                text("更新トークンポリシーを「取り消されるまで有効」にしてください。"),
            ),
        )
    return ok(text("更新トークンに期限はありません。"), *facts)


_ADMITTED: Mapping[bool, Text] = {
    True: text("管理者が承認したユーザーのみ"),
    False: text("すべてのユーザーが自己承認可能"),
}
_NO_END = text("取り消されるまで有効")


def _unseen(error: ConnectorError, what: Text) -> Finding:
    """Objects that need more rights than the connector should have."""
    if error.cause in ("missing_object", "missing_field", "no_edit_permission"):
        return skipped(
            text("連携用ユーザーの権限では {what} を読めません。", what=what)
        )
    return failed_by(error)


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
