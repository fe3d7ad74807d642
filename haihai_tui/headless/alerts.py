"""`--status --alert` and `--status --test-alert`: what a timer and an operator ask for.

A timer finds what no run can tell: that there has been none.
"""

from __future__ import annotations

from collections.abc import Sequence

from haihai_tui.errors import ExitCode, text
from haihai_tui.headless.output import Output
from haihai_tui.services.aftercare import undelivered
from haihai_tui.services.alerts.watch import Delivery
from haihai_tui.services.paths import Home
from haihai_tui.wiring import open_workplace


def look(output: Output, home: Home, profile: str) -> ExitCode:
    """Judge what is overdue and send what is due; 3 where a channel fails."""
    with open_workplace(home, profile) as workplace:
        return _told(output, workplace.alerts.look())


def send_test(output: Output, home: Home, profile: str) -> ExitCode:
    """One test message by every channel; 3 where one fails."""
    with open_workplace(home, profile) as workplace:
        deliveries = workplace.alerts.test()
    for one in deliveries:
        if output.as_json:
            problem = one.problem
            output.record(
                {
                    "event": "test_alert",
                    "profile": profile,
                    "channel": one.channel,
                    "sent": problem is None,
                    "cause": problem.cause if problem else None,
                    "what": problem.what if problem else None,
                    "remedy": problem.remedy if problem else None,
                }
            )
        elif one.problem is None:
            output.line(text("{channel}: 送信しました。", channel=one.channel))
        else:
            output.error(one.problem)
    return _code(deliveries)


def _told(output: Output, deliveries: Sequence[Delivery]) -> ExitCode:
    for one in deliveries:
        if (warning := undelivered(one)) is not None:
            output.say(warning, "warning")
        else:
            output.say(text("通知を {channel} で送りました。", channel=one.channel))
    return _code(deliveries)


def _code(deliveries: Sequence[Delivery]) -> ExitCode:
    failed = any(one.problem is not None for one in deliveries)
    return ExitCode.UNREACHABLE if failed else ExitCode.OK
