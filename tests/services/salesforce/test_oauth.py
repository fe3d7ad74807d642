"""Authorisation codes, PKCE, and refreshes that must not be repeated."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pytest_httpx import HTTPXMock

from haihai_tui.errors import (
    AuthorisationNeeded,
    ServiceUnreachable,
    SettingsError,
    text,
)
from haihai_tui.services.salesforce.oauth import PendingAuthorisation
from haihai_tui.services.salesforce.oauth_answers import parse_answer
from haihai_tui.services.salesforce.tokens import Tokens
from tests.services.salesforce.support import (
    HOST,
    LOGIN,
    ORG,
    USER,
    MemoryStore,
    form,
    opened,
    token_answer,
    tokens,
)

TOKEN_URL = f"{LOGIN}/services/oauth2/token"


def answer_to(pending: PendingAuthorisation, query: str) -> str:
    return f"{pending.redirect_uri}?{query}&state={pending.state}"


def test_the_login_url_carries_state_and_challenge() -> None:
    with opened() as org:
        pending = org.oauth.start_authorisation()
    parts = urlsplit(pending.url)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    digest = hashlib.sha256(pending.verifier.encode()).digest()
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == (
        f"{LOGIN}/services/oauth2/authorize"
    )
    assert query == {
        "response_type": "code",
        "client_id": "3MVG9.key",
        "redirect_uri": "http://localhost:8711/sflogged",
        "scope": "api refresh_token",
        "state": pending.state,
        "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    assert 43 <= len(pending.verifier) <= 128
    assert pending.verifier.isalnum()


def test_two_authorisations_share_nothing() -> None:
    with opened() as org:
        one, other = org.oauth.start_authorisation(), org.oauth.start_authorisation()
    assert one.state != other.state
    assert one.verifier != other.verifier


def test_exchanges_the_code_decoded_once(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=TOKEN_URL, json=token_answer(refresh="5Aep861.new"))
    with opened() as org:
        pending = org.oauth.start_authorisation()
        got = org.oauth.exchange(
            pending, answer_to(pending, "code=aPrx%2B1%2525a%3D%3D")
        )
    sent = form(httpx_mock.get_requests()[0])
    assert sent == {
        "grant_type": "authorization_code",
        "code": "aPrx+1%25a==",
        "redirect_uri": "http://localhost:8711/sflogged",
        "code_verifier": pending.verifier,
        "client_id": "3MVG9.key",
        "client_secret": "s3cr3t-of-app",
    }
    assert "Authorization" not in httpx_mock.get_requests()[0].headers
    assert (got.org_id, got.user_id) == (ORG, USER)
    assert (got.refresh_token, got.issued_at) == ("5Aep861.new", 1778066860000)
    assert org.store.written == []


@pytest.mark.parametrize(
    "pasted",
    ["aPrx1==", "aPrx1%3D%3D", " aPrx1==\n", "code=aPrx1%3D%3D&x=y", "?code=aPrx1=="],
)
def test_takes_a_code_in_any_form(pasted: str) -> None:
    assert parse_answer(pasted)["code"] == "aPrx1=="


def test_a_public_app_sends_no_secret(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=TOKEN_URL, json=token_answer())
    with opened(secret="") as org:
        pending = org.oauth.start_authorisation()
        org.oauth.exchange(pending, answer_to(pending, "code=aPrx"))
    sent = form(httpx_mock.get_requests()[0])
    assert "client_secret" not in sent
    assert sent["client_id"] == "3MVG9.key"


@pytest.mark.parametrize(
    ("query", "cause"),
    [
        ("code=aPrx&state=other", "state_mismatch"),
        ("code=aPrx", "state_mismatch"),
        ("error=access_denied&error_description=end-user+denied", "access_denied"),
        ("error=access_denied&state=other", "state_mismatch"),
        (
            "error=invalid_request&error_description=missing+required+code+challenge",
            "pkce_required",
        ),
        ("error=OAUTH_APP_BLOCKED&error_description=blocked", "app_blocked"),
        (
            "error=invalid_client&error_description=app+must+be+installed+into+org",
            "app_not_installed",
        ),
        ("startURL=%2Fhome", "no_answer"),
    ],
)
def test_an_answer_without_a_good_code_goes_nowhere(query: str, cause: str) -> None:
    with opened() as org:
        pending = org.oauth.start_authorisation()
        with pytest.raises(AuthorisationNeeded) as caught:
            org.oauth.exchange(pending, f"{pending.redirect_uri}?{query}")
    assert caught.value.cause == cause


def test_a_code_that_is_too_old_is_not_sent() -> None:
    with opened() as org:
        pending = replace(org.oauth.start_authorisation(), expires=0.0)
        with pytest.raises(AuthorisationNeeded) as caught:
            org.oauth.exchange(pending, answer_to(pending, "code=aPrx"))
    assert caught.value.cause == "code_expired"


@pytest.mark.parametrize("status", [200, 503])
def test_another_orgs_tokens_are_refused_and_given_back(
    httpx_mock: HTTPXMock, status: int
) -> None:
    answer = token_answer(refresh="5Aep861.foreign")
    httpx_mock.add_response(url=TOKEN_URL, json=answer)
    httpx_mock.add_response(url=f"{LOGIN}/services/oauth2/revoke", status_code=status)
    with opened(expected_org_id="00D000000000002") as org:
        pending = org.oauth.start_authorisation()
        with pytest.raises(SettingsError) as caught:
            org.oauth.exchange(pending, answer_to(pending, "code=aPrx"))
    assert caught.value.cause == "wrong_org"
    # What will never be used takes up none of the five approvals.
    assert form(httpx_mock.get_requests()[-1]) == {"token": "5Aep861.foreign"}


def test_starts_again_without_pkce_only_where_it_is_refused() -> None:
    with opened() as org:
        pending = org.oauth.start_authorisation()
        refusal = "error=invalid_request&error_description=code_challenge+unsupported"
        plain = org.oauth.without_pkce(pending, answer_to(pending, refusal))
        assert plain is not None
        assert "code_challenge" not in plain.url
        assert plain.verifier == ""
        demanded = (
            "error=invalid_request&error_description=missing+required+code+challenge"
        )
        assert org.oauth.without_pkce(pending, answer_to(pending, demanded)) is None
        assert org.oauth.without_pkce(plain, answer_to(plain, refusal)) is None


@pytest.mark.parametrize(
    ("status", "body", "kind", "cause"),
    [
        (
            400,
            {
                "error": "invalid_grant",
                "error_description": "expired authorization code",
            },
            AuthorisationNeeded,
            "code_expired",
        ),
        (
            401,
            {
                "error": "invalid_client",
                "error_description": "invalid client credentials",
            },
            SettingsError,
            "invalid_client_secret",
        ),
        (
            400,
            "error=redirect_uri_mismatch&error_description=redirect_uri%20must",
            SettingsError,
            "redirect_uri_mismatch",
        ),
        (404, "<html>not found</html>", SettingsError, "not_a_salesforce_url"),
        (302, "", SettingsError, "not_a_salesforce_url"),
        (
            403,
            [
                {
                    "errorCode": "REQUEST_LIMIT_EXCEEDED",
                    "message": "TotalRequests Limit exceeded.",
                }
            ],
            Exception,
            "api_limit",
        ),
        (503, "<html>down</html>", ServiceUnreachable, "service_unavailable"),
    ],
)
def test_reads_every_refusal_of_the_token_endpoint(
    httpx_mock: HTTPXMock,
    status: int,
    body: object,
    kind: type[Exception],
    cause: str,
) -> None:
    if isinstance(body, str):
        httpx_mock.add_response(url=TOKEN_URL, status_code=status, text=body)
    else:
        httpx_mock.add_response(url=TOKEN_URL, status_code=status, json=body)
    with opened() as org:
        pending = org.oauth.start_authorisation()
        with pytest.raises(kind) as caught:
            org.oauth.exchange(pending, answer_to(pending, "code=aPrx"))
    assert getattr(caught.value, "cause", "") == cause


def test_refresh_keeps_what_the_answer_leaves_out(httpx_mock: HTTPXMock) -> None:
    moved = "https://moved.my.salesforce.com"
    httpx_mock.add_response(url=TOKEN_URL, json=token_answer(instance=f"{moved}/"))
    with opened() as org:
        got = org.oauth.refresh(org.store, "00D000000000001!one")
    assert form(httpx_mock.get_requests()[0]) == {
        "grant_type": "refresh_token",
        "refresh_token": "5Aep861.one",
        "client_id": "3MVG9.key",
        "client_secret": "s3cr3t-of-app",
    }
    assert got.refresh_token == "5Aep861.one"
    assert got.instance_url == moved
    assert got.rotates is False
    assert org.store.written == [tokens(), got]


def test_a_rotated_token_is_stored_before_it_is_used(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=TOKEN_URL, json=token_answer(refresh="5Aep861.two"))
    with opened() as org:
        got = org.oauth.refresh(org.store, "00D000000000001!one")
    assert (got.refresh_token, got.rotates) == ("5Aep861.two", True)
    assert org.store.written == [tokens(), got]


@pytest.mark.parametrize(("rotates", "asked"), [(True, 0), (None, 0), (False, 1)])
def test_a_store_that_refuses_is_found_before_a_token_is_given_up(
    httpx_mock: HTTPXMock, rotates: bool | None, asked: int
) -> None:
    class Full(MemoryStore):
        def write(self, tokens: Tokens) -> None:
            raise SettingsError(text("ディスクに空きがありません。"))

    if asked:
        # What does not rotate loses nothing: the old refresh token stays good.
        httpx_mock.add_response(url=TOKEN_URL, json=token_answer())
    store = Full(tokens(rotates=rotates))
    with opened(store) as org, pytest.raises(SettingsError):
        org.oauth.refresh(store, "00D000000000001!one")
    assert len(httpx_mock.get_requests()) == asked
    assert store.tokens == tokens(rotates=rotates)


def test_no_refresh_where_another_process_was_faster() -> None:
    with opened(MemoryStore(tokens(access="00D000000000001!newer"))) as org:
        got = org.oauth.refresh(org.store, "00D000000000001!stale")
    assert got.access_token == "00D000000000001!newer"


@pytest.mark.parametrize("rotates", [True, None])
def test_a_lost_answer_is_not_asked_for_again(
    httpx_mock: HTTPXMock, rotates: bool | None
) -> None:
    httpx_mock.add_exception(httpx.ReadError("connection reset"))
    with (
        opened(MemoryStore(tokens(rotates=rotates))) as org,
        pytest.raises(AuthorisationNeeded) as caught,
    ):
        org.oauth.refresh(org.store, "00D000000000001!one")
    assert caught.value.cause == "token_expired"
    assert len(httpx_mock.get_requests()) == 1
    assert org.store.written == [tokens(rotates=rotates)]


def test_after_a_lost_answer_a_newer_token_in_the_store_is_taken(
    httpx_mock: HTTPXMock,
) -> None:
    newer = tokens(access="00D000000000001!by-hand", refresh="5Aep861.by-hand")
    store = MemoryStore(tokens())

    def lose(_: httpx.Request) -> httpx.Response:
        store.tokens = newer
        raise httpx.ReadTimeout("no answer")

    httpx_mock.add_callback(lose)
    with opened(store) as org:
        assert org.oauth.refresh(store, "00D000000000001!one") == newer


def test_an_app_that_does_not_rotate_may_be_asked_again(
    httpx_mock: HTTPXMock,
) -> None:
    httpx_mock.add_exception(httpx.ReadError("connection reset"))
    httpx_mock.add_response(url=TOKEN_URL, json=token_answer())
    with opened(MemoryStore(tokens(rotates=False))) as org:
        got = org.oauth.refresh(org.store, "00D000000000001!one")
    assert got.access_token == "00D000000000001!two"


def test_a_refresh_that_never_arrived_is_repeated(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_exception(httpx.ConnectError("refused"))
    httpx_mock.add_response(url=TOKEN_URL, status_code=503)
    httpx_mock.add_response(url=TOKEN_URL, json=token_answer(refresh="5Aep861.two"))
    with opened(MemoryStore(tokens(rotates=True))) as org:
        got = org.oauth.refresh(org.store, "00D000000000001!one")
    assert got.refresh_token == "5Aep861.two"


@pytest.mark.parametrize(
    ("description", "cause"),
    [
        ("expired access/refresh token", "token_expired"),
        ("inactive user", "inactive_user"),
        ("ip restricted", "ip_restricted"),
    ],
)
def test_a_refused_refresh_needs_a_person(
    httpx_mock: HTTPXMock, description: str, cause: str
) -> None:
    body = {"error": "invalid_grant", "error_description": description}
    httpx_mock.add_response(url=TOKEN_URL, status_code=400, json=body)
    with opened() as org, pytest.raises(AuthorisationNeeded) as caught:
        org.oauth.refresh(org.store, "00D000000000001!one")
    assert caught.value.cause == cause


def test_no_token_and_no_refresh_token_are_told_apart() -> None:
    with opened(MemoryStore()) as org, pytest.raises(AuthorisationNeeded) as none:
        org.oauth.refresh(MemoryStore(), "")
    assert none.value.cause == "token_not_stored"
    with opened() as org, pytest.raises(AuthorisationNeeded) as half:
        org.oauth.refresh(MemoryStore(tokens(access="", refresh="")), "")
    assert half.value.cause == "token_expired"


def test_revokes_and_tells_who_it_is(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=f"{LOGIN}/services/oauth2/revoke")
    httpx_mock.add_response(
        url=f"{HOST}/services/oauth2/userinfo", json={"organization_id": ORG}
    )
    httpx_mock.add_response(
        url=f"{HOST}/id/{ORG}/{USER}?format=json", json={"username": "u@example.com"}
    )
    with opened() as org:
        assert org.oauth.revoke("5Aep861.one") is True
        assert org.oauth.userinfo(tokens())["organization_id"] == ORG
        assert org.oauth.identity(tokens())["username"] == "u@example.com"
    revoke, userinfo, _ = httpx_mock.get_requests()
    assert form(revoke) == {"token": "5Aep861.one"}
    assert userinfo.headers["Authorization"] == "Bearer 00D000000000001!one"


def test_a_dead_token_is_revoked_already(httpx_mock: HTTPXMock) -> None:
    body = {"error": "invalid_token", "error_description": "invalid token"}
    httpx_mock.add_response(status_code=400, json=body)
    with opened() as org:
        assert org.oauth.revoke("5Aep861.one") is False


def test_tokens_do_not_print() -> None:
    for shown in (repr(tokens()), str(tokens()), f"{tokens()}"):
        assert "5Aep861" not in shown
        assert "!one" not in shown
    with opened() as org:
        pending = org.oauth.start_authorisation()
        assert pending.verifier not in repr(pending)
        assert "s3cr3t" not in repr(org.oauth._app)
