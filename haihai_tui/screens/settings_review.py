"""Step6: every check of `--check` ticking itself off, before the first plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from haihai_tui.errors import Text, text
from haihai_tui.screens.widgets.forms import Deed, Deeds
from haihai_tui.screens.widgets.ticklist import Part, TickList, TickRow
from haihai_tui.screens.widgets.words import Words
from haihai_tui.services.checks.model import (
    Area,
    Check,
    CheckResult,
    Status,
    area_label,
    status_label,
    summary,
)
from haihai_tui.services.console import ConsoleContext

_LEVELS = {
    Status.OK: "ok",
    Status.WARN: "warning",
    Status.FAIL: "error",
    Status.SKIPPED: "info",
}
_WAITING, _ASKING = text("未実施"), text("確認中")
_STATES = (_WAITING, _ASKING, *map(status_label, Status))


class ReviewListed(Message):
    """It is known which checks the profile gives rise to."""

    def __init__(self, checks: Sequence[Check]) -> None:
        super().__init__()
        self.checks = checks


class ReviewAnswered(Message):
    """One check has begun (`result` is None) or answered."""

    def __init__(self, check: Check, result: CheckResult | None) -> None:
        super().__init__()
        self.check = check
        self.result = result


class ReviewDone(Message):
    """All of them have answered."""

    def __init__(self, results: Sequence[CheckResult]) -> None:
        super().__init__()
        self.results = results


class Review(Vertical):
    """The list, how far it has come, and the way on."""

    def __init__(self) -> None:
        super().__init__(id="review")
        self._checks: Sequence[Check] = ()
        self._results: dict[str, CheckResult] = {}

    def compose(self) -> ComposeResult:
        yield TickList(_STATES, id="review-list")
        yield Words("", id="review-summary", classes="wide")
        yield Deeds([Deed(text("計画を作る"), id="plan")])

    @property
    def failed(self) -> bool:
        return any(one.status is Status.FAIL for one in self._results.values())

    @property
    def list(self) -> TickList:
        return self.query_one(TickList)

    def show(self, checks: Sequence[Check]) -> None:
        self._checks, self._results = checks, {}
        self.list.show(self._rows())
        self._tell()

    def take(self, check: Check, result: CheckResult | None) -> None:
        if result is not None:
            self._results[check.name] = result
        self.list.change(self._row(check, asking=result is None))
        self._tell()

    def _tell(self) -> None:
        line = text("F5 で、設定、接続、権限、項目のすべてを確認します。")
        if self._results:
            line = text(
                "{done} / {all} 件: {summary}",
                done=len(self._results),
                all=len(self._checks),
                summary=summary(self._results.values()),
            )
        self.query_one("#review-summary", Words).show(line)

    def _rows(self) -> Iterator[TickRow]:
        for area in Area:
            group: Text | None = area_label(area)
            for check in self._checks:
                if check.area is area:
                    yield self._row(check, group)
                    group = None

    def _row(
        self, check: Check, group: Text | None = None, *, asking: bool = False
    ) -> TickRow:
        result = self._results.get(check.name)
        if result is None or asking:
            parts = (Part(text("調べること"), (check.asks,)),)
            state = _ASKING if asking else _WAITING
            return TickRow(check.name, check.label, state, "info", group, parts)
        level, state = _LEVELS[result.status], status_label(result.status)
        shown = tuple(_parts(result))
        return TickRow(check.name, check.label, state, level, group, shown)


def _parts(result: CheckResult) -> Iterator[Part]:
    yield Part(text("答え"), (result.finding.what, *result.finding.facts))
    if result.status not in (Status.OK, Status.SKIPPED) and result.remedy:
        steps = tuple(text("> {step}", step=step) for step in result.remedy)
        yield Part(text("対処"), steps)


def list_checks(ctx: ConsoleContext) -> Message:
    """On a thread: which checks there are."""
    # Deferred: HTTP clients and the store, 300 ms that no frame waits for.
    from haihai_tui.services.checks.all import all_checks
    from haihai_tui.services.checks.bench import Bench

    bench = Bench(ctx.home, ctx.profile, ctx.environ)
    try:
        return ReviewListed(all_checks(bench))
    finally:
        bench.close()


def run_checks(
    ctx: ConsoleContext, tell: Callable[[Message], None], stop: Callable[[], bool]
) -> Message:
    """On a thread: ask everything, telling each answer as it comes."""
    # Deferred: as above.
    from haihai_tui.services.checks.all import check_profile

    return ReviewDone(
        check_profile(
            ctx.home,
            ctx.profile,
            ctx.environ,
            on_start=lambda check: tell(ReviewAnswered(check, None)),
            on_result=lambda result: tell(ReviewAnswered(result.check, result)),
            cancelled=stop,
        )
    )
