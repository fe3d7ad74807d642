"""What an OAuth endpoint or a browser's way back said, read into values and errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote

import httpx

from haihai_tui.errors import (
    AuthorisationNeeded,
    ConnectorError,
    SettingsError,
    text,
)
from haihai_tui.services.http import Transient, retry_after
from haihai_tui.services.salesforce.errors import Kind, classify, to_error
from haihai_tui.services.salesforce.oauth_errors import oauth_error, refuses_pkce
from haihai_tui.services.salesforce.tokens import Tokens, from_response, same_id

AGAIN = text("連携トークンの更新（認可）を最初からやり直してください。")


def token_error(response: httpx.Response) -> ConnectorError:
    """The named form of any refusal by an OAuth endpoint."""
    kind = response.headers.get("Content-Type", "")
    try:
        document = json.loads(response.content)
    except (ValueError, RecursionError):
        document = dict(parse_qsl(response.text)) if response.status_code < 420 else {}
    if isinstance(document, dict) and isinstance(document.get("error"), str):
        description = str(document.get("error_description", ""))
        return oauth_error(document["error"], description)
    after = retry_after(response.headers)
    refusal = classify(response.status_code, kind, response.content, retry_after=after)
    if refusal.kind in (Kind.ROW, Kind.FATAL) and 300 <= response.status_code < 500:
        # No OAuth endpoint answers so: the host is something else.
        return SettingsError(
            text(
                "{url} は認可に応答しません。",
                url=str(response.url.copy_with(query=None)),
            ),
            text("Salesforce URL を確認してください。"),
            cause="not_a_salesforce_url",
        )
    return to_error(refusal)


def parse_answer(answer: str) -> dict[str, str]:
    """Parameters of a redirect URL, its query alone, or a bare code.

    Each value is percent-decoded exactly once.
    """
    pasted = "".join(answer.split())
    # Not `urlsplit`: it refuses hosts, and whatever stands there matters nothing here.
    query = pasted.partition("?")[2].partition("#")[0]
    if query or "code=" in pasted or "error=" in pasted:
        return dict(parse_qsl(query or pasted, keep_blank_values=True))
    if "://" in pasted or not pasted:
        return {}
    return {"code": unquote(pasted)}


def check_org(expected: str, found: str) -> None:
    """Refuse tokens of another org than the profile's (15 or 18 characters)."""
    if expected and found and not same_id(expected, found):
        raise SettingsError(
            text(
                "このプロファイルの組織は {expected} ですが、トークンは {found} の"
                "ものです。",
                expected=expected,
                found=found,
            ),
            text("Salesforce URL を確認するか、別のプロファイルを使ってください。"),
            cause="wrong_org",
        )


def not_stored() -> AuthorisationNeeded:
    """There is no token at all."""
    return AuthorisationNeeded(
        text("連携トークンが保管されていません。"),
        text("連携トークンを更新（認可）してください。"),
        cause="token_not_stored",
    )


def expired() -> AuthorisationNeeded:
    """The access token is dead and nothing can renew it."""
    return AuthorisationNeeded(
        text("連携トークンの期限が切れ、更新トークンもありません。"),
        text("OAuth 範囲 refresh_token を確認し、再認可してください。"),
        cause="token_expired",
    )


def reused() -> AuthorisationNeeded:
    """A refresh token of an app that rotates them is no longer taken.

    Whoever uses one twice loses the whole authorisation, so that is named.
    """
    return AuthorisationNeeded(
        text(
            "更新トークンが無効になりました。取り消しや期限のほか、控えから戻した古い"
            "トークンや、複製したプロファイルを使うと、認可全体が取り消されます"
            "（ローテーション）。"
        ),
        text(
            "連携トークンを更新（再認可）し、このプロファイルを 1 か所だけで使って"
            "ください。"
        ),
        cause="token_expired",
    )


def state_mismatch() -> AuthorisationNeeded:
    """An answer to another authorisation than the one under way."""
    return AuthorisationNeeded(
        text("認可の応答が、開始した認可のものではありません（state の不一致）。"),
        AGAIN,
        cause="state_mismatch",
    )


def about_unknown_verifier(error: ConnectorError) -> bool:
    """Whether the token endpoint cannot take a code verifier at all."""
    words = str(error.what.params.get("description", "")).lower()
    return refuses_pkce({"error": "invalid_request", "error_description": words})


def json_object(response: httpx.Response) -> dict[str, Any]:
    """The JSON object of a good answer; Transient for anything else."""
    try:
        document = response.json()
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise Transient(
            text("Salesforce の応答が JSON ではありません。"),
            text(
                "Salesforce URL と途中のプロキシを確認し、しばらく待って再度実施して"
                "ください。"
            ),
        )
    return document


def tokens_of(answer: Mapping[str, Any], before: Tokens | None) -> Tokens:
    """Tokens of a token response; AuthorisationNeeded where it holds none."""
    try:
        return from_response(answer, before)
    except ValueError as error:
        raise AuthorisationNeeded(
            text("Salesforce の応答に連携トークンがありません。"),
            AGAIN,
            cause="token_not_stored",
        ) from error
