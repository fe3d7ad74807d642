"""Rows 3 and 6 to 15 at Salesforce: the whole command meets each fault."""

from __future__ import annotations

import json

import pytest

from tests.e2e.faults.conftest import Act
from tests.e2e.stage import Finished

pytestmark = pytest.mark.e2e

DATA = "/services/data/"
CLIENT = "haihai_tui.services.salesforce"


def cause(run: Finished) -> str:
    return str(run.summary["cause"])


def cursors(act: Act) -> dict[str, str]:
    status = act.scene.stage.command("--status", "--json").events[0]
    found: dict[str, str] = status["cursors"]
    return found


# ---------------------------------------------------------- 3, an orphaned job


@pytest.mark.parametrize("do", ["reset", "lose_reply", "truncate:0", "status:503"])
@pytest.mark.parametrize("match", ["PUT /batches", "PATCH /jobs/ingest"])
def test_fault_03_an_upload_that_is_cut_leaves_no_open_job(
    bulk: Act, match: str, do: str
) -> None:
    before = ingest_jobs(bulk)
    bulk.salesforce(match, do, times=2)
    bulk.assert_ended(bulk.run())
    assert states_of_new(bulk, before) <= {"JobComplete", "Aborted"}


def test_fault_03_a_job_whose_making_nobody_confirmed_holds_nothing(bulk: Act) -> None:
    before = ingest_jobs(bulk)
    bulk.salesforce("POST /jobs/ingest", "lose_reply", times=2)
    bulk.assert_ended(bulk.run())
    assert states_of_new(bulk, before) == {"JobComplete", "Open"}
    left = [one for one, state in ingest_jobs(bulk).items() if state == "Open"]
    assert bulk.requests("/batches") == len(ingest_jobs(bulk).keys() - before) - 2
    assert not [one for one in left if bulk.requests(f"{one}/batches")]


def test_fault_03_a_killed_upload_is_aborted_by_the_next_run(bulk: Act) -> None:
    before = ingest_jobs(bulk)
    point = ("unread PUT /services/data/v66.0/jobs/ingest/*/batches", 0)
    assert bulk.run(at=point).code == -9
    assert states_of_new(bulk, before) == {"Open"}
    bulk.assert_finishes()
    assert states_of_new(bulk, before) == {"JobComplete", "Aborted"}


def states_of_new(act: Act, before: dict[str, str]) -> set[str]:
    jobs = ingest_jobs(act)
    return {jobs[one] for one in jobs.keys() - before.keys()}


def ingest_jobs(act: Act) -> dict[str, str]:
    """All ingest jobs of the org, with their states."""
    world = act.scene.stage.world
    answer = act.scene.stage.http.get(
        f"{world.salesforce_url}/services/data/v66.0/jobs/ingest",
        headers={"Authorization": f"Bearer {world.access_token}"},
    )
    answer.raise_for_status()
    return {str(job["id"]): str(job["state"]) for job in answer.json()["records"]}


# ------------------------------------------------- 6, 7: the token in the middle


@pytest.mark.parametrize("after", [0, 1, 4, 8])
def test_fault_06_a_session_that_ends_while_paging(act: Act, after: int) -> None:
    act.switch(query_page_rows=200)
    act.salesforce(f"GET {DATA}", "error:INVALID_SESSION_ID", after=after)
    act.assert_ended(act.run())
    assert act.requests("/oauth2/token") == 1


@pytest.mark.parametrize("match", ["GET /results", "GET /jobs/", "PUT /batches"])
def test_fault_06_a_session_that_ends_in_a_bulk_job(bulk: Act, match: str) -> None:
    bulk.salesforce(match, "error:INVALID_SESSION_ID")
    bulk.assert_ended(bulk.run())
    assert bulk.requests("/oauth2/token") == 1


@pytest.mark.parametrize(
    ("switches", "told"),
    [
        ({"token_error": "invalid_grant: expired access/refresh token"},
         "token_expired"),
        ({"inactive_user": "on"}, "inactive_user"),
        ({"ip_restricted": "on"}, "ip_restricted"),
    ],
    ids=["revoked", "frozen", "address"],
)  # fmt: skip
@pytest.mark.parametrize("after", [0, 3, 7])
def test_fault_07_the_authorisation_dies_in_the_middle(
    act: Act, switches: dict[str, object], told: str, after: int
) -> None:
    before = cursors(act)
    act.switch(**switches)
    act.salesforce(f"* {DATA}", "error:INVALID_SESSION_ID", times=None, after=after)
    run = act.run()
    assert (run.code, cause(run)) == (4, told), run.err
    assert act.requests("/oauth2/token") == 1
    assert cursors(act) == before
    act.assert_finishes()


# ----------------------------------------------------------------- 8, 9: limits


@pytest.mark.parametrize("after", [0, 2, 5, 9, 14])
def test_fault_08_the_daily_limit_pauses_and_the_next_run_goes_on(
    act: Act, after: int
) -> None:
    before = cursors(act)
    act.salesforce(f"* {DATA}", "error:REQUEST_LIMIT_EXCEEDED", times=None, after=after)
    run = act.run()
    assert (run.code, cause(run), run.summary["status"]) == (6, "api_limit", "paused")
    assert act.requests(DATA) == after + 1  # and no further call
    assert cursors(act)["customers"] == before["customers"]
    act.assert_finishes()


@pytest.mark.parametrize("after", [0, 5, 14])
def test_fault_09_too_many_at_once_backs_off_and_goes_on(act: Act, after: int) -> None:
    concurrent = "error:REQUEST_LIMIT_EXCEEDED:ConcurrentRequests Limit exceeded."
    act.salesforce(f"* {DATA}", concurrent, times=2, after=after)
    wait = {"haihai_tui.services.salesforce.session:CONCURRENT_WAIT_S": 0.05}
    act.assert_ended(act.run(constants=wait))


# --------------------------------------------------------- 10, a service in trouble

TROUBLE = [
    {"do": "status:420"},
    {"do": "status:502"},
    {"do": "status:503"},
    {"do": "status:429"},
    {"do": "status:429", "headers": {"Retry-After": "0"}},
    {"do": "status:200", "body": "<html>Down for maintenance</html>",
     "headers": {"Content-Type": "text/html"}},
]  # fmt: skip


@pytest.mark.parametrize("fault", TROUBLE, ids=lambda fault: json.dumps(fault)[8:40])
def test_fault_10_trouble_that_passes(act: Act, fault: dict[str, object]) -> None:
    act.scene.stage.salesforce_control(
        "faults", [{"match": f"* {DATA}", "times": 2, "after": 3, **fault}]
    )
    act.assert_ended(act.run())


@pytest.mark.parametrize("fault", TROUBLE, ids=lambda fault: json.dumps(fault)[8:40])
def test_fault_10_trouble_that_lasts(act: Act, fault: dict[str, object]) -> None:
    act.scene.stage.salesforce_control(
        "faults", [{"match": f"GET {DATA}.*/query", "times": None, **fault}]
    )
    before = cursors(act)
    run = act.run("customers")
    assert (run.code, cause(run)) == (3, "service_unavailable"), run.err
    assert "Salesforce" in run.err
    assert act.requests("/query") == 5
    assert cursors(act) == before
    act.assert_finishes()


# ------------------------------------------------------- 11 to 13: jobs and pages


@pytest.mark.parametrize("outcome", ["failed", "aborted", "stuck"])
def test_fault_11_a_query_job_that_does_not_end_well(bulk: Act, outcome: str) -> None:
    bulk.switch(bulk_job_outcome=outcome)
    limits = [0.01, 0.02, 0.1, 1.0]
    waits = {f"{CLIENT}.jobs:JobLimits.__init__.__defaults__": limits, **NO_PAUSE}
    run = bulk.run(constants=waits)
    assert bulk.requests("POST /services/data/v66.0/jobs/query") >= 2
    # What was read is whole; the ingest jobs end no better, and the next run does
    # what they held.
    assert run.flow("customers")["read"] == bulk.summary["flows"]["customers"]["read"]
    assert run.code == 1, run.err
    bulk.assert_finishes()


@pytest.mark.parametrize(
    "kind", ["short", "cut", "gzip", "html", "repeat", "locator", "expired"]
)
def test_fault_12_a_damaged_page_is_read_again(bulk: Act, kind: str) -> None:
    bulk.scene.stage.salesforce_control(
        "bulk_damage", [{"page": 1, "kind": kind, "times": 1}]
    )
    pages = {f"{CLIENT}.bulk:BulkExtract.__init__.__kwdefaults__": {"page_rows": 100}}
    run = bulk.run(constants=pages)
    assert bulk.requests("/results?") >= 3
    bulk.assert_ended(run)


def test_fault_12_a_page_that_stays_damaged_is_never_the_end(bulk: Act) -> None:
    before = cursors(bulk)
    bulk.scene.stage.salesforce_control(
        "bulk_damage", [{"page": 0, "kind": "short", "times": 50}]
    )
    run = bulk.run("customers")
    assert run.code == 3, run.err
    assert cursors(bulk) == before
    bulk.assert_finishes()


def test_fault_13_a_cursor_that_expires_begins_again(bulk: Act) -> None:
    bulk.salesforce(r"GET /query/\w", "error:INVALID_QUERY_LOCATOR")
    bulk.scene.stage.set("salesforce.bulk_threshold=100000")
    run = bulk.run()
    rows = bulk.scene.stage.salesforce_requests()
    assert sum("/query/" in row["path"] for row in rows) >= 2
    bulk.assert_ended(run)


# --------------------------------------------------------------- 15, refused rows


@pytest.mark.parametrize("times", [1, 3])
def test_fault_15_locked_rows_are_tried_again(act: Act, times: int) -> None:
    lock_rows(act, times)
    act.assert_ended(act.run(constants=NO_PAUSE))


def test_fault_15_locked_rows_of_a_job_are_tried_again(bulk: Act) -> None:
    lock_rows(bulk, 3)
    bulk.assert_ended(bulk.run(constants=NO_PAUSE))


@pytest.mark.parametrize("code", ["UNABLE_TO_LOCK_ROW", "ENTITY_IS_LOCKED"])
def test_fault_15_what_stays_refused_is_a_reject_and_the_rest_is_written(
    act: Act, code: str
) -> None:
    one = act.scene.stage.query(
        "SELECT Id FROM Contact WHERE Email != null AND HasOptedOutOfEmail = false "
        "ORDER BY Id LIMIT 1 OFFSET 7"
    )[0]["Id"]
    act.scene.stage.salesforce_control(
        "row_faults", [{"code": code, "record": one, "times": 1000}]
    )
    run = act.run(constants=NO_PAUSE)
    assert run.code == 1
    assert run.flow("suppressions")["rejected"] == 1
    found = act.scene.records()
    assert {key for key in act.end if act.end[key] != found.get(key)} == {one}
    act.assert_finishes()


NO_PAUSE = {
    "haihai_tui.services.salesforce.collections_update:PAUSE_S": 0.0,
    "haihai_tui.services.salesforce.ingest:PAUSE_S": 0.0,
}


def lock_rows(act: Act, times: int) -> None:
    act.scene.stage.salesforce_control(
        "row_faults", [{"code": "UNABLE_TO_LOCK_ROW", "times": times}]
    )
