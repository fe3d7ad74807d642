"""CSV imports into the HaiHai Mail sandbox, over real HTTP."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.sandbox.haihai_account import (
    COLUMNS,
    CREDENTIALS,
    Account,
    read_answer,
    running,
)

REGISTER, DELETE, STOP, BAR, ALLOW = 0, 1, 2, 3, 5


@pytest.fixture
def account() -> Iterator[Account]:
    with running() as started:
        yield started


def table(*rows: str, columns: str = COLUMNS) -> str:
    return "\r\n".join((columns, *rows)) + "\r\n"


def only(*addresses: str) -> str:
    return table(*addresses, columns="メールアドレス")


# ------------------------------------------------------------ registering


def test_register_without_a_group_goes_to_the_database_alone(account: Account) -> None:
    job = account.load(table("a@example.com,山田,太郎", "b@example.com,鈴木,"))
    assert (job["succeeded"], job["failed"], job["other"]) == (2, 0, 0)
    customers = account.customers()
    assert customers["a@example.com"]["items"] == {
        "姓": "山田",
        "名": "太郎",
        "会社名": "",
        "電話番号": "",
        "SalesforceID": "",
    }
    assert customers["a@example.com"]["groups"] == {}
    assert customers["a@example.com"]["status"] == "OK"


def test_register_with_a_group_joins_it(account: Account) -> None:
    account.load(table("a@example.com,山田,太郎"), gid="1")
    assert account.state("a@example.com", "1") == "配信可能"
    assert account.state("a@example.com", "2") is None


def test_register_with_a_step_plan_joins_the_plan(account: Account) -> None:
    account.load(only("a@example.com"), spid="1")
    customer = account.customers()["a@example.com"]
    assert customer["plans"]["1"]["state"] == "配信可能"
    assert customer["groups"] == {}


def test_overwrite_changes_the_items_given_and_no_others(account: Account) -> None:
    account.load(table("a@example.com,山田,太郎"))
    account.load(table("A@Example.COM,花子", columns="メールアドレス,名"))
    (customer,) = account.customers().values()
    assert (customer["items"]["姓"], customer["items"]["名"]) == ("山田", "花子")


def test_without_overwrite_a_registered_customer_is_other(account: Account) -> None:
    account.load(table("a@example.com,山田,太郎"))
    job = account.load(table("a@example.com,別,名"), is_overwrite="0")
    assert (job["succeeded"], job["other"]) == (0, 1)
    assert account.customers()["a@example.com"]["items"]["姓"] == "山田"


@pytest.mark.parametrize(("option", "left"), [("0", "太郎"), ("1", "")])
def test_blank_cells_keep_or_overwrite_as_the_option_says(
    account: Account, option: str, left: str
) -> None:
    whole = "メールアドレス,姓,名,会社名,電話番号,SalesforceID"
    account.load(table("a@example.com,山田,太郎,会社,03,1", columns=whole))
    account.load(
        table("a@example.com,鈴木,,会社,03,1", columns=whole), blank_option=option
    )
    items = account.customers()["a@example.com"]["items"]
    assert (items["姓"], items["名"]) == ("鈴木", left)


def test_the_same_address_twice_the_later_row_wins_and_both_succeed(
    account: Account,
) -> None:
    job = account.load(table("a@example.com,先,先", "a@example.com,後,後"))
    assert job["succeeded"] == 2
    assert account.customers()["a@example.com"]["items"]["姓"] == "後"


def test_registering_leaves_stopped_and_barred_members_alone(account: Account) -> None:
    account.post("groups/1/stop", {"address": "s@example.com"})
    account.post("groups/1/bar", {"address": "b@example.com"})
    job = account.load(table("s@example.com,山,川", "b@example.com,山,川"), gid="1")
    assert job["other"] == 2
    assert account.state("s@example.com") == "配信停止"
    assert account.state("b@example.com") == "配信禁止"
    assert account.customers()["s@example.com"]["items"]["姓"] == "山"


# ------------------------------------------------- leaving, states, deleting


def test_leaving_a_group_drops_the_state_and_keeps_the_record(account: Account) -> None:
    account.load(table("a@example.com,山田,太郎"), gid="1")
    account.load(only("a@example.com"), gid="2")
    account.post("groups/1/stop", {"address": "a@example.com"})
    account.load(only("a@example.com"), DELETE, gid="1")
    customer = account.customers()["a@example.com"]
    assert list(customer["groups"]) == ["2"]
    assert customer["items"]["姓"] == "山田"
    account.load(only("a@example.com"), gid="1")
    assert account.state("a@example.com") == "配信可能"


def test_delete_without_a_group_removes_the_record_from_everywhere(
    account: Account,
) -> None:
    account.load(only("a@example.com", "b@example.com"), gid="1")
    job = account.load(only("a@example.com", "x@example.com"), DELETE)
    assert (job["succeeded"], job["other"]) == (1, 1)
    assert list(account.customers()) == ["b@example.com"]
    assert "a@example.com" not in account.call("GroupMemberList", gid="1").text


@pytest.mark.parametrize(
    ("kind", "state"), [(STOP, "配信停止"), (BAR, "配信禁止"), (ALLOW, "配信可能")]
)
def test_state_kinds_set_the_state_and_add_the_unknown(
    account: Account, kind: int, state: str
) -> None:
    account.load(only("a@example.com"), gid="1")
    account.post("groups/1/bar", {"address": "b@example.com"})
    account.post("groups/1/stop", {"address": "c@example.com"})
    everyone = ("a@example.com", "b@example.com", "c@example.com", "new@example.com")
    account.load(only(*everyone), kind, gid="1")
    assert [account.state(address) for address in everyone] == [state] * 4
    assert account.state("a@example.com", "2") is None


@pytest.mark.parametrize("kind", [STOP, BAR, ALLOW])
def test_state_kinds_need_a_group_or_plan(account: Account, kind: int) -> None:
    assert account.upload(only("a@example.com"), kind).startswith("81400,ERROR,")
    assert account.upload(only("a@example.com"), kind, spid="1").startswith("10200,")


def test_a_stop_has_time_and_method_and_repeating_keeps_them(account: Account) -> None:
    account.load(only("a@example.com"), STOP, gid="1")
    first = account.customers()["a@example.com"]["groups"]["1"]
    account.post("clock", {"advance_s": 3600})
    job = account.load(only("a@example.com"), STOP, gid="1")
    assert job["other"] == 1
    assert account.customers()["a@example.com"]["groups"]["1"] == first
    assert first["method"] and first["stopped_at"].endswith("Z")


@pytest.mark.parametrize(
    ("option", "absent", "present"),
    [
        ("1", "配信停止", "配信停止"),
        ("2", "配信可能", "配信可能"),
        ("3", "配信停止", "配信可能"),
    ],
)
def test_states_by_presence(
    account: Account, option: str, absent: str, present: str
) -> None:
    account.load(only("absent@example.com", "present@example.com"), gid="1")
    account.load(only("absent@example.com"), gid="2")
    account.post("groups/1/stop", {"address": "present@example.com"})
    account.load(only("present@example.com"), state_option=option)
    assert account.state("absent@example.com", "1") == absent
    assert account.state("absent@example.com", "2") == absent
    assert account.state("present@example.com", "1") == present
    assert account.requests()[-1]["presence"] != ""


def test_state_sync_makes_the_state_common_to_all_groups(account: Account) -> None:
    account.load(only("a@example.com"), gid="1")
    account.load(only("a@example.com"), gid="2")
    account.switch(state_sync=True)
    account.post("groups/1/stop", {"address": "a@example.com"})
    assert account.state("a@example.com", "2") == "配信停止"


# ----------------------------------------------------------------- judging


def test_rows_are_judged_one_by_one_with_reasons(account: Account) -> None:
    job = account.load(
        table(
            "good@example.com,山田,太郎",
            ",名無し,",
            "not-an-address,山田,太郎",
            f"long@example.com,{'あ' * 901},太郎",
            "short@example.com,山田",
            f"edge@example.com,{'あ' * 900},太郎",
            "nul@example.com,山\x00田,太郎",
        )
    )
    assert (job["rows"], job["succeeded"], job["failed"]) == (7, 2, 5)
    reasons = {row["row"]: row["reason"] for row in job["rejected"]}
    assert set(reasons) == {1, 2, 3, 4, 6}
    assert "形式" in reasons[2]
    assert reasons[3].startswith("姓")
    assert [row["address"] for row in job["rejected"]][2] == "long@example.com"
    assert sorted(account.customers()) == ["edge@example.com", "good@example.com"]


def test_legacy_and_quoted_local_parts_are_addresses(account: Account) -> None:
    odd = ["a..b.@example.jp", '"""q x"" "@example.jp', "o'neil+x@sub.example.jp"]
    assert account.load(only(odd[0], odd[2]))["succeeded"] == 2


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (table("山田", columns="姓"), "81400"),
        (table("a@example.com,x", columns="メールアドレス,年齢"), "81411"),
        (table("a@example.com,x,y", columns="メールアドレス,姓,姓"), "81400"),
        ("", "81400"),
        (only(*(f"u{n}@example.com" for n in range(10_001))), "81413"),
        (only("a@example.com" + " " * 3_000_000), "81413"),
    ],
)
def test_files_that_cannot_be_taken_are_refused_at_once(
    account: Account, content: str, code: str
) -> None:
    assert account.upload(content).split(",")[:2] == [code, "ERROR"]
    assert account.jobs() == []


def test_unknown_items_fail_the_job_when_the_header_is_checked_late(
    account: Account,
) -> None:
    account.switch(header_check="job")
    job = account.load(table("a@example.com,1", columns="メールアドレス,年齢"))
    assert (job["state"], job["failed"]) == ("failed", 1)
    assert account.customers() == {}


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ({"gid": "9"}, "81410"),
        ({"spid": "9"}, "81410"),
        ({"gid": "1", "spid": "1"}, "81400"),
        ({"import_type": "4"}, "81400"),
        ({"import_type": ""}, "81400"),
    ],
)
def test_wrong_targets_and_kinds_are_refused(
    account: Account, parts: dict[str, str], code: str
) -> None:
    gid = parts.pop("gid", "")
    assert account.upload(only("a@example.com"), 0, gid=gid, **parts).startswith(
        f"{code},ERROR,"
    )


# ------------------------------------------------------- dialects, encodings


@pytest.mark.parametrize("encoding", ["cp932", "utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\r\n", "\n"])
@pytest.mark.parametrize("quote", ['"', ""])
def test_encodings_line_ends_and_quoting(
    account: Account, encoding: str, end: str, quote: str
) -> None:
    rows = [["名", "メールアドレス", "姓"], ["表示", "a@example.com", "髙﨑"]]
    text = "".join(
        ",".join(f"{quote}{value}{quote}" for value in row) + end for row in rows
    )
    account.load(text.encode(encoding))
    items = account.customers()["a@example.com"]["items"]
    assert (items["姓"], items["名"]) == ("髙﨑", "表示")


def test_line_breaks_quotes_and_commas_inside_values_arrive(account: Account) -> None:
    name = '一行目\r\n二行目 "引用", 終わり'
    quoted = name.replace('"', '""')
    job = account.load(table(f'a@example.com,"{quoted}",b'))
    assert job["rows"] == 1
    assert account.requests()[-1]["rows"] == 1
    assert account.customers()["a@example.com"]["items"]["姓"] == name


def test_bytes_in_neither_encoding_fail_their_row_alone(account: Account) -> None:
    content = table("a@example.com,山,川", "b@example.com,??,川").encode("cp932")
    job = account.load(content.replace(b"??", b"\x81\xff"))
    assert (job["succeeded"], [r["row"] for r in job["rejected"]]) == (1, [1])


# ------------------------------------------------------------ queue and log


def test_files_are_worked_off_in_the_order_of_acceptance(account: Account) -> None:
    account.switch(import_hold=True)
    for name in ("一", "二", "三"):
        account.upload(table(f"a@example.com,{name},x"), gid="1")
    account.upload(only("a@example.com"), STOP, gid="1")
    account.upload(only("a@example.com"), DELETE, gid="1")
    assert [job["state"] for job in account.jobs()] == ["waiting"] * 5
    assert account.customers() == {}
    account.switch(import_hold=False)
    account.service.queue.drain(5)
    assert account.customers()["a@example.com"]["items"]["姓"] == "三"
    assert account.state("a@example.com") is None


def test_processing_waits_by_the_sandboxs_clock(account: Account) -> None:
    account.switch(import_delay_s=7200)
    account.upload(only("a@example.com"))
    assert account.jobs()[0]["finished_at"] is None
    account.post("clock", {"advance_s": 7200})
    account.service.queue.drain(5)
    assert list(account.customers()) == ["a@example.com"]


def test_a_job_can_fail_as_a_whole(account: Account) -> None:
    account.switch(import_fail=1)
    job = account.load(only("a@example.com", "b@example.com"))
    assert (job["state"], job["failed"], len(job["rejected"])) == ("failed", 2, 2)
    assert account.customers() == {}
    assert account.load(only("a@example.com"))["state"] == "done"


def test_the_log_tells_kind_group_and_rows(account: Account) -> None:
    account.upload(only("a@example.com", "b@example.com"), STOP, gid="2")
    (row,) = account.requests()
    assert (row["kind"], row["group"], row["rows"]) == (2, "2", 2)
    assert row["path"] == "/?ac=ScheduleCsvImport"
    assert row["body_length"] > 100


def test_the_answers_header_line_is_a_switch(account: Account) -> None:
    account.switch(answer_header=True)
    assert account.upload(only("a@example.com")).splitlines() == [
        "CODE,STATUS,MESSAGE",
        "10200,OK,accepted (job 1)",
    ]


def test_error_faults_speak_code_status_message_with_http_200(
    account: Account,
) -> None:
    account.post("faults", [{"match": "POST Schedule", "do": "error:81404"}])
    assert account.upload(only("a@example.com")).startswith("81404,ERROR,")
    assert account.jobs() == []


# ----------------------------------------------------------- who may, how often


def test_a_wrong_token_login_or_contract_is_refused(account: Account) -> None:
    file = only("a@example.com")
    assert account.upload(file, token="wrong").startswith("81401,")
    assert account.upload(file, token=None).startswith("81401,")
    assert account.upload(file, aid="25").startswith("81401,")
    assert account.upload(file, loginid="somebody").startswith("81401,")
    assert account.customers() == {}


def test_the_token_may_stand_in_the_form_unless_the_switch_says_header(
    account: Account,
) -> None:
    file, token = only("a@example.com"), CREDENTIALS.api_token
    answers = []
    for place in ("both", "form", "header"):
        account.switch(token_place=place)
        answers.append(account.upload(file, token=None, transport_password=token))
    assert [answer[:5] for answer in answers] == ["10200", "10200", "81401"]


def test_an_address_that_is_not_allowed_is_refused(account: Account) -> None:
    account.switch(allowed_addresses=["192.0.2.7"])
    assert account.upload(only("a@example.com")).startswith("81403,")
    assert account.call("GroupList").text.startswith("81403,")
    account.switch(allowed_addresses=["192.0.2.7", "127.0.0.1"])
    assert account.upload(only("a@example.com")).startswith("10200,")


def test_the_daily_limit_is_per_api_and_ends_at_midnight_in_japan(
    account: Account,
) -> None:
    file = only("a@example.com")
    account.switch(daily_calls=2)
    assert account.upload(file, token="wrong").startswith("81401,")
    codes = [account.upload(file)[:5] for _ in range(3)]
    assert codes == ["10200", "10200", "81404"]
    assert account.call("GroupList").text.startswith('"グループID"')
    account.post("clock", {"advance_s": seconds_to_midnight_in_japan(account) - 5})
    assert account.upload(file).startswith("81404,")
    account.post("clock", {"advance_s": 10})
    assert account.upload(file).startswith("10200,")


def test_failed_calls_count_when_the_switch_says_so(account: Account) -> None:
    account.switch(daily_calls=1, count_failed_calls=True)
    account.upload(only("a@example.com"), token="wrong")
    assert account.upload(only("a@example.com")).startswith("81404,")


def seconds_to_midnight_in_japan(account: Account) -> float:
    now = account.service.control.clock.now()
    return 86_400 - (now.timestamp() + 9 * 3600) % 86_400


# ---------------------------------------------------- what clients really send


def quirky_body(file: bytes, end: bytes = b"--\r\n") -> bytes:
    """As a known client builds it: its boundary begins with a dash."""
    fields = {
        b"aid": b"24",
        b"loginid": CREDENTIALS.login_id.encode(),
        b"transport_password": CREDENTIALS.api_token.encode(),
        b"import_type": b"0",
        b"is_overwrite": b"1",
        b"gid": b"",
        b"spid": b"",
        b"report_option": b"0",
    }
    parts = [
        b'---attached\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % field
        for field in fields.items()
    ]
    parts.append(
        b'---attached\r\nContent-Disposition: form-data; name="csvfile"; '
        b'filename="a.csv"\r\nContent-Type: application/octet-stream\r\n\r\n'
    )
    return b"".join(parts) + file + b"\r\n---attached" + end


def quirky_head(length: int, *more: bytes) -> bytes:
    lines = [
        b"POST /?ac=ScheduleCsvImport HTTP/1.1",
        b"Host: a01.hm-f.example",
        b"Content-Type: multipart/form-data; boundary=-attached",
        b"Content-Length: %d" % length,
        *more,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n"


@pytest.mark.parametrize("end", [b"--\r\n", b"--"])
@pytest.mark.parametrize("short", [0, 2])
def test_a_length_two_bytes_short_is_taken_and_the_next_request_too(
    account: Account, end: bytes, short: int
) -> None:
    with socket.create_connection(("127.0.0.1", account.port), 5) as connection:
        for number in range(3):
            file = f'"メールアドレス","姓"\r\n"q{number}@example.com","髙"\r\n'
            body = quirky_body(file.encode("cp932"), end)
            connection.sendall(quirky_head(len(body) - short) + body)
            answer = read_answer(connection)
            assert b"\r\n\r\n10200,OK,accepted" in answer
    account.service.queue.drain(5)
    customers = account.customers()
    assert sorted(customers) == [f"q{n}@example.com" for n in range(3)]
    assert customers["q0@example.com"]["items"]["姓"] == "髙"


def test_a_short_length_with_connection_close_still_gets_its_answer(
    account: Account,
) -> None:
    body = quirky_body("メールアドレス\r\na@example.com\r\n".encode())
    head = quirky_head(len(body) - 2, b"Connection: close")
    assert b"10200,OK" in account.raw(head + body)


def test_the_tail_may_come_late(account: Account) -> None:
    body = quirky_body("メールアドレス\r\na@example.com\r\n".encode())
    head = quirky_head(len(body) - 2)
    with socket.create_connection(("127.0.0.1", account.port), 5) as connection:
        connection.sendall(head + body[:-2])
        assert b"10200,OK" in read_answer(connection)
        connection.sendall(body[-2:])
        connection.sendall(head + body)
        assert b"10200,OK" in read_answer(connection)


def test_parts_may_lack_type_and_file_name(account: Account) -> None:
    body = quirky_body("メールアドレス\na@example.com".encode())
    body = body.replace(b'; filename="a.csv"', b"").replace(
        b"\r\nContent-Type: application/octet-stream", b""
    )
    assert b"10200,OK" in account.raw(quirky_head(len(body)) + body)
    account.service.queue.drain(5)
    assert list(account.customers()) == ["a@example.com"]
