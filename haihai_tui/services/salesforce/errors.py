"""Any answer of Salesforce, sorted by what has to be done next.

The service speaks in JSON lists, JSON objects, XML, HTML and plain text; all are
read into one `Refusal`.  Its kind decides what the client does, its cause what the
operator is told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from haihai_tui.errors import (
    AuthorisationNeeded,
    BudgetUsedUp,
    ConnectorError,
    ServiceUnreachable,
    SettingsError,
    Text,
    text,
)
from haihai_tui.services.http import Transient

SERVICE = "Salesforce"


class Kind(Enum):
    """What to do next."""

    REFRESH = "refresh"  # a new token, then once more
    RETRY = "retry"  # again, with jitter
    RESTART = "restart"  # the query has to be asked again
    SMALLER = "smaller"  # again, asking for less at a time
    BACK_OFF = "back_off"  # again, after a long wait
    PAUSE = "pause"  # not again today
    ROW = "row"  # this record only
    CONFIG = "config"  # a person has to change a setting or authorise
    FATAL = "fatal"  # a defect of this program, or a dead org


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refused request or row.  `cause` is a code of `--diagnose`."""

    kind: Kind
    code: str
    message: str
    status: int = 0
    cause: str = "unknown"
    fields: tuple[str, ...] = ()
    retry_after: float | None = None


class Refused(Exception):
    """Carries a refusal to the caller that knows what the request was for."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.status} {refusal.code}")
        self.refusal = refusal


_CODES: Mapping[str, tuple[Kind, str]] = {
    "INVALID_SESSION_ID": (Kind.REFRESH, "token_expired"),
    "INVALIDSESSIONID": (Kind.REFRESH, "token_expired"),
    "BAD_OAUTH_TOKEN": (Kind.REFRESH, "token_expired"),
    "INVALID_AUTH_HEADER": (Kind.FATAL, "unknown"),
    "MISSING_OAUTH_TOKEN": (Kind.FATAL, "unknown"),
    "REQUEST_LIMIT_EXCEEDED": (Kind.PAUSE, "api_limit"),
    "LIMIT_EXCEEDED": (Kind.PAUSE, "api_limit"),
    "EXCEEDEDQUOTA": (Kind.PAUSE, "api_limit"),
    "API_DISABLED_FOR_ORG": (Kind.CONFIG, "api_disabled"),
    "API_CURRENTLY_DISABLED": (Kind.CONFIG, "api_disabled"),
    "FEATURENOTENABLED": (Kind.CONFIG, "api_disabled"),
    "LOGIN_DURING_RESTRICTED_DOMAIN": (Kind.CONFIG, "ip_restricted"),
    "LOGIN_DURING_RESTRICTED_TIME": (Kind.CONFIG, "login_failed"),
    "INVALID_LOGIN": (Kind.CONFIG, "login_failed"),
    "INVALIDUSER": (Kind.CONFIG, "inactive_user"),
    "INACTIVE_USER": (Kind.CONFIG, "inactive_user"),
    "PASSWORD_LOCKOUT": (Kind.CONFIG, "login_failed"),
    "INSUFFICIENT_SCOPE": (Kind.CONFIG, "scope_missing"),
    "MALFORMED_QUERY": (Kind.FATAL, "unknown"),
    "INVALID_QUERY_FILTER_OPERATOR": (Kind.FATAL, "field_type_mismatch"),
    "INVALID_FIELD": (Kind.FATAL, "missing_field"),
    "INVALID_TYPE": (Kind.FATAL, "missing_object"),
    "INVALIDENTITY": (Kind.FATAL, "missing_object"),
    "NOT_FOUND": (Kind.ROW, "missing_object"),
    "NOTFOUND": (Kind.ROW, "missing_object"),
    "JSON_PARSER_ERROR": (Kind.FATAL, "unknown"),
    "UNSUPPORTED_API_VERSION": (Kind.CONFIG, "unknown"),
    "INVALID_FIELD_FOR_INSERT_UPDATE": (Kind.CONFIG, "no_edit_permission"),
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": (Kind.ROW, "unknown"),
    "STRING_TOO_LONG": (Kind.ROW, "field_too_short"),
    "ENTITY_IS_DELETED": (Kind.ROW, "unknown"),
}
_RESTART = ("INVALID_QUERY_LOCATOR", "INVALID_LOCATOR", "INVALIDLOCATOR")
_SMALLER = ("QUERY_TIMEOUT", "OPERATION_TOO_LARGE", "QUERY_TOO_COMPLICATED")
RETRYABLE = frozenset(
    (
        "UNABLE_TO_LOCK_ROW",
        "REQUEST_RUNNING_TOO_LONG",
        "TOO_MANY_APEX_REQUESTS",
        "FUNCTIONALITY_TEMPORARILY_UNAVAILABLE",
        "CIRCUIT_BREAKER_OPEN_EXCEPTION",
        "INSERT_UPDATE_DELETE_NOT_ALLOWED_DURING_MAINTENANCE",
        "ORG_IN_MAINTENANCE",
        "SERVER_UNAVAILABLE",
        "UNKNOWN_EXCEPTION",
        "INTERNAL_ERROR",
        "INTERNAL_SERVER_ERROR",
        "TXN_SECURITY_METERING_ERROR",
        "TIMEOUT",
        "TOOMANYLOCKFAILURE",
        "UNKNOWN_ERROR",
    )
)
_RETRY_STATUS = frozenset((406, 408, 420, 425, 429, 500, 502, 503, 504))
_CONCURRENT = re.compile(r"(?i)concurrent")
_NO_ACCESS = re.compile(r"^INSUFFICIENT_ACCESS")


def classify(
    status: int,
    content_type: str,
    body: bytes,
    *,
    retry_after: float | None = None,
) -> Refusal:
    """Read an error answer of any shape."""
    code, message, fields = _parse(status, content_type, body)
    kind, cause = _kind_of(code, message, status)
    return Refusal(kind, code, message, status, cause, fields, retry_after)


def classify_row(code: str, message: str, fields: tuple[str, ...] = ()) -> Refusal:
    """Read the error of one row in a collection or a Bulk result."""
    if code in RETRYABLE:
        return Refusal(Kind.RETRY, code, message, fields=fields)
    kind, cause = _CODES.get(code, (Kind.ROW, "unknown"))
    kind = kind if kind is Kind.CONFIG else Kind.ROW
    return Refusal(kind, code, message, cause=cause, fields=fields)


def _parse(
    status: int, content_type: str, body: bytes
) -> tuple[str, str, tuple[str, ...]]:
    plain = body[:65536].decode("utf-8", "replace").strip()
    try:
        document = json.loads(body) if plain[:1] in ("[", "{") else None
    except (ValueError, RecursionError):
        # Brackets in brackets, ten thousand deep, are no answer either.
        document = None
    first = document[0] if isinstance(document, list) and document else document
    if isinstance(first, dict):
        return _from_json(status, first)
    if "xml" in content_type or plain.startswith("<?xml"):
        return _from_xml(status, plain)
    if "html" in content_type or plain[:1] == "<":
        return f"ERROR_HTTP_{status}", _headline(plain), ()
    if plain in ("Bad_OAuth_Token", "Missing_OAuth_Token"):
        return plain.upper(), plain, ()
    return f"ERROR_HTTP_{status}", plain[:300], ()


def _from_json(
    status: int, first: Mapping[str, object]
) -> tuple[str, str, tuple[str, ...]]:
    codes = ("errorCode", "statusCode", "exceptionCode", "error")
    messages = ("message", "exceptionMessage", "error_description")
    code = next((first[name] for name in codes if first.get(name)), None)
    message = next((first[name] for name in messages if first.get(name)), "")
    fields = first.get("fields")
    names = tuple(str(f) for f in fields) if isinstance(fields, list) else ()
    return str(code or f"ERROR_HTTP_{status}"), str(message), names


def _from_xml(status: int, plain: str) -> tuple[str, str, tuple[str, ...]]:
    # Two leaf elements are wanted; a parser would only add its own dangers.
    code = re.search(r"<(?:errorCode|exceptionCode)>([^<]*)<", plain)
    message = re.search(r"<(?:message|exceptionMessage)>([^<]*)<", plain)
    return (
        code.group(1) if code else f"ERROR_HTTP_{status}",
        message.group(1) if message else "",
        (),
    )


def _headline(plain: str) -> str:
    title = re.search(r"(?is)<title[^>]*>(.*?)</title>", plain)
    words = title.group(1) if title else re.sub(r"(?s)<[^>]*>", " ", plain)
    return " ".join(words.split())[:200]


def _kind_of(code: str, message: str, status: int) -> tuple[Kind, str]:
    name = code.upper()
    if name == "REQUEST_LIMIT_EXCEEDED" and _CONCURRENT.search(message):
        return Kind.BACK_OFF, "api_limit"
    if name in _RESTART:
        return Kind.RESTART, "unknown"
    if name in _SMALLER:
        return Kind.SMALLER, "timeout"
    if name in RETRYABLE:
        return Kind.RETRY, "service_unavailable"
    if _NO_ACCESS.match(name):
        return Kind.ROW, "no_edit_permission"
    if name in _CODES:
        return _CODES[name]
    if status in _RETRY_STATUS or status >= 500:
        return Kind.RETRY, "service_unavailable"
    if status == 401:
        return Kind.REFRESH, "token_expired"
    if status in (400, 404, 409):
        return Kind.ROW, "unknown"
    return Kind.FATAL, "unknown"


def to_error(refusal: Refusal) -> ConnectorError:
    """The refusal as an error of the class that its kind asks for.

    RETRY and BACK_OFF give Transient, RESTART and SMALLER ServiceUnreachable,
    PAUSE gives BudgetUsedUp, REFRESH and the authorisation causes give
    AuthorisationNeeded, what settings can mend gives SettingsError, and the rest is
    a ConnectorError with the exit code of a defect.
    """
    what = text(
        "Salesforce がエラーを返しました: {code} {message}",
        code=refusal.code,
        message=" ".join(refusal.message.split())[:300],
    )
    kind, cause = refusal.kind, refusal.cause
    error: ConnectorError
    if kind in (Kind.RESTART, Kind.SMALLER):
        # The same request again would fail the same way.
        error = ServiceUnreachable(what, _LATER, cause="service_unavailable")
    elif kind in (Kind.RETRY, Kind.BACK_OFF):
        error = Transient(what, _LATER, cause=cause, retry_after=refusal.retry_after)
    elif kind is Kind.PAUSE:
        error = BudgetUsedUp(what, _TOMORROW, cause="api_limit")
    elif kind is Kind.REFRESH or cause in _AUTHORISE_CAUSES:
        error = AuthorisationNeeded(what, _AUTHORISE, cause=cause)
    elif refusal.status == 410 or refusal.code == "UNSUPPORTED_API_VERSION":
        error = SettingsError(what, _VERSION, cause=cause)
    elif cause in _REMEDIES or kind is Kind.CONFIG:
        error = SettingsError(what, _REMEDIES.get(cause), cause=cause)
    elif refusal.code == "MALFORMED_QUERY":
        error = SettingsError(what, _CONDITION, cause=cause)
    else:
        error = ConnectorError(what, cause=cause)
    error.__cause__ = Refused(refusal)
    return error


def refusal_of(error: BaseException) -> Refusal | None:
    """The refusal that `error` was made of, if it was."""
    cause = error.__cause__
    return cause.refusal if isinstance(cause, Refused) else None


_AUTHORISE_CAUSES = frozenset(
    ("token_expired", "ip_restricted", "inactive_user", "login_failed", "scope_missing")
)
_LATER = text("しばらく待ってから再実行してください。")
_TOMORROW = text(
    "24 時間あたりの API 要求数の上限です。回復後、次の実行が続きから再開します。"
)
_AUTHORISE = text("連携トークンを更新（再認可）してください。")
_VERSION = text("salesforce.api_version を組織が提供する版にしてください。")
_CONDITION = text("対象条件の書き方を確認してください。")
_REMEDIES: Mapping[str, Text] = {
    "api_disabled": text("組織とプロファイルで「API の有効化」を確認してください。"),
    "missing_field": text(
        "項目の API 参照名と、連携ユーザーの項目レベルセキュリティを確認してください。"
    ),
    "missing_object": text(
        "オブジェクトの API 参照名と、連携ユーザーの参照権限を確認してください。"
    ),
    "no_edit_permission": text("連携ユーザーの編集権限を確認してください。"),
    "field_type_mismatch": text("項目の型と条件の書き方を確認してください。"),
    "field_too_short": text("項目の長さを確認してください。"),
}


def damaged(what: Text) -> Transient:
    """An answer that is incomplete or contradicts itself: worth reading again."""
    return Transient(what, _LATER, cause="service_unavailable")


def gave_up(what: Text, cause: str = "service_unavailable") -> ServiceUnreachable:
    """Tried in every way that there is; later may be better."""
    return ServiceUnreachable(what, _LATER, cause=cause)
