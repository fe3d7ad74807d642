"""Everything that one run of the sync is given from outside."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from haihai_tui.errors import text
from haihai_tui.sync.config import SyncConfig
from haihai_tui.sync.events import Event, Listener, Pacer
from haihai_tui.sync.ports import Haihai, Salesforce, State

RECONCILED = ("customers", "suppressions")
"""The flows whose two sides can be compared: what was viewed is only ever told once."""


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One value of a plan; `old` is None where it is not known."""

    field: str
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class PlanEntry:
    """What a run would do to one record: the line of a plan."""

    flow: str
    action: str
    record: str
    address: str
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Options:
    """How a run was asked for.

    `confirm` is the id of the halted run whose plan may go through once.
    `from_file` gives `suppressions` or `page-views` an exported list.
    `reconcile` compares both sides in full: the plan tells just the differences.
    """

    plan: bool = False
    full: bool = False
    from_file: Path | None = None
    confirm: str | None = None
    reconcile: bool = False


@dataclass(frozen=True, slots=True)
class Services:
    """`tables` keeps snapshots between runs; `scratch` is this run's alone.

    `on_plan` takes the plan before anything is written: whole where it is only a
    plan or the guard objects, else the first `plan_sample` entries of each flow.
    """

    run_id: str
    config: SyncConfig
    salesforce: Salesforce
    haihai: Haihai
    state: State
    listener: Listener
    pacer: Pacer
    tables: Path
    scratch: Path
    options: Options = field(default_factory=Options)
    on_plan: Callable[[PlanEntry], None] | None = None
    plan_sample: int = 0

    def table(self, name: str, width: int = 1) -> Path | None:
        """The current file of a table; None where there is none ("" was named), and
        where it is missing or torn (its size is no multiple of `width`): it is made
        anew then."""
        current = self.state.snapshot(name)
        if not current:
            return None
        path = self.tables / current
        if path.exists() and path.stat().st_size % width == 0:
            return path
        wording = text(
            "控えのファイル {path} が壊れているか見つかりません。作り直します。",
            path=path.name,
        )
        self.listener(Event("table_rebuilt", "", wording, "warning"))
        return None

    def next_table(self, name: str) -> Path:
        """Where this run writes the next generation of a table."""
        return self.tables / f"{name}.{self.run_id}"
