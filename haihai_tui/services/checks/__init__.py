"""Preflight and troubleshooting: everything that can be checked, checked at once.

The console's screens and `--check` ask the same questions here and show the same
answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from haihai_tui.errors import ConnectorError
from haihai_tui.services.checks import app, data, forms, haihai, machine, network, org
from haihai_tui.services.checks.bench import Bench, Outside
from haihai_tui.services.checks.model import (
    Area,
    Check,
    CheckResult,
    Finding,
    Status,
    area_label,
)
from haihai_tui.services.checks.runner import OnResult, OnStart, run_checks
from haihai_tui.services.paths import Home

__all__ = [
    "Area",
    "Bench",
    "Check",
    "CheckResult",
    "Finding",
    "Outside",
    "Status",
    "all_checks",
    "area_label",
    "check_profile",
]


def all_checks(bench: Bench) -> tuple[Check, ...]:
    """The checks of a profile; those of objects and fields need its settings."""
    try:
        of_data = data.checks(bench.settings)
    except ConnectorError:
        # The profile's own check tells what is wrong with it.
        of_data = ()
    return (
        *machine.checks(),
        *network.checks(),
        *forms.checks(),
        *app.checks(),
        *org.checks(),
        *of_data,
        *haihai.checks(),
    )


def check_profile(
    home: Home,
    profile: str,
    environ: Mapping[str, str] | None = None,
    *,
    on_result: OnResult | None = None,
    on_start: OnStart | None = None,
    cancelled: Callable[[], bool] | None = None,
    outside: Outside | None = None,
) -> tuple[CheckResult, ...]:
    """Ask everything about one profile; answers in a fixed order.

    Never raises for what is broken: that is what the answers tell.
    """
    bench = Bench(home, profile, environ, outside)
    try:
        return run_checks(
            all_checks(bench),
            bench,
            on_result,
            on_start=on_start,
            cancelled=cancelled,
        )
    finally:
        bench.close()
