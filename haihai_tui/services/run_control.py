"""Runs that the console starts, stops and comes back to.

Nobody's screen owns a run: it is carried out on a thread of the console's
background work, so that leaving a screen, logging out or losing the terminal does
not end it.  What could not even begin is kept for whoever looks next.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from haihai_tui.errors import ConnectorError, ExitCode, SettingsError, text
from haihai_tui.services.lock import held, holder_of
from haihai_tui.services.paths import Home
from haihai_tui.services.roles import Action, Operator, require
from haihai_tui.services.runs import RunRequest, RunResult, Stopper, Work
from haihai_tui.services.stop_requests import ask_to_stop
from haihai_tui.services.store.database import Database
from haihai_tui.sync.services import RECONCILED, Options

if TYPE_CHECKING:
    from haihai_tui.services.store.runs import RunRow
    from haihai_tui.wiring import Workplace


class Background(Protocol):
    """Where threads that outlive the screens are kept (`services.console`)."""

    def start(self, stopper: Stopper, body: Callable[[], None]) -> Any: ...


class Place(Protocol):
    """What run control needs of the console's context."""

    @property
    def home(self) -> Home: ...
    @property
    def profile(self) -> str: ...
    @property
    def work(self) -> Background: ...
    @property
    def database(self) -> Database: ...
    def workplace(self) -> AbstractContextManager[Workplace]: ...


@dataclass(frozen=True, slots=True)
class Attempt:
    """One run that this console started.

    `result` is there once it has ended; `error` where it could not begin or ended
    with a defect.
    """

    request: RunRequest
    options: Options
    stopper: Stopper
    result: RunResult | None = None
    error: BaseException | None = None

    @property
    def over(self) -> bool:
        return self.result is not None or self.error is not None

    @property
    def refusal(self) -> ConnectorError | None:
        """Why there is no run: it never came to the first line of its record."""
        if isinstance(self.error, ConnectorError):
            return self.error
        result = self.result
        if result is not None and isinstance(result.error, ConnectorError):
            return result.error if not result.recorded else None
        return None


class RunControl:
    """One for each console; safe to use from several threads."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._attempt: Attempt | None = None

    def current(self) -> Attempt | None:
        """The run that this console started last, under way or over."""
        with self._lock:
            return self._attempt

    def start(
        self,
        flows: tuple[str, ...],
        options: Options,
        operator: Operator,
        mode: str | None = None,
    ) -> None:
        """Begin a run (`mode` as in `RunRequest`, found from the options if None).

        SettingsError without the right or with no flow, LockHeld where the profile
        is being run on this machine; all else is found in `current()`.
        """
        self._require(operator, Action.CONFIRM if options.confirm else Action.RUN)
        if not flows:
            raise SettingsError(
                text("実行する連携が選ばれていません。"),
                text("連携を 1 つ以上選んでください。"),
            )
        place = self._place
        if (holder := holder_of(place.home, place.profile)) is not None:
            raise held(place.profile, holder)
        request = RunRequest(
            profile=place.profile,
            flows=flows,
            actor=operator.name,
            mode=mode or _mode(options),
            confirm=options.confirm,
        )
        self._begin(Attempt(request, options, Stopper()))

    def confirm(self, run_id: str, typed: str, operator: Operator) -> None:
        """Let the run that a safety stop halted go on, once, on a typed word.

        `typed` must be the run's id.  The run itself logs the confirmation in the
        transaction that accepts it (`Runs.confirm`).
        """
        self._require(operator, Action.CONFIRM)
        if typed.strip() != run_id:
            raise SettingsError(
                text("入力が実行番号と一致しません。"),
                text("{run_id} をそのまま入力してください。", run_id=run_id),
            )
        halted = self._halted(run_id)
        options = Options(
            full=halted.mode == "full",
            reconcile=halted.mode == "fix",
            confirm=run_id,
        )
        self.start(halted.flows, options, operator)

    def reconcile(
        self, flows: tuple[str, ...], operator: Operator, *, fix: bool = False
    ) -> None:
        """Compare both sides of those of the flows that have two; with `fix` write
        the differences, which are looked for anew."""
        self._require(operator, Action.FIX if fix else Action.RUN)
        flows = tuple(flow for flow in RECONCILED if flow in flows)
        if not flows:
            raise SettingsError(
                text("突き合わせる連携が選ばれていません。"),
                text("顧客連携か配信停止禁止顧客連携を選んでください。"),
            )
        self.start(flows, Options(plan=not fix, reconcile=True), operator)

    def retry(self, flows: tuple[str, ...], operator: Operator) -> None:
        """Run the flows concerned by rejects; all their rejects are tried again."""
        self._require(operator, Action.RETRY)
        self.start(flows, Options(), operator, mode="retry")

    def stop(self, operator: Operator) -> bool:
        """Ask the run under way, whoever carries it out, to end after its batch.

        Returns whether there was one.
        """
        self._require(operator, Action.RUN)
        attempt = self.current()
        if attempt is not None and not attempt.over:
            attempt.stopper.stop(ExitCode.INTERRUPTED)
        place = self._place
        holder = holder_of(place.home, place.profile)
        if holder is None or not holder.run_id:
            return attempt is not None and not attempt.over
        ask_to_stop(place.database, place.profile, holder.run_id, operator)
        return True

    def _require(self, operator: Operator, action: Action) -> None:
        # Deferred: the database driver loads when it is first needed.
        from haihai_tui.services.operators import require_now

        try:
            database = self._place.database
        except ConnectorError:
            # Nothing can be run either, and the attempt itself will say why.
            require(operator, action)
            return
        require_now(database, operator, action)

    def _halted(self, run_id: str) -> RunRow:
        # Deferred: the database driver loads when it is first needed.
        from haihai_tui.services.store.runs import Runs

        run = Runs(self._place.database, self._place.profile).get(run_id)
        if run is None or run.status != "halted":
            raise SettingsError(
                text("安全停止した実行 {run_id} はありません。", run_id=run_id),
                text("実行履歴で実行の番号を確認してください。"),
            )
        return run

    def _begin(self, attempt: Attempt) -> None:
        # Deferred: the HTTP clients load when the first run begins.  Not on the run's
        # thread: what they set up is refused once the console is on its way out.
        from haihai_tui.wiring import sync_work

        with self._lock:
            if self._attempt is not None and not self._attempt.over:
                raise held(self._place.profile, None)
            self._attempt = attempt
        self._place.work.start(
            attempt.stopper, lambda: self._carry_out(attempt, sync_work)
        )

    def _carry_out(self, attempt: Attempt, sync_work: Callable[..., Work]) -> None:
        result, failure = None, None
        try:
            with self._place.workplace() as workplace:
                request = attempt.request
                work = sync_work(workplace, request.flows, attempt.options)
                result = workplace.conductor(attempt.stopper).run(request, work)
        except BaseException as error:
            failure = error
        with self._lock:
            self._attempt = Attempt(
                attempt.request, attempt.options, attempt.stopper, result, failure
            )


def _mode(options: Options) -> str:
    if options.reconcile:
        return "reconcile" if options.plan else "fix"
    return "plan" if options.plan else "full" if options.full else "sync"
