"""The wire table: its defaults, its listing, and what it refuses."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import available_timezones

import pytest

from haihai_tui.errors import ExitCode, SettingsError
from haihai_tui.services.haihai.wire import Wire, listing


def test_an_empty_table_gives_the_defaults() -> None:
    assert Wire.from_table({}) == Wire()


def test_values_of_the_table_replace_the_defaults() -> None:
    wire = Wire.from_table(
        {"success_codes": ["1", "2"], "max_rows": 5, "failed_calls_count": True}
    )
    assert (wire.success_codes, wire.max_rows) == (("1", "2"), 5)
    assert wire.failed_calls_count is True
    assert wire.import_path == Wire().import_path


def test_an_unknown_key_names_the_nearest() -> None:
    with pytest.raises(SettingsError) as caught:
        Wire.from_table({"token_headr": "X"})
    assert "token_headr" in str(caught.value.what)
    assert "token_header" in str(caught.value.remedy)
    assert caught.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("max_rows", "10000"),
        ("max_rows", True),
        ("max_rows", 0),
        ("failed_calls_count", 1),
        ("token_header", 7),
        ("token_header", ""),
        ("success_codes", "10200"),
        ("success_codes", [10200]),
        ("token_place", "cookie"),
        ("encoding", "latin-1"),
        ("job_pattern", "job"),
        ("job_pattern", "(job"),
        ("time_zone", "Asia/Nowhere"),
        ("time_zone", "../etc"),
        ("day_start", "24:00"),
    ],
)
def test_wrong_types_and_unusable_values_are_refused(key: str, value: object) -> None:
    with pytest.raises(SettingsError) as caught:
        Wire.from_table({key: value})
    assert key in str(caught.value.what)
    assert caught.value.remedy is not None


def test_an_action_may_be_empty_for_not_offered() -> None:
    assert Wire.from_table({"result_action": ""}).result_action == ""


def test_the_listing_covers_every_key_with_confidence_and_meaning() -> None:
    keys = {key.name: key for key in listing()}
    assert set(keys) == set(Wire.__dataclass_fields__)
    assert {key.confidence for key in keys.values()} <= {"doc", "code", "kin", "guess"}
    assert all(str(key.meaning) for key in keys.values())
    assert keys["import_path"].confidence == "code"
    assert keys["token_header"].confidence == "guess"
    assert keys["success_codes"].type_name == "array"
    assert keys["failed_calls_count"].type_name == "boolean"


def test_defaults_would_pass_their_own_check() -> None:
    assert Wire.from_table({key.name: key.default for key in listing()}) == Wire()


NO_ZONES = pytest.mark.skipif(
    "Asia/Tokyo" not in available_timezones(), reason="no time zone database here"
)


@pytest.mark.parametrize("zone", ["+09:00", pytest.param("Asia/Tokyo", marks=NO_ZONES)])
def test_the_zone_is_nine_hours_ahead(zone: str) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    offset = Wire.from_table({"time_zone": zone}).zone.utcoffset(now)
    assert offset == timedelta(hours=9)


def test_the_job_pattern_finds_the_number() -> None:
    found = re.search(Wire().job_pattern, "accepted (job 12)")
    assert found is not None
    assert found[1] == "12"
