"""Tokens, budgets and repetitions around each request."""

from __future__ import annotations

import httpx
import pytest
from pytest_httpx import HTTPXMock

from haihai_tui.errors import (
    AuthorisationNeeded,
    BudgetUsedUp,
    Interrupted,
    ServiceUnreachable,
    SettingsError,
)
from haihai_tui.services.salesforce.tokens import Tokens
from tests.services.salesforce.support import (
    DATA,
    HOST,
    LOGIN,
    ORG,
    MemoryStore,
    opened,
    token_answer,
    tokens,
)

TOKEN_URL = f"{LOGIN}/services/oauth2/token"
USAGE = {"Sforce-Limit-Info": "api-usage=45/15000"}


def refused(mock: HTTPXMock, code: str, status: int, message: str = "") -> None:
    mock.add_response(
        status_code=status, json=[{"errorCode": code, "message": message}]
    )


def test_sends_the_token_and_reads_the_usage(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=f"{DATA}/limits", json={"a": 1}, headers=USAGE)
    with opened() as org:
        assert org.session.json("GET", "/limits") == {"a": 1}
        assert org.session.budget.spent == 1
    sent = httpx_mock.get_requests()[0]
    assert sent.headers["Authorization"] == "Bearer 00D000000000001!one"
    assert sent.headers["User-Agent"].startswith("haihai-tui/")
    assert sent.headers["Accept-Encoding"] == "gzip"
    assert org.usage == [(45, 15000)]


def test_renews_a_refused_token_once_and_goes_on(httpx_mock: HTTPXMock) -> None:
    refused(httpx_mock, "INVALID_SESSION_ID", 401)
    httpx_mock.add_response(url=TOKEN_URL, json=token_answer())
    httpx_mock.add_response(url=f"{DATA}/limits", json={"a": 1})
    with opened() as org:
        assert org.session.json("GET", "/limits") == {"a": 1}
    assert [r.url.path for r in httpx_mock.get_requests()] == [
        "/services/data/v66.0/limits",
        "/services/oauth2/token",
        "/services/data/v66.0/limits",
    ]
    last = httpx_mock.get_requests()[-1]
    assert last.headers["Authorization"] == "Bearer 00D000000000001!two"


def test_says_authorise_once_and_asks_no_more(httpx_mock: HTTPXMock) -> None:
    refused(httpx_mock, "INVALID_SESSION_ID", 401)
    httpx_mock.add_response(
        url=TOKEN_URL,
        status_code=400,
        json={"error": "invalid_grant", "error_description": "expired"},
    )
    with opened() as org:
        for _ in range(3):
            with pytest.raises(AuthorisationNeeded):
                org.session.json("GET", "/limits")
    assert len(httpx_mock.get_requests()) == 2


def test_a_token_refused_twice_needs_a_person(httpx_mock: HTTPXMock) -> None:
    refused(httpx_mock, "INVALID_SESSION_ID", 401)
    httpx_mock.add_response(url=TOKEN_URL, json=token_answer())
    refused(httpx_mock, "INVALID_SESSION_ID", 401)
    with opened() as org, pytest.raises(AuthorisationNeeded) as caught:
        org.session.json("GET", "/limits")
    assert caught.value.cause == "token_expired"


def test_another_org_is_refused_before_anything_is_read() -> None:
    with opened(expected_org_id="00D000000000009AAA") as org:
        for _ in range(2):
            with pytest.raises(SettingsError) as caught:
                org.session.json("GET", "/limits")
    assert caught.value.cause == "wrong_org"
    assert org.session.budget.spent == 0


def test_fifteen_and_eighteen_characters_are_one_org(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(json={})
    with opened(expected_org_id=ORG[:15]) as org:
        org.session.json("GET", "/limits")


def test_a_refresh_token_alone_is_enough(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=TOKEN_URL, json=token_answer())
    httpx_mock.add_response(url=f"{DATA}/limits", json={})
    with opened(MemoryStore(tokens(access="", instance=""))) as org:
        org.session.json("GET", "/limits")


def test_an_imported_token_is_asked_whose_it_is(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(
        url=f"{HOST}/services/oauth2/userinfo",
        json={"organization_id": "00D000000000009AAA", "user_id": "005x"},
    )
    bare = MemoryStore(Tokens.from_dict({"access_token": "x", "instance_url": HOST}))
    with opened(bare, expected_org_id=ORG) as org, pytest.raises(SettingsError) as it:
        org.session.json("GET", "/limits")
    assert it.value.cause == "wrong_org"


def test_a_daily_limit_ends_all_calls(httpx_mock: HTTPXMock) -> None:
    refused(httpx_mock, "REQUEST_LIMIT_EXCEEDED", 403, "TotalRequests Limit exceeded.")
    with opened() as org:
        for _ in range(3):
            with pytest.raises(BudgetUsedUp):
                org.session.json("GET", "/limits")
    assert len(httpx_mock.get_requests()) == 1


def test_too_many_at_once_is_waited_out(httpx_mock: HTTPXMock) -> None:
    refused(httpx_mock, "REQUEST_LIMIT_EXCEEDED", 403, "ConcurrentRequests (Concurrent")
    httpx_mock.add_response(json={"a": 1})
    with opened() as org:
        assert org.session.json("GET", "/limits") == {"a": 1}
    assert [record.cause for record in org.retries] == ["api_limit"]


def test_a_run_takes_no_more_than_its_share(httpx_mock: HTTPXMock) -> None:
    info = {"Sforce-Limit-Info": "api-usage=10/100"}
    httpx_mock.add_response(json={}, headers=info, is_reusable=True)
    with opened(share=0.03) as org:
        for _ in range(3):
            org.session.json("GET", "/limits")
        with pytest.raises(BudgetUsedUp) as caught:
            org.session.json("GET", "/limits")
    assert caught.value.cause == "api_limit"
    assert len(httpx_mock.get_requests()) == 3


@pytest.mark.parametrize(
    "info",
    ["api-usage=100/100", "api-usage=9/100, per-app-api-usage=250/250(appName=x)"],
)
def test_a_used_up_limit_is_believed(httpx_mock: HTTPXMock, info: str) -> None:
    httpx_mock.add_response(json={}, headers={"Sforce-Limit-Info": info})
    with opened() as org:
        org.session.json("GET", "/limits")
        with pytest.raises(BudgetUsedUp):
            org.session.json("GET", "/limits")


@pytest.mark.parametrize("status", [420, 429, 502, 503])
def test_repeats_up_to_a_bound_and_names_the_service(
    httpx_mock: HTTPXMock, status: int
) -> None:
    httpx_mock.add_response(status_code=status, html="<p>x</p>", is_reusable=True)
    with opened() as org, pytest.raises(ServiceUnreachable) as caught:
        org.session.json("GET", "/limits")
    assert "Salesforce" in str(caught.value)
    assert len(httpx_mock.get_requests()) == 5
    assert [record.attempt for record in org.retries] == [2, 3, 4, 5]
    assert org.session.budget.spent == 5


def test_html_instead_of_json_is_not_taken_for_an_answer(
    httpx_mock: HTTPXMock,
) -> None:
    httpx_mock.add_response(html="<p>maintenance</p>")
    httpx_mock.add_response(json={"a": 1})
    with opened() as org:
        assert org.session.json("GET", "/limits") == {"a": 1}


def test_what_cannot_be_repeated_is_not(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_exception(httpx.ConnectError("refused"))
    httpx_mock.add_exception(httpx.ReadError("reset"))
    with opened() as org, pytest.raises(ServiceUnreachable):
        org.session.request("POST", "/sobjects/Contact", json={}, repeat=False)
    assert len(httpx_mock.get_requests()) == 2


def test_a_redirect_is_not_followed(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(
        status_code=302, headers={"Location": "https://example.com/x?token=1"}
    )
    with opened() as org, pytest.raises(SettingsError) as caught:
        org.session.json("GET", "/limits")
    assert caught.value.cause == "not_a_salesforce_url"
    assert "example.com/x" in str(caught.value)
    assert len(httpx_mock.get_requests()) == 1


def test_the_token_goes_to_the_org_alone(httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=f"{HOST}/services/data/v66.0/q?l=1", json={})
    with opened() as org:
        org.session.json("GET", "https://example.com/services/data/v66.0/q?l=1")


def test_stops_when_asked_to() -> None:
    with opened(cancelled=lambda: True) as org, pytest.raises(Interrupted):
        org.session.json("GET", "/limits")
