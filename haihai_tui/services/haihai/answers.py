"""Answers of HaiHai Mail: `CODE,STATUS,MESSAGE`, with HTTP 200 even for errors.

HTTP 200 says nothing, so only a code from the wire table's success list is
success.  What a code means for the run follows from the table alone; a body
that is no answer at all is never taken for one.
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from io import StringIO

from haihai_tui.errors import (
    AuthorisationNeeded,
    BudgetUsedUp,
    ConnectorError,
    NotOffered,
    ServiceUnreachable,
    SettingsError,
    Text,
    text,
)
from haihai_tui.services.causes import cause_text
from haihai_tui.services.haihai.wire import Wire
from haihai_tui.services.http import Transient

_SHOWN = 200
_LATER = text("しばらく待ってから、もう一度実行してください。")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_MARKUP = re.compile(r"\s*<(!doctype|html|head|body|\?xml)", re.IGNORECASE)


class UnknownJob(ConnectorError):
    """The service no longer keeps the result of this import."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer; `job` is the import's number, "" where the message has none."""

    code: str
    status: str
    message: str
    job: str = ""


def decode(body: bytes) -> str:
    """UTF-8 where it is that, else CP932; what is neither shows replacement marks."""
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode("cp932", "replace")


def read_answer(body: str, wire: Wire) -> Answer | None:
    """The answer in `body`, with or without its header line; None if it is none."""
    if is_markup(body):
        return None
    try:
        rows = [row for row in csv.reader(StringIO(body, newline="")) if any(row)]
    except csv.Error:
        return None
    names = wire.answer_columns
    if rows and set(names[:2]) <= set(rows[0]):
        names = tuple(rows.pop(0))
    elif not rows or not _looks_like_code(rows[0][0], wire):
        return None
    if len(rows) != 1:
        return None
    cells = dict(zip(names, rows[0], strict=False))
    code, status, message = (cells.get(name, "") for name in wire.answer_columns[:3])
    found = re.search(wire.job_pattern, message, re.IGNORECASE)
    return Answer(
        code.strip(), status, shown(message), (found[1] or "") if found else ""
    )


def shown(message: str) -> str:
    """`message` made fit for a terminal: one line, no control characters."""
    return _CONTROL.sub(" ", message).strip()[:_SHOWN]


def require_success(answer: Answer, wire: Wire) -> Answer:
    """`answer`, if its code means success; otherwise raises what it means.

    BudgetUsedUp, AuthorisationNeeded, SettingsError (NotOffered among them),
    UnknownJob, Transient for "later" and ServiceUnreachable for a code that
    the wire table does not know.
    """
    if answer.code in wire.success_codes:
        return answer
    raise _error(answer, wire)


def require_no_answer(head: str, wire: Wire) -> None:
    """Raise what `head`, the beginning of a table, means where it is none."""
    answer = read_answer(head, wire)
    if answer is not None:
        require_success(answer, wire)
    if answer is not None or is_markup(head) or not head.strip():
        raise no_answer(head)


def require_status(status: int, retry_after: float | None = None) -> None:
    """Raise what an HTTP status means where the body is no answer."""
    if status == 200:
        return
    if status in (401, 403):
        cause = "haihai_token_invalid" if status == 401 else "haihai_ip_denied"
        raise AuthorisationNeeded(
            text("配配メールが HTTP {status} で拒否しました。", status=status),
            _remedy(cause),
            cause=cause,
        )
    if status in (420, 429) or status >= 500:
        raise Transient(
            text("配配メールが HTTP {status} を返しました。", status=status),
            _LATER,
            retry_after=retry_after,
        )
    raise SettingsError(
        text("配配メールが HTTP {status} を返しました。", status=status),
        text(
            "契約 ID、接続先 URL と [haihai.wire] のパスを確認してください"
            "（転送には従いません）。"
        ),
    )


def is_markup(body: str) -> bool:
    """Whether `body` is a page (of a proxy, a maintenance notice) and no CSV."""
    return _MARKUP.match(body) is not None


def no_answer(body: str) -> Transient:
    """The error for a body that is no answer, naming what came instead."""
    if not body.strip():
        what = text("配配メールの応答が空です。成功とは見なしません。")
    elif is_markup(body):
        what = text("配配メールの応答が HTML です。成功とは見なしません。")
    else:
        what = text("配配メールの応答を解釈できません。成功とは見なしません。")
    return Transient(what, _LATER)


def _looks_like_code(cell: str, wire: Wire) -> bool:
    known = (*wire.success_codes, *wire.pending_codes, *_meanings(wire))
    return cell.strip() in known or re.fullmatch(r"\s*\d{3,6}\s*", cell) is not None


def _meanings(wire: Wire) -> dict[str, str]:
    """Every error code of the table and what it stands for."""
    groups = {
        "limit": wire.limit_codes,
        "token": wire.token_codes,
        "address": wire.address_denied_codes,
        "group": wire.unknown_group_codes,
        "item": wire.unknown_item_codes,
        "large": wire.too_large_codes,
        "action": wire.unknown_action_codes,
        "job": wire.unknown_job_codes,
        "invalid": wire.invalid_codes,
        "busy": (*wire.busy_codes, *wire.pending_codes),
    }
    return {code: name for name, codes in groups.items() for code in codes}


def _error(answer: Answer, wire: Wire) -> ConnectorError:
    meaning = _meanings(wire).get(answer.code, "")
    what = text(
        "配配メールの応答: {code} {message}", code=answer.code, message=answer.message
    )
    match meaning:
        case "limit":
            return BudgetUsedUp(what, _remedy("haihai_limit"), cause="haihai_limit")
        case "token" | "address":
            cause = "haihai_token_invalid" if meaning == "token" else "haihai_ip_denied"
            return AuthorisationNeeded(what, _remedy(cause), cause=cause)
        case "group" | "item":
            cause = f"haihai_{meaning}_unknown"
            return SettingsError(what, _remedy(cause), cause=cause)
        case "large":
            return SettingsError(
                what, text("haihai.wire の max_rows と max_bytes を減らしてください。")
            )
        case "action":
            return NotOffered(
                what, text("この機能が契約に含まれるか、配配メールに確認してください。")
            )
        case "job":
            return UnknownJob(what)
        case "invalid":
            return SettingsError(
                what, text("[haihai.wire] の項目名と値を仕様書と照合してください。")
            )
        case "busy":
            return Transient(what, _LATER)
    return ServiceUnreachable(
        text(
            "配配メールの応答コード {code} は未知です。成功とは見なしません: {message}",
            code=shown(answer.code),
            message=answer.message,
        ),
        text("コードの意味が分かれば [haihai.wire] に加えてください。"),
    )


def _remedy(cause: str) -> Text:
    return cause_text(cause).remedy[0]
