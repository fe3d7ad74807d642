"""Rows 2, 10 and 16 to 18 at HaiHai Mail: the whole command meets each fault."""

from __future__ import annotations

import json

import pytest

from haihai_tui.services.paths import home_at
from haihai_tui.services.store.budgets import Budgets
from haihai_tui.services.store.database import open_database
from tests.e2e.faults.conftest import Act
from tests.e2e.faults.test_salesforce import TROUBLE, cause, cursors

pytestmark = pytest.mark.e2e

IMPORT = "POST ac=ScheduleCsvImport$"
RESULT = "POST ac=ScheduleCsvImportResult"
MEMBERS = "POST ac=GroupMemberList"
VIEWS = "POST ac=ViewedUrlList"
COUNTS = ("created", "updated", "excluded", "rejected", "written")


def counted(act: Act, api: str) -> int:
    database = open_database(home_at(act.scene.stage.folder))
    rows = Budgets(database, "default").recent()
    database.close()
    return sum(row.calls for row in rows if (row.service, row.api) == ("haihai", api))


# ------------------------------------------------------------- 2, a lost answer


@pytest.mark.parametrize("do", ["lose_reply", "truncate:0", "truncate:7", "reset"])
def test_fault_02_a_lost_answer_is_counted_once(act: Act, do: str) -> None:
    before = counted(act, "import")
    act.haihai(IMPORT, do, times=2)
    run = act.run()
    act.assert_ended(run)
    imports = act.summary["flows"]["customers"]
    assert [run.flow("customers")[one] for one in COUNTS] == [
        imports[one] for one in COUNTS
    ]
    files = [row for row in act.scene.stage.haihai_requests() if "kind" in row]
    assert len(files) >= 3
    assert counted(act, "import") - before == 3  # stop, register, leave


# --------------------------------------------------------- 10, a service in trouble


@pytest.mark.parametrize("fault", TROUBLE, ids=lambda fault: json.dumps(fault)[8:40])
@pytest.mark.parametrize("match", [IMPORT, RESULT, MEMBERS, VIEWS])
def test_fault_10_haihai_trouble_that_passes(
    act: Act, match: str, fault: dict[str, object]
) -> None:
    act.scene.stage.haihai_control("faults", [{"match": match, "times": 2, **fault}])
    act.assert_ended(act.run())


@pytest.mark.parametrize("fault", TROUBLE, ids=lambda fault: json.dumps(fault)[8:40])
def test_fault_10_haihai_trouble_that_lasts(act: Act, fault: dict[str, object]) -> None:
    before = cursors(act)
    act.scene.stage.haihai_control(
        "faults", [{"match": IMPORT, "times": None, **fault}]
    )
    run = act.run("customers")
    assert (run.code, cause(run)) == (3, "service_unavailable"), run.err
    assert "HaiHai" in run.err
    tried = [row for row in act.scene.stage.haihai_requests() if "fault" in row]
    assert len(tried) == 5
    assert cursors(act) == before
    act.assert_finishes()


# ------------------------------------------- 16, an answer that is no confirmation


@pytest.mark.parametrize(
    "body",
    ["", "OK", "99999,FAILED,nobody knows", "<html>ok</html>", '{"ok":true}'],
    ids=["empty", "word", "unknown-code", "page", "json"],
)
def test_fault_16_an_odd_body_is_not_taken_for_success(act: Act, body: str) -> None:
    before = cursors(act)
    fault = {"match": IMPORT, "times": None, "do": "status:200", "body": body}
    act.scene.stage.haihai_control("faults", [fault])
    run = act.run("customers")
    assert run.code == 3, run.err
    assert run.flow("customers")["written"] == 0
    assert cursors(act) == before
    act.assert_finishes()


@pytest.mark.parametrize("body", ["", "99999,FAILED,nobody knows", "a,b\r\n1,2\r\n"])
@pytest.mark.parametrize("match", [MEMBERS, VIEWS])
def test_fault_16_an_odd_table_is_not_taken_for_nobody(
    act: Act, match: str, body: str
) -> None:
    before = cursors(act)
    fault = {"match": match, "times": None, "do": "status:200", "body": body}
    act.scene.stage.haihai_control("faults", [fault])
    run = act.run()
    assert run.code in (2, 3), run.err
    flow = "page-views" if match == VIEWS else "suppressions"
    assert {k: v for k, v in cursors(act).items() if k.startswith(flow)} == {
        k: v for k, v in before.items() if k.startswith(flow)
    }
    act.assert_finishes()


# --------------------------------------------------------- 17, refused as a caller


@pytest.mark.parametrize(
    ("meaning", "code", "told"),
    [
        ("limit_codes", 6, "haihai_limit"),
        ("token_codes", 4, "haihai_token_invalid"),
        ("address_denied_codes", 4, "haihai_ip_denied"),
    ],
)
@pytest.mark.parametrize("match", [IMPORT, MEMBERS])
def test_fault_17_a_refused_caller_is_told_why(
    act: Act, match: str, meaning: str, code: int, told: str
) -> None:
    before = cursors(act)
    refused = getattr(act.scene.stage.world.haihai.wire, meaning)[0]
    act.haihai(match, f"error:{refused}", times=None)
    run = act.run()
    assert (run.code, cause(run)) == (code, told), run.err
    tried = [row for row in act.scene.stage.haihai_requests() if "fault" in row]
    assert len(tried) == 1
    assert cursors(act)["customers"] == before["customers"]
    act.assert_finishes()


def test_fault_17_the_real_limit_token_and_allow_list(act: Act) -> None:
    for switches, code, told in (
        ({"daily_calls": 0}, 6, "haihai_limit"),
        ({"allowed_addresses": ["192.0.2.1"]}, 4, "haihai_ip_denied"),
    ):
        act.switch_haihai(**switches)
        run = act.run()
        assert (run.code, cause(run)) == (code, told), run.err
        act.scene.mend()
    act.assert_finishes()


# ------------------------------------------------- 18, accepted, and failed later


@pytest.mark.parametrize("fails", [1, 2, 3])
def test_fault_18_an_import_that_fails_as_a_whole_is_rejects(
    act: Act, fails: int
) -> None:
    act.switch_haihai(import_fail=fails)
    run = act.run()
    assert run.code == 1
    assert run.flow("customers")["rejected"] > 1
    if fails == 1:  # the stop that moves with its person: nobody without it
        assert "moved4@example.jp" not in act.scene.stage.customers()
    act.assert_finishes()


def test_fault_18_rows_that_fail_are_rejects_and_the_rest_is_done(act: Act) -> None:
    one = act.scene.stage.create("Contact", LastName="長", Email="long@example.jp")
    act.scene.stage.update(one, Phone="0" * 40)
    act.scene.stage.world.haihai.queue._item_max_chars = 39
    try:
        run = act.run()
    finally:
        act.scene.stage.world.haihai.queue._item_max_chars = 900
    assert run.code == 1
    assert run.flow("customers")["rejected"] == 2
    assert "long@example.jp" not in act.scene.stage.customers()
    again = act.run()
    assert again.flow("customers")["rejected"] == 1
    assert act.scene.stage.members()["long@example.jp"] == "配信可能"


@pytest.mark.parametrize("fails", [0, 1, 2, 3])
def test_fault_18_what_is_worked_off_later_is_asked_for_by_a_later_run(
    act: Act, fails: int
) -> None:
    act.scene.stage.set("haihai.result_wait_s=0.2")
    act.switch_haihai(import_hold=True, import_fail=fails)
    run = act.run()
    assert run.flow("customers")["unconfirmed"] == run.flow("customers")["written"] > 0
    assert any(event["event"] == "not_confirmed" for event in run.events)
    act.switch_haihai(import_hold=False)
    act.scene.stage.world.haihai.queue.drain(20)
    settled = act.run()
    assert any(event["event"] == "imports_settled" for event in settled.events)
    if fails:
        # What failed was sent again, and is asked for once more.
        assert act.run().code == act.code
    act.assert_finishes()
    left = (act.scene.stage.folder / "state" / "default").glob("rows.*")
    assert not list(left)
