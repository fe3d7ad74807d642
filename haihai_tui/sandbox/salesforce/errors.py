"""The two error forms of the imitated service.

A request that fails as a whole is an `ApiError`, answered as a JSON list of one
object; a record that fails inside a request is a `RowError`, which each API
renders in its own way (collections say `statusCode`, Bulk says
`CODE:message:fields --`).
"""

from __future__ import annotations

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
        """`CODE:message:fields --`, the form of Bulk API 2.0's `sf__Error`."""
        return f"{self.code}:{self.message}:{','.join(self.fields)} --"


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
