"""Alerts of the real command: runs, the timer's look, the test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stage import Stage, staged
from tests.receivers import Hook, Mailbox, mail_server, webhook_server

pytestmark = pytest.mark.e2e


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with staged(tmp_path, customers=20) as made:
        yield made


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with mail_server() as box:
        yield box


@pytest.fixture
def hook() -> Iterator[Hook]:
    with webhook_server() as made:
        yield made


def test_the_command_alerts_once_and_recovers(
    stage: Stage, mailbox: Mailbox, hook: Hook
) -> None:
    stage.set(
        "alerts.mail_to=['ops@example.jp']",
        "alerts.smtp_host='127.0.0.1'",
        f"alerts.smtp_port={mailbox.port}",
        "alerts.smtp_security='none'",
        "alerts.webhook_format='json'",
        f"alerts.webhook_url={hook.url}",
        "customers.audience='NoSuchField__c = 1'",
    )
    for _ in range(2):
        assert stage.run().code == 2
    assert [body["kind"] for body in hook.bodies] == ["alert"]
    states = {one["flow"]: one["state"] for one in hook.bodies[0]["conditions"]}
    assert states == {"customers": "failed"}
    stage.set('customers.audience="Email != null"')
    finished = stage.run()
    assert finished.code in (0, 1), finished.err
    looked = stage.command("--status", "--alert", "--json")
    assert (looked.code, looked.events[0]["alerts"]) == (0, [])
    assert [body["kind"] for body in hook.bodies] == ["alert", "recovery"]
    assert len(mailbox.mails) == 2
    tested = stage.command("--status", "--test-alert", "--json")
    assert tested.code == 0
    assert [one["sent"] for one in tested.events] == [True, True]
    assert hook.bodies[-1]["kind"] == "test"
    assert len(mailbox.mails) == 3


def test_a_dead_mail_server_costs_a_warning_and_no_exit_code(stage: Stage) -> None:
    stage.set(
        "alerts.mail_to=['ops@example.jp']",
        "alerts.smtp_host='127.0.0.1'",
        "alerts.smtp_port=9",
        "alerts.smtp_security='none'",
        "customers.audience='NoSuchField__c = 1'",
    )
    finished = stage.run("customers")
    assert finished.code == 2
    assert finished.summary["event"] == "run_done"
    assert "alerts.smtp_host" not in finished.out
    shown = stage.command("--status", "--lang", "ja")
    assert "mail で送れませんでした" in shown.out
    tested = stage.command("--status", "--test-alert", "--json")
    assert tested.code == 3
    assert tested.events[0]["sent"] is False
