"""Runs checks side by side, each with its own time limit.

Threads do the asking; the caller's thread alone decides what starts next and hands
out results, so whoever listens is called from one thread and in no surprising order.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from haihai_tui.errors import ConnectorError, text
from haihai_tui.services.checks.bench import Bench
from haihai_tui.services.checks.model import (
    Check,
    CheckResult,
    Finding,
    Status,
    fail,
    failed_by,
    skipped,
)

PARALLEL = 8
_TICK_S = 0.2

OnResult = Callable[[CheckResult], None]
OnStart = Callable[[Check], None]


@dataclass(slots=True)
class _Running:
    check: Check
    started: float

    @property
    def deadline(self) -> float:
        return self.started + self.check.limit_s


@dataclass(slots=True)
class _Round:
    """The state of one round of checks."""

    waiting: list[Check]
    names: frozenset[str]
    running: dict[str, _Running] = field(default_factory=dict)
    done: dict[str, CheckResult] = field(default_factory=dict)
    answers: queue.Queue[tuple[str, Finding]] = field(default_factory=queue.Queue)


def run_checks(
    checks: Sequence[Check],
    bench: Bench,
    on_result: OnResult | None = None,
    *,
    on_start: OnStart | None = None,
    cancelled: Callable[[], bool] | None = None,
    parallel: int = PARALLEL,
) -> tuple[CheckResult, ...]:
    """All answers, in the order of `checks`.

    `on_result` is told each answer as it comes.  A check that outlasts its limit
    fails with `timeout`; its thread is left behind and its answer ignored.  When
    `cancelled`, what has not begun is skipped.
    """
    state = _Round(list(checks), frozenset(check.name for check in checks))
    while state.waiting or state.running:
        if cancelled is not None and cancelled():
            _skip_rest(state, on_result)
        _start_ready(state, bench, on_start, on_result, parallel)
        if state.running:
            _take_answer(state, on_result)
    return tuple(state.done[check.name] for check in checks)


def _start_ready(
    state: _Round,
    bench: Bench,
    on_start: OnStart | None,
    on_result: OnResult | None,
    parallel: int,
) -> None:
    moved = True
    while moved:
        moved = False
        for check in list(state.waiting):
            needs = [name for name in check.needs if name in state.names]
            if not all(name in state.done for name in needs):
                continue
            broken = [name for name in needs if not _passed(state.done, name)]
            if broken:
                state.waiting.remove(check)
                first = state.done[broken[0]]
                _settle(state, CheckResult(check, _behind(first)), on_result)
                moved = True
            elif len(state.running) < parallel:
                state.waiting.remove(check)
                _start(state, check, bench)
                if on_start is not None:
                    on_start(check)


def _passed(done: Mapping[str, CheckResult], name: str) -> bool:
    return done[name].status in (Status.OK, Status.WARN)


def _behind(first: CheckResult) -> Finding:
    return skipped(text("先に「{label}」を解決してください。", label=first.check.label))


def _start(state: _Round, check: Check, bench: Bench) -> None:
    state.running[check.name] = _Running(check, time.monotonic())

    def body() -> None:
        state.answers.put((check.name, _asked(check, bench)))

    # Daemon: a question that hangs must not keep the program from ending.
    threading.Thread(target=body, name=f"check-{check.name}", daemon=True).start()


def _asked(check: Check, bench: Bench) -> Finding:
    try:
        return check.run(bench)
    except ConnectorError as error:
        return failed_by(error)
    except Exception as error:
        return fail(
            text(
                "確認の途中で予期しない問題が起きました（{kind}）。",
                kind=type(error).__name__,
            ),
            code="unknown",
        )


def _take_answer(state: _Round, on_result: OnResult | None) -> None:
    """Wait for one answer, or until the first limit is over."""
    left = min(one.deadline for one in state.running.values()) - time.monotonic()
    try:
        name, finding = state.answers.get(timeout=min(_TICK_S, max(0.0, left)))
    except queue.Empty:
        _give_up_late(state, on_result)
        return
    running = state.running.pop(name, None)
    if running is not None:
        seconds = time.monotonic() - running.started
        _settle(state, CheckResult(running.check, finding, seconds), on_result)


def _give_up_late(state: _Round, on_result: OnResult | None) -> None:
    now = time.monotonic()
    for name, one in list(state.running.items()):
        if now < one.deadline:
            continue
        del state.running[name]
        finding = fail(
            text("{limit} 秒以内に答えがありません。", limit=round(one.check.limit_s)),
            code="timeout",
        )
        _settle(state, CheckResult(one.check, finding, now - one.started), on_result)


def _skip_rest(state: _Round, on_result: OnResult | None) -> None:
    for check in state.waiting:
        finding = skipped(text("確認を中止しました。"))
        _settle(state, CheckResult(check, finding), on_result)
    state.waiting.clear()


def _settle(state: _Round, result: CheckResult, on_result: OnResult | None) -> None:
    state.done[result.name] = result
    if on_result is not None:
        on_result(result)
