"""Checks, steps and causes as rows and parts of the troubleshooting screen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from haihai_tui.errors import Text, text
from haihai_tui.screens.widgets.ticklist import Part, TickRow
from haihai_tui.services import preparation
from haihai_tui.services.checks.model import Check, CheckResult, Status, status_label
from haihai_tui.services.checks.relevant import checks_for
from haihai_tui.services.preparation import StepResult, StepState

if TYPE_CHECKING:
    from haihai_tui.services.diagnosis import Cause

_WAITING = text("未実施")
_ASKING = text("確認中")
CHECK_STATES = (_WAITING, _ASKING, *map(status_label, Status))
STEP_STATES = tuple(map(preparation.state_label, StepState))

_LEVELS = {
    Status.OK: "ok",
    Status.WARN: "warning",
    Status.FAIL: "error",
    Status.SKIPPED: "info",
}
_STEP_LEVELS = {
    StepState.DONE: "ok",
    StepState.OPEN: "error",
    StepState.BY_HAND: "warning",
    StepState.UNKNOWN: "info",
}
_PROVEN = text("API で確認したこと")


# ------------------------------------------------------------------- checks


def waiting_row(
    check: Check, group: Text | None = None, *, is_asking: bool = False
) -> TickRow:
    """A check without an answer."""
    state = _ASKING if is_asking else _WAITING
    return TickRow(check.name, check.label, state, "info", group, (_asked(check),))


def check_row(result: CheckResult, group: Text | None = None) -> TickRow:
    """A check with its answer."""
    check = result.check
    return TickRow(
        check.name,
        check.label,
        status_label(result.status),
        _LEVELS[result.status],
        group,
        tuple(_answered(result)),
    )


def _asked(check: Check) -> Part:
    return Part(text("調べたこと"), (check.asks,))


def _answered(result: CheckResult) -> Iterator[Part]:
    yield Part(text("答え"), (result.finding.what, *result.finding.facts))
    if result.status not in (Status.OK, Status.SKIPPED) and result.remedy:
        yield Part(text("対処"), tuple(map(_step, result.remedy)))
    yield _asked(result.check)
    if result.see:
        see = f"{result.see} ({result.code})" if result.code else result.see
        yield Part(text("マニュアルの参照箇所"), (see,))


def _step(step: Text) -> Text:
    return text("> {step}", step=step)


def _line(result: CheckResult) -> Text:
    return text(
        "[{status}] {label}: {what}",
        status=status_label(result.status),
        label=result.check.label,
        what=result.finding.what,
    )


# -------------------------------------------------------------- preparation


def step_row(one: StepResult) -> TickRow:
    """A step of the preparation: what must be so, where, and what proves it."""
    step = one.step
    parts = [
        Part(text("必要な状態"), (step.must,)),
        Part(text("設定する場所"), (step.where,)),
    ]
    if one.proven:
        parts.append(Part(_PROVEN, tuple(map(_line, one.proven))))
    elif step.proofs:
        line = text("F5 を押すと、API で確認できることを確認します。")
        parts.append(Part(_PROVEN, (line,)))
    if step.by_hand is not None:
        parts.append(Part(text("画面で確認すること"), (step.by_hand,)))
    return TickRow(
        step.section,
        text("{section} {title}", section=step.section, title=step.title),
        preparation.state_label(one.state),
        _STEP_LEVELS[one.state],
        None,
        tuple(parts),
    )


# ---------------------------------------------------------------- diagnosis


def cause_parts(
    causes: Sequence[Cause], live: Sequence[CheckResult] | None
) -> Iterator[Part]:
    """Causes, best first, each with what is true now (`live`; None: not known yet)."""
    for number, cause in enumerate(causes, start=1):
        title = text(
            "{n}. {title} ({code}、確からしさ {percent} %)",
            n=number,
            title=cause.title,
            code=cause.code,
            percent=round(100 * cause.confidence),
        )
        lines = [cause.what, *_now(cause.code, live)]
        lines += map(_step, cause.remedy)
        lines.append(text("参照: マニュアル {see}", see=cause.see))
        yield Part(title, tuple(lines), is_heading=True)


def _now(code: str, live: Sequence[CheckResult] | None) -> Iterator[Text]:
    """What the checks that look for a cause say at this moment."""
    if live is None:
        yield text("いまの状態: 調べています。")
        return
    meant = {check.name for check in checks_for(code, [one.check for one in live])}
    found = [one for one in live if one.name in meant]
    told = [one for one in found if one.status is not Status.OK]
    for one in told:
        yield text("いまの状態: {line}", line=_line(one))
    if found and not told:
        labels = [one.check.label for one in found]
        yield text("いまの状態: 問題は見つかりません（{labels}）。", labels=labels)
