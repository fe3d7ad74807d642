"""Alerts: once when a flow's state changes, once when it is well again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from haihai_tui.errors import (
    AuthorisationNeeded,
    ConnectorError,
    ExitCode,
    ServiceUnreachable,
    SettingsError,
    text,
)
from haihai_tui.locales import Catalogue
from haihai_tui.services.aftercare import Aftercare
from haihai_tui.services.alerts.mail import Mail
from haihai_tui.services.alerts.message import Message
from haihai_tui.services.alerts.watch import AlertWatch
from haihai_tui.services.alerts.webhook import Webhook
from haihai_tui.services.paths import Home
from haihai_tui.services.runs import Conductor, RunContext, RunRequest, RunResult
from haihai_tui.services.secret import Secret
from haihai_tui.services.secrets import SecretStore
from haihai_tui.services.settings import parse_profile
from haihai_tui.services.settings_unattended import AlertSettings
from haihai_tui.services.status import status
from haihai_tui.services.store.database import Database
from haihai_tui.sync.outcome import FlowOutcome, RunOutcome
from tests.receivers import (
    Hook,
    Mailbox,
    mail_server,
    make_certificate,
    webhook_server,
)
from tests.services.conftest import MovedClock

FLOWS = ("customers", "suppressions")
WELL = RunOutcome({flow: FlowOutcome(read=3, done=True) for flow in FLOWS})
MESSAGE = Message("alert", "default", "件名", "本文", ())


def unreachable() -> RunOutcome:
    raise ServiceUnreachable(
        text("{service} に接続できません: {detail}", service="x", detail="t0k3n-value"),
        text("後で再実行してください。"),
        cause="dns",
    )


def unauthorised() -> RunOutcome:
    raise AuthorisationNeeded(text("認可が無効です。"), cause="token_expired")


def defect() -> RunOutcome:
    raise ZeroDivisionError


@dataclass
class Bench:
    """A profile with mail and webhook; runs of any outcome."""

    home: Home
    database: Database
    watch: AlertWatch
    mailbox: Mailbox
    hook: Hook
    clock: MovedClock

    def run(
        self,
        work: RunOutcome | Callable[[], RunOutcome],
        flows: tuple[str, ...] = FLOWS,
        mode: str = "sync",
    ) -> RunResult:
        self.clock.advance(60)

        def body(context: RunContext) -> RunOutcome:
            return work() if callable(work) else work

        conductor = Conductor(
            self.home,
            self.database,
            afterwards=Aftercare(self.home, self.watch),
            clock=self.clock,
        )
        return conductor.run(RunRequest("default", flows, "cron", mode), body)


def partial(rejected: str) -> RunOutcome:
    return RunOutcome(
        {
            flow: FlowOutcome(read=3, rejected=int(flow == rejected), done=True)
            for flow in FLOWS
        }
    )


@pytest.fixture
def bench(
    home: Home,
    database: Database,
    secret_store: SecretStore,
    clock: MovedClock,
    tmp_path: Path,
) -> Iterator[Bench]:
    with mail_server() as mailbox, webhook_server() as hook:
        secret_store.set_many(
            {"alerts.webhook_url": hook.url, "haihai.api_token": "t0k3n-value"}
        )
        table = {
            "flows": {"enabled": list(FLOWS)},
            "alerts": {
                "mail_to": ["ops@example.jp"],
                "smtp_host": "127.0.0.1",
                "smtp_port": mailbox.port,
                "smtp_security": "none",
                "no_success_hours": 26,
            },
        }
        settings = parse_profile("default", table, "default.toml")
        watch = AlertWatch(
            settings,
            secret_store,
            database,
            home.data_folder("default"),
            Catalogue("ja").render,
            clock,
        )
        yield Bench(home, database, watch, mailbox, hook, clock)


def test_five_failing_runs_give_one_alert_and_the_first_good_one_a_recovery(
    bench: Bench,
) -> None:
    for _ in range(5):
        result = bench.run(unreachable)
        assert (result.exit_code, result.warnings) == (ExitCode.UNREACHABLE, ())
    assert len(bench.mailbox.mails) == len(bench.hook.bodies) == 1
    (subject,) = bench.mailbox.subjects
    assert "失敗" in subject
    assert "default" in subject
    for _ in range(3):
        bench.run(WELL)
    assert len(bench.mailbox.mails) == len(bench.hook.bodies) == 2
    assert "回復" in bench.mailbox.subjects[1]
    bench.run(unreachable)
    assert len(bench.mailbox.mails) == 3


def test_the_message_names_flows_cause_remedy_and_run_and_holds_no_secret(
    bench: Bench,
) -> None:
    run_id = bench.run(unreachable).run_id
    (body,) = bench.mailbox.bodies
    for expected in ("顧客連携", "配信停止禁止顧客連携", "接続できません"):
        assert expected in body
    assert "後で再実行" in body
    assert run_id in body
    assert "t0k3n-value" not in body
    (posted,) = bench.hook.bodies
    assert set(posted) == {"text"}
    assert "t0k3n-value" not in posted["text"]


def test_a_flow_is_not_well_because_another_one_is(bench: Bench) -> None:
    bench.run(unreachable, flows=("suppressions",))
    bench.run(RunOutcome({"customers": FlowOutcome(done=True)}), flows=("customers",))
    assert len(bench.mailbox.mails) == 1
    bench.run(partial("customers"))
    assert len(bench.mailbox.mails) == 2
    assert "一部エラー: 顧客連携" in bench.mailbox.bodies[1]
    assert "回復: 配信停止禁止顧客連携" in bench.mailbox.bodies[1]


@pytest.mark.parametrize(
    ("work", "state"),
    [(unauthorised, "再認可が必要"), (partial("customers"), "一部エラー")],
)
def test_each_state_is_told_in_its_own_words(
    bench: Bench, work: Callable[[], RunOutcome], state: str
) -> None:
    bench.run(work)
    assert state in bench.mailbox.subjects[0]


def test_a_defect_is_told_too(bench: Bench) -> None:
    with pytest.raises(ZeroDivisionError):
        bench.run(defect)
    assert "ZeroDivisionError" in bench.mailbox.bodies[0]


def test_a_plan_and_an_empty_retry_change_nothing(bench: Bench) -> None:
    bench.run(unreachable)
    bench.run(WELL, mode="plan")
    bench.run(RunOutcome(), flows=(), mode="retry")
    assert len(bench.mailbox.mails) == 1


def test_what_could_not_be_sent_is_told_later_and_fails_no_run(bench: Bench) -> None:
    bench.mailbox.answer = "451 later"
    bench.hook.status = 500
    result = bench.run(unreachable)
    assert result.exit_code is ExitCode.UNREACHABLE
    assert len(result.warnings) == 2
    told = status(bench.home, "default")
    assert [one["channel"] for one in told["undelivered"]] == ["mail", "webhook"]
    assert bench.hook.url not in str(told)
    bench.mailbox.answer, bench.hook.status = "250 OK", 200
    assert [one.problem for one in bench.watch.look()] == [None, None]
    assert "失敗" in bench.mailbox.subjects[0]
    assert status(bench.home, "default")["undelivered"] == []
    assert bench.watch.look() == []


def test_what_healed_before_it_could_be_sent_is_not_told(bench: Bench) -> None:
    bench.mailbox.answer = "451 later"
    bench.run(unreachable)
    bench.mailbox.answer = "250 OK"
    bench.run(WELL)
    assert bench.mailbox.mails == []
    assert len(bench.hook.bodies) == 2


def test_no_run_for_too_long_is_found_when_nothing_runs(bench: Bench) -> None:
    bench.run(WELL)
    bench.clock.advance(25 * 3600)
    assert bench.watch.look() == []
    bench.clock.advance(3 * 3600)
    for _ in range(3):
        bench.watch.look()
    (subject,) = bench.mailbox.subjects
    assert "完了していません" in subject
    bench.clock.advance(60)
    bench.run(WELL)
    assert "回復" in bench.mailbox.subjects[1]


def test_a_profile_that_never_ran_counts_from_the_first_look(bench: Bench) -> None:
    bench.watch.look()
    bench.clock.advance(27 * 3600)
    bench.watch.look()
    assert len(bench.mailbox.mails) == 1
    names = [one["name"] for one in status(bench.home, "default")["alerts"]]
    assert names == ["overdue.customers", "overdue.suppressions"]


def test_a_test_is_sent_by_every_channel(bench: Bench) -> None:
    assert [(one.channel, one.problem) for one in bench.watch.test()] == [
        ("mail", None),
        ("webhook", None),
    ]
    assert "テスト" in bench.mailbox.subjects[0]
    assert "テスト" in bench.hook.bodies[0]["text"]


# ------------------------------------------------------------------- channels


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls") / "server.pem")


def settings_for(port: int, **given: object) -> AlertSettings:
    table: dict[str, object] = {
        "mail_to": ["ops@example.jp"],
        "smtp_host": "127.0.0.1",
        "smtp_port": port,
        **given,
    }
    return parse_profile("p", {"alerts": table}, "p.toml").alerts


# The test server warns of its own options.
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_mail_goes_over_verified_tls_with_a_password(
    certificate: Path, security: str
) -> None:
    implicit = security == "tls"
    with mail_server(certificate, implicit=implicit, auth=True) as box:
        settings = settings_for(
            box.port,
            smtp_security=security,
            smtp_user="sender",
            ca_bundle=str(certificate),
        )
        Mail(settings, Secret("right-password")).send(MESSAGE)
        with pytest.raises(SettingsError, match="認証"):
            Mail(settings, Secret("wrong-password")).send(MESSAGE)
    assert box.subjects == ["件名"]
    assert box.logins[0] == ("sender", "right-password")


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_unknown_certificate_is_refused(certificate: Path, security: str) -> None:
    with mail_server(certificate, implicit=security == "tls") as box:
        settings = settings_for(box.port, smtp_security=security)
        with pytest.raises(ServiceUnreachable) as refused:
            Mail(settings).send(MESSAGE)
    assert refused.value.cause == "tls"
    assert box.mails == []


def test_a_server_without_starttls_gets_nothing() -> None:
    with mail_server() as box:
        with pytest.raises(SettingsError, match="暗号化"):
            Mail(settings_for(box.port)).send(MESSAGE)
        assert box.mails == []


def test_plain_smtp_is_for_this_machine_alone() -> None:
    table = {"alerts": {"smtp_host": "smtp.example.jp", "smtp_security": "none"}}
    with pytest.raises(SettingsError, match="暗号化なし"):
        parse_profile("p", table, "p.toml")


def test_a_webhook_s_redirect_is_not_followed_and_its_url_not_told() -> None:
    with webhook_server() as hook, webhook_server() as other:
        hook.status, hook.location = 307, other.url
        with pytest.raises(ConnectorError) as refused:
            Webhook(Secret(hook.url)).send(MESSAGE)
        assert "hook-s3cret-path" not in str(refused.value)
        assert (len(hook.bodies), len(other.bodies)) == (1, 0)


def test_the_plain_json_form_tells_a_program_everything(bench: Bench) -> None:
    bench.run(unreachable)
    due_before = bench.hook.bodies
    assert due_before
    with webhook_server() as hook:
        Webhook(Secret(hook.url), "json").send(
            Message("alert", "default", "s", "b", [{"flow": "customers"}])
        )
    (body,) = hook.bodies
    assert (body["kind"], body["profile"]) == ("alert", "default")
    assert body["conditions"] == [{"flow": "customers"}]


@pytest.mark.parametrize("url", ["http://hooks.example.com/x", "ftp://x", "nonsense"])
def test_a_webhook_needs_https(url: str) -> None:
    with pytest.raises(SettingsError):
        Webhook(Secret(url)).send(MESSAGE)
