"""All checks of a profile, run whole or as far as some causes go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from haihai_tui.errors import ConnectorError
from haihai_tui.services.checks import app, data, forms, haihai, machine, network, org
from haihai_tui.services.checks.bench import Bench, Outside
from haihai_tui.services.checks.model import Check, CheckResult, Status
from haihai_tui.services.checks.relevant import checks_for, with_needs
from haihai_tui.services.checks.runner import OnResult, OnStart, run_checks
from haihai_tui.services.paths import Home


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


def check_causes(
    home: Home,
    profile: str,
    causes: Iterable[str],
    environ: Mapping[str, str] | None = None,
    *,
    outside: Outside | None = None,
) -> tuple[CheckResult, ...]:
    """What is true now about suspected causes: the answers of their checks alone.

    Where one of them was skipped, the one that stands in its way is among them.
    """
    bench = Bench(home, profile, environ, outside)
    try:
        every = all_checks(bench)
        wanted = [check for code in causes for check in checks_for(code, every)]
        results = run_checks(with_needs(wanted, every), bench)
    finally:
        bench.close()
    names = {check.name for check in wanted}
    return tuple(
        one for one in results if one.name in names or one.status is Status.FAIL
    )
