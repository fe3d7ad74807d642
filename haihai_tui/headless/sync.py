"""`--run-sync` and `--retry`: a run on a thread, its events on the streams."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import Any

from haihai_tui.arguments import Arguments
from haihai_tui.errors import ConnectorError, ExitCode, SettingsError, text
from haihai_tui.headless.actor import system_actor
from haihai_tui.headless.output import Output
from haihai_tui.headless.summary import show_summary
from haihai_tui.locales import harmless
from haihai_tui.services.paths import Home
from haihai_tui.services.runs import RunRequest, RunResult, Stopper
from haihai_tui.services.store.events import NewEvent
from haihai_tui.services.store.rejects import Rejects
from haihai_tui.sync.services import Options, PlanEntry
from haihai_tui.wiring import Workplace, open_workplace, sync_work


def run(arguments: Arguments, output: Output, home: Home, profile: str) -> ExitCode:
    with open_workplace(home, profile) as workplace:
        flows = _flows(arguments, workplace)
        if not flows:
            output.say(text("再実行するエラーはありません。"))
        request = RunRequest(
            profile=profile,
            flows=flows,
            actor=system_actor(),
            mode=_mode(arguments),
            confirm=arguments.confirm,
        )
        options = Options(
            plan=arguments.plan,
            full=arguments.full,
            from_file=arguments.from_file,
            confirm=arguments.confirm,
        )
        result = carry_out(request, options, workplace, Narrator(output))
    return concluded(result, output, plan=arguments.plan)


def concluded(result: RunResult, output: Output, *, plan: bool) -> ExitCode:
    """Show how the run ended; its exit code."""
    if result.error is not None and not isinstance(result.error, Exception):
        raise result.error
    if not result.recorded and isinstance(result.error, ConnectorError):
        # Nothing was begun, so that no event told why.
        output.error(result.error)
    for warning in result.warnings:
        output.say(warning, "warning")
    if output.as_json:
        output.record(result.summary)
    elif result.recorded:
        show_summary(output, result.summary, plan=plan)
    return result.exit_code


def _flows(arguments: Arguments, workplace: Workplace) -> tuple[str, ...]:
    if arguments.mode == "retry":
        waiting = Rejects(workplace.database, workplace.profile).counts()
        return tuple(
            flow for flow in workplace.settings.flows.enabled if waiting.get(flow)
        )
    flows = arguments.flows or workplace.settings.flows.enabled
    if not flows:
        raise SettingsError(
            text("有効な連携がありません。"),
            text("flows.enabled に実行する連携を指定してください。"),
        )
    return flows


def _mode(arguments: Arguments) -> str:
    if arguments.mode == "retry":
        return "retry"
    return "plan" if arguments.plan else "full" if arguments.full else "sync"


def carry_out(
    request: RunRequest, options: Options, workplace: Workplace, narrator: Narrator
) -> RunResult:
    """The run has its own thread, so that signals are handled at once."""
    stopper = Stopper()
    results: list[RunResult] = []
    failures: list[BaseException] = []
    tells = options.plan or options.reconcile
    on_plan = narrator.plan_entry if tells else None
    work = sync_work(workplace, request.flows, options, on_plan)
    conductor = workplace.conductor(stopper)

    def body() -> None:
        try:
            results.append(conductor.run(request, work, [narrator]))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=body, name="run")
    with _signals(stopper, narrator):
        thread.start()
        while thread.is_alive():
            thread.join(0.1)
    if failures:
        raise failures[0]
    return results[0]


@contextmanager
def _signals(stopper: Stopper, narrator: Narrator) -> Iterator[None]:
    """First SIGINT or SIGTERM: finish the batch.  Second SIGINT: end at once.

    The end is that of a crash, which every durable step is made for, but with the
    exit code that was promised.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        if stopper.cancelled() and number == signal.SIGINT:
            os._exit(ExitCode.INTERRUPTED)
        term = number == signal.SIGTERM
        stopper.stop(ExitCode.TERMINATED if term else ExitCode.INTERRUPTED)
        narrator.stopping()

    handlers = {
        number: signal.signal(number, stop)
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    handlers[signal.SIGHUP] = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


class Narrator:
    """Turns events into JSON lines or into narration."""

    def __init__(self, output: Output) -> None:
        self.output = output

    def __call__(self, event: NewEvent) -> None:
        if event.kind == "run_done":
            return
        if self.output.as_json:
            self.output.record(_as_json(event))
        elif event.kind == "progress":
            self.output.progress(event.text)
            return
        if event.kind != "progress" and event.level != "debug":
            self.output.say(event.text, event.level)

    def plan_entry(self, entry: PlanEntry) -> None:
        if self.output.as_json:
            self.output.record(self._entry_as_json(entry))
            return
        self.output.line(self._entry_as_line(entry))

    def _entry_as_json(self, entry: PlanEntry) -> Mapping[str, Any]:
        return {
            "event": "change",
            "flow": entry.flow,
            "action": entry.action,
            "record": entry.record,
            "address": entry.address,
            "fields": [
                {"field": one.field, "old": one.old, "new": one.new}
                for one in entry.fields
            ],
        }

    def _entry_as_line(self, entry: PlanEntry) -> str:
        return plan_line(entry, entry.action)

    def stopping(self) -> None:
        self.output.say(
            text("中断します。実行中の一括処理が終わるまでお待ちください。"), "warning"
        )


def _as_json(event: NewEvent) -> Mapping[str, Any]:
    return {
        "event": event.kind,
        "at": event.at,
        "flow": event.flow,
        "level": event.level,
        "message": event.text,
        **({"data": event.data} if event.data else {}),
    }


def plan_line(entry: PlanEntry, action: str) -> str:
    """What is done (`action`) to whom, and which values change."""
    changes = ", ".join(
        f"{one.field}: {_value(one.old)} → {_value(one.new)}" for one in entry.fields
    )
    who = " ".join(harmless(part) for part in (entry.record, entry.address) if part)
    return f"{entry.flow}  {action:<8}  {who}  {changes}".rstrip()


def _value(value: str | None) -> str:
    return "-" if value is None else f"「{harmless(value.replace(chr(0x1E), ' '))}」"
