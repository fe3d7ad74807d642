"""The OAuth imitation: each row of the two tables of refusals, and the life cycle."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from urllib.parse import unquote

import httpx
import pytest

from tests.sandbox.salesforce_org import (
    API,
    CALLBACK,
    VERIFIER,
    Sandbox,
    challenge,
    error_of,
    query_of,
    running,
)

APPROVAL_ERROR = "OAUTH_APPROVAL_ERROR_GENERIC"
EXPIRED = (400, "invalid_grant", "expired access/refresh token")
WRONG_VERIFIER = (400, "invalid_grant", "invalid code verifier")
PKCE_MISSING = "error=invalid_request&error_description=missing+required+code+challenge"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with running() as started:
        yield started


def location(answer: httpx.Response) -> str:
    assert answer.status_code == 302
    return answer.headers["location"]


def after_login(sandbox: Sandbox, **changes: str | None) -> httpx.Response:
    """Where the browser ends up once the user has logged in."""
    return sandbox.follow(sandbox.log_in(sandbox.authorize(**changes)))


def assert_error_page(page: httpx.Response, error: str) -> None:
    assert page.status_code == 200
    assert page.url.path == "/setup/secur/RemoteAccessErrorPage.apexp"
    assert page.url.params["error"] == error
    assert APPROVAL_ERROR in page.text


# --------------------------------------------------------- authorize, before login


def test_unknown_consumer_key_is_a_400_with_a_query_as_body(sandbox: Sandbox) -> None:
    answer = sandbox.authorize(client_id="3MVG9unknown")
    assert answer.status_code == 400
    assert answer.text == (
        "error=invalid_client_id&error_description=client%20identifier%20invalid"
    )


@pytest.mark.parametrize(
    "uri",
    [
        CALLBACK + "/",
        CALLBACK.upper(),
        "http://localhost:8712/sflogged",
        "https://localhost:8711/sflogged",
        None,
    ],
)
def test_callback_must_match_to_the_letter(sandbox: Sandbox, uri: str | None) -> None:
    answer = sandbox.authorize(redirect_uri=uri)
    assert answer.status_code == 400
    assert answer.text == (
        "error=redirect_uri_mismatch&error_description="
        "redirect_uri%20must%20match%20configuration"
    )


def test_loopback_address_is_no_callback_unless_switched_on(sandbox: Sandbox) -> None:
    uri = "http://127.0.0.1:8711/sflogged"
    key = sandbox.ctx.apps.default.client_id
    sandbox.app(key, callback_urls=[CALLBACK, uri, "http://example.com/cb"])
    assert sandbox.authorize(redirect_uri=uri).status_code == 400
    assert sandbox.authorize(redirect_uri="http://example.com/cb").status_code == 400
    sandbox.switch(loopback_ip_callback="accept")
    assert sandbox.authorize(redirect_uri=uri).status_code == 302
    assert sandbox.authorize(redirect_uri="http://example.com/cb").status_code == 400


def test_app_that_requires_pkce_redirects_before_login(sandbox: Sandbox) -> None:
    sandbox.app(sandbox.ctx.apps.default.client_id, pkce_required=True)
    assert location(sandbox.authorize()) == f"{CALLBACK}?{PKCE_MISSING}&state=s%2F1"
    assert location(sandbox.authorize(state=None)) == f"{CALLBACK}?{PKCE_MISSING}"
    given = sandbox.authorize(code_challenge=challenge(VERIFIER))
    assert location(given).startswith("/?ec=302")


def test_app_that_requires_pkce_may_answer_with_a_body(sandbox: Sandbox) -> None:
    sandbox.switch(pkce_required_app="on", pkce_missing_app="body")
    answer = sandbox.authorize()
    assert answer.status_code == 400
    assert "content-type" not in answer.headers
    assert unquote(answer.text).endswith("missing required code challenge")


@pytest.mark.parametrize(
    ("method", "value"),
    [("plain", VERIFIER), ("plain", challenge(VERIFIER)), ("S256", "too-short")],
)
def test_only_sha256_challenges_are_taken(
    sandbox: Sandbox, method: str, value: str
) -> None:
    answer = sandbox.authorize(code_challenge=value, code_challenge_method=method)
    assert query_of(location(answer))["error"] == "invalid_request"


def test_response_type_other_than_code_is_refused(sandbox: Sandbox) -> None:
    answer = sandbox.authorize(response_type="token")
    assert query_of(location(answer)) == {
        "error": "unsupported_response_type",
        "error_description": "response type not supported",
        "state": "s/1",
    }


def test_new_app_is_unknown_until_it_has_propagated(sandbox: Sandbox) -> None:
    sandbox.switch(app_propagation_s=600)
    sandbox.app("3MVG9new", client_secret="S", callback_urls=[CALLBACK])
    assert "invalid_client_id" in sandbox.authorize(client_id="3MVG9new").text
    refused = sandbox.token(
        grant_type="refresh_token", client_id="3MVG9new", refresh_token="x"
    )
    assert error_of(refused)[1] == "invalid_client_id"
    sandbox.advance(601)
    assert sandbox.authorize(client_id="3MVG9new").status_code == 302


# ---------------------------------------------------------- authorize, after login


def test_login_and_consent_lead_to_a_code(sandbox: Sandbox) -> None:
    login = sandbox.http.get(location(sandbox.authorize(scope="api refresh_token")))
    assert login.url.path == "/" and login.url.params["ec"] == "302"
    for element in ('id="username"', 'id="password"', 'name="Login"'):
        assert element in login.text
    wrong = sandbox.submit(login, "Login", username="nobody@example.com", pw="x")
    assert wrong.status_code == 200 and 'class="error"' in wrong.text
    right = sandbox.submit(
        wrong, "Login", username=sandbox.org.admin_username, pw=sandbox.password
    )
    consent = sandbox.follow(right)
    assert consent.url.path == "/setup/secur/RemoteAccessAuthorizationPage.apexp"
    assert 'id="oaapprove"' in consent.text and 'id="oadeny"' in consent.text
    back = location(sandbox.submit(consent, "save"))
    assert re.fullmatch(
        re.escape(CALLBACK) + r"\?code=aPrx[\w.]+%3D%3D&state=s%2F1", back
    )


def test_deny_is_told_to_the_callback(sandbox: Sandbox) -> None:
    consent = after_login(sandbox)
    assert location(sandbox.submit(consent, "cancel")) == (
        f"{CALLBACK}?error=access_denied"
        "&error_description=end-user+denied+authorization&state=s%2F1"
    )


def test_app_that_is_not_installed_never_calls_back(sandbox: Sandbox) -> None:
    sandbox.switch(app_installed="off")
    answer = sandbox.log_in(sandbox.authorize())
    consent = sandbox.http.get(location(answer))
    assert location(consent) == (
        "/setup/secur/RemoteAccessErrorPage.apexp?error=invalid_client"
        "&error_description=app+must+be+installed+into+org"
    )
    assert_error_page(sandbox.follow(consent), "invalid_client")


def test_blocked_app_is_told_to_the_callback(sandbox: Sandbox) -> None:
    sandbox.app(sandbox.ctx.apps.default.client_id, blocked=True)
    assert location(after_login(sandbox)) == (
        f"{CALLBACK}?error=OAUTH_APP_BLOCKED"
        "&error_description=this+app+is+blocked+by+admin&state=s%2F1"
    )


def test_user_who_was_not_approved(sandbox: Sandbox) -> None:
    sandbox.app(sandbox.ctx.apps.default.client_id, approved_users=[])
    found = query_of(location(after_login(sandbox)))
    assert found["error"] == "OAUTH_APP_BLOCKED"
    sandbox.switch(user_not_approved="invalid_app_access")
    found = query_of(location(sandbox.follow(sandbox.authorize())))
    assert found["error"] == "invalid_app_access"
    assert found["error_description"] == (
        "user is not admin approved to access this app"
    )
    sandbox.app(
        sandbox.ctx.apps.default.client_id,
        approved_users=[sandbox.org.admin_user_id],
    )
    assert "oaapprove" in sandbox.follow(sandbox.authorize()).text


def test_org_that_requires_pkce_shows_a_page_after_login(sandbox: Sandbox) -> None:
    sandbox.switch(pkce_required_org="on")
    assert_error_page(after_login(sandbox), APPROVAL_ERROR)
    sandbox.switch(pkce_missing_org="redirect")
    assert location(sandbox.follow(sandbox.authorize())) == (
        f"{CALLBACK}?error=invalid_request"
        "&error_description=missing%20required%20code%20challenge&state=s%2F1"
    )
    with_pkce = sandbox.walk(code_challenge=challenge(VERIFIER))
    assert with_pkce["code"].startswith("aPrx")


@pytest.mark.parametrize("switch", ["ip_restricted", "api_only_user"])
def test_users_who_cannot_pass_the_approval_page(sandbox: Sandbox, switch: str) -> None:
    sandbox.switch(**{switch: "on"})
    assert_error_page(after_login(sandbox), APPROVAL_ERROR)


@pytest.mark.parametrize("scope", ["api chatter_api", "refresh_token nonsense"])
def test_scope_that_the_app_lacks_fails_after_login(
    sandbox: Sandbox, scope: str
) -> None:
    assert_error_page(after_login(sandbox, scope=scope), APPROVAL_ERROR)


def test_full_scope_does_not_include_a_refresh_token(sandbox: Sandbox) -> None:
    sandbox.app(sandbox.ctx.apps.default.client_id, scopes=["full"])
    assert_error_page(after_login(sandbox, scope="api refresh_token"), APPROVAL_ERROR)
    assert "refresh_token" not in sandbox.grant(scope="api")


@pytest.mark.parametrize("switch", ["inactive_user", "login_rate_exceeded"])
def test_login_itself_can_be_refused(sandbox: Sandbox, switch: str) -> None:
    sandbox.switch(**{switch: "on"})
    page = sandbox.log_in(sandbox.authorize())
    assert page.status_code == 200 and 'id="error"' in page.text


def test_login_does_not_lead_to_another_host(sandbox: Sandbox) -> None:
    page = sandbox.http.get("/?ec=302&startURL=//example.com/")
    answer = sandbox.submit(
        page, "Login", username=sandbox.org.admin_username, pw=sandbox.password
    )
    assert location(answer) == "/home/home.jsp"


# ------------------------------------------------------- what the client asks for


def test_login_hint_and_display_reach_the_login_page(sandbox: Sandbox) -> None:
    answer = sandbox.authorize(login_hint="taro@example.com", display="popup")
    page = sandbox.http.get(location(answer))
    assert 'value="taro@example.com"' in page.text
    assert '<body class="popup">' in page.text


def test_second_authorization_needs_no_login_unless_asked(sandbox: Sandbox) -> None:
    sandbox.walk()
    assert "oaapprove" in sandbox.follow(sandbox.authorize()).text
    again = sandbox.authorize(prompt="login")
    assert location(again).startswith("/?ec=302")
    source = query_of(location(again))["startURL"]
    skipped = sandbox.http.get(source)  # the consent page cannot be jumped to
    assert location(skipped).startswith("/?ec=302")
    assert "oaapprove" in sandbox.follow(sandbox.log_in(again)).text


def test_consent_is_skipped_for_what_was_approved_if_so_switched(
    sandbox: Sandbox,
) -> None:
    sandbox.switch(consent_remembered="on")
    sandbox.grant(scope="api refresh_token")
    back = sandbox.follow(sandbox.authorize(scope="api"))
    assert "code" in query_of(location(back))
    assert "oaapprove" in sandbox.follow(sandbox.authorize(prompt="consent")).text
    assert "oaapprove" in sandbox.follow(sandbox.authorize(scope="openid")).text


def test_immediate_asks_nobody(sandbox: Sandbox) -> None:
    answer = sandbox.authorize(immediate="true")
    assert location(answer) == f"{CALLBACK}?error=immediate_unsuccessful&state=s%2F1"
    sandbox.grant()
    assert "code" in query_of(location(sandbox.authorize(immediate="true")))


def test_consent_answers_once(sandbox: Sandbox) -> None:
    consent = after_login(sandbox)
    sandbox.submit(consent, "save")
    page = sandbox.follow(sandbox.submit(consent, "save"))
    assert_error_page(page, APPROVAL_ERROR)


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
    tokens = [sandbox.grant()["refresh_token"] for _ in range(5)]
    assert sandbox.refresh(tokens[0]).status_code == 200
    tokens.append(sandbox.grant()["refresh_token"])
    assert error_of(sandbox.refresh(tokens[0])) == EXPIRED
    assert all(sandbox.refresh(token).status_code == 200 for token in tokens[1:])


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
