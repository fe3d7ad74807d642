"""`--reconcile`: both sides compared, and put right with `--fix`.

A run like any other (lock, record, budget, signals) whose plan is the list of
differences; without `--fix` nothing is written to either service.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haihai_tui.arguments import Arguments
from haihai_tui.errors import ExitCode, SettingsError, text
from haihai_tui.headless.actor import system_actor
from haihai_tui.headless.output import Output
from haihai_tui.headless.sync import Narrator, carry_out, concluded, plan_line
from haihai_tui.services.paths import Home
from haihai_tui.services.runs import RunRequest
from haihai_tui.services.wording import DIFFERENCE_LABELS
from haihai_tui.sync.services import RECONCILED, Options, PlanEntry
from haihai_tui.wiring import open_workplace


def run(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    """Exit code 1 where differences are left, 0 where there are none."""
    with open_workplace(home, profile) as workplace:
        enabled = workplace.settings.flows.enabled
        flows = tuple(flow for flow in RECONCILED if flow in enabled)
        if not flows:
            raise SettingsError(
                text("突き合わせる連携が有効になっていません。"),
                text("flows.enabled に customers か suppressions を加えてください。"),
            )
        request = RunRequest(
            profile=profile,
            flows=flows,
            actor=system_actor(),
            mode="fix" if arguments.fix else "reconcile",
            confirm=arguments.confirm,
        )
        options = Options(
            plan=not arguments.fix,
            reconcile=True,
            from_file=arguments.from_file,
            confirm=arguments.confirm,
        )
        result = carry_out(request, options, workplace, Differences(output))
    return concluded(result, output, plan=not arguments.fix)


class Differences(Narrator):
    """Tells the entries of the plan as differences."""

    def _entry_as_json(self, entry: PlanEntry) -> Mapping[str, Any]:
        told = {**super()._entry_as_json(entry), "event": "difference"}
        told["kind"] = told.pop("action")
        return told

    def _entry_as_line(self, entry: PlanEntry) -> str:
        label = DIFFERENCE_LABELS.get(entry.action, text("確認待ち"))
        return plan_line(entry, self.output.render(label))
