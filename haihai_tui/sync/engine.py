"""One run: every flow is planned and judged before the first write of any.

What stops the whole run (a lost authorisation, a used-up budget, a safety stop, an
interrupt) ends it; what concerns one flow lets the others go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Protocol

from haihai_tui.errors import (
    AuthorisationNeeded,
    BudgetUsedUp,
    ConnectorError,
    Interrupted,
    OnHold,
    SafetyStop,
    SettingsError,
    Text,
    text,
)
from haihai_tui.sync import guard
from haihai_tui.sync.customers import SNAPSHOT, CustomersPlan, CustomersPlanner
from haihai_tui.sync.customers_report import entries_of, outcome_of
from haihai_tui.sync.customers_run import CustomersRun
from haihai_tui.sync.events import Event, Level
from haihai_tui.sync.imports import settle_pending
from haihai_tui.sync.outcome import FlowOutcome, RunOutcome
from haihai_tui.sync.page_views import PageViews
from haihai_tui.sync.ports import Member, View
from haihai_tui.sync.reconcile import MemberReader, ReconcilePlanner
from haihai_tui.sync.reconcile_report import differences_of
from haihai_tui.sync.services import PlanEntry, Services
from haihai_tui.sync.suppressions import Suppressions
from haihai_tui.sync.tables.fixed import TableDamaged
from haihai_tui.sync.tables.snapshot import Snapshot
from haihai_tui.sync.writeback import WriteBack
from haihai_tui.sync.writeback_source import Source

FLOWS = ("customers", "suppressions", "page-views")

FLOW_NAMES: dict[str, Text] = {
    "customers": text("顧客連携"),
    "suppressions": text("配信停止禁止顧客連携"),
    "page-views": text("顧客閲覧URL連携"),
}

_ENDS_THE_RUN = (AuthorisationNeeded, BudgetUsedUp, Interrupted, OnHold, SafetyStop)


class Flow(Protocol):
    """What the engine needs of a flow."""

    @property
    def concerned(self) -> Path: ...
    def plan(self) -> None: ...
    def weight(self) -> guard.Weight: ...
    def entries(self) -> Iterator[PlanEntry]: ...
    def begin(self) -> None: ...
    def execute(self) -> None: ...
    def commit(self) -> None: ...
    def close(self) -> None: ...
    def outcome(self) -> FlowOutcome: ...


class CustomersFlow:
    """顧客連携 as the engine sees it."""

    def __init__(self, services: Services, members: MemberReader | None = None) -> None:
        self._services = services
        self._members = members
        self._planner = self._new_planner()

    def _new_planner(self) -> CustomersPlanner:
        if self._services.options.reconcile:
            return ReconcilePlanner(self._services, self._members)
        return CustomersPlanner(self._services)

    @property
    def concerned(self) -> Path:
        return self._plan.draft.concerned

    def plan(self) -> None:
        if not self._services.options.plan:
            settle_pending(self._services, "customers")
        self._plan: CustomersPlan = self._planned()
        self._run = CustomersRun(self._services, self._plan)

    def _planned(self) -> CustomersPlan:
        """A field that goes away while records are read is set aside like one that
        was gone before: fields are looked at again, and the plan is made anew."""
        while True:
            try:
                return self._planner.plan()
            except SettingsError as error:
                self._planner.close()
                if error.cause not in ("missing_field", "field_type_mismatch"):
                    raise
                anew = self._new_planner()
                if len(anew.mapper.columns) >= len(self._planner.mapper.columns):
                    raise
                self._planner = anew

    def weight(self) -> guard.Weight:
        return self._planner.weight(self._plan)

    def entries(self) -> Iterator[PlanEntry]:
        tell = entries_of if self._plan.findings is None else differences_of
        return tell(self._plan, self._run.rules)

    def begin(self) -> None:
        self._run.begin()

    def execute(self) -> None:
        self._run.execute()

    def commit(self) -> None:
        self._run.commit()

    def close(self) -> None:
        if self._plan.old:
            self._plan.old.close()

    def outcome(self) -> FlowOutcome:
        return outcome_of(self._plan, self._run.written, self._run.unconfirmed)


class WriteBackFlow:
    """A write-back flow as the engine sees it."""

    def __init__(self, services: Services, source: Source) -> None:
        self._reconciles = services.options.reconcile
        self._run = WriteBack(services, source)
        self._executed = False

    @property
    def concerned(self) -> Path:
        return self._plan.concerned

    def plan(self) -> None:
        self._plan = self._run.plan()

    def weight(self) -> guard.Weight:
        return self._run.weight()

    def entries(self) -> Iterator[PlanEntry]:
        for entry in self._run.entries():
            action = "stop_mismatch" if self._reconciles else entry.action
            yield replace(entry, action=action)

    def begin(self) -> None:
        self._run.begin()

    def execute(self) -> None:
        self._run.execute()
        self._executed = True

    def commit(self) -> None:
        """A run that was cut off commits nothing: repeating it is harmless."""
        if self._executed:
            self._run.commit()

    def close(self) -> None:
        self._run.close()

    def outcome(self) -> FlowOutcome:
        return self._run.outcome()


@dataclass(frozen=True, slots=True)
class FromFile:
    """Readers of exported lists, given where `--from-file` was."""

    members: Callable[[], Iterator[Member]] | None = None
    member_rows: MemberReader | None = None
    views: Callable[[], Iterator[View]] | None = None


class Engine:
    """Runs the named flows, in the order given."""

    def __init__(
        self, services: Services, flows: Sequence[str], from_file: FromFile
    ) -> None:
        self._services = services
        self._names = flows
        self._from_file = from_file
        self._ready: dict[str, Flow] = {}
        self._objections: list[guard.Objection] = []
        self._calls: dict[str, dict[str, int]] = {}
        self._done: set[str] = set()
        self._differences: dict[str, int] = {}
        self.outcome = RunOutcome()

    def run(self) -> RunOutcome:
        try:
            for name in self._names:
                self._attempt(name, self._prepare)
            if not self._services.options.plan:
                self._guard()
                for name in self._kept_first():
                    self._attempt(name, self._begin)
                for name in list(self._ready):
                    self._attempt(name, self._execute)
        except _ENDS_THE_RUN as error:
            self.outcome.error = error
        self._sum_up()
        for flow in self._ready.values():
            flow.close()
        return self.outcome

    def _attempt(self, name: str, step: Callable[[str], None]) -> None:
        before = self._counted_calls()
        try:
            step(name)
        except _ENDS_THE_RUN as error:
            self._tell_failure(name, error)
            raise
        except ConnectorError as error:
            self._tell_failure(name, error)
            self._ready.pop(name, None)
            self._done.discard(name)
            self.outcome.flows.setdefault(name, FlowOutcome())
            if self.outcome.error is None:
                self.outcome.error = error
        finally:
            self._add_calls(name, before)

    def _prepare(self, name: str) -> None:
        self._services.pacer.check()
        wording = text("{flow}を計画します。", flow=FLOW_NAMES[name])
        self._tell("flow_started", name, wording)
        flow = self._make(name)
        flow.plan()
        self._ready[name] = flow
        self._tell_planned(name, flow.outcome())
        why = None if self._services.options.plan else self._judge(flow)
        self._tell_plan(
            name, flow, whole=self._services.options.plan or why is not None
        )
        if why is not None:
            self._objections.append(self._objection(name, flow, why))

    def _make(self, name: str) -> Flow:
        services = self._services
        if name == "customers":
            return CustomersFlow(services, self._from_file.member_rows)
        if name == "suppressions":
            read = self._from_file.members
            return WriteBackFlow(services, Suppressions(services, read and read()))
        if name == "page-views":
            views = self._from_file.views
            return WriteBackFlow(services, PageViews(services, views and views()))
        raise SettingsError(text("「{flow}」という連携はありません。", flow=name))

    def _judge(self, flow: Flow) -> Text | None:
        weight = self._of_the_audience(flow.weight())
        return guard.judge(weight, self._services.config.guard)

    def _objection(self, name: str, flow: Flow, why: Text) -> guard.Objection:
        confirm = self._services.options.confirm
        return guard.Objection(
            name,
            why,
            flow.concerned,
            self._kept(self._services.run_id, name),
            self._kept(confirm, name) if confirm else None,
        )

    def _guard(self) -> None:
        if not self._objections:
            return
        try:
            guard.halt_unless_confirmed(self._objections)
        except SafetyStop as error:
            self._tell_failure(self._objections[0].flow, error)
            raise
        for objection in self._objections:
            wording = text("確認済みのため続行します: {why}", why=objection.why)
            self._tell("confirmed", objection.flow, wording)

    def _of_the_audience(self, weight: guard.Weight) -> guard.Weight:
        """A share is one of all customers, also where a group is still small."""
        planned = self._ready.get("customers")
        everyone = planned.outcome().read if planned else 0
        snapshot = self._services.table(SNAPSHOT)
        if snapshot is not None:
            # A damaged one is the customers flow's to tell and to make anew.
            with suppress(TableDamaged), closing(Snapshot(snapshot)) as known:
                everyone = max(everyone, known.active)
        if weight.flow == "customers":
            return weight
        return replace(weight, total=max(weight.total, everyone))

    def _kept(self, run_id: str, flow: str) -> Path:
        return self._services.tables / f"halted.{run_id}.{flow}"

    def _kept_first(self) -> list[str]:
        """Every flow keeps what it saw before any of them writes; `customers` last,
        since it adds to what the others remember."""
        return [name for name in reversed(FLOWS) if name in self._ready]

    def _begin(self, name: str) -> None:
        self._services.pacer.check()
        self._ready[name].begin()

    def _execute(self, name: str) -> None:
        flow = self._ready[name]
        self._services.pacer.check()
        try:
            flow.execute()
        finally:
            flow.commit()
        self._done.add(name)
        self._tell_done(name, flow.outcome())

    def _tell_plan(self, name: str, flow: Flow, *, whole: bool) -> None:
        """Entry by entry; a run that goes on tells no more than its sample, unless it
        compares both sides."""
        if self._services.options.reconcile:
            self._tell_differences(name, flow)
            return
        if self._services.on_plan is None:
            return
        most = None if whole else self._services.plan_sample
        for entry in islice(flow.entries(), most):
            self._services.on_plan(entry)

    def _tell_differences(self, name: str, flow: Flow) -> None:
        found: Counter[str] = Counter()
        for entry in flow.entries():
            found[entry.action] += 1
            if self._services.on_plan is not None:
                self._services.on_plan(entry)
        self._differences[name] = found.total() - found["held"]
        wording = text(
            "突き合わせ: {flow}に {count} 件の不一致があります。",
            flow=FLOW_NAMES[name],
            count=self._differences[name],
        )
        level: Level = "warning" if self._differences[name] else "info"
        self._services.listener(
            Event("differences", name, wording, level, data=dict(found))
        )

    def _sum_up(self) -> None:
        for name, flow in self._ready.items():
            outcome = flow.outcome()
            if not self._services.options.plan:
                outcome.rejected = self._services.state.count_rejects(name)
            outcome.done = name in self._done or self._services.options.plan
            outcome.differences = self._differences.get(name, 0)
            outcome.mended = outcome.differences if name in self._done else 0
            self.outcome.flows[name] = outcome
        for name, calls in self._calls.items():
            self.outcome.flows.setdefault(name, FlowOutcome()).api_calls = calls

    # ------------------------------------------------------------------ events

    def _counted_calls(self) -> dict[str, int]:
        return {
            "salesforce": self._services.salesforce.calls(),
            "haihai": self._services.haihai.calls(),
        }

    def _add_calls(self, name: str, before: dict[str, int]) -> None:
        now = self._counted_calls()
        calls = self._calls.setdefault(name, dict.fromkeys(now, 0))
        for service, count in now.items():
            calls[service] += count - before[service]

    def _tell(self, kind: str, flow: str, wording: Text) -> None:
        self._services.listener(Event(kind, flow, wording))

    def _tell_failure(self, name: str, error: ConnectorError) -> None:
        data = {"cause": error.cause, "exit_code": int(error.exit_code)}
        self._services.listener(Event("flow_failed", name, error.what, "error", data))
        if error.remedy:
            self._services.listener(Event("remedy", name, error.remedy, "info", data))

    def _tell_planned(self, name: str, outcome: FlowOutcome) -> None:
        wording = text(
            "計画: 読み取り {read}、変更なし {unchanged}、新規 {created}、"
            "更新 {updated}、除外 {excluded}、エラー {rejected}、確認待ち {held}",
            read=outcome.read,
            unchanged=outcome.unchanged,
            created=outcome.created + outcome.linked,
            updated=outcome.updated,
            excluded=outcome.excluded,
            rejected=outcome.rejected,
            held=outcome.held,
        )
        data = asdict(outcome)
        self._services.listener(Event("flow_planned", name, wording, data=data))

    def _tell_done(self, name: str, outcome: FlowOutcome) -> None:
        wording = text(
            "{flow}が完了しました (書き込み {written} 件)。",
            flow=FLOW_NAMES[name],
            written=outcome.written,
        )
        self._tell("flow_done", name, wording)
        if outcome.unconfirmed:
            self._services.listener(
                Event(
                    "not_confirmed",
                    name,
                    text(
                        "配配メールは {count} 行を受け付けましたが、取り込み結果は"
                        "未確認です。次回の実行で確認します。",
                        count=outcome.unconfirmed,
                    ),
                    "warning",
                )
            )
