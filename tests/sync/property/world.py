"""Both services, the state and the folders of one profile; and how a run is done."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from haihai_tui.errors import SafetyStop
from haihai_tui.sync.addresses import fold_address
from haihai_tui.sync.config import (
    CustomersConfig,
    FieldMapping,
    GuardConfig,
    OnDelete,
    PageViewsConfig,
    SuppressionsConfig,
    SyncConfig,
)
from haihai_tui.sync.engine import FLOWS, Engine, FromFile
from haihai_tui.sync.events import Event
from haihai_tui.sync.outcome import RunOutcome
from haihai_tui.sync.services import Options, Services
from tests.sync.property.clock import Clock
from tests.sync.property.faults import Defect, Disturbance, Gate, Killed
from tests.sync.property.haihai import HaihaiFake, Results
from tests.sync.property.salesforce import Record, SalesforceFake
from tests.sync.property.state import StateFake
from tests.sync.property.store import StoreState
from tests.sync.property.witness import RECORD_ITEM, Ledger

GROUP = "1"
ALL_FLOWS: tuple[str, ...] = FLOWS
Rollup = Literal["any", "all"] | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Setting:
    """What differs between the profiles that histories are told of."""

    on_delete: OnDelete = "exclude"
    create: bool = True
    rollup: Rollup = "any"
    status: bool = False
    boolean_state: bool = False
    results: Results = "told"
    strict: bool = False
    page_rows: int = 3
    file_rows: int = 3
    packed: bool = False

    @property
    def state_field(self) -> str:
        return "Stopped__c" if self.boolean_state else "State__c"

    def config(self) -> SyncConfig:
        guard = GuardConfig(1_000, 1.0, 1.0, 1.0, "allow", 1_000)
        if self.strict:
            guard = GuardConfig(2, 0.3, 0.3, 0.3, "halt", 1)
        return SyncConfig(
            CustomersConfig(
                sobject="Contact",
                audience="HasOptedOutOfEmail = false AND Email != null",
                address_field="Email",
                fields=(
                    FieldMapping("LastName", "姓"),
                    FieldMapping("Title", "役職", "overwrite"),
                    FieldMapping("Account.Name", "会社名"),
                    FieldMapping("Id", RECORD_ITEM),
                ),
                group=GROUP,
                on_delete=self.on_delete,
                create=self.create,
            ),
            SuppressionsConfig(
                sobjects=("Contact", "Lead"),
                state_field=self.state_field,
                changed_at_field="StateAt__c",
                status_field="Status__c" if self.status else "",
                rollup=self.rollup,
            ),
            PageViewsConfig(
                sobjects=("Contact", "Lead"),
                url_field="Url__c",
                viewed_at_field="ViewedAt__c",
                count_field="Count__c",
            ),
            guard,
        )


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended; a killed one has no outcome.  `points`: see the gate."""

    run_id: str
    outcome: RunOutcome | None = None
    killed: bool = False
    points: int = 0

    @property
    def halted(self) -> bool:
        return self.outcome is not None and isinstance(self.outcome.error, SafetyStop)

    @property
    def went_well(self) -> bool:
        return self.outcome is not None and self.outcome.error is None


@dataclass
class World:
    """One profile between its two services.

    `in_database` keeps the state in the real database rather than in memory.
    """

    folder: Path
    setting: Setting
    clock: Clock = field(default_factory=Clock)
    gate: Gate = field(default_factory=Gate)
    runs: int = 0
    in_database: bool = False

    def __post_init__(self) -> None:
        setting = self.setting
        self.salesforce = SalesforceFake(
            self.clock, self.gate, setting.page_rows, setting.packed
        )
        self.ledger = Ledger(self.clock, self.may_register, self.is_claimed)
        self.haihai = HaihaiFake(
            self.clock, self.gate, self.ledger, setting.file_rows, setting.results
        )
        self.state: StateFake | StoreState = StateFake(self.gate)
        if self.in_database:
            self.state = StoreState(self.gate, self.folder / "home")
        self.tables = self.folder / "tables"
        self.tables.mkdir(parents=True)
        self.config = setting.config()

    def close(self) -> None:
        if isinstance(self.state, StoreState):
            self.state.close()

    # --------------------------------------------------------------- a run

    def run(
        self,
        flows: Sequence[str] = ALL_FLOWS,
        *,
        full: bool = False,
        plan: bool = False,
        reconcile: bool = False,
        confirm: str | None = None,
        disturbance: Disturbance | None = None,
        meanwhile: Callable[[], None] | None = None,
        meanwhile_at: int = 0,
    ) -> Ran:
        options = Options(plan=plan, full=full, confirm=confirm, reconcile=reconcile)
        self.runs += 1
        run_id = f"r{self.runs:04d}"
        self.salesforce.forget_versions()
        self.ledger.new_run()
        self.haihai.known_until = self.clock.tick()
        self.gate.arm(disturbance, meanwhile, meanwhile_at)
        try:
            engine = Engine(
                self._services(run_id, options),
                flows,
                FromFile(),
            )
            ran = Ran(run_id, engine.run(), points=self.gate.passed)
        except Killed:
            ran = Ran(run_id, killed=True)
        except Defect:
            ran = Ran(run_id)
        self.gate.disarm()
        if not self.haihai.held:
            self.haihai.work_off()
        if ran.went_well and not plan:
            self.ledger.run_ended_well(stops_kept="suppressions" in flows)
        return ran

    def run_confirmed(
        self,
        flows: Sequence[str] = ALL_FLOWS,
        *,
        full: bool = False,
        reconcile: bool = False,
    ) -> Ran:
        """An undisturbed run; a safety stop is confirmed, once."""
        ran = self.run(flows, full=full, reconcile=reconcile)
        if ran.halted:
            confirm = ran.run_id
            ran = self.run(flows, full=full, reconcile=reconcile, confirm=confirm)
        return ran

    def _services(self, run_id: str, options: Options) -> Services:
        scratch = self.folder / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir()
        return Services(
            run_id=run_id,
            config=self.config,
            salesforce=self.salesforce,
            haihai=self.haihai,
            state=self.state,
            listener=_listen,
            pacer=PacerFake(self.clock, self.gate),
            tables=self.tables,
            scratch=scratch,
            options=options,
        )

    # --------------------------------------------------- what the checks ask

    def written(self) -> tuple[int, int]:
        """Imports accepted and records updated so far."""
        return len(self.haihai.jobs), self.salesforce.writes

    def in_audience(self, record: Record) -> bool:
        return (
            record.sobject == "Contact"
            and not record.deleted
            and record.get("HasOptedOutOfEmail") == "false"
            and record.get("Email") != ""
        )

    def may_register(self, one: str, address: str) -> bool:
        """Whether a record was in the audience with this address during the run."""
        return any(
            self.in_audience(version) and fold_address(version.get("Email")) == address
            for version in self.salesforce.versions(one)
        )

    def is_claimed(self, address: str) -> bool:
        """Whether this run was given a customer with this address."""
        given = self.salesforce.handed_out.values()
        return any(fold_address(written) == address for written in given)

    def sendable(self, record: Record) -> bool:
        """Whether the record can be sent at all: address and encoding."""
        if fold_address(record.get("Email")) is None:
            return False
        values = self.mapped(record).values()
        return all(_is_encodable(value) for value in values)

    def mapped(self, record: Record) -> dict[str, str]:
        """What HaiHai Mail's items should hold, blank rules aside."""
        return {
            one.haihai: self.salesforce.value(record, one.salesforce)
            for one in self.config.customers.fields
        }


@dataclass(frozen=True, slots=True)
class PacerFake:
    """Implements `events.Pacer`: waiting moves the clock."""

    clock: Clock
    gate: Gate

    def check(self) -> None:
        self.gate.before("pacer")

    def sleep(self, seconds: float) -> None:
        self.gate.before("pacer")
        self.clock.tick(seconds)

    def seconds(self) -> float:
        return self.clock.seconds()


def _listen(event: Event) -> None:
    str(event.text)


def _is_encodable(value: str) -> bool:
    try:
        value.encode("cp932")
    except UnicodeEncodeError:
        return False
    return True
