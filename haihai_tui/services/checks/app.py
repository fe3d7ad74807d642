"""The app as Salesforce knows it, and the token that it gave us.

The entrance of the authorisation answers wrong keys and callbacks before anybody
logs in, so both are asked there without a browser and without a trace in the org.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit

from haihai_tui.errors import AuthorisationNeeded, ConnectorError, text
from haihai_tui.services.checks.bench import REFRESH_S, Bench
from haihai_tui.services.checks.model import (
    Area,
    Check,
    Finding,
    fail,
    failed_by,
    ok,
    skipped,
)
from haihai_tui.services.checks.network import salesforce_answer
from haihai_tui.services.diagnosis import diagnose
from haihai_tui.services.http import Response
from haihai_tui.services.salesforce.oauth_errors import callback_error
from haihai_tui.services.store.facts import Facts
from haihai_tui.services.store.times import stamp

API_SCOPES = frozenset(("api", "full", "web"))
OFFLINE_SCOPES = frozenset(("refresh_token", "offline_access"))


def checks() -> tuple[Check, ...]:
    return (
        Check(
            "salesforce_answer",
            text("Salesforce の応答"),
            text("GET /services/data で、API のバージョンの一覧を尋ねます。"),
            Area.APP,
            _answer,
            needs=("salesforce_tls",),
            see="2.1.3",
        ),
        Check(
            "app_known",
            text("アプリケーションの登録"),
            text("認可の入口 (/services/oauth2/authorize) に鍵を示して尋ねます。"),
            Area.APP,
            _app_known,
            needs=("salesforce_answer", "consumer_key"),
            see="1.2.3",
        ),
        Check(
            "callback_registered",
            text("コールバック URL の登録"),
            text("認可の入口に、設定のコールバック URL を示して尋ねます。"),
            Area.APP,
            _callback_registered,
            needs=("app_known", "callback_url"),
            see="1.2.3",
        ),
        Check(
            "token",
            text("連携トークンの更新"),
            text("更新トークンで、新しいアクセストークンを実際に受け取ります。"),
            Area.APP,
            _token,
            needs=("app_known", "consumer_secret"),
            see="1.2.4",
            limit_s=2 * REFRESH_S,
        ),
        Check(
            "scopes",
            text("OAuth 範囲"),
            text("トークンの範囲に api と refresh_token があるかを調べます。"),
            Area.APP,
            _scopes,
            needs=("token",),
            see="1.2.3",
        ),
    )


def versions(bench: Bench) -> tuple[str, ...]:
    """The API versions that the host serves, oldest first; () for another host."""
    response = salesforce_answer(bench).response
    try:
        return tuple(str(entry["version"]) for entry in response.json())
    except (ValueError, TypeError, KeyError, RecursionError):
        return ()


def _answer(bench: Bench) -> Finding:
    response = salesforce_answer(bench).response
    listed = versions(bench)
    fact = text("HTTP {status}", status=response.status_code)
    if listed:
        return ok(
            text("Salesforce が応答しています。"),
            fact,
            text("API {first} から {last}", first=listed[0], last=listed[-1]),
        )
    status = response.status_code
    if status in (420, 429) or status >= 500:
        return fail(
            text("Salesforce が HTTP {status} を返しました。", status=status),
            fact,
            code="service_unavailable",
        )
    return fail(
        text("{url} は Salesforce ではない応答をしました。", url=bench.login_url),
        fact,
        code="not_a_salesforce_url",
    )


# ---------------------------------------------------------------------- app


def _refusal(bench: Bench) -> ConnectorError | None:
    """What the entrance of the authorisation says to our key and callback."""

    def ask() -> ConnectorError | None:
        pending = bench.oauth.start_authorisation()
        channel = bench.salesforce
        request = channel.client.build_request("GET", pending.url)
        return _told(channel.once(request))

    return bench.once("authorize", ask)


def _told(response: Response) -> ConnectorError | None:
    refused = callback_error(_parameters(response))
    if refused is not None or response.status_code < 400:
        return refused
    best = diagnose(response.text)[0]
    return AuthorisationNeeded(best.what, cause=best.code)


def _parameters(response: Response) -> Mapping[str, str]:
    query = urlsplit(response.headers.get("Location", "")).query
    body = response.text.strip()
    return dict(parse_qsl(query or (body if body.startswith("error=") else "")))


def _app_known(bench: Bench) -> Finding:
    refused = _refusal(bench)
    if refused is not None and refused.cause != "redirect_uri_mismatch":
        return failed_by(refused)
    return ok(text("Salesforce はこのコンシューマ鍵を知っています。"))


def _callback_registered(bench: Bench) -> Finding:
    refused = _refusal(bench)
    url = bench.settings.salesforce.callback_url
    fact = text("コールバック URL: {url}", url=url)
    if refused is not None:
        return failed_by(refused, fact)
    return ok(text("コールバック URL はアプリケーションに登録されています。"), fact)


# -------------------------------------------------------------------- token


def _token(bench: Bench) -> Finding:
    try:
        tokens = bench.tokens
    except ConnectorError as error:
        if isinstance(error, AuthorisationNeeded):
            _remember(bench, {"salesforce.authorisation": error.cause})
        return failed_by(error)
    now = stamp(bench.outside.now())
    _remember(
        bench,
        {"salesforce.authorisation": "ok", "salesforce.refreshed_at": now},
    )
    rotation = {
        True: text("更新トークンは更新のたびに替わります（保管済み）。"),
        False: text("更新トークンは替わりません。"),
        None: text("更新トークンが替わるかどうかは不明です。"),
    }[tokens.rotates]
    return ok(
        text("新しいアクセストークンを受け取りました。"),
        text("接続先: {url}", url=tokens.instance_url),
        rotation,
    )


def _remember(bench: Bench, facts: Mapping[str, str]) -> None:
    """Front page and `--status` show the connection as last seen."""
    try:
        Facts(bench.database, bench.profile).set(facts)
    except ConnectorError:
        # A database that cannot be written is told by its own check.
        return


def _scopes(bench: Bench) -> Finding:
    granted = bench.tokens.scope.split()
    if not granted:
        return skipped(text("Salesforce の応答に OAuth 範囲がありません。"))
    fact = text("OAuth 範囲: {scopes}", scopes=" ".join(granted))
    missing = [
        name
        for name, any_of in (("api", API_SCOPES), ("refresh_token", OFFLINE_SCOPES))
        if not any_of.intersection(granted)
    ]
    if missing:
        return fail(
            text("OAuth 範囲 {missing} がありません。", missing=missing),
            fact,
            code="scope_missing",
        )
    return ok(text("必要な OAuth 範囲が揃っています。"), fact)
