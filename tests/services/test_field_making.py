"""The plan of fields to make names each of them, whatever it is for."""

from __future__ import annotations

from haihai_tui.services.checks.model import Status
from haihai_tui.services.field_making import plan_of, plan_words
from haihai_tui.services.settings import parse_profile
from haihai_tui.services.target_check import check_target, flow_targets
from haihai_tui.sync.ports import SObject

EVERY = parse_profile(
    "default",
    {
        "suppressions": {"objects": ["Contact"], "status_field": "Status__c"},
        "page_views": {
            "objects": ["Contact"],
            "log_field": "Log__c",
            "record_url_field": "Customer__c",
            "record_url_template": "https://example.jp/{address}",
        },
    },
    "default.toml",
)


def test_every_purpose_is_worded() -> None:
    empty = SObject("Contact", "取引先責任者", "003", {})
    targets = [
        target
        for flow in ("suppressions", "page-views")
        for target in flow_targets(EVERY, flow)
    ]
    checked = [check_target(target, empty) for target in targets]
    assert {one.status for one in checked} == {Status.FAIL}
    plan = plan_of(checked)
    assert list(plan) == targets and len(plan) == 8
    lines = str(plan_words(plan)).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        f"{one.sobject}.{one.field}" for one in targets
    ]
    assert all("「" in line for line in lines)


def test_what_cannot_be_made_is_in_no_plan() -> None:
    (first, *_) = flow_targets(EVERY, "suppressions")
    assert plan_of([check_target(first, None)]) == ()
