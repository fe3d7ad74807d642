"""What became of a run: counted per flow, summed up for exit code and summary."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Literal

from haihai_tui.errors import ConnectorError, ExitCode, exit_code_for

Status = Literal["ok", "partial", "failed", "paused", "halted", "stopped"]

_STATUS_BY_CODE: dict[ExitCode, Status] = {
    ExitCode.OK: "ok",
    ExitCode.REJECTS: "partial",
    ExitCode.PAUSED: "paused",
    ExitCode.HALTED: "halted",
    ExitCode.INTERRUPTED: "stopped",
    ExitCode.TERMINATED: "stopped",
}


@dataclass(slots=True)
class FlowOutcome:
    """Records counted by what became of them.

    `read` counts records (or members, or views) read; `rejected` the records with
    an open reject after the run; `held` those waiting for a person; `written` the
    rows that a service accepted; `unconfirmed` those accepted with no result yet;
    `marked` the views kept in all that are suspected to be a program's and not counted.
    `done` says that the flow came through, whatever became of the others.
    `differences` between both sides that a comparison found, `mended` those of them
    that were written.
    """

    read: int = 0
    unchanged: int = 0
    created: int = 0
    linked: int = 0
    updated: int = 0
    excluded: int = 0
    held: int = 0
    skipped: int = 0
    rejected: int = 0
    written: int = 0
    unconfirmed: int = 0
    marked: int = 0
    set_aside: int = 0
    differences: int = 0
    mended: int = 0
    api_calls: dict[str, int] = field(
        default_factory=lambda: {"salesforce": 0, "haihai": 0}
    )
    cursor: str | None = None
    done: bool = False

    @property
    def clean(self) -> bool:
        alike = self.differences == self.mended
        return alike and not (self.rejected or self.held or self.set_aside)


@dataclass(slots=True)
class RunOutcome:
    flows: dict[str, FlowOutcome] = field(default_factory=dict)
    error: BaseException | None = None

    @property
    def exit_code(self) -> ExitCode:
        if self.error is not None:
            return exit_code_for(self.error)
        if all(flow.clean for flow in self.flows.values()):
            return ExitCode.OK
        return ExitCode.REJECTS

    @property
    def status(self) -> Status:
        return _STATUS_BY_CODE.get(self.exit_code, "failed")

    @property
    def connector_error(self) -> ConnectorError | None:
        return self.error if isinstance(self.error, ConnectorError) else None

    def as_summary(self) -> dict[str, object]:
        """The part of the summary object that the sync knows."""
        return {
            "status": self.status,
            "exit_code": int(self.exit_code),
            "flows": {name: asdict(flow) for name, flow in self.flows.items()},
        }
