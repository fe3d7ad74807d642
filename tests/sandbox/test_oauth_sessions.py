"""Sessions, revocation, whose token it is, and the registered apps."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.sandbox.salesforce_org import (
    API,
    EXPIRED,
    Sandbox,
    error_of,
    running,
)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running() as started:
        yield started


# -------------------------------------------------------- sessions and revocation


def jobs(sandbox: Sandbox, token: str, scheme: str = "Bearer") -> httpx.Response:
    headers = {"Authorization": f"{scheme} {token}"}
    return sandbox.http.get(f"{API}/jobs/query", headers=headers)


def test_session_slides_and_expires(sandbox: Sandbox) -> None:
    token = sandbox.grant()["access_token"]
    for _ in range(3):
        sandbox.advance(7000)
        assert jobs(sandbox, token).status_code == 200
    sandbox.advance(7201)
    answer = jobs(sandbox, token)
    assert answer.status_code == 401
    assert answer.json() == [
        {"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}
    ]


def test_authorization_schemes(sandbox: Sandbox) -> None:
    token = sandbox.grant()["access_token"]
    assert jobs(sandbox, token, "OAuth").status_code == 200
    assert jobs(sandbox, token, "Basic").json()[0]["errorCode"] == "INVALID_AUTH_HEADER"
    missing = sandbox.http.get(f"{API}/jobs/query")
    assert (missing.status_code, missing.json()[0]["errorCode"]) == (
        401,
        "INVALID_SESSION_ID",
    )


def test_session_without_api_scope_and_org_without_api(sandbox: Sandbox) -> None:
    assert jobs(sandbox, sandbox.grant(scope="openid")["access_token"]).status_code == (
        401
    )
    token = sandbox.grant()["access_token"]
    sandbox.switch(api_disabled="on")
    answer = jobs(sandbox, token)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (
        403,
        "API_DISABLED_FOR_ORG",
    )


def test_user_without_the_api_permission(sandbox: Sandbox) -> None:
    token = sandbox.grant()["access_token"]
    sandbox.switch(user_permissions={"PermissionsApiEnabled": False})
    answer = jobs(sandbox, token)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (
        403,
        "API_CURRENTLY_DISABLED",
    )


@pytest.mark.parametrize("switch", ["inactive_user", "ip_restricted"])
def test_frozen_users_lose_their_sessions(sandbox: Sandbox, switch: str) -> None:
    token = sandbox.grant()["access_token"]
    sandbox.switch(**{switch: "on"})
    assert jobs(sandbox, token).status_code == 401


def revoke(sandbox: Sandbox, method: str = "POST", **form: str) -> httpx.Response:
    if method == "GET":
        return sandbox.http.get("/services/oauth2/revoke", params=form)
    return sandbox.http.post("/services/oauth2/revoke", data=form)


def test_revoking_a_refresh_token_takes_its_sessions(sandbox: Sandbox) -> None:
    body = sandbox.grant()
    answer = revoke(sandbox, token=body["refresh_token"])
    assert (answer.status_code, answer.content) == (200, b"")
    assert jobs(sandbox, body["access_token"]).status_code == 401
    assert error_of(sandbox.refresh(body["refresh_token"])) == EXPIRED
    again = revoke(sandbox, token=body["refresh_token"])
    assert error_of(again)[:2] == (400, "invalid_token")


def test_revoking_an_access_token_ends_only_the_session(sandbox: Sandbox) -> None:
    body = sandbox.grant()
    assert revoke(sandbox, "GET", token=body["access_token"]).status_code == 200
    assert jobs(sandbox, body["access_token"]).status_code == 401
    assert sandbox.refresh(body["refresh_token"]).status_code == 200


def test_revoke_takes_delete_tokens_and_speaks_jsonp(sandbox: Sandbox) -> None:
    body = sandbox.grant()
    row = sandbox.ctx.sessions.oauth_tokens()[0]
    answer = revoke(sandbox, "GET", token=row["DeleteToken"], callback="done")
    assert (answer.status_code, answer.text) == (200, "done();")
    assert error_of(sandbox.refresh(body["refresh_token"])) == EXPIRED
    refused = revoke(sandbox, "GET", token="nonsense", callback="done")
    assert refused.status_code == 400
    inner = re.fullmatch(r"done\((.*)\);", refused.text)
    assert inner and json.loads(inner[1])["error"] == "unsupported_token_type"


def test_control_calls_kill_tokens(sandbox: Sandbox) -> None:
    body = sandbox.grant()
    sandbox.http.post("/_sandbox/expire_sessions")
    assert jobs(sandbox, body["access_token"]).status_code == 401
    assert sandbox.refresh(body["refresh_token"]).status_code == 200
    sandbox.http.post("/_sandbox/revoke")
    assert error_of(sandbox.refresh(body["refresh_token"])) == EXPIRED


def test_tokens_survive_a_restart(sandbox: Sandbox) -> None:
    sandbox.switch(refresh_rotation="on")
    first = sandbox.grant()["refresh_token"]
    body = sandbox.refresh(first).json()
    stored = json.loads(json.dumps(sandbox.ctx.sessions.dump()))
    apps = json.loads(json.dumps(sandbox.ctx.apps.dump()))
    with running() as restarted:
        restarted.ctx.sessions.restore(stored)
        restarted.ctx.apps.restore(apps)
        restarted.switch(refresh_rotation="on")
        assert jobs(restarted, body["access_token"]).status_code == 200
        assert restarted.refresh(body["refresh_token"]).status_code == 200
        assert error_of(restarted.refresh(first)) == EXPIRED


# -------------------------------------------------------------------- who it is


def test_introspection(sandbox: Sandbox) -> None:
    body = sandbox.grant(scope="openid id refresh_token")
    app = sandbox.ctx.apps.default
    form = {"client_id": app.client_id, "client_secret": app.client_secret}
    answer = sandbox.http.post(
        "/services/oauth2/introspect", data={"token": body["access_token"], **form}
    ).json()
    assert list(answer) == [
        "active",
        "scope",
        "client_id",
        "username",
        "sub",
        "token_type",
        "exp",
        "iat",
        "nbf",
    ]
    assert answer["scope"] == "id openid refresh_token"
    assert answer["exp"] - answer["iat"] == 7200
    assert answer["sub"] == body["id"]
    dead = sandbox.http.post("/services/oauth2/introspect", data={"token": "x", **form})
    assert dead.json() == {"active": False}
    wrong = sandbox.http.post(
        "/services/oauth2/introspect",
        data={"token": body["access_token"], "client_id": app.client_id},
    )
    assert error_of(wrong)[1] == "invalid_client"


def test_introspection_of_another_apps_token(sandbox: Sandbox) -> None:
    token = sandbox.grant()["access_token"]
    sandbox.app("3MVG9other", client_secret="S")
    form = {"token": token, "client_id": "3MVG9other", "client_secret": "S"}
    url = "/services/oauth2/introspect"
    assert sandbox.http.post(url, data=form).json() == {"active": False}
    sandbox.app("3MVG9other", introspect_all=True)
    assert sandbox.http.post(url, data=form).json()["active"] is True


def test_userinfo_and_identity(sandbox: Sandbox) -> None:
    body = sandbox.grant()
    headers = {"Authorization": f"Bearer {body['access_token']}"}
    found = sandbox.http.get("/services/oauth2/userinfo", headers=headers).json()
    assert " ".join(found) == (
        "sub user_id organization_id preferred_username nickname name email "
        "email_verified given_name family_name zoneinfo photos profile picture "
        "address is_salesforce_integration_user urls active user_type language "
        "locale utcOffset updated_at"
    )
    assert found["sub"] == body["id"]
    assert found["urls"]["rest"] == f"{sandbox.url}/services/data/v{{version}}/"
    assert found["urls"]["custom_domain"] == sandbox.url
    identity = sandbox.http.get(f"{body['id']}?format=json", headers=headers).json()
    for key in ("id", "asserted_user", "nick_name", "display_name", "timezone"):
        assert identity[key]
    assert identity["username"] == sandbox.org.admin_username
    assert identity["user_id"] == sandbox.org.admin_user_id
    assert identity["organization_id"] == sandbox.org.org_id
    assert found["utcOffset"] == 9 * 3600 * 1000


@pytest.mark.parametrize("path", ["/services/oauth2/userinfo", "identity"])
def test_bad_token_is_plain_text_here(sandbox: Sandbox, path: str) -> None:
    if path == "identity":
        path = f"/id/{sandbox.org.org_id}/{sandbox.org.admin_user_id}"
    bad = sandbox.http.get(path, headers={"Authorization": "Bearer 00Dx!AQx"})
    assert (bad.status_code, bad.text) == (403, "Bad_OAuth_Token")
    assert bad.headers["content-type"].startswith("text/plain")
    missing = sandbox.http.get(path)
    assert (missing.status_code, missing.text) == (403, "Missing_OAuth_Token")


# ------------------------------------------------------------------------- apps


def test_registering_apps(sandbox: Sandbox) -> None:
    posted = sandbox.http.post(
        "/_sandbox/apps",
        json={
            "client_id": "3MVG9mine",
            "client_secret": "S",
            "callback_urls": ["https://example.com/cb"],
            "pkce_required": True,
            "rotation": True,
            "scopes": ["api", "refresh_token"],
        },
    )
    assert posted.json()["rotation"] is True
    listed = sandbox.http.get("/_sandbox/apps").json()
    assert [app["client_id"] for app in listed][1:] == ["PlatformCLI", "3MVG9mine"]
    for wrong in (
        {},
        {"client_id": "x", "colour": 1},
        {"client_id": "x", "blocked": 1},
    ):
        assert sandbox.http.post("/_sandbox/apps", json=wrong).status_code == 400


def test_default_app_looks_real_and_stays_the_same(sandbox: Sandbox) -> None:
    app = sandbox.ctx.apps.default
    assert re.fullmatch(r"3MVG9[\w.]{80}", app.client_id)
    assert re.fullmatch(r"[0-9A-F]{64}", app.client_secret)
    with running() as other:
        assert other.ctx.apps.default.client_id == app.client_id
        assert other.password == sandbox.password


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_slash_at_the_end_changes_nothing(sandbox: Sandbox, slash: str) -> None:
    granted = sandbox.grant()
    bearer = {"Authorization": f"Bearer {granted['access_token']}"}
    oauth = "/services/oauth2"
    told = sandbox.http.get(f"{oauth}/userinfo{slash}", headers=bearer).json()
    person = f"/id/{told['organization_id']}/{told['user_id']}{slash}"
    assert sandbox.http.get(person, headers=bearer).json()["user_id"] == told["user_id"]
    answers = {
        name: sandbox.http.post(f"{oauth}/{name}{slash}", data={}).json()["error"]
        for name in ("token", "revoke", "introspect")
    }
    assert answers == {
        "token": "invalid_request",
        "revoke": "unsupported_token_type",
        "introspect": "invalid_client_id",
    }
    asked = sandbox.http.get(f"{oauth}/authorize{slash}", params={"client_id": "x"})
    assert asked.status_code == 400
    assert asked.text.startswith("error=invalid_client_id")
