from __future__ import annotations

import pytest

from haihai_tui.errors import (
    AuthorisationNeeded,
    BudgetUsedUp,
    ConnectorError,
    ExitCode,
    NotOffered,
    ServiceUnreachable,
    SettingsError,
)
from haihai_tui.services.haihai import answers
from haihai_tui.services.haihai.answers import Answer
from haihai_tui.services.haihai.wire import Wire
from haihai_tui.services.http import Transient

WIRE = Wire()


@pytest.mark.parametrize(
    "body",
    [
        "CODE,STATUS,MESSAGE\r\n10200,OK,accepted (job 7)\r\n",
        "10200,OK,accepted (job 7)\r\n",
        '"CODE","STATUS","MESSAGE"\n"10200","OK","accepted (job 7)"',
        "\r\n10200,OK,accepted (job 7)",
    ],
)
def test_an_answer_is_read_with_and_without_header(body: str) -> None:
    expected = Answer("10200", "OK", "accepted (job 7)", "7")
    assert answers.read_answer(body, WIRE) == expected


def test_columns_are_found_by_the_header() -> None:
    body = "STATUS,CODE,MESSAGE\r\nOK,10200,done\r\n"
    assert answers.read_answer(body, WIRE) == Answer("10200", "OK", "done")


@pytest.mark.parametrize(
    "body",
    [
        "",
        " \r\n",
        "<html><body>10200,OK</body></html>",
        "accepted",
        '{"code": 10200}',
        "メールアドレス,配信状態\r\na@example.jp,配信可能\r\n",
        "10200,OK,a\r\n10200,OK,b\r\n",
        "CODE,STATUS,MESSAGE\r\n",
    ],
)
def test_what_is_no_answer_is_not_taken_for_one(body: str) -> None:
    assert answers.read_answer(body, WIRE) is None


@pytest.mark.parametrize(
    ("code", "kind", "cause", "exit_code"),
    [
        ("81404", BudgetUsedUp, "haihai_limit", ExitCode.PAUSED),
        ("81401", AuthorisationNeeded, "haihai_token_invalid", ExitCode.AUTHORISE),
        ("81403", AuthorisationNeeded, "haihai_ip_denied", ExitCode.AUTHORISE),
        ("81410", SettingsError, "haihai_group_unknown", ExitCode.USAGE),
        ("81411", SettingsError, "haihai_item_unknown", ExitCode.USAGE),
        ("81413", SettingsError, "unknown", ExitCode.USAGE),
        ("81400", SettingsError, "unknown", ExitCode.USAGE),
        ("81405", NotOffered, "unknown", ExitCode.USAGE),
        ("81503", Transient, "service_unavailable", ExitCode.UNREACHABLE),
        ("99999", ServiceUnreachable, "unknown", ExitCode.UNREACHABLE),
    ],
)
def test_a_code_says_what_to_do_next(
    code: str, kind: type[ConnectorError], cause: str, exit_code: ExitCode
) -> None:
    with pytest.raises(kind) as caught:
        answers.require_success(Answer(code, "ERROR", "told so"), WIRE)
    assert caught.value.cause == cause
    assert caught.value.exit_code == exit_code
    assert code in str(caught.value)
    assert "told so" in str(caught.value)


def test_codes_come_from_the_table() -> None:
    wire = Wire.from_table({"limit_codes": ["E-77"], "success_codes": ["0"]})
    limit = answers.read_answer("E-77,NG,enough", wire)
    assert limit is not None
    with pytest.raises(BudgetUsedUp):
        answers.require_success(limit, wire)
    fine = answers.read_answer("0,OK,job 3", wire)
    assert fine is not None
    assert answers.require_success(fine, wire).job == "3"


@pytest.mark.parametrize("status", [420, 429, 500, 502, 503])
def test_a_status_that_may_pass_is_transient(status: int) -> None:
    with pytest.raises(Transient):
        answers.require_status(status)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthorisationNeeded), (403, AuthorisationNeeded), (302, SettingsError)],
)
def test_other_statuses_need_a_person(status: int, kind: type[ConnectorError]) -> None:
    with pytest.raises(kind):
        answers.require_status(status)


def test_messages_are_fit_for_a_terminal() -> None:
    assert answers.shown("a\x1b[31mb\r\nc" + "d" * 500) == "a [31mb c" + "d" * 191


def test_an_answer_in_cp932_is_understood() -> None:
    body = "CODE,STATUS,MESSAGE\r\n81401,NG,認証エラー\r\n".encode("cp932")
    answer = answers.read_answer(answers.decode(body), WIRE)
    assert answer is not None
    assert answer.message == "認証エラー"
