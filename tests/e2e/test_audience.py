"""An audience that people join and leave without their records being changed."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.stage import staged


def test_members_of_a_campaign_are_followed(tmp_path: Path) -> None:
    with staged(tmp_path, customers=60) as stage:
        campaign = stage.query("SELECT Id FROM Campaign")[0]["Id"]
        condition = (
            "Email != null AND Id IN (SELECT ContactId FROM CampaignMember "
            f"WHERE CampaignId = '{campaign}')"
        )
        stage.set(f'customers.audience="{condition}"', "guard.max_excluded_share=1.0")
        wanted = {
            row["Email"]: row["Id"]
            for row in stage.query(f"SELECT Id, Email FROM Contact WHERE {condition}")
        }
        assert stage.run("customers").code == 0
        assert set(stage.members()) == set(wanted)

        outside = stage.query(
            "SELECT Id, Email FROM Contact WHERE HasOptedOutOfEmail = false "
            "AND Email != null ORDER BY Id DESC LIMIT 50"
        )
        new = next(row for row in outside if row["Email"] not in wanted)
        stage.create("CampaignMember", CampaignId=campaign, ContactId=new["Id"])
        left, record = next(iter(wanted.items()))
        member = stage.query(
            f"SELECT Id FROM CampaignMember WHERE ContactId = '{record}'"
        )[0]["Id"]
        stage.write("DELETE", f"CampaignMember/{member}")

        assert stage.run("customers").code == 0
        assert set(stage.members()) == {*wanted, new["Email"]} - {left}
