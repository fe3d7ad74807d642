"""Feature 15: what stands on both sides is linked before the first write, and a newly
mapped field is filled in without touching anything else."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.stage import Stage, staged

pytestmark = pytest.mark.e2e

SET = 'customers.fields=[{salesforce="LastName", haihai="姓"},'
PHONE = '{salesforce="Phone", haihai="電話番号"}]'


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=60) as made:
        yield made


def import_by_hand(stage: Stage, columns: list[str], rows: list[list[str]]) -> None:
    """What somebody uploads on the service's own screens."""
    haihai = stage.world.ready["haihai"]
    body = {
        "aid": haihai["contract_id"].partition("-")[2],
        "loginid": haihai["login_id"],
        "import_type": "0",
        "is_overwrite": "1",
        "gid": "1",
        "spid": "",
        "report_option": "0",
    }
    lines = io.StringIO(newline="")
    for line in (columns, *rows):
        lines.write(",".join(f'"{cell}"' for cell in line) + "\r\n")
    answer = httpx.post(
        f"{haihai['base_url']}/?ac=ScheduleCsvImport",
        data=body,
        files={"csvfile": ("x.csv", lines.getvalue().encode("cp932"))},
        headers={"X-HM-apitoken": haihai["api_token"]},
    )
    assert "10200" in answer.text, answer.text
    stage.world.haihai.queue.drain(10)


def items(stage: Stage) -> dict[str, dict[str, Any]]:
    return {one: row["items"] for one, row in stage.customers().items()}


def test_feature_15_a_thousand_on_both_sides_are_linked_and_none_created(
    tmp_path: Path,
) -> None:
    with staged(tmp_path, customers=1000) as stage:
        people = sorted(stage.audience())
        assert len(people) == 1000
        import_by_hand(stage, ["メールアドレス"], [[one] for one in people])
        stage.forget_requests()
        run = stage.run("customers")
        assert run.code == 0, run.err
        assert run.numbers("customers", "linked", "created") == (1000, 0)
        assert len(stage.customers()) == 1000
        assert not stage.difference()
        assert {kind for kind, _ in stage.imports()} == {0}
        stage.forget_requests()
        assert stage.run("customers").code == 0
        assert not stage.imports()


def test_feature_15_a_new_field_fills_all_linked_records_and_touches_no_other(
    stage: Stage,
) -> None:
    stage.set(SET.rstrip(",") + "]")
    assert stage.run("customers").code == 0
    people = sorted(stage.audience())
    # Since then somebody has changed what the service holds, and added a customer.
    by_hand = [[one, f"手{at}", "手入力"] for at, one in enumerate(people[:5])]
    by_hand.append(["stranger@example.com", "他人", "手入力"])
    import_by_hand(stage, ["メールアドレス", "姓", "名"], by_hand)
    before = items(stage)
    stage.forget_requests()
    stage.set(SET + PHONE)
    run = stage.run("customers")
    assert run.code == 0, run.err
    assert run.numbers("customers", "created", "updated") == (0, 60)
    wanted = {one: row["電話番号"] for one, row in stage.audience().items()}
    after = items(stage)
    assert {one: after[one]["電話番号"] for one in people} == wanted
    blank = {"電話番号": ""}
    assert {one: {**row, **blank} for one, row in after.items()} == {
        one: {**row, **blank} for one, row in before.items()
    }
    assert stage.imports() == [(0, 60)]
    stage.forget_requests()
    assert stage.run("customers").code == 0
    assert not stage.imports()


def test_feature_15_the_fill_is_planned_and_a_change_beside_it_is_sent_whole(
    stage: Stage,
) -> None:
    stage.set(SET.rstrip(",") + "]")
    assert stage.run("customers").code == 0
    one = stage.query(
        "SELECT Id, Email, Phone FROM Contact WHERE HasOptedOutOfEmail = false "
        "AND Email != null AND Phone != null ORDER BY Id LIMIT 1"
    )[0]
    stage.update(one["Id"], LastName="新姓")
    stage.set(SET + PHONE)
    planned = stage.run("customers", "--plan")
    entries = {
        event["record"]: {
            change["field"]: (change["old"], change["new"])
            for change in event["fields"]
        }
        for event in planned.events
        if event["event"] == "change"
    }
    assert len(entries) == 60
    assert set(entries[one["Id"]]) == {"姓", "電話番号"}
    assert entries[one["Id"]]["電話番号"] == (None, one["Phone"])
    assert stage.run("customers").code == 0
    told = stage.customers()[one["Email"]]["items"]
    assert (told["姓"], told["電話番号"]) == ("新姓", one["Phone"])


def test_feature_15_a_blank_in_the_new_field_blanks_nothing(stage: Stage) -> None:
    stage.set(SET.rstrip(",") + "]")
    assert stage.run("customers").code == 0
    one = stage.query(
        "SELECT Id, Email FROM Contact WHERE HasOptedOutOfEmail = false "
        "AND Email != null ORDER BY Id LIMIT 1"
    )[0]
    stage.update(one["Id"], Phone=None)
    import_by_hand(
        stage, ["メールアドレス", "電話番号"], [[one["Email"], "03-0000-0000"]]
    )
    stage.set(SET + PHONE.replace("}]", ', blank="overwrite"}]'))
    assert stage.run("customers").code == 0
    told = stage.customers()[one["Email"]]["items"]
    assert told["電話番号"] == "03-0000-0000"
    stage.update(one["Id"], Phone="03-1111-1111")
    assert stage.run("customers").code == 0
    stage.update(one["Id"], Phone=None)
    assert stage.run("customers").code == 0
    assert not stage.customers()[one["Email"]]["items"].get("電話番号")
