"""通知: what stands, who is told how, and a test of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.widgets import Button

from haihai_tui.errors import Text, text
from haihai_tui.screens.admin_views.base import AdminView, Done, Rows
from haihai_tui.screens.widgets.forms import Deed, Deeds
from haihai_tui.screens.widgets.ticklist import Detail, Part
from haihai_tui.services.alerts.wording import channel_label, flow_of, state_label
from haihai_tui.services.roles import Action
from haihai_tui.services.wording import flow_label, local_date_time

if TYPE_CHECKING:
    from haihai_tui.services.administration import Administration, AlertFacts
    from haihai_tui.services.alerts.watch import Delivery
    from haihai_tui.services.store.alerts import Condition


class AlertsView(AdminView):
    def __init__(self) -> None:
        super().__init__(id="alerts")
        self._facts: AlertFacts | None = None
        self._deliveries: tuple[Delivery, ...] = ()

    def compose(self) -> ComposeResult:
        yield Rows((text("連携"), text("状態"), text("いつから")), id="alert-rows")
        yield Detail(id="alert-detail")
        yield Deeds([Deed(text("テスト送信"), id="test")])

    def read(self, admin: Administration) -> AlertFacts:
        return admin.alerts(self.host.ctx.profile)

    def take(self, value: AlertFacts) -> None:
        self._facts = value
        self.relabel()

    def relabel(self) -> None:
        if self._facts is None:
            return
        rows = self._facts.conditions
        self.query_one(Rows).show((one.name, self._cells(one)) for one in rows)
        self.query_one("#test", Deed).disabled = self.why_not() is not None
        self.query_one(Detail).show("", tuple(self._parts(self._facts)))

    def _cells(self, one: Condition) -> tuple[str, ...]:
        t = self.host.t
        state = text("完了の間隔: {state}", state=state_label(one.state))
        if one.name == flow_of(one.name):
            state = state_label(one.state)
        flow = t(flow_label(flow_of(one.name)))
        return flow, t(state), local_date_time(one.since)

    def _parts(self, facts: AlertFacts) -> Iterator[Part]:
        yield Part(text("送り先"), tuple(_where(facts)))
        problems: list[Text | str] = [
            text(
                "{channel}（{at}）: {problem}",
                channel=channel_label(one.channel),
                at=local_date_time(one.at),
                problem=one.problem,
            )
            for one in facts.failures
        ]
        if problems:
            yield Part(text("送れていない通知"), tuple(problems))
        if self._deliveries:
            yield Part(text("テストの結果"), tuple(_results(self._deliveries)))

    # -------------------------------------------------------------------- deeds

    def why_not(self) -> Text | None:
        if reason := self.host.lacks(Action.RUN):
            return reason
        if self._facts is not None and not self._facts.channels:
            return text("通知の送り先が設定されていません。")
        return None

    def deed(self) -> None:
        def body(admin: Administration) -> Done:
            sent = admin.test_alerts(self.host.ctx.profile, self.host.t)
            failed = any(one.problem is not None for one in sent)
            say = text("テストを送信しました。")
            if failed:
                say = text("テストを送信できない送り先があります。")
            return Done("alerts", say, tuple(sent))

        self.work(body, "deed")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        event.stop()
        self.deed()

    async def done(self, value: Any) -> None:
        self._deliveries = value
        self.reload()


def _where(facts: AlertFacts) -> Iterator[Text | str]:
    if not facts.channels:
        yield text(
            "まだありません。alerts.smtp_host と alerts.mail_to、"
            "または alerts.webhook_url を設定します。"
        )
    for name, place in facts.channels:
        yield text("{channel}: {place}", channel=channel_label(name), place=place)


def _results(deliveries: tuple[Delivery, ...]) -> Iterator[Text | str]:
    for one in deliveries:
        channel = channel_label(one.channel)
        if one.problem is None:
            yield text("{channel}: 送信しました。", channel=channel)
            continue
        yield text("{channel}: {what}", channel=channel, what=one.problem.what)
        if one.problem.remedy is not None:
            yield text("  > {remedy}", remedy=one.problem.remedy)
