from __future__ import annotations

import re
from email import message_from_bytes
from pathlib import Path

import httpx
import pytest
from pytest_httpx import HTTPXMock

from haihai_tui.errors import (
    BudgetUsedUp,
    ConnectorError,
    ServiceUnreachable,
    SettingsError,
)
from haihai_tui.services.haihai.client import HaihaiClient
from haihai_tui.services.haihai.connection import account_of
from haihai_tui.services.haihai.wire import Wire
from haihai_tui.services.secret import Secret
from haihai_tui.sync.ports import Batch, ImportFailure, ImportKind, Receipt
from tests.services.haihai.conftest import IMPORT, MakeClient, action

ACCEPTED = "10200,OK,accepted (job 12)\r\n"
RESULT = action("ScheduleCsvImportResult")


def batch(
    kind: ImportKind = ImportKind.REGISTER, group: str = "1", rows: int = 1
) -> Batch:
    lines = (f'"user{n}@example.jp"' for n in range(rows))
    return Batch(kind, group, ("メールアドレス",), lines)


def parts(request: httpx.Request) -> dict[str, bytes]:
    head = b"Content-Type: " + request.headers["Content-Type"].encode() + b"\r\n\r\n"
    message = message_from_bytes(head + request.content)
    found = {}
    for part in message.get_payload():
        assert not isinstance(part, str)
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        found[str(name)] = content
    return found


def test_registering_sends_the_declared_parts(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(url=IMPORT, text=ACCEPTED)
    [receipt] = client.submit(batch(), folder)
    request = httpx_mock.get_requests()[0]
    file = '"メールアドレス"\r\n"user0@example.jp"\r\n'.encode("cp932")
    assert parts(request) == {
        "aid": b"24",
        "loginid": b"api-user",
        "import_type": b"0",
        "is_overwrite": b"1",
        "blank_option": b"0",
        "report_option": b"0",
        "gid": b"1",
        "csvfile": file,
    }
    assert request.headers["X-HM-apitoken"] == "token-for-tests"
    assert b"application/octet-stream" in request.content
    assert receipt == Receipt("12", ImportKind.REGISTER, receipt.file_name, 0, 1)
    assert re.fullmatch(r"haihai-register-[0-9a-f]{16}\.csv", receipt.file_name)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize(
    ("kind", "number", "overwrite"),
    [
        (ImportKind.LEAVE, b"1", b"0"),
        (ImportKind.STOP, b"2", b"0"),
        (ImportKind.BAR, b"3", b"0"),
        (ImportKind.ALLOW, b"5", b"1"),
    ],
)
def test_other_kinds_name_their_group(
    client: HaihaiClient,
    folder: Path,
    httpx_mock: HTTPXMock,
    kind: ImportKind,
    number: bytes,
    overwrite: bytes,
) -> None:
    httpx_mock.add_response(url=IMPORT, text=ACCEPTED)
    list(client.submit(batch(kind, "2"), folder))
    sent = parts(httpx_mock.get_requests()[0])
    assert sent["import_type"] == number
    assert sent["gid"] == b"2"
    assert sent["is_overwrite"] == overwrite


def test_a_plan_goes_into_its_own_part(
    make_client: MakeClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(url=IMPORT, text=ACCEPTED)
    list(make_client(plan_id="7").submit(batch(group="7"), folder))
    sent = parts(httpx_mock.get_requests()[0])
    assert sent["spid"] == b"7"
    assert "gid" not in sent


def test_the_token_can_go_into_the_form(
    make_client: MakeClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(url=IMPORT, text=ACCEPTED)
    wire = Wire.from_table({"token_place": "form"})
    list(make_client(wire).submit(batch(), folder))
    request = httpx_mock.get_requests()[0]
    assert parts(request)["transport_password"] == b"token-for-tests"
    assert "X-HM-apitoken" not in request.headers


@pytest.mark.parametrize(
    "kind", [ImportKind.LEAVE, ImportKind.STOP, ImportKind.BAR, ImportKind.ALLOW]
)
def test_a_kind_that_needs_a_group_is_refused_without(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock, kind: ImportKind
) -> None:
    with pytest.raises(ConnectorError):
        client.submit(batch(kind, ""), folder)
    assert httpx_mock.get_requests() == []
    assert client.calls() == 0


def test_registering_without_a_group_is_the_database_itself(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(url=IMPORT, text=ACCEPTED)
    list(client.submit(batch(group=""), folder))
    assert not {"gid", "spid"} & set(parts(httpx_mock.get_requests()[0]))


def test_the_part_that_stops_absent_customers_is_never_sent(
    make_client: MakeClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    wire = Wire.from_table({"blank_part": "state_option"})
    with pytest.raises(SettingsError, match="presence_part"):
        list(make_client(wire).submit(batch(), folder))
    assert httpx_mock.get_requests() == []


def test_files_go_one_after_another_as_receipts_are_asked_for(
    make_client: MakeClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(url=IMPORT, text=ACCEPTED, is_reusable=True)
    client = make_client(Wire.from_table({"max_rows": 40}))
    receipts = client.submit(batch(rows=100), folder)
    assert client.calls() == 0
    assert next(receipts).rows == 40
    assert client.calls() == 1
    rest = [(receipt.first_row, receipt.rows) for receipt in receipts]
    assert rest == [(40, 40), (80, 20)]
    assert client.calls() == 3


def test_a_lost_answer_is_asked_for_again_and_counted_once(
    make_client: MakeClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_exception(httpx.ReadError("reset"), url=IMPORT)
    httpx_mock.add_response(url=IMPORT, text=ACCEPTED)
    counted: list[str] = []
    client = make_client(on_call=counted.append)
    list(client.submit(batch(), folder))
    first, second = httpx_mock.get_requests()
    assert parts(first) == parts(second)
    assert counted == ["import"]
    assert client.calls() == 1


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (503, ""),
        (502, "<html><body>Bad Gateway</body></html>"),
        (429, ""),
        (420, "<html></html>"),
        (200, ""),
        (200, "<!DOCTYPE html><html>maintenance</html>"),
        (200, "OK"),
        (200, "81503,NG,busy"),
    ],
)
def test_what_may_pass_is_repeated_up_to_a_bound(
    client: HaihaiClient,
    folder: Path,
    httpx_mock: HTTPXMock,
    status: int,
    body: str,
) -> None:
    httpx_mock.add_response(url=IMPORT, status_code=status, text=body, is_reusable=True)
    with pytest.raises(ServiceUnreachable, match="配配メール") as caught:
        list(client.submit(batch(), folder))
    assert caught.value.cause == "service_unavailable"
    assert len(httpx_mock.get_requests()) == 3
    assert client.calls() == 1
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("code", ["81404", "81401", "81403", "81410", "99999"])
def test_a_refusal_is_not_repeated(
    client: HaihaiClient, folder: Path, httpx_mock: HTTPXMock, code: str
) -> None:
    httpx_mock.add_response(url=IMPORT, text=f"{code},NG,no")
    with pytest.raises(ConnectorError):
        list(client.submit(batch(), folder))
    assert len(httpx_mock.get_requests()) == 1


def test_the_budget_is_asked_before_each_call(
    make_client: MakeClient, folder: Path, httpx_mock: HTTPXMock
) -> None:
    def none_left(api: str) -> None:
        raise BudgetUsedUp(ConnectorError.__doc__)  # type: ignore[arg-type]

    client = make_client(on_call=none_left)
    with pytest.raises(BudgetUsedUp):
        list(client.submit(batch(), folder))
    assert httpx_mock.get_requests() == []
    assert client.calls() == 0


# ------------------------------------------------------------------- results

RECEIPT = Receipt("12", ImportKind.REGISTER, "haihai-register-0.csv", 0, 3)


def test_a_result_names_the_rows_that_failed(
    client: HaihaiClient, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(
        url=RESULT,
        text=(
            '"行番号","メールアドレス","結果","理由"\r\n'
            '"2","a@example.jp","成功",""\r\n'
            '"3","b@example","失敗","形式が正しくありません"\r\n'
            '"4","c@example.jp","その他","配信停止"\r\n'
            '"5","d@example.jp","保留","?"\r\n'
        ),
    )
    result = client.result(RECEIPT)
    assert result.state == "done"
    assert result.failures == (
        ImportFailure(1, "b@example", "形式が正しくありません"),
        ImportFailure(3, "d@example.jp", "保留: ?"),
    )
    assert httpx_mock.get_requests()[0].read().decode().endswith("job_id=12")


def test_a_result_may_be_pending(client: HaihaiClient, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=RESULT, text="10202,OK,processing")
    assert client.result(RECEIPT).state == "pending"


def test_an_expired_result_is_unavailable(
    client: HaihaiClient, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(url=RESULT, text="81412,NG,unknown job", is_reusable=True)
    assert client.result(RECEIPT).state == "unavailable"
    assert client.result(RECEIPT).state == "unavailable"
    assert len(httpx_mock.get_requests()) == 2


def test_a_service_that_tells_no_results_is_asked_once(
    client: HaihaiClient, httpx_mock: HTTPXMock
) -> None:
    httpx_mock.add_response(url=RESULT, text="81405,NG,unknown action")
    assert client.result(RECEIPT).state == "unavailable"
    assert client.result(RECEIPT).state == "unavailable"
    assert len(httpx_mock.get_requests()) == 1


def test_no_action_or_no_job_means_no_call(make_client: MakeClient) -> None:
    silent = make_client(Wire.from_table({"result_action": ""}))
    assert silent.result(RECEIPT).state == "unavailable"
    jobless = Receipt("", ImportKind.REGISTER, "x.csv", 0, 1)
    assert make_client().result(jobless).state == "unavailable"


def test_a_damaged_result_is_not_taken_for_success(
    client: HaihaiClient, httpx_mock: HTTPXMock
) -> None:
    body = '"行番号","メールアドレス","結果","理由"\r\n"x","a@example.jp","失敗",""\r\n'
    httpx_mock.add_response(url=RESULT, text=body)
    with pytest.raises(ServiceUnreachable):
        client.result(RECEIPT)


# ------------------------------------------------------------------- account


def test_the_contract_names_server_and_account() -> None:
    account = account_of(
        Wire(),
        contract_id="a01-24",
        base_url="",
        login_id="x",
        token=Secret("t"),
        group_id="1",
        plan_id="9",
    )
    assert account.base_url == "https://a01.hm-f.jp"
    assert account.aid == "24"
    assert account.plan_id == ""


@pytest.mark.parametrize("contract_id", ["", "a01", "a01-", "-24", "a01-2x", "a/1-2"])
def test_a_contract_of_another_form_is_refused(contract_id: str) -> None:
    with pytest.raises(SettingsError):
        account_of(
            Wire(), contract_id=contract_id, base_url="", login_id="", token=Secret("")
        )
