"""The token endpoint: each row of its table of errors, and refresh tokens."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator

import pytest

from tests.sandbox.salesforce_org import (
    CALLBACK,
    EXPIRED,
    VERIFIER,
    Sandbox,
    challenge,
    error_of,
    running,
)

WRONG_VERIFIER = (400, "invalid_grant", "invalid code verifier")


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running() as started:
        yield started


# ------------------------------------------------------------------------- token


def test_token_answer_has_exactly_these_keys(sandbox: Sandbox) -> None:
    answer = sandbox.exchange(sandbox.walk(scope="refresh_token api")["code"])
    assert answer.headers["content-type"] == "application/json;charset=UTF-8"
    body = answer.json()
    assert list(body) == [
        "access_token",
        "refresh_token",
        "signature",
        "scope",
        "instance_url",
        "id",
        "token_type",
        "issued_at",
    ]
    assert re.fullmatch(r"(00D\w{12,15})![.\w]*", body["access_token"])
    assert body["access_token"].split("!")[1].startswith("AQ")
    assert re.fullmatch(r"5Aep861\w+", body["refresh_token"])
    assert body["scope"] == "refresh_token api"
    assert body["instance_url"] == sandbox.url
    user, org = sandbox.org.admin_user_id, sandbox.org.org_id
    assert body["id"] == f"{sandbox.url}/id/{org}/{user}"
    assert re.fullmatch(r"\d{13}", body["issued_at"])
    secret = sandbox.ctx.apps.default.client_secret.encode()
    signed = (body["id"] + body["issued_at"]).encode()
    digest = hmac.new(secret, signed, hashlib.sha256).digest()
    assert body["signature"] == base64.b64encode(digest).decode()


def test_openid_adds_a_signed_id_token(sandbox: Sandbox) -> None:
    from joserfc import jwt
    from joserfc.jwk import KeySet

    body = sandbox.grant(scope="openid api", nonce="n-1")
    keys = KeySet.import_key_set(sandbox.http.get("/id/keys").json())
    claims = jwt.decode(body["id_token"], keys, algorithms=["RS256"]).claims
    assert claims["aud"] == sandbox.ctx.apps.default.client_id
    assert (claims["nonce"], claims["sub"]) == ("n-1", body["id"])
    found = sandbox.http.get("/.well-known/openid-configuration").json()
    assert found["issuer"] == claims["iss"]


def test_without_the_refresh_scope_there_is_no_refresh_token(sandbox: Sandbox) -> None:
    assert "refresh_token" not in sandbox.grant(scope="api")
    assert "refresh_token" in sandbox.grant(scope="api offline_access")


def test_pkce_with_and_without_method(sandbox: Sandbox) -> None:
    for method in (None, "S256"):
        asked = sandbox.walk(
            code_challenge=challenge(VERIFIER), code_challenge_method=method
        )
        answer = sandbox.exchange(asked["code"], code_verifier=VERIFIER)
        assert answer.status_code == 200


def test_verifier_must_fit_the_challenge(sandbox: Sandbox) -> None:
    code = sandbox.walk(code_challenge=challenge(VERIFIER))["code"]
    for wrong in (None, "w" * 43, VERIFIER[:-1]):
        refused = sandbox.exchange(code, code_verifier=wrong)
        assert error_of(refused) == WRONG_VERIFIER
    assert sandbox.exchange(code, code_verifier=VERIFIER).status_code == 200
    plain = sandbox.walk()["code"]
    assert error_of(sandbox.exchange(plain, code_verifier=VERIFIER)) == WRONG_VERIFIER


def test_tilde_in_a_verifier_is_the_real_services_defect(sandbox: Sandbox) -> None:
    verifier = "~" * 43
    code = sandbox.walk(code_challenge=challenge(verifier))["code"]
    refused = sandbox.exchange(code, code_verifier=verifier)
    assert error_of(refused) == WRONG_VERIFIER
    sandbox.switch(verifier_tilde="accept")
    assert sandbox.exchange(code, code_verifier=verifier).status_code == 200


def test_code_is_good_once_and_for_fifteen_minutes(sandbox: Sandbox) -> None:
    expired = (400, "invalid_grant", "expired authorization code")
    code = sandbox.walk()["code"]
    assert sandbox.exchange(code).status_code == 200
    assert error_of(sandbox.exchange(code)) == expired
    late = sandbox.walk()["code"]
    sandbox.advance(15 * 60 + 1)
    assert error_of(sandbox.exchange(late)) == expired


def test_code_is_decoded_once_only(sandbox: Sandbox) -> None:
    unknown = (400, "invalid_grant", "invalid authorization code")
    code = sandbox.walk()["code"]
    assert code.endswith("==")
    assert error_of(sandbox.exchange(code.replace("=", "%3D"))) == unknown
    assert error_of(sandbox.exchange("aPrxnonsense==")) == unknown
    assert sandbox.exchange(code).status_code == 200


def test_code_belongs_to_its_app_and_callback(sandbox: Sandbox) -> None:
    code = sandbox.walk()["code"]
    sandbox.app("3MVG9other", client_secret="S", callback_urls=[CALLBACK])
    other = sandbox.exchange(code, client_id="3MVG9other", client_secret="S")
    assert error_of(other) == (400, "invalid_grant", "invalid authorization code")
    moved = sandbox.exchange(code, redirect_uri=CALLBACK + "/")
    assert error_of(moved) == (
        400,
        "redirect_uri_mismatch",
        "redirect_uri must match configuration",
    )


@pytest.mark.parametrize("status", [400, 401])
def test_wrong_key_and_wrong_secret(sandbox: Sandbox, status: int) -> None:
    sandbox.switch(invalid_client_status=status)
    code = sandbox.walk()["code"]
    assert error_of(sandbox.exchange(code, client_id="3MVG9x")) == (
        status,
        "invalid_client_id",
        "client identifier invalid",
    )
    wrong = (status, "invalid_client", "invalid client credentials")
    assert error_of(sandbox.exchange(code, client_secret="x")) == wrong
    assert error_of(sandbox.exchange(code, client_secret=None)) == wrong


def test_basic_authentication_counts_only_where_switched_on(sandbox: Sandbox) -> None:
    app = sandbox.ctx.apps.default
    form = {
        "grant_type": "authorization_code",
        "code": sandbox.walk()["code"],
        "redirect_uri": CALLBACK,
    }
    pair = (app.client_id, app.client_secret)
    refused = sandbox.http.post("/services/oauth2/token", data=form, auth=pair)
    assert error_of(refused)[1] == "invalid_client_id"
    sandbox.switch(token_basic_auth="accept")
    taken = sandbox.http.post("/services/oauth2/token", data=form, auth=pair)
    assert taken.status_code == 200


def test_grant_types_and_methods(sandbox: Sandbox) -> None:
    unsupported = (400, "unsupported_grant_type", "grant type not supported")
    assert error_of(sandbox.token(grant_type="device")) == unsupported
    assert error_of(sandbox.token())[1:] == ("invalid_request", "grant type missing")
    got = sandbox.http.get("/services/oauth2/token")
    assert error_of(got) == (400, "invalid_request", "must use HTTP POST")


def test_app_that_was_uninstalled_before_the_exchange(sandbox: Sandbox) -> None:
    code = sandbox.walk()["code"]
    sandbox.switch(app_installed="off")
    assert error_of(sandbox.exchange(code)) == (
        400,
        "invalid_client",
        "app must be installed into org",
    )


@pytest.mark.parametrize(
    ("switch", "value", "expected"),
    [
        ("inactive_user", "on", ("invalid_grant", "inactive user")),
        ("ip_restricted", "on", ("invalid_grant", "ip restricted")),
        ("login_rate_exceeded", "on", ("invalid_grant", "login rate exceeded")),
        (
            "app_blocked",
            "on",
            ("OAUTH_APP_BLOCKED", "this app is blocked by admin"),
        ),
        (
            "token_error",
            "unknown_error: retry your request",
            ("unknown_error", "retry your request"),
        ),
        (
            "token_error",
            "invalid_grant: activation secret invalid",
            ("invalid_grant", "activation secret invalid"),
        ),
    ],
)
def test_refusals_of_both_grants(
    sandbox: Sandbox, switch: str, value: str, expected: tuple[str, str]
) -> None:
    refresh_token = sandbox.grant()["refresh_token"]
    code = sandbox.walk()["code"]
    sandbox.switch(**{switch: value})
    assert error_of(sandbox.refresh(refresh_token)) == (400, *expected)
    assert error_of(sandbox.exchange(code)) == (400, *expected)


def test_user_not_approved_at_the_token_endpoint(sandbox: Sandbox) -> None:
    refresh_token = sandbox.grant()["refresh_token"]
    sandbox.switch(user_approved="off", user_not_approved="invalid_app_access")
    assert error_of(sandbox.refresh(refresh_token)) == (
        400,
        "invalid_app_access",
        "user is not admin approved to access this app",
    )


def test_deactivated_user(sandbox: Sandbox) -> None:
    refresh_token = sandbox.grant()["refresh_token"]
    sandbox.org.update("User", sandbox.org.admin_user_id, {"IsActive": False})
    assert error_of(sandbox.refresh(refresh_token))[2] == "inactive user"


def test_password_and_client_credentials_are_off_by_default(sandbox: Sandbox) -> None:
    typed = {"username": sandbox.org.admin_username, "password": sandbox.password}
    refused = sandbox.token(grant_type="password", **typed)
    assert error_of(refused) == (400, "invalid_grant", "authentication failure")
    assert error_of(sandbox.token(grant_type="client_credentials"))[0] == 400
    sandbox.switch(password_grant="on", client_credentials_grant="on")
    assert sandbox.token(grant_type="password", **typed).status_code == 200
    typed["password"] = "x"
    refused = sandbox.token(grant_type="password", **typed)
    assert error_of(refused)[2] == "authentication failure"
    app = sandbox.ctx.apps.default
    by_basic = sandbox.http.post(
        "/services/oauth2/token",
        data={"grant_type": "client_credentials"},
        auth=(app.client_id, app.client_secret),
    )
    assert by_basic.status_code == 200


def test_rest_style_list_at_the_token_endpoint(sandbox: Sandbox) -> None:
    fault = {"match": "POST /token", "do": "error:REQUEST_LIMIT_EXCEEDED"}
    sandbox.http.post("/_sandbox/faults", json=[fault])
    answer = sandbox.refresh("x")
    assert answer.status_code == 403
    assert answer.json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"


def test_faults_come_in_the_form_of_the_endpoint(sandbox: Sandbox) -> None:
    for do in ("error:unknown_error", "error:invalid_grant:ip restricted"):
        fault = {"match": "POST /token", "do": do}
        sandbox.http.post("/_sandbox/faults", json=[fault])
    transient = (400, "unknown_error", "retry your request")
    assert error_of(sandbox.refresh("x")) == transient
    assert error_of(sandbox.refresh("x")) == (400, "invalid_grant", "ip restricted")


# ----------------------------------------------------------------------- refresh


def test_refresh_keeps_the_token_without_rotation(sandbox: Sandbox) -> None:
    first = sandbox.grant(scope="api refresh_token")
    for scope in (None, "api", "something else"):
        again = sandbox.refresh(first["refresh_token"], scope=scope)
        body = again.json()
        assert "refresh_token" not in body
        assert body["scope"] == "api refresh_token"
        assert body["access_token"] != first["access_token"]


def test_rotation_gives_a_new_token_each_time(sandbox: Sandbox) -> None:
    sandbox.app(sandbox.ctx.apps.default.client_id, rotation=True)
    token = sandbox.grant()["refresh_token"]
    for _ in range(3):
        renewed = sandbox.refresh(token).json()["refresh_token"]
        assert renewed != token
        token = renewed
    found = sandbox.ctx.sessions.approvals(
        sandbox.org.admin_user_id, sandbox.ctx.apps.default.client_id
    )
    assert len(found) == 1


def test_reuse_of_a_rotated_token_revokes_the_family(sandbox: Sandbox) -> None:
    sandbox.switch(refresh_rotation="on")
    old = sandbox.grant()["refresh_token"]
    renewed = sandbox.refresh(old).json()
    assert error_of(sandbox.refresh(old)) == EXPIRED
    assert error_of(sandbox.refresh(renewed["refresh_token"])) == EXPIRED
    assert sandbox.ctx.sessions.access(renewed["access_token"]) is None


def test_reuse_may_be_rejected_only(sandbox: Sandbox) -> None:
    sandbox.switch(refresh_rotation="on", refresh_reuse="reject_only")
    old = sandbox.grant()["refresh_token"]
    new = sandbox.refresh(old).json()["refresh_token"]
    assert error_of(sandbox.refresh(old)) == EXPIRED
    assert sandbox.refresh(new).status_code == 200


def test_grace_answers_a_repeated_refresh_with_the_same_successor(
    sandbox: Sandbox,
) -> None:
    sandbox.switch(refresh_rotation="on", rotation_grace_s=30)
    old = sandbox.grant()["refresh_token"]
    new = sandbox.refresh(old).json()["refresh_token"]
    assert sandbox.refresh(old).json()["refresh_token"] == new
    sandbox.advance(31)
    assert error_of(sandbox.refresh(old)) == EXPIRED


def test_refresh_token_that_was_idle_too_long(sandbox: Sandbox) -> None:
    sandbox.switch(refresh_idle_s=30 * 86_400)
    token = sandbox.grant()["refresh_token"]
    sandbox.advance(29 * 86_400)
    assert sandbox.refresh(token).status_code == 200
    sandbox.advance(29 * 86_400)
    assert sandbox.refresh(token).status_code == 200
    sandbox.advance(31 * 86_400)
    assert error_of(sandbox.refresh(token)) == EXPIRED


def test_secret_on_refresh_is_needed_unless_the_app_says_otherwise(
    sandbox: Sandbox,
) -> None:
    token = sandbox.grant()["refresh_token"]
    assert error_of(sandbox.refresh(token, client_secret=None))[1] == "invalid_client"
    key = sandbox.ctx.apps.default.client_id
    sandbox.app(key, secret_required_for_refresh=False)
    assert sandbox.refresh(token, client_secret=None).status_code == 200
    assert error_of(sandbox.refresh(token, client_secret="x"))[1] == "invalid_client"


def test_refresh_token_of_another_app(sandbox: Sandbox) -> None:
    token = sandbox.grant()["refresh_token"]
    sandbox.app("3MVG9other", client_secret="S", callback_urls=[CALLBACK])
    refused = sandbox.refresh(token, client_id="3MVG9other", client_secret="S")
    assert error_of(refused) == EXPIRED


def test_sixth_approval_revokes_the_oldest(sandbox: Sandbox) -> None:
    grants = [sandbox.grant() for _ in range(5)]
    tokens = [grant["refresh_token"] for grant in grants]
    assert sandbox.refresh(tokens[0]).status_code == 200
    tokens.append(sandbox.grant()["refresh_token"])
    assert error_of(sandbox.refresh(tokens[0])) == EXPIRED
    assert all(sandbox.refresh(token).status_code == 200 for token in tokens[1:])
    assert sandbox.ctx.sessions.access(grants[0]["access_token"]) is not None


def test_sixth_approval_may_revoke_the_least_recently_used(sandbox: Sandbox) -> None:
    sandbox.switch(approval_eviction="least_recently_used")
    tokens = []
    for _ in range(5):
        tokens.append(sandbox.grant()["refresh_token"])
        sandbox.advance(1)
    assert sandbox.refresh(tokens[0]).status_code == 200
    tokens.append(sandbox.grant()["refresh_token"])
    assert sandbox.refresh(tokens[0]).status_code == 200
    assert error_of(sandbox.refresh(tokens[1])) == EXPIRED


def test_public_app_sends_no_secret(sandbox: Sandbox) -> None:
    cli = "PlatformCLI"
    uri = "http://localhost:1717/OauthRedirect"
    asked = sandbox.walk(
        client_id=cli, redirect_uri=uri, code_challenge=challenge(VERIFIER)
    )
    form = {"client_id": cli, "client_secret": None}
    answer = sandbox.exchange(
        asked["code"], redirect_uri=uri, code_verifier=VERIFIER, **form
    )
    assert answer.status_code == 200
    renewed = sandbox.refresh(answer.json()["refresh_token"], **form)
    assert renewed.status_code == 200 and "refresh_token" not in renewed.json()
