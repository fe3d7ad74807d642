"""The login host's pages: each row of the table of authorization failures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

import httpx
import pytest

from tests.sandbox.salesforce_org import (
    CALLBACK,
    VERIFIER,
    Sandbox,
    challenge,
    error_of,
    query_of,
    running,
)

APPROVAL_ERROR = "OAUTH_APPROVAL_ERROR_GENERIC"
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
