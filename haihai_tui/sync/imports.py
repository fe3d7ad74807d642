"""Following asynchronous imports to their result, in this run or a later one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from haihai_tui.errors import BudgetUsedUp, Text, text
from haihai_tui.sync.addresses import mask_address
from haihai_tui.sync.cut_off import (
    NOBODY,
    UNOWNED,
    add_unowned,
    drop_superseded,
    named_files,
)
from haihai_tui.sync.events import Event
from haihai_tui.sync.mapping import Problem
from haihai_tui.sync.ports import (
    ImportFailure,
    ImportKind,
    ImportResult,
    PendingImport,
    Receipt,
    Reject,
)
from haihai_tui.sync.services import Services
from haihai_tui.sync.tables.records import ID_WIDTH

FIRST_WAIT = 0.2
LONGEST_WAIT = 15.0
WAIT_GROWTH = 1.4
"""Asking late costs time, asking often costs calls: some 13 until `LONGEST_WAIT`."""

OnFailure = Callable[[Receipt, ImportFailure], None]


def follow(
    services: Services,
    receipts: Sequence[Receipt],
    deadline: float,
    on_failure: OnFailure,
) -> Iterator[tuple[Receipt, bool]]:
    """Wait for the imports' results until `deadline` (pacer seconds).

    Yields the receipts of which no result is known, and whether it can still be had;
    failures go to `on_failure`.
    Asking costs calls of the daily budget.  Imports are worked off in the order of
    acceptance, so only the last one is waited for, and the others asked once.
    """
    if not receipts:
        return
    waiting = deque(receipts)
    try:
        last = _wait_for(services, receipts[-1], deadline)
        while waiting:
            is_last = len(waiting) == 1
            result = last if is_last else services.haihai.result(waiting[0])
            for failure in result.failures:
                on_failure(waiting[0], failure)
            receipt = waiting.popleft()
            if result.state != "done":
                yield receipt, result.state == "pending"
    except BudgetUsedUp:
        # Accepted all the same: what became of them is asked by a later run.
        yield from ((receipt, True) for receipt in waiting)


def _wait_for(services: Services, receipt: Receipt, deadline: float) -> ImportResult:
    wait = FIRST_WAIT
    while True:
        result = services.haihai.result(receipt)
        left = deadline - services.pacer.seconds()
        if result.state != "pending" or left <= 0:
            return result
        services.pacer.sleep(min(wait, left))
        wait = min(wait * WAIT_GROWTH, LONGEST_WAIT)


def refused_by_haihai(address: str, reason: str) -> Problem:
    return Problem(
        "",
        mask_address(address),
        text("配配メールの取り込みで失敗しました: {reason}", reason=reason[:200]),
        text("値を修正してください。以後の実行で自動的に再送します。"),
        address,
    )


def not_confirmed(address: str) -> Problem:
    return Problem(
        "",
        mask_address(address),
        text(
            "配信停止・配信禁止が配配メールに取り込まれたことをまだ確認できないため、"
            "登録を見合わせています。"
        ),
        text("対応は不要です。確認できしだい、以後の実行で自動的に登録します。"),
        address,
    )


def settle_pending(services: Services, flow: str) -> None:
    """Ask for the results that earlier runs could not wait for."""
    settled: list[PendingImport] = []
    rejects: list[Reject] = []
    still_there: list[str] = []
    for pending in services.state.pending(flow):
        result = services.haihai.result(pending.receipt)
        if result.state == "pending":
            continue
        settled.append(pending)
        rejects += _rejects(services, pending, result.failures)
        if pending.receipt.kind in (ImportKind.LEAVE, ImportKind.BAR):
            still_there += (failure.address for failure in result.failures)
    if not settled:
        return
    before = named_files(services, UNOWNED)
    with services.state.transaction() as transaction:
        transaction.put_rejects(services.run_id, rejects)
        add_unowned(services, transaction, still_there)
        transaction.drop_pending(flow, [one.receipt.job for one in settled])
    drop_superseded(services, before)
    still_used = {one.rows_file for one in services.state.pending(flow)}
    for one in settled:
        if one.rows_file not in still_used:
            (services.tables / one.rows_file).unlink(missing_ok=True)
    services.listener(Event("imports_settled", flow, _settled_text(settled, rejects)))


def _settled_text(settled: list[PendingImport], rejects: list[Reject]) -> Text:
    return text(
        "前回までの取り込み {count} 件の結果を確認しました (失敗 {failed} 行)。",
        count=len(settled),
        failed=len(rejects),
    )


def _rejects(
    services: Services, pending: PendingImport, failures: Iterable[ImportFailure]
) -> Iterator[Reject]:
    path = services.tables / pending.rows_file
    with path.open("rb") as rows:
        for failure in failures:
            rows.seek((pending.receipt.first_row + failure.row) * ID_WIDTH)
            record = rows.read(ID_WIDTH)
            if record == NOBODY:
                continue
            problem = refused_by_haihai(failure.address, failure.reason)
            yield Reject(
                flow=pending.flow,
                record=record.decode(),
                field=problem.field,
                value=problem.value,
                cause=problem.cause,
                remedy=problem.remedy,
                address=problem.address,
            )
