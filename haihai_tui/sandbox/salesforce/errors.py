"""The two error forms of the imitated service.

A request that fails as a whole is an `ApiError`, answered as a JSON list of one
object; a record that fails inside a request is a `RowError`, which each API
renders in its own way (collections say `statusCode`, Bulk says
`CODE:message:fields --`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any


class RowError(Exception):
    """One record was refused; the other records of the request go on."""

    def __init__(self, code: str, message: str, fields: Sequence[str] = ()) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.fields = list(fields)

    def bulk(self) -> str:
        """`CODE:message:fields --`, the form of Bulk API 2.0's `sf__Error`.

        Without fields no blank stands before the dashes.
        """
        fields = f"{','.join(self.fields)} " if self.fields else ""
        return f"{self.code}:{self.message}:{fields}--"


class ApiError(Exception):
    """The whole request was refused; `body()` is what the client reads.

    `fields` None leaves the key out, as the service mostly does.  `extra` keys
    are added after it, and `headers` to the response.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        fields: Sequence[str] | None = None,
        *,
        extra: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.fields = None if fields is None else list(fields)
        self.extra = dict(extra or {})
        self.headers = dict(headers or {})

    def body(self) -> list[dict[str, Any]]:
        """The JSON list; `errorCode` comes first for NOT_FOUND, else `message`."""
        pair = {"message": self.message, "errorCode": self.code}
        if self.code == "NOT_FOUND":
            pair = {"errorCode": self.code, "message": self.message}
        fields = {} if self.fields is None else {"fields": self.fields}
        return [{**pair, **fields, **self.extra}]


_LIMIT = "TotalRequests Limit exceeded."
_USUAL: dict[str, tuple[int, str]] = {
    "INVALID_SESSION_ID": (401, "Session expired or invalid"),
    "INVALID_AUTH_HEADER": (401, "INVALID_HEADER_TYPE"),
    "REQUEST_LIMIT_EXCEEDED": (403, _LIMIT),
    "API_DISABLED_FOR_ORG": (403, "The REST API is not enabled for this Organization"),
    "API_CURRENTLY_DISABLED": (403, "API is currently disabled for this user"),
    "INSUFFICIENT_ACCESS": (403, "insufficient access rights on object id"),
    "TXN_SECURITY_METERING_ERROR": (
        403,
        "We can't complete the action because enabled transaction security policies "
        "took too long to complete.",
    ),
    "NOT_FOUND": (404, "The requested resource does not exist"),
    "ENTITY_IS_DELETED": (404, "entity is deleted"),
    "INVALID_QUERY_LOCATOR": (400, "invalid query locator"),
    "QUERY_TIMEOUT": (400, "Your query request was running for too long."),
    "UNABLE_TO_LOCK_ROW": (
        400,
        "unable to obtain exclusive access to this record or 1 records",
    ),
    "SERVER_UNAVAILABLE": (503, "Server temporarily unavailable"),
    "ORG_IN_MAINTENANCE": (503, "The org is in maintenance"),
    "FUNCTIONALITY_TEMPORARILY_UNAVAILABLE": (
        503,
        "Functionality temporarily unavailable",
    ),
    "UNKNOWN_EXCEPTION": (500, "An unexpected error occurred."),
    "INTERNAL_ERROR": (500, "An unexpected error occurred."),
}

OAUTH_TEXTS = {
    "invalid_grant": "expired access/refresh token",
    "invalid_client_id": "client identifier invalid",
    "invalid_client": "invalid client credentials",
    "invalid_app_access": "user is not admin approved to access this app",
    "redirect_uri_mismatch": "redirect_uri must match configuration",
    "unsupported_grant_type": "grant type not supported",
    "invalid_request": "grant type missing",
    "unknown_error": "retry your request",
    "OAUTH_APP_BLOCKED": "this app is blocked by admin",
}
"""Errors of the token endpoint, which has a form of its own, by their `error`."""


def error_body(argument: str) -> tuple[int, str, bytes]:
    """The answer to the fault `error:CODE`, or `error:CODE:own message`.

    Status, content type and body; 400 and the code itself as message for a code
    that is not known to have its own.  A code of OAuth's gives OAuth's form.
    """
    code, _, message = argument.partition(":")
    status, usual = _USUAL.get(code, (400, code))
    body: Any = ApiError(status, code, message or usual).body()
    if code in OAUTH_TEXTS:
        body = {"error": code, "error_description": message or OAUTH_TEXTS[code]}
    text = json.dumps(body, separators=(",", ":"))
    return status, "application/json;charset=UTF-8", text.encode()


def not_found() -> ApiError:
    """404 for a resource that does not exist."""
    return ApiError(404, "NOT_FOUND", "The requested resource does not exist")


def method_not_allowed(method: str, allowed: str) -> ApiError:
    """405 for a resource that exists but does not speak `method`."""
    return ApiError(
        405,
        "METHOD_NOT_ALLOWED",
        f"HTTP Method '{method}' not allowed. Allowed are {allowed}",
        headers={"Allow": allowed},
    )
