"""Feature 3: nothing falls between two pages, and what shows up late arrives."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.stage import staged

pytestmark = pytest.mark.e2e

MANY = 5_000


def test_feature_03_five_thousand_rows_of_one_moment_and_a_late_one_all_arrive(
    tmp_path: Path,
) -> None:
    with staged(tmp_path, customers=20) as stage:
        stage.salesforce_control("switches", {"query_page_rows": 200}, "PUT")
        assert stage.run("customers").code == 0
        stage.create("Contact", LastName="同時", Email="same@example.com")
        now = stage.query(
            "SELECT SystemModstamp FROM Contact ORDER BY SystemModstamp DESC LIMIT 1"
        )[0]["SystemModstamp"]
        operations = [
            {
                "object": "Contact",
                "operation": "insert",
                "values": {
                    "LastName": f"同時{at}",
                    "Email": f"same{at}@example.com",
                    "SystemModstamp": now,
                },
            }
            for at in range(1, MANY)
        ]
        stage.salesforce_control("records", operations)
        stage.salesforce_control("clock", {"advance_s": 600})
        run = stage.run("customers")
        assert run.numbers("customers", "created") == (MANY,), run.err
        late = {"LastName": "遅刻", "Email": "late@example.com", "SystemModstamp": now}
        operation = {"object": "Contact", "operation": "insert", "values": late}
        stage.salesforce_control("records", operation)
        assert stage.run("customers").numbers("customers", "created") == (1,)
        assert not stage.difference()
