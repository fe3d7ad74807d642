"""Retrievals from the HaiHai Mail sandbox, its control interface, and its files."""

from __future__ import annotations

import calendar
import csv
import io
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from haihai_tui.sandbox.haihai.account import ALLOWED
from haihai_tui.services.haihai.wire import Wire
from tests.sandbox.haihai_account import Account, running


@pytest.fixture
def account() -> Iterator[Account]:
    with running() as started:
        yield started


def records(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def only(*addresses: str) -> str:
    return "\r\n".join(("メールアドレス", *addresses)) + "\r\n"


# ----------------------------------------------------------------- members


def test_members_have_state_time_in_japan_method_and_status(account: Account) -> None:
    account.load(only("a@example.com", "b@example.com", "c@example.com"), gid="1")
    account.load(only("other@example.com"), gid="2")
    account.post("groups/1/stop", {"address": "b@example.com", "method": "本人"})
    account.post("groups/1/bar", {"address": "c@example.com"})
    account.post("status", {"address": "c@example.com", "status": "エラー"})
    answer = account.call("GroupMemberList", gid="1", charset="utf-8")
    assert answer.headers["content-type"] == "text/csv; charset=UTF-8"
    rows = {row["メールアドレス"]: row for row in records(answer.text)}
    assert rows["a@example.com"] == {
        "メールアドレス": "a@example.com",
        "配信状態": "配信可能",
        "配信停止日時": "",
        "配信停止方法": "",
        "ステータス": "OK",
    }
    stopped = account.customers()["b@example.com"]["groups"]["1"]["stopped_at"]
    local = time.gmtime(_epoch(stopped) + 9 * 3600)
    assert rows["b@example.com"]["配信停止日時"] == time.strftime(
        "%Y/%m/%d %H:%M:%S", local
    )
    assert rows["b@example.com"]["配信停止方法"] == "本人"
    assert rows["c@example.com"]["配信状態"] == "配信禁止"
    assert rows["c@example.com"]["ステータス"] == "エラー"
    assert "other@example.com" not in rows


def _epoch(stamp: str) -> float:
    return calendar.timegm(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ"))


def test_members_of_a_plan_and_of_nothing(account: Account) -> None:
    account.load(only("a@example.com"), spid="1")
    assert len(records(account.call("GroupMemberList", spid="1").text)) == 1
    assert len(records(account.call("GroupMemberList", gid="1").text)) == 0
    assert account.call("GroupMemberList", gid="9").text.startswith("81410,ERROR,")
    assert account.call("GroupMemberList").text.startswith("81410,ERROR,")


def test_members_in_the_older_encoding_when_asked_for(account: Account) -> None:
    account.load(only("a@example.com"), gid="1")
    answer = account.call("GroupMemberList", gid="1", charset="Shift_JIS")
    assert answer.headers["content-type"] == "text/csv; charset=Shift_JIS"
    assert records(answer.content.decode("cp932"))[0]["配信状態"] == "配信可能"


def test_many_members_stream_quickly_and_whole(account: Account) -> None:
    inside, count = account.service.account, 200_000
    for number in range(count):
        key = f"user{number}@example.com"
        inside.customers[key] = inside.pack(key, ())
        inside.groups["1"].members[key] = ALLOWED
    begun = time.monotonic()
    body = account.call("GroupMemberList", gid="1").content
    seconds = time.monotonic() - begun
    assert body.count(b"\r\n") == count + 1
    # Measured at 50 MB/s; the bound leaves room for a busy machine.
    assert len(body) / seconds > 5_000_000


# ------------------------------------------------------------------- views


def test_views_from_a_time_on_oldest_first(account: Account) -> None:
    added = account.post(
        "views",
        [
            {
                "address": "a@example.com",
                "url": "https://example.com/二?q=1,2",
                "at": "2026-05-02T03:04:05+09:00",
                "kind": "visit",
                "user_agent": 'Scanner "7"',
            },
            {
                "address": "a@example.com",
                "url": "https://example.com/1",
                "at": "2026-05-01T00:00:00Z",
                "kind": "click",
            },
        ],
    )
    assert added.json() == {"added": 2}
    first, second = records(account.call("ViewedUrlList").text)
    assert first["日時"] == "2026/05/01 09:00:00"
    assert first["種別"] == "クリック"
    assert second == {
        "メールアドレス": "a@example.com",
        "URL": "https://example.com/二?q=1,2",
        "日時": "2026/05/02 03:04:05",
        "種別": "来訪",
        "ユーザーエージェント": 'Scanner "7"',
    }
    since = {"from": "2026/05/02 03:04:05"}
    assert len(records(account.call("ViewedUrlList", **since).text)) == 1
    assert account.call("ViewedUrlList", **{"from": "May"}).text.startswith("81400,")


def test_views_without_a_time_happen_now(account: Account) -> None:
    account.post("views", [{"address": "a@example.com", "url": "https://example.com"}])
    since = {"from": "2020/01/01 00:00:00"}
    assert len(records(account.call("ViewedUrlList", **since).text)) == 1


@pytest.mark.parametrize(
    "view",
    [
        {"url": "https://example.com"},
        {"address": "nobody", "url": "https://example.com"},
        {"address": "a@example.com", "url": "x", "kind": "glance"},
        {"address": "a@example.com", "url": "x", "at": "yesterday"},
    ],
)
def test_malformed_views_are_refused(account: Account, view: dict[str, str]) -> None:
    assert account.post("views", [view]).status_code == 400
    assert records(account.call("ViewedUrlList").text) == []


# ---------------------------------------------------------- groups, results


def test_groups(account: Account) -> None:
    account.post("groups", {"gid": "7", "name": "展示会"})
    assert records(account.call("GroupList").text) == [
        {"グループID": "1", "グループ名": "メルマガ会員"},
        {"グループID": "2", "グループ名": "セミナー"},
        {"グループID": "7", "グループ名": "展示会"},
    ]


def test_result_lists_what_failed_or_was_other(account: Account) -> None:
    account.load(only("a@example.com"))
    job = account.load(
        only("good@example.com", "bad", "a@example.com"), is_overwrite="0"
    )
    rows = records(account.call("ScheduleCsvImportResult", job_id=job["job"]).text)
    assert [(r["行番号"], r["メールアドレス"], r["結果"]) for r in rows] == [
        ("3", "bad", "失敗"),
        ("4", "a@example.com", "その他"),
    ]
    assert rows[0]["理由"] == "メールアドレスの形式が正しくありません"


def test_result_is_pending_then_there_then_gone_after_ten_days(
    account: Account,
) -> None:
    account.switch(import_hold=True)
    account.upload(only("a@example.com"))
    pending = account.call("ScheduleCsvImportResult", job_id="1").text
    account.switch(import_hold=False)
    account.service.queue.drain(5)
    done = account.call("ScheduleCsvImportResult", job_id="1").text
    account.post("clock", {"advance_s": 11 * 86_400})
    gone = account.call("ScheduleCsvImportResult", job_id="1").text
    assert pending.startswith("10202,")
    assert records(done) == []
    assert gone.startswith("81412,ERROR,")
    unknown = account.call("ScheduleCsvImportResult", job_id="77").text
    assert unknown.startswith("81412,ERROR,")


@pytest.mark.parametrize(
    ("switch", "action"),
    [
        ("result_api", "ScheduleCsvImportResult"),
        ("members_api", "GroupMemberList"),
        ("views_api", "ViewedUrlList"),
        ("groups_api", "GroupList"),
    ],
)
def test_retrievals_can_be_not_offered(
    account: Account, switch: str, action: str
) -> None:
    account.switch(**{switch: False})
    assert account.call(action, gid="1", job_id="1").text.startswith("81405,ERROR,")
    assert account.call("Whatever").text.startswith("81405,ERROR,")


# ----------------------------------------------------------------- control


def test_states_of_the_unknown_and_of_many(account: Account) -> None:
    many = [f"u{n}@example.com" for n in range(3)]
    answer = account.post("groups/1/stop", {"addresses": many})
    assert answer.json() == {"changed": 3}
    assert account.post("groups/1/allow", {"address": many[0]}).json() == {"changed": 1}
    assert [account.state(a) for a in many] == ["配信可能", "配信停止", "配信停止"]
    member = account.customers()[many[0]]["groups"]["1"]
    assert (member["stopped_at"], member["method"]) == (None, None)
    assert account.post("plans/1/bar", {"address": many[0]}).json() == {"changed": 1}


def test_control_refuses_what_does_not_exist(account: Account) -> None:
    assert (
        account.post("groups/9/stop", {"address": "a@example.com"}).status_code == 404
    )
    assert account.post("groups/1/eat", {"address": "a@example.com"}).status_code == 404
    assert account.post("groups/1/stop", {"address": "nobody"}).status_code == 400
    wrong = {"address": "a@example.com", "status": "エラー"}
    assert account.post("status", wrong).status_code == 400


def test_new_items_can_be_imported(account: Account) -> None:
    account.load(only("a@example.com"))
    account.post("items", ["年齢"])
    account.load("メールアドレス,年齢\r\na@example.com,42\r\n")
    assert account.customers()["a@example.com"]["items"]["年齢"] == "42"


def test_one_customer_can_be_asked_for(account: Account) -> None:
    account.load(only("a@example.com", "b@example.com"))
    found = account.http.get("/_sandbox/customers?address=B@example.com").text
    assert found.count("\n") == 1
    assert '"b@example.com"' in found


# ------------------------------------------------------------ wire and files


def test_the_sandbox_follows_a_corrected_wire_table(tmp_path: Path) -> None:
    wire = Wire.from_table(
        {
            "import_path": "/api/import.cgi?mode=csv",
            "members_action": "Readers",
            "state_allowed": "可",
            "success_codes": ["0"],
            "token_header": "X-Other",
        }
    )
    with running(wire) as account:
        token = {"X-Other": "token-of-the-test"}
        form = {
            "aid": "24",
            "loginid": "connector",
            "import_type": "0",
            "gid": "1",
        }
        file = {"csvfile": only("a@example.com").encode()}
        done = account.http.post(
            "/api/import.cgi?mode=csv", data=form, files=file, headers=token
        )
        account.service.queue.drain(5)
        members = account.http.post("/?ac=Readers", data=form, headers=token)
    assert done.text.startswith("0,OK,")
    assert records(members.text)[0]["配信状態"] == "可"


def test_an_account_survives_a_restart(tmp_path: Path) -> None:
    with running(state=tmp_path / "state") as account:
        account.post("items", ["年齢"])
        account.load("メールアドレス,年齢\r\nA@example.com,42\r\nbad,1\r\n", gid="1")
        account.post("groups/2/stop", {"address": "a@example.com"})
        account.post("status", {"address": "a@example.com", "status": "エラー"})
        account.post(
            "views", [{"address": "a@example.com", "url": "https://e.example"}]
        )
        account.switch(import_hold=True)
        account.upload(only("later@example.com"))
        before = (account.customers(), account.jobs())
        used = account.service.calls.dump()
    with running(state=tmp_path / "state") as account:
        account.service.queue.drain(5)
        later = account.customers().pop("later@example.com")
        after = {k: v for k, v in account.customers().items() if k != later["address"]}
        assert after == before[0]
        assert account.jobs()[0] == before[1][0]
        assert account.jobs()[1]["state"] == "done"
        assert account.service.calls.dump() == used
        assert len(records(account.call("ViewedUrlList").text)) == 1
        assert account.load(only("next@example.com"))["job"] == "3"


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("81404", "81404,ERROR,too many calls\r\n"),
        ("81403", "81403,ERROR,ip address not allowed\r\n"),
        ("99999", "99999,ERROR,error\r\n"),
    ],
)
def test_an_error_that_was_asked_for_is_worded_as_the_service_does(
    account: Account, code: str, answer: str
) -> None:
    account.post("faults", [{"match": "POST ac=GroupList", "do": f"error:{code}"}])
    assert account.call("GroupList").text == answer
