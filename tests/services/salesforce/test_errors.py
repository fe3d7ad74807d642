"""Every shape of refusal, and the class of error that it becomes."""

from __future__ import annotations

import json

import pytest

from haihai_tui.errors import (
    AuthorisationNeeded,
    BudgetUsedUp,
    ConnectorError,
    ServiceUnreachable,
    SettingsError,
)
from haihai_tui.services.http import Transient
from haihai_tui.services.salesforce.errors import (
    Kind,
    classify,
    classify_row,
    refusal_of,
    to_error,
)
from haihai_tui.services.salesforce.oauth_errors import oauth_error

JSON = "application/json;charset=UTF-8"


def listed(code: str, message: str = "") -> bytes:
    return json.dumps([{"message": message, "errorCode": code}]).encode()


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "error", "cause"),
    [
        (
            401,
            "INVALID_SESSION_ID",
            "",
            Kind.REFRESH,
            AuthorisationNeeded,
            "token_expired",
        ),
        (
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "TotalRequests Limit exceeded.",
            Kind.PAUSE,
            BudgetUsedUp,
            "api_limit",
        ),
        (
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "ConcurrentRequests Limit exceeded.",
            Kind.BACK_OFF,
            Transient,
            "api_limit",
        ),
        (
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "ConcurrentPerOrgLongTxn Limit exceeded.",
            Kind.BACK_OFF,
            Transient,
            "api_limit",
        ),
        (403, "API_DISABLED_FOR_ORG", "", Kind.CONFIG, SettingsError, "api_disabled"),
        (403, "API_CURRENTLY_DISABLED", "", Kind.CONFIG, SettingsError, "api_disabled"),
        (
            400,
            "INVALID_FIELD",
            "No such column",
            Kind.FATAL,
            SettingsError,
            "missing_field",
        ),
        (
            400,
            "INVALID_TYPE",
            "sObject type",
            Kind.FATAL,
            SettingsError,
            "missing_object",
        ),
        (
            400,
            "MALFORMED_QUERY",
            "unexpected token",
            Kind.FATAL,
            SettingsError,
            "unknown",
        ),
        (
            400,
            "INVALID_QUERY_LOCATOR",
            "",
            Kind.RESTART,
            ServiceUnreachable,
            "service_unavailable",
        ),
        (
            400,
            "QUERY_TIMEOUT",
            "",
            Kind.SMALLER,
            ServiceUnreachable,
            "service_unavailable",
        ),
        (400, "UNABLE_TO_LOCK_ROW", "", Kind.RETRY, Transient, "service_unavailable"),
        (503, "SERVER_UNAVAILABLE", "", Kind.RETRY, Transient, "service_unavailable"),
        (500, "UNKNOWN_EXCEPTION", "", Kind.RETRY, Transient, "service_unavailable"),
        (400, "JSON_PARSER_ERROR", "", Kind.FATAL, ConnectorError, "unknown"),
        (403, "INSUFFICIENT_ACCESS", "", Kind.ROW, SettingsError, "no_edit_permission"),
        (
            403,
            "LOGIN_DURING_RESTRICTED_DOMAIN",
            "",
            Kind.CONFIG,
            AuthorisationNeeded,
            "ip_restricted",
        ),
    ],
)
def test_sorts_by_what_to_do_next(
    status: int,
    code: str,
    message: str,
    kind: Kind,
    error: type[ConnectorError],
    cause: str,
) -> None:
    refusal = classify(status, JSON, listed(code, message))
    assert (refusal.kind, refusal.code) == (kind, code)
    made = to_error(refusal)
    assert type(made) is error
    assert made.cause == cause
    assert refusal_of(made) == refusal


@pytest.mark.parametrize(
    ("status", "kind", "body", "expected"),
    [
        (503, "text/html", b"<html><title>Down</title><body>x", Kind.RETRY),
        (502, "text/plain", b"no healthy upstream", Kind.RETRY),
        (420, "text/html", b"<html></html>", Kind.RETRY),
        (429, "", b"", Kind.RETRY),
        (406, "text/plain", b"", Kind.RETRY),
        (403, "text/plain", b"Bad_OAuth_Token", Kind.REFRESH),
        (401, "text/html", b"<html>login</html>", Kind.REFRESH),
        (500, JSON, b"[]", Kind.RETRY),
        (500, JSON, b"{truncated", Kind.RETRY),
        (403, "text/html", b"<html>forbidden</html>", Kind.FATAL),
    ],
)
def test_reads_what_is_no_json(
    status: int, kind: str, body: bytes, expected: Kind
) -> None:
    assert classify(status, kind, body).kind is expected


def test_reads_xml_objects_and_fields() -> None:
    xml = b"<?xml version='1.0'?><Errors><Error><errorCode>INVALID_SESSION_ID"
    xml += b"</errorCode><message>Session expired</message></Error></Errors>"
    assert classify(401, "application/xml", xml).code == "INVALID_SESSION_ID"
    bulk = b'{"exceptionCode":"InvalidSessionId","exceptionMessage":"x"}'
    assert classify(400, JSON, bulk).kind is Kind.REFRESH
    lone = json.dumps({"statusCode": "STRING_TOO_LONG", "fields": ["A__c"]}).encode()
    assert classify(400, JSON, lone).fields == ("A__c",)


def test_a_retired_version_is_a_setting() -> None:
    gone = to_error(classify(410, JSON, listed("UNSUPPORTED_API_VERSION")))
    assert isinstance(gone, SettingsError)
    assert "api_version" in str(gone)


def test_rows_are_repeated_only_where_that_may_help() -> None:
    assert classify_row("UNABLE_TO_LOCK_ROW", "").kind is Kind.RETRY
    assert classify_row("STRING_TOO_LONG", "").cause == "field_too_short"
    assert classify_row("REQUIRED_FIELD_MISSING", "").kind is Kind.ROW
    assert classify_row("INVALID_FIELD_FOR_INSERT_UPDATE", "").kind is Kind.CONFIG


@pytest.mark.parametrize(
    ("error", "description", "kind", "cause"),
    [
        (
            "invalid_grant",
            "expired authorization code",
            AuthorisationNeeded,
            "code_expired",
        ),
        (
            "invalid_grant",
            "invalid authorization code",
            AuthorisationNeeded,
            "code_expired",
        ),
        (
            "invalid_grant",
            "invalid code verifier",
            AuthorisationNeeded,
            "invalid_code_verifier",
        ),
        (
            "invalid_grant",
            "expired access/refresh token",
            AuthorisationNeeded,
            "token_expired",
        ),
        ("invalid_grant", "inactive user", AuthorisationNeeded, "inactive_user"),
        ("invalid_grant", "ip restricted", AuthorisationNeeded, "ip_restricted"),
        (
            "invalid_grant",
            "authentication failure",
            AuthorisationNeeded,
            "login_failed",
        ),
        (
            "invalid_grant",
            "user hasn't approved this consumer",
            AuthorisationNeeded,
            "app_not_approved",
        ),
        (
            "invalid_grant",
            "activation secret invalid",
            AuthorisationNeeded,
            "token_expired",
        ),
        (
            "invalid_grant",
            "request not supported on this domain",
            SettingsError,
            "not_a_salesforce_url",
        ),
        (
            "invalid_client_id",
            "client identifier invalid",
            SettingsError,
            "invalid_client_id",
        ),
        (
            "invalid_client",
            "invalid client credentials",
            SettingsError,
            "invalid_client_secret",
        ),
        (
            "invalid_client",
            "app must be installed into org",
            AuthorisationNeeded,
            "app_not_installed",
        ),
        (
            "invalid_app_access",
            "user is not admin approved to access this app",
            AuthorisationNeeded,
            "app_not_approved",
        ),
        (
            "redirect_uri_mismatch",
            "redirect_uri must match configuration",
            SettingsError,
            "redirect_uri_mismatch",
        ),
        (
            "OAUTH_APP_BLOCKED",
            "this app is blocked by admin",
            AuthorisationNeeded,
            "app_blocked",
        ),
        (
            "access_denied",
            "end-user denied authorization",
            AuthorisationNeeded,
            "access_denied",
        ),
        (
            "invalid_request",
            "missing required code challenge",
            AuthorisationNeeded,
            "pkce_required",
        ),
        (
            "OAUTH_APPROVAL_ERROR_GENERIC",
            "An unexpected error",
            AuthorisationNeeded,
            "app_not_installed",
        ),
        ("unknown_error", "retry your request", Transient, "service_unavailable"),
        (
            "unsupported_grant_type",
            "grant type not supported",
            ConnectorError,
            "unknown",
        ),
    ],
)
def test_knows_the_words_of_oauth(
    error: str, description: str, kind: type[ConnectorError], cause: str
) -> None:
    made = oauth_error(error, description)
    assert (type(made), made.cause) == (kind, cause)
